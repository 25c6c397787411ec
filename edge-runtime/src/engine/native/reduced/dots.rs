//! The kernel of reduced layers: sums of dot products, checked before memory is touched, and its plain twin.
//!
//! A word holds the numbers of neighboring channels: two of 16 bits, or four of 8. The weights of a word are those of its
//! channels, word by word an output channel; but of f16 those of the first channel come first, two output channels a word.

use super::super::halves::f32_from_f16;
use super::super::pack::BLOCK;

/// Positions that a kernel works on at once.
pub(in crate::engine::native) const GROUP: usize = 8;
/// Output channels of a panel.
pub(in crate::engine::native) const PANEL: usize = BLOCK;

/// The sums of a group of positions, one row a position.
pub(in crate::engine::native) type Sums<A> = [[A; PANEL]; GROUP];

/// What one call of a kernel adds up: for each position and output channel, over all taps and words, input times weight.
#[derive(Debug)]
pub(in crate::engine::native) struct Dots<'a, A> {
    pub input: &'a [u32],
    /// Where each position's first word is.
    pub positions: &'a [usize; GROUP],
    /// From a position's first word to that of each tap.
    pub taps: &'a [usize],
    /// Of each tap.
    pub words: usize,
    /// `[tap][word][PANEL]`
    pub weights: &'a [u32],
    pub sums: &'a mut Sums<A>,
}

impl<A> Dots<'_, A> {
    /// Stops at anything that would lead a kernel outside of the slices.
    pub fn check(&self) {
        assert!(self.weights.len() >= self.taps.len() * self.words * PANEL);
        let furthest = self.taps.iter().max().copied().unwrap_or_default() + self.words;
        for position in self.positions {
            assert!(position + furthest <= self.input.len(), "{position} of {}", self.input.len());
        }
    }

    /// Calls for each product of a position's word and a weight's.
    fn each(&mut self, mut add: impl FnMut(&mut A, u32, u32)) {
        for (tap, offset) in self.taps.iter().enumerate() {
            let rows = self.weights[tap * self.words * PANEL..][..self.words * PANEL].chunks(PANEL);
            for (word, row) in rows.enumerate() {
                for (position, sums) in self.positions.iter().zip(&mut *self.sums) {
                    let x = self.input[position + offset + word];
                    sums.iter_mut().zip(row).for_each(|(sum, weight)| add(sum, x, *weight));
                }
            }
        }
    }
}

/// The plain twin of every kernel for bfloat16.
pub(in crate::engine::native) fn bf16(dots: &mut Dots<'_, f32>) {
    *dots.sums = [[0.0; PANEL]; GROUP];
    let halves = |word: u32| [word << 16, word & 0xFFFF_0000].map(f32::from_bits);
    dots.each(|sum, x, weight| {
        let ([low, high], [low_weight, high_weight]) = (halves(x), halves(weight));
        *sum += low * low_weight + high * high_weight;
    });
}

/// The plain twin of every kernel for f16, with all sums in f32.
pub(in crate::engine::native) fn f16(dots: &mut Dots<'_, f32>) {
    *dots.sums = [[0.0; PANEL]; GROUP];
    let halves = |word: u32| [word as u16, (word >> 16) as u16].map(f32_from_any_f16);
    for (tap, offset) in dots.taps.iter().enumerate() {
        let rows = dots.weights[tap * dots.words * PANEL..][..dots.words * PANEL].chunks(PANEL / 2);
        for (channel, row) in rows.enumerate() {
            let mut weights = [0.0; PANEL];
            weights.as_chunks_mut().0.iter_mut().zip(row).for_each(|(pair, word)| *pair = halves(*word));
            for (position, sums) in dots.positions.iter().zip(&mut *dots.sums) {
                let x = halves(dots.input[position + offset + channel / 2])[channel % 2];
                sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += x * weight);
            }
        }
    }
}

/// The plain twin of every kernel for unsigned inputs and signed weights, which all give the same integers.
pub(in crate::engine::native) fn int8(dots: &mut Dots<'_, i32>) {
    *dots.sums = [[0; PANEL]; GROUP];
    dots.each(|sum, x, weight| {
        for (x, weight) in x.to_le_bytes().into_iter().zip(weight.to_le_bytes()) {
            *sum += i32::from(x) * i32::from(weight.cast_signed());
        }
    });
}

/// The value of a half; what is not finite stays so, as not a number.
fn f32_from_any_f16(half: u16) -> f32 {
    if half & 0x7C00 == 0x7C00 { f32::NAN } else { f32_from_f16(half) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::native::kernels::Kernels;
    use crate::engine::native::level::Level;
    use model_spec::variant::Compute;

    /// Words of any bits.
    fn bits(count: usize, salt: u32) -> Vec<u32> {
        let mixed = |index: usize| (index as u32 ^ salt).wrapping_mul(0x9E37_79B9).rotate_left(15);
        (0..count).map(|index| mixed(index).wrapping_mul(0x85EB_CA6B) ^ mixed(index + 1)).collect()
    }

    /// Words of two bfloat16 between 0.25 and 2, of either sign.
    fn halves(count: usize, salt: u32) -> Vec<u32> {
        bits(count, salt).iter().map(|word| (word & 0x81FF_81FF) + 0x3E80_3E80).collect()
    }

    const POSITIONS: [usize; GROUP] = [0, 48, 96, 17, 200, 5, 5, 130];

    fn run<A: Copy>(words: &[u32], weights: &[u32], count: usize, zero: A, kernel: impl Fn(Dots<'_, A>)) -> Sums<A> {
        let mut sums = [[zero; PANEL]; GROUP];
        let taps = &[0, 16, 64, 80];
        kernel(Dots { input: words, positions: &POSITIONS, taps, words: count, weights, sums: &mut sums });
        sums
    }

    fn kernels(compute: Compute) -> impl Iterator<Item = Kernels> {
        let able = move |level: &Level| level.multiplies(compute);
        Level::available().into_iter().filter(able).map(|level| Kernels::of(level).expect("available"))
    }

    #[test]
    fn every_kernel_adds_up_the_same_integers() {
        for count in [1, 2, 15, 16, 33] {
            let (words, weights) = (bits(400, 1), bits(4 * count * PANEL, 2));
            let expected = run(&words, &weights, count, 0, |mut dots| int8(&mut dots));
            let mut sums = [0; PANEL];
            for (place, weight) in weights.iter().enumerate() {
                let bytes = weight.to_le_bytes().map(|byte| i32::from(byte.cast_signed()));
                sums[place % PANEL] += bytes.iter().sum::<i32>();
            }
            assert!(expected[7].iter().any(|sum| *sum != expected[7][0]));
            for kernels in kernels(Compute::Int8) {
                let found = run(&words, &weights, count, 7, |dots| kernels.dots_int8(dots, &sums));
                assert_eq!(found, expected, "{kernels:?}, {count} words");
            }
        }
    }

    #[test]
    fn every_kernel_adds_up_the_same_bfloat16_but_for_rounding() {
        for count in [1, 2, 15, 16, 33] {
            let (words, weights) = (halves(400, 1), halves(4 * count * PANEL, 2));
            let expected = run(&words, &weights, count, 0.0, |mut dots| bf16(&mut dots));
            for kernels in kernels(Compute::Bf16) {
                let found = run(&words, &weights, count, 7.0, |dots| kernels.dots_bf16(dots));
                for (found, expected) in found.as_flattened().iter().zip(expected.as_flattened()) {
                    assert!((found - expected).abs() < 1e-3, "{kernels:?}, {count} words: {found}, not {expected}");
                }
            }
        }
    }

    #[test]
    fn every_kernel_adds_up_the_same_f16_but_for_rounding() {
        // Numbers between 0.25 and 2, of either sign.
        let halves = |count, salt| -> Vec<u32> {
            bits(count, salt).iter().map(|word| (word & 0x8BFF_8BFF) + 0x3400_3400).collect()
        };
        for count in [1, 2, 15, 16, 33, 70] {
            let (words, weights) = (halves(400, 1), halves(4 * count * PANEL, 2));
            let expected = run(&words, &weights, count, 0.0, |mut dots| f16(&mut dots));
            for kernels in kernels(Compute::F16) {
                let found = run(&words, &weights, count, 7.0, |dots| kernels.dots_f16(dots));
                // Half a step of f16 at a sum of 64 products as large as they can be, for each product.
                let most = 4.0 * count as f32 * 2.0 * 0.125;
                for (found, expected) in found.as_flattened().iter().zip(expected.as_flattened()) {
                    assert!((found - expected).abs() < most, "{kernels:?}, {count} words: {found}, not {expected}");
                }
                let sum = |sums: &Sums<f32>| sums.as_flattened().iter().map(|x| f64::from(*x)).sum::<f64>();
                let mean = (sum(&found) - sum(&expected)).abs() / (GROUP * PANEL) as f64;
                assert!(mean < 0.01, "{kernels:?}, {count} words: {mean} on average");
            }
        }
    }

    #[test]
    fn a_word_of_f16_has_its_first_channel_in_its_low_bits_and_its_weights_in_the_first_half() {
        let one = |x: [f32; 2]| {
            u32::from(half::f16::from_f32(x[0]).to_bits()) | u32::from(half::f16::from_f32(x[1]).to_bits()) << 16
        };
        let words = vec![one([3.0, 5.0]); 400];
        let row = [vec![one([10.0, 20.0]); PANEL / 2], vec![one([0.5, 1.0]); PANEL / 2]].concat();
        for kernels in kernels(Compute::F16) {
            let sums = run(&words, &row.repeat(4), 1, 0.0, |dots| kernels.dots_f16(dots));
            assert_eq!(sums[0][..2], [4.0 * 32.5, 4.0 * 65.0], "{kernels:?}");
        }
    }

    #[test]
    fn a_word_has_its_first_channel_in_its_low_bits() {
        let one = |x: [f32; 2]| {
            u32::from(half::bf16::from_f32(x[0]).to_bits()) | u32::from(half::bf16::from_f32(x[1]).to_bits()) << 16
        };
        let (words, weights) = (vec![one([3.0, 5.0]); 400], vec![one([10.0, 0.5]); 4 * PANEL]);
        let sums = run(&words, &weights, 1, 0.0, |mut dots| bf16(&mut dots));
        assert_eq!(sums[0][0], 4.0 * 32.5);
        let words = vec![u32::from_le_bytes([1, 2, 3, 255]); 400];
        let weights = vec![u32::from_le_bytes([1, 10, 100, (-2_i8).to_le_bytes()[0]]); 4 * PANEL];
        assert_eq!(run(&words, &weights, 1, 0, |mut dots| int8(&mut dots))[1][31], 4 * (321 - 510));
    }

    #[test]
    fn a_group_outside_of_its_input_is_never_run() {
        let (words, weights) = (bits(250, 1), bits(4 * PANEL, 2));
        let of_compute = |compute: Compute, kernels: Kernels| match compute {
            Compute::Int8 => _ = run(&words, &weights, 1, 0, |dots| kernels.dots_int8(dots, &[0; PANEL])),
            Compute::Bf16 => _ = run(&words, &weights, 1, 0.0, |dots| kernels.dots_bf16(dots)),
            _ => _ = run(&words, &weights, 1, 0.0, |dots| kernels.dots_f16(dots)),
        };
        for compute in [Compute::Int8, Compute::Bf16, Compute::F16] {
            for kernels in kernels(compute) {
                let stopped = std::panic::catch_unwind(|| of_compute(compute, kernels)).expect_err("outside");
                let message = stopped.downcast_ref::<String>().expect("a text");
                assert!(message.contains("200 of 250"), "{compute:?} {kernels:?}: {message}");
            }
        }
    }

    #[test]
    fn what_is_no_finite_f16_makes_no_finite_sum() {
        let pair = |half: half::f16| u32::from(half.to_bits()) * 0x1_0001;
        let weights = vec![pair(half::f16::ONE); 4 * PANEL];
        for x in [half::f16::INFINITY, half::f16::NEG_INFINITY, half::f16::NAN] {
            for kernels in kernels(Compute::F16) {
                let sums = run(&[pair(x); 400], &weights, 1, 0.0, |dots| kernels.dots_f16(dots));
                assert!(!sums[0][0].is_finite(), "{kernels:?} {x}: {}", sums[0][0]);
            }
        }
    }
}
