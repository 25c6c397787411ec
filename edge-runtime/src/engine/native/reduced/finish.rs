//! From the sums of a group of positions to the numbers of a feature map.

use super::super::lanes::{Lanes, Step, Vectors};
use super::super::numbers::Activation;
use super::super::tile::are_inside;
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
        let len = self.output.len();
        assert!(are_inside(self.places.iter().copied(), furthest + PANEL, len), "a place outside of {len}");
    }

    /// Puts a row of sums.
    ///
    /// # Safety
    /// That of [`Lanes`]; the position must have been checked.
    #[inline(always)]
    unsafe fn put_row<L: Lanes>(&mut self, position: usize, row: &[f32; PANEL]) {
        for lane in (0..PANEL).step_by(L::LANES) {
            // SAFETY: the caller's.
            unsafe { self.put::<L>(position, 0, lane, L::load(row.as_ptr().add(lane))) }
        }
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
pub(super) struct Singles<'a> {
    pub finish: Finish<'a>,
    pub sums: &'a Sums<f32>,
}

// SAFETY: each position's output is inside.
unsafe impl Step for Singles<'_> {
    fn check(&self) {
        self.finish.check(0);
    }
}

impl Vectors for Singles<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(mut self) {
        for (position, row) in self.sums.iter().enumerate() {
            // SAFETY: checked.
            unsafe { self.finish.put_row::<L>(position, row) }
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
            // SAFETY: checked.
            unsafe { self.finish.put_row::<L>(position, &row) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::native::kernels::Kernels;
    use crate::engine::native::level::Level;
    use crate::engine::native::tile::tests::numbers;

    const STEPS: [usize; 2] = [2 * GROUP * PANEL, PANEL];
    /// Outputs of all positions, side by side and two rows of them.
    const OUTPUTS: usize = 2 * STEPS[0];
    const ACTIVATIONS: [Activation; 3] = [Activation::None, Activation::Relu, Activation::Leaky(0.25)];

    /// What every level writes where each position's outputs are `[place][lane]` of `of`, over numbers that it may add to.
    fn assert_written(places: usize, of: impl Fn(usize, usize, usize) -> f32, step: impl Fn(Finish<'_>, Kernels)) {
        let (bias, before) = (numbers(PANEL, 3), numbers(OUTPUTS, 7));
        let cases = ACTIVATIONS.into_iter().flat_map(|activation| [(activation, false), (activation, true)]);
        for (level, (activation, adds)) in
            Level::available().into_iter().flat_map(|level| cases.clone().map(move |case| (level, case)))
        {
            let mut output = before.clone();
            let bias = bias.first_chunk().expect("a panel");
            let finish = Finish {
                bias,
                activation,
                output: &mut output,
                adds,
                places: std::array::from_fn(|position| 2 * position * PANEL),
            };
            step(finish, Kernels::of(level).expect("available"));
            let mut expected = before.clone();
            for (position, place, lane) in
                (0..GROUP * places * PANEL).map(|index| (index / PANEL / places, index / PANEL % places, index % PANEL))
            {
                let to = 2 * position * PANEL + place / 2 * STEPS[0] + place % 2 * STEPS[1] + lane;
                let sum = of(position, place, lane) + bias[lane] + if adds { before[to] } else { 0.0 };
                expected[to] = activation.apply(sum);
            }
            let worst = output.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-5, "{level:?} {activation:?}, adds {adds}: {worst}");
        }
    }

    fn sums(salt: u32) -> Sums<f32> {
        let numbers = numbers(GROUP * PANEL, salt);
        std::array::from_fn(|position| std::array::from_fn(|lane| numbers[position * PANEL + lane]))
    }

    #[test]
    fn every_level_finishes_single_outputs() {
        let sums = sums(1);
        let run = |finish: Finish<'_>, kernels: Kernels| kernels.step(Singles { finish, sums: &sums });
        assert_written(1, |position, _, lane| sums[position][lane], run);
    }

    #[test]
    fn every_level_finishes_squares() {
        let products: [Sums<f32>; 9] = std::array::from_fn(|product| sums(product as u32));
        let run = |finish: Finish<'_>, kernels: Kernels| {
            kernels.step(Squares { finish, products: &products, steps: STEPS });
        };
        // In one dimension, the first output is product 0 plus product 1, the second product 1 minus product 2.
        let of = |position: usize, place: usize, lane: usize| {
            let m = |i: usize, j: usize| products[i * 3 + j][position][lane];
            let line = |i: usize| if place.is_multiple_of(2) { m(i, 0) + m(i, 1) } else { m(i, 1) - m(i, 2) };
            if place < 2 { line(0) + line(1) } else { line(1) - line(2) }
        };
        assert_written(4, of, run);
    }

    #[test]
    fn every_level_finishes_integers() {
        let (floats, factors) = (sums(1), numbers(PANEL, 2));
        let sums: Sums<i32> = floats.map(|row| row.map(|sum| (sum * 1000.0) as i32));
        let weights: [i32; PANEL] = std::array::from_fn(|lane| lane as i32 * 3 - 40);
        let quantizers = std::array::from_fn(|position| Quantizer { scale: 0.001, zero: position as u8 * 9 });
        let factors = factors.first_chunk().expect("a panel");
        let run = |finish: Finish<'_>, kernels: Kernels| {
            kernels.step(Integers { finish, sums: &sums, factors, weights: &weights, quantizers });
        };
        let of = |position: usize, _, lane: usize| {
            (sums[position][lane] - position as i32 * 9 * weights[lane]) as f32 * 0.001 * factors[lane]
        };
        assert_written(1, of, run);
    }

    #[test]
    #[should_panic(expected = "a place outside of 95")]
    fn outputs_outside_of_their_slice_are_never_written() {
        let (output, sums) = (&mut [0.0; 3 * PANEL - 1], &[[0.0; PANEL]; GROUP]);
        let places = std::array::from_fn(|position| if position == 5 { 2 * PANEL } else { 0 });
        let finish = Finish { bias: &[0.0; PANEL], activation: Activation::None, output, adds: false, places };
        Kernels::of(Level::best()).expect("available").step(Singles { finish, sums });
    }
}
