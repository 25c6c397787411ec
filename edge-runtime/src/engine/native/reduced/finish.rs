//! From the sums of a group of positions to the numbers of a feature map.

#![allow(clippy::needless_range_loop, reason = "counted loops over lanes, which become vectors")]

use super::super::elementwise::Work;
use super::super::numbers::Activation;
use super::dots::{GROUP, PANEL, Sums};
use super::words::Quantizer;

/// Where the numbers of a group go.
#[derive(Debug)]
pub(super) struct Finish<'a> {
    pub bias: &'a [f32; PANEL],
    pub activation: Activation,
    pub output: &'a mut [f32],
    /// Whether the output holds a part of the sums already.
    pub adds: bool,
    /// Where each position's first number goes.
    pub places: [usize; GROUP],
}

impl Finish<'_> {
    #[inline(always)]
    fn put(&mut self, position: usize, offset: usize, row: &[f32; PANEL]) {
        let output = self.output[self.places[position] + offset..].first_chunk_mut::<PANEL>().expect("a whole panel");
        let mut made = [0.0; PANEL];
        for lane in 0..PANEL {
            made[lane] = row[lane] + self.bias[lane];
        }
        if self.adds {
            for lane in 0..PANEL {
                made[lane] += output[lane];
            }
        }
        match self.activation {
            Activation::None => *output = made,
            Activation::Relu => {
                for lane in 0..PANEL {
                    output[lane] = if made[lane] < 0.0 { 0.0 } else { made[lane] };
                }
            }
            Activation::Leaky(slope) => {
                for lane in 0..PANEL {
                    output[lane] = if made[lane] < 0.0 { made[lane] * slope } else { made[lane] };
                }
            }
        }
    }
}

/// One output a position.
#[derive(Debug)]
pub(super) struct Pixels<'a> {
    pub finish: Finish<'a>,
    pub sums: &'a Sums<f32>,
}

impl Work for Pixels<'_> {
    type Made = ();

    #[inline(always)]
    fn run(mut self) {
        for (position, row) in self.sums.iter().enumerate() {
            self.finish.put(position, 0, row);
        }
    }
}

/// 2x2 outputs a position, from nine products (see `lanes::squares`).
#[derive(Debug)]
pub(super) struct Squares<'a> {
    pub finish: Finish<'a>,
    pub products: &'a [Sums<f32>; 9],
    /// Between outputs that are below and beside each other.
    pub steps: [usize; 2],
}

impl Work for Squares<'_> {
    type Made = ();

    #[inline(always)]
    fn run(mut self) {
        let [down, right] = self.steps;
        for position in 0..GROUP {
            let mut made = [[0.0; PANEL]; 4];
            for lane in 0..PANEL {
                let m = |i: usize, j: usize| self.products[i * 3 + j][position][lane];
                let [a, b, c] = [m(0, 0) + m(1, 0), m(0, 1) + m(1, 1), m(0, 2) + m(1, 2)];
                let [d, e, f] = [m(1, 0) - m(2, 0), m(1, 1) - m(2, 1), m(1, 2) - m(2, 2)];
                [made[0][lane], made[1][lane], made[2][lane], made[3][lane]] = [a + b, b - c, d + e, e - f];
            }
            for (place, row) in made.iter().enumerate() {
                self.finish.put(position, place / 2 * down + place % 2 * right, row);
            }
        }
    }
}

/// One output a position from integers: `(sum - zero * weights) * (scale * factor)`.
#[derive(Debug)]
pub(super) struct Integers<'a> {
    pub finish: Finish<'a>,
    pub sums: &'a Sums<i32>,
    /// Of the weights of each output channel.
    pub factors: &'a [f32; PANEL],
    /// Sum of the weights of each output channel.
    pub weights: &'a [i32; PANEL],
    /// Of each position's input.
    pub quantizers: [Quantizer; GROUP],
}

impl Work for Integers<'_> {
    type Made = ();

    #[inline(always)]
    fn run(mut self) {
        for (position, sums) in self.sums.iter().enumerate() {
            let Quantizer { scale, zero } = self.quantizers[position];
            let mut row = [0.0; PANEL];
            for (lane, row) in row.iter_mut().enumerate() {
                let exact = sums[lane] - i32::from(zero) * self.weights[lane];
                *row = exact as f32 * (scale * self.factors[lane]);
            }
            self.finish.put(position, 0, &row);
        }
    }
}
