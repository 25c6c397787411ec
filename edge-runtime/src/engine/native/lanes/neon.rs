//! NEON of 64-bit ARM: 4 numbers a vector, 32 registers, tiles of 4 pixels by 16 channels.

use std::arch::aarch64::*;
use std::arch::asm;

use super::Lanes;
use crate::engine::native::pack::Weights;
use crate::engine::native::tile::{Dense, Method, Tile};

struct Neon;

// SAFETY: every function is one to three instructions of NEON on memory that the caller vouches for.
unsafe impl Lanes for Neon {
    type Vector = float32x4_t;
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn zero() -> float32x4_t {
        unsafe { vdupq_n_f32(0.0) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> float32x4_t {
        unsafe { vld1q_f32(from) }
    }

    /// The intrinsic takes a type that is not stable.
    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> float32x4_t {
        unsafe {
            let halves = vld1_u16(from);
            let wide: float32x4_t;
            asm!("fcvtl {wide:v}.4s, {halves:v}.4h", wide = lateout(vreg) wide, halves = in(vreg) halves,
                options(pure, nomem, nostack, preserves_flags));
            wide
        }
    }

    #[inline(always)]
    unsafe fn splat(from: *const f32) -> float32x4_t {
        unsafe { vld1q_dup_f32(from) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, x: float32x4_t) {
        unsafe { vst1q_f32(to, x) }
    }

    #[inline(always)]
    unsafe fn mul_add(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        unsafe { vfmaq_f32(c, a, b) }
    }

    #[inline(always)]
    unsafe fn add(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vaddq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vsubq_f32(a, b) }
    }

    /// The maximum is not a number where an operand is not.
    #[inline(always)]
    unsafe fn relu(x: float32x4_t) -> float32x4_t {
        unsafe { vmaxq_f32(vdupq_n_f32(0.0), x) }
    }

    #[inline(always)]
    unsafe fn leaky(x: float32x4_t, slope: float32x4_t) -> float32x4_t {
        unsafe { vbslq_f32(vcltq_f32(x, vdupq_n_f32(0.0)), vmulq_f32(x, slope), x) }
    }
}

/// Runs a checked tile.
///
/// # Safety
/// The CPU must have NEON.
#[target_feature(enable = "neon")]
pub unsafe fn tile(tile: &mut Tile<'_>, method: Method) {
    // SAFETY: the caller's, and the feature is enabled here.
    unsafe {
        match tile.weights {
            Weights::F32(weights) => super::by_two_pairs::<Neon, f32, 4>(tile, method, weights),
            Weights::F16(weights) => super::by_two_pairs::<Neon, u16, 4>(tile, method, weights),
        }
    }
}

/// Runs a checked row of a dense layer.
///
/// # Safety
/// That of [`tile`].
#[target_feature(enable = "neon")]
pub unsafe fn dense(dense: &mut Dense<'_>) {
    // SAFETY: the caller's, and the feature is enabled here.
    unsafe {
        match dense.weights {
            Weights::F32(weights) => super::dense::<Neon, f32, 8>(dense, weights),
            Weights::F16(weights) => super::dense::<Neon, u16, 8>(dense, weights),
        }
    }
}
