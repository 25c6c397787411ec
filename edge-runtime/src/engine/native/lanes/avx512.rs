//! AVX-512: 16 numbers a vector, 32 registers: a patch by 16 channels, 16 pixels by 16 or 8 by 48.

use std::arch::x86_64::*;

use super::{Lanes, Vectors};
use crate::engine::native::elementwise::Work;
use crate::engine::native::tile::Dense;

struct Avx512;

// SAFETY: every function is one instruction of AVX-512F on memory that the caller vouches for; asking for memory never faults.
unsafe impl Lanes for Avx512 {
    type Vector = __m512;
    const LANES: usize = 16;
    const REGISTERS: usize = 32;

    #[inline(always)]
    unsafe fn zero() -> __m512 {
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m512 {
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> __m512 {
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())) }
    }

    #[inline(always)]
    unsafe fn splat(from: *const f32) -> __m512 {
        unsafe { _mm512_set1_ps(*from) }
    }

    #[inline(always)]
    unsafe fn prefetch<T>(from: *const T) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, x: __m512) {
        unsafe { _mm512_storeu_ps(to, x) }
    }

    #[inline(always)]
    unsafe fn mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_sub_ps(a, b) }
    }

    /// The second operand is the result where one is not a number.
    #[inline(always)]
    unsafe fn relu(x: __m512) -> __m512 {
        unsafe { _mm512_max_ps(_mm512_setzero_ps(), x) }
    }

    #[inline(always)]
    unsafe fn leaky(x: __m512, slope: __m512) -> __m512 {
        unsafe {
            let negative = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(x, _mm512_setzero_ps());
            _mm512_mask_mul_ps(x, negative, x, slope)
        }
    }
}

/// Does checked work.
///
/// # Safety
/// The CPU must have AVX-512F, and the work must have been checked.
#[target_feature(enable = "avx512f")]
pub unsafe fn vectors<W: Vectors>(work: W) {
    // SAFETY: the caller's, and the features are enabled here.
    unsafe { work.run::<Avx512>() }
}

/// Runs a checked row of a dense layer.
///
/// # Safety
/// The CPU must have AVX-512F.
#[target_feature(enable = "avx512f")]
pub unsafe fn dense(dense: &mut Dense<'_>) {
    // SAFETY: the caller's, and the features are enabled here.
    unsafe { super::dense::<Avx512, 2>(dense) }
}

/// Does work with these instructions.
///
/// # Safety
/// The CPU must have AVX-512F.
#[target_feature(enable = "avx512f")]
pub unsafe fn vectorized<W: Work>(work: W) -> W::Made {
    work.run()
}
