//! AVX-VNNI's dot products of 8 bits, which processors without AVX-512 have (Alder Lake-N and later): 4 positions by 16
//! channels, whose sums stay in 8 of the 16 registers.

use std::arch::x86_64::*;

use crate::engine::native::reduced::dots::{Dots, GROUP, PANEL};

/// Positions of a tile.
const POSITIONS: usize = 4;
/// Channels of a vector.
const LANES: usize = 8;
/// Channels of a tile.
const CHANNELS: usize = 2 * LANES;

/// Fills the sums of checked dot products of unsigned inputs and signed weights.
///
/// # Safety
/// The CPU must have AVX2 and AVX-VNNI.
#[target_feature(enable = "avx2,avxvnni")]
pub unsafe fn int8(dots: &mut Dots<'_, i32>) {
    // SAFETY: the caller's, and the features are enabled here.
    unsafe { tiles(dots, |sums, x, weights| _mm256_dpbusd_avx_epi32(sums, x, weights)) }
}

/// # Safety
/// The dot products must have been checked, and the CPU must have AVX2.
#[inline(always)]
unsafe fn tiles(dots: &mut Dots<'_, i32>, add: impl Fn(__m256i, __m256i, __m256i) -> __m256i) {
    for position in (0..GROUP).step_by(POSITIONS) {
        for lane in (0..PANEL).step_by(CHANNELS) {
            // SAFETY: checked: every word of every tap and every row of weights is inside.
            unsafe {
                let mut sums = [[_mm256_setzero_si256(); 2]; POSITIONS];
                let mut row = dots.weights.as_ptr().add(lane);
                for tap in dots.taps {
                    let mut inputs = [dots.input.as_ptr(); POSITIONS];
                    for (input, position) in inputs.iter_mut().zip(&dots.positions[position..]) {
                        *input = input.add(position + tap);
                    }
                    for word in 0..dots.words {
                        let weights = [_mm256_loadu_si256(row.cast()), _mm256_loadu_si256(row.add(LANES).cast())];
                        // After the last row this leads out of the weights.
                        row = row.wrapping_add(PANEL);
                        for (sums, input) in sums.iter_mut().zip(inputs) {
                            let x = _mm256_set1_epi32(input.add(word).read().cast_signed());
                            sums[0] = add(sums[0], x, weights[0]);
                            sums[1] = add(sums[1], x, weights[1]);
                        }
                    }
                }
                for (to, sums) in dots.sums[position..].iter_mut().zip(sums) {
                    let to = to[lane..][..CHANNELS].as_mut_ptr();
                    _mm256_storeu_si256(to.cast(), sums[0]);
                    _mm256_storeu_si256(to.add(LANES).cast(), sums[1]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::native::reduced::dots;

    /// As [`int8`], with AVX-512's encoding of the same instruction.
    ///
    /// # Safety
    /// The CPU must have AVX512_VNNI and AVX-512VL.
    #[target_feature(enable = "avx2,avx512vnni,avx512vl")]
    unsafe fn encoded_otherwise(dots: &mut Dots<'_, i32>) {
        // SAFETY: the caller's, and the features are enabled here.
        unsafe { tiles(dots, |sums, x, weights| _mm256_dpbusd_epi32(sums, x, weights)) }
    }

    /// Few processors have AVX-VNNI: those with AVX-512 run the same tiles.
    #[test]
    fn its_tiles_add_up_the_same_integers() {
        let is_possible = is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512vl");
        if !is_possible {
            eprintln!("SKIPPED: a processor with AVX512_VNNI and AVX-512VL");
            return;
        }
        let input: Vec<u32> = (0..200_u32).map(|place| place.wrapping_mul(0x9E37_79B9)).collect();
        let weights: Vec<u32> = (0..2 * 9 * PANEL as u32).map(|place| place.wrapping_mul(0x85EB_CA6B)).collect();
        let positions = &[0, 9, 18, 27, 100, 64, 3, 150];
        let run = |kernel: &dyn Fn(&mut Dots<'_, i32>)| {
            let mut sums = [[7; PANEL]; GROUP];
            let mut dots =
                Dots { input: &input, positions, taps: &[0, 30], words: 9, weights: &weights, sums: &mut sums };
            dots.check();
            kernel(&mut dots);
            sums
        };
        // SAFETY: the features were found, and the dot products checked.
        assert_eq!(run(&|dots| unsafe { encoded_otherwise(dots) }), run(&|dots| dots::int8(dots)));
    }
}
