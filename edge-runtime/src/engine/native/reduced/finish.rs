//! From the sums of a group of positions to the numbers of a feature map.

use super::super::lanes::{Lanes, Step, Vectors};
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
    /// Stops at a position with an output outside of the slice, where the last one is so far from its first.
    fn check(&self, furthest: usize) {
        assert!(self.places.iter().all(|place| place + furthest + PANEL <= self.output.len()));
    }

    /// Puts a vector of sums from a lane on.
    ///
    /// # Safety
    /// That of [`Lanes`]; the position's offset and the lane must have been checked.
    #[inline(always)]
    unsafe fn put<L: Lanes>(&mut self, position: usize, offset: usize, lane: usize, sum: L::Vector) {
        // SAFETY: the caller's.
        unsafe {
            let to = self.output.as_mut_ptr().add(self.places[position] + offset + lane);
            let mut made = L::add(sum, L::load(self.bias.as_ptr().add(lane)));
            if self.adds {
                made = L::add(made, L::load(to));
            }
            L::store(to, self.activation.of::<L>(made));
        }
    }
}

/// One output a position.
#[derive(Debug)]
pub(super) struct Pixels<'a> {
    pub finish: Finish<'a>,
    pub sums: &'a Sums<f32>,
}

// SAFETY: each position's output is inside.
unsafe impl Step for Pixels<'_> {
    fn check(&self) {
        self.finish.check(0);
    }
}

impl Vectors for Pixels<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(mut self) {
        for (position, row) in self.sums.iter().enumerate() {
            for lane in (0..PANEL).step_by(L::LANES) {
                // SAFETY: checked.
                unsafe { self.finish.put::<L>(position, 0, lane, L::load(row.as_ptr().add(lane))) }
            }
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

// SAFETY: each position's last output is inside.
unsafe impl Step for Squares<'_> {
    fn check(&self) {
        self.finish.check(self.steps[0] + self.steps[1]);
    }
}

impl Vectors for Squares<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(mut self) {
        let [down, right] = self.steps;
        for position in 0..GROUP {
            for lane in (0..PANEL).step_by(L::LANES) {
                // SAFETY: checked.
                unsafe {
                    let mut m = [L::zero(); 9];
                    for (product, sums) in m.iter_mut().zip(self.products) {
                        *product = L::load(sums[position].as_ptr().add(lane));
                    }
                    let [a, b, c] = [L::add(m[0], m[3]), L::add(m[1], m[4]), L::add(m[2], m[5])];
                    let [d, e, f] = [L::sub(m[3], m[6]), L::sub(m[4], m[7]), L::sub(m[5], m[8])];
                    self.finish.put::<L>(position, 0, lane, L::add(a, b));
                    self.finish.put::<L>(position, right, lane, L::sub(b, c));
                    self.finish.put::<L>(position, down, lane, L::add(d, e));
                    self.finish.put::<L>(position, down + right, lane, L::sub(e, f));
                }
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

// SAFETY: each position's output is inside.
unsafe impl Step for Integers<'_> {
    fn check(&self) {
        self.finish.check(0);
    }
}

impl Vectors for Integers<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(mut self) {
        for (position, sums) in self.sums.iter().enumerate() {
            let Quantizer { scale, zero } = self.quantizers[position];
            let mut row = [0.0; PANEL];
            for (lane, row) in row.iter_mut().enumerate() {
                let exact = sums[lane] - i32::from(zero) * self.weights[lane];
                *row = exact as f32 * (scale * self.factors[lane]);
            }
            for lane in (0..PANEL).step_by(L::LANES) {
                // SAFETY: checked.
                unsafe { self.finish.put::<L>(position, 0, lane, L::load(row.as_ptr().add(lane))) }
            }
        }
    }
}
