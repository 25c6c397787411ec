//! AVX2, FMA and F16C: 8 numbers a vector, 16 registers, tiles of 4 pixels by 16 channels, or of 6.

use std::arch::x86_64::*;

use super::{Lanes, Vectors};
use crate::engine::native::elementwise::Work;
use crate::engine::native::tile::{Dense, Tile};

struct Avx2;

// SAFETY: every function is one or two instructions of AVX, FMA or F16C on memory that the caller vouches for.
unsafe impl Lanes for Avx2 {
    type Vector = __m256;
    const LANES: usize = 8;
    const REGISTERS: usize = 16;

    #[inline(always)]
    unsafe fn zero() -> __m256 {
        unsafe { _mm256_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m256 {
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> __m256 {
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(from.cast())) }
    }

    #[inline(always)]
    unsafe fn splat(from: *const f32) -> __m256 {
        unsafe { _mm256_set1_ps(*from) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, x: __m256) {
        unsafe { _mm256_storeu_ps(to, x) }
    }

    #[inline(always)]
    unsafe fn mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_sub_ps(a, b) }
    }

    /// The second operand is the result where one is not a number.
    #[inline(always)]
    unsafe fn relu(x: __m256) -> __m256 {
        unsafe { _mm256_max_ps(_mm256_setzero_ps(), x) }
    }

    #[inline(always)]
    unsafe fn leaky(x: __m256, slope: __m256) -> __m256 {
        unsafe {
            let negative = _mm256_cmp_ps::<_CMP_LT_OQ>(x, _mm256_setzero_ps());
            _mm256_blendv_ps(x, _mm256_mul_ps(x, slope), negative)
        }
    }
}

/// Runs a checked tile.
///
/// # Safety
/// The CPU must have AVX2, FMA and F16C.
#[target_feature(enable = "avx2,fma,f16c")]
pub unsafe fn tile(tile: &mut Tile<'_>) {
    // SAFETY: the caller's, and the features are enabled here.
    unsafe { super::tile::<Avx2, 3, 2>(tile) }
}

/// Does checked work.
///
/// # Safety
/// That of [`tile`]; the work must have been checked.
#[target_feature(enable = "avx2,fma,f16c")]
pub unsafe fn vectors<W: Vectors>(work: W) {
    // SAFETY: the caller's, and the features are enabled here.
    unsafe { work.run::<Avx2>() }
}

/// Runs a checked row of a dense layer.
///
/// # Safety
/// That of [`tile`].
#[target_feature(enable = "avx2,fma,f16c")]
pub unsafe fn dense(dense: &mut Dense<'_>) {
    // SAFETY: the caller's, and the features are enabled here.
    unsafe { super::dense::<Avx2, 4>(dense) }
}

/// Does work with these instructions.
///
/// # Safety
/// That of [`tile`].
#[target_feature(enable = "avx2,fma,f16c")]
pub unsafe fn vectorized<W: Work>(work: W) -> W::Made {
    work.run()
}
