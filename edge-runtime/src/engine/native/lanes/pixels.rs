//! Neighboring pixels by one matrix.

use super::{Lanes, Operands, Step, Sums, Vectors, groups, multiply, store_row};
use crate::engine::native::numbers::Activation;
use crate::engine::native::pack::{BLOCK, WIDTH};
use crate::engine::native::tile::Pixels;

// SAFETY: every pixel, every row of weights and every output is inside.
unsafe impl Step for Pixels<'_> {
    fn check(&self) {
        assert!(self.width > 0 && self.width.is_multiple_of(WIDTH) && self.channels() > 0);
        assert!(self.count() > 0 && self.count().is_multiple_of(4));
        let last = (self.channels() - 1) / BLOCK * self.block + (self.count() - 1) * BLOCK;
        assert!(last + BLOCK <= self.input.len(), "{last} of {}", self.input.len());
    }
}

impl Vectors for Pixels<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(mut self) {
        // SAFETY: the caller's. As many sums as registers hold beside the operands, in groups that divide the width.
        unsafe {
            match (L::LANES, L::REGISTERS) {
                (WIDTH, _) if self.width.is_multiple_of(3 * WIDTH) => pixels::<L, 4, 3>(&mut self),
                (WIDTH, _) => pixels::<L, 8, 1>(&mut self),
                (1, _) => pixels::<L, 2, 4>(&mut self),
                (_, 16) => pixels::<L, 3, 2>(&mut self),
                _ => pixels::<L, 4, 2>(&mut self),
            }
        }
    }
}

/// Multiplies `PAIRS` pairs of neighboring pixels by `V` vectors of the matrix at a time.
///
/// # Safety
/// That of [`Lanes`]; the pixels must have been checked, and the vectors divide the width.
#[inline(always)]
unsafe fn pixels<L: Lanes, const PAIRS: usize, const V: usize>(all: &mut Pixels<'_>) {
    for lane in (0..all.width).step_by(V * L::LANES) {
        for (first, is_full) in groups(all.count() / 2, PAIRS) {
            // SAFETY: the caller's.
            unsafe {
                if is_full {
                    some_pixels::<L, PAIRS, V>(all, first, lane);
                } else {
                    some_pixels::<L, 2, V>(all, first, lane);
                }
            }
        }
    }
}

/// [`pixels`] from the `first`-th pair on, to `V` vectors from `lane` on.
///
/// # Safety
/// That of [`pixels`].
#[inline(always)]
unsafe fn some_pixels<L: Lanes, const PAIRS: usize, const V: usize>(all: &mut Pixels<'_>, first: usize, lane: usize) {
    let (width, channels) = (all.width, all.channels());
    // SAFETY: the pixels have been checked: every pixel and every row of weights is inside.
    unsafe {
        let mut sums: Sums<L, PAIRS, V> = [[[L::zero(); V]; 2]; PAIRS];
        let mut from = [all.input.as_ptr(); PAIRS];
        for pair in 0..PAIRS {
            from[pair] = from[pair].add(2 * (first + pair) * BLOCK);
        }
        let operands = Operands { pixels: from, step: BLOCK, weights: [all.weights.as_ptr().add(lane)], width };
        multiply::<L, f32, PAIRS, V, 1>(&mut sums, (channels, all.block), operands);
        for pair in 0..PAIRS {
            for half in 0..2 {
                let to = all.output.as_mut_ptr().add((2 * (first + pair) + half) * width + lane);
                store_row::<L, V>(to, sums[pair][half], Activation::None);
            }
        }
    }
}
