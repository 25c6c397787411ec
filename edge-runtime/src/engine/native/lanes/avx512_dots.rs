//! AVX-512's dot products of bfloat16 (AVX512_BF16) and of 8 bits (AVX512_VNNI): 8 positions by 32 channels, whose sums
//! stay in 16 registers.

use std::arch::x86_64::*;

use crate::engine::native::reduced::dots::{Dots, GROUP, PANEL, Sums};

/// Half a panel in a register.
const LANES: usize = PANEL / 2;

/// Fills the sums of checked dot products.
///
/// # Safety
/// The CPU must have AVX-512F and AVX512_BF16.
#[target_feature(enable = "avx512f,avx512bf16")]
pub unsafe fn bf16(dots: &mut Dots<'_, f32>) {
    // SAFETY: the caller's, and the features are enabled here; any bits are bfloat16 numbers.
    unsafe {
        let add = |sum, x: __m512i, weight: __m512i| {
            let [x, weight] = [x, weight].map(|bits| std::mem::transmute::<__m512i, __m512bh>(bits));
            _mm512_dpbf16_ps(sum, x, weight)
        };
        let sums = group(dots, _mm512_setzero_ps(), add);
        each(dots.sums, sums, |to, sum| _mm512_storeu_ps(to, sum));
    }
}

/// Fills the sums of checked dot products of unsigned inputs and signed weights.
///
/// # Safety
/// The CPU must have AVX-512F and AVX512_VNNI.
#[target_feature(enable = "avx512f,avx512vnni")]
pub unsafe fn int8(dots: &mut Dots<'_, i32>) {
    // SAFETY: the caller's, and the features are enabled here.
    unsafe {
        let sums = group(dots, _mm512_setzero_si512(), |sum, x, weight| _mm512_dpbusd_epi32(sum, x, weight));
        each(dots.sums, sums, |to, sum| _mm512_storeu_si512(to.cast(), sum));
    }
}

/// # Safety
/// The dot products must have been checked, and the CPU must have AVX-512F.
#[inline(always)]
unsafe fn group<A, V: Copy>(dots: &Dots<'_, A>, zero: V, add: impl Fn(V, __m512i, __m512i) -> V) -> [[V; 2]; GROUP] {
    /// From what is multiplied to what is asked for, since the CPU itself looks less far ahead: words of weights.
    const AHEAD: usize = 128 * PANEL;
    let mut sums = [[zero; 2]; GROUP];
    let mut row = dots.weights.as_ptr();
    for tap in dots.taps {
        // SAFETY: checked: every word of every tap and every row of weights is inside.
        unsafe {
            let inputs = dots.positions.map(|position| dots.input.as_ptr().add(position + tap));
            for word in 0..dots.words {
                let weights = [_mm512_loadu_si512(row.cast()), _mm512_loadu_si512(row.add(LANES).cast())];
                _mm_prefetch::<_MM_HINT_T0>(row.wrapping_add(AHEAD).cast());
                _mm_prefetch::<_MM_HINT_T0>(row.wrapping_add(AHEAD + LANES).cast());
                row = row.add(PANEL);
                for (sums, input) in sums.iter_mut().zip(inputs) {
                    let x = _mm512_set1_epi32(input.add(word).read().cast_signed());
                    sums[0] = add(sums[0], x, weights[0]);
                    sums[1] = add(sums[1], x, weights[1]);
                }
            }
        }
    }
    sums
}

/// Stores vector after vector.
#[inline(always)]
fn each<A, V: Copy>(to: &mut Sums<A>, sums: [[V; 2]; GROUP], store: impl Fn(*mut A, V)) {
    for (to, sums) in to.iter_mut().zip(sums) {
        let (low, high) = to.split_at_mut(LANES);
        store(low.as_mut_ptr(), sums[0]);
        store(high.as_mut_ptr(), sums[1]);
    }
}
