//! SSE2, which every 64-bit PC has: 4 numbers a vector, 16 registers, tiles of 6 pixels by 8 channels, or of 4. Products are
//! rounded before they are added.

use std::arch::x86_64::*;

use super::{Lanes, Vectors};
use crate::engine::native::halves::f32_from_f16;
use crate::engine::native::tile::{Dense, Tile};

struct Sse2;

// SAFETY: every function is a few instructions of SSE2 on memory that the caller vouches for.
unsafe impl Lanes for Sse2 {
    type Vector = __m128;
    const LANES: usize = 4;
    const REGISTERS: usize = 16;

    #[inline(always)]
    unsafe fn zero() -> __m128 {
        unsafe { _mm_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m128 {
        unsafe { _mm_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> __m128 {
        let wide = [0, 1, 2, 3].map(|lane| f32_from_f16(unsafe { *from.add(lane) }));
        unsafe { _mm_loadu_ps(wide.as_ptr()) }
    }

    #[inline(always)]
    unsafe fn splat(from: *const f32) -> __m128 {
        unsafe { _mm_set1_ps(*from) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, x: __m128) {
        unsafe { _mm_storeu_ps(to, x) }
    }

    #[inline(always)]
    unsafe fn mul_add(a: __m128, b: __m128, c: __m128) -> __m128 {
        unsafe { _mm_add_ps(_mm_mul_ps(a, b), c) }
    }

    #[inline(always)]
    unsafe fn add(a: __m128, b: __m128) -> __m128 {
        unsafe { _mm_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: __m128, b: __m128) -> __m128 {
        unsafe { _mm_sub_ps(a, b) }
    }

    /// The second operand is the result where one is not a number.
    #[inline(always)]
    unsafe fn relu(x: __m128) -> __m128 {
        unsafe { _mm_max_ps(_mm_setzero_ps(), x) }
    }

    #[inline(always)]
    unsafe fn leaky(x: __m128, slope: __m128) -> __m128 {
        unsafe {
            let negative = _mm_cmplt_ps(x, _mm_setzero_ps());
            _mm_or_ps(_mm_and_ps(negative, _mm_mul_ps(x, slope)), _mm_andnot_ps(negative, x))
        }
    }
}

/// Runs a checked tile.
///
/// # Safety
/// The tile must have been checked.
pub unsafe fn tile(tile: &mut Tile<'_>) {
    // SAFETY: the caller's, and every CPU of this target has SSE2.
    unsafe { super::tile::<Sse2, 3, 2>(tile) }
}

/// Does checked work.
///
/// # Safety
/// The work must have been checked.
pub unsafe fn vectors<W: Vectors>(work: W) {
    // SAFETY: the caller's, and every CPU of this target has SSE2.
    unsafe { work.run::<Sse2>() }
}

/// Runs a checked row of a dense layer.
///
/// # Safety
/// The row must have been checked.
pub unsafe fn dense(dense: &mut Dense<'_>) {
    // SAFETY: the caller's, and every CPU of this target has SSE2.
    unsafe { super::dense::<Sse2, 8>(dense) }
}
