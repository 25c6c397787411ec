//! NEON of 64-bit ARM: 4 numbers a vector, 32 registers, tiles of 8 pixels by 8 channels or 4 by 16.

use std::arch::aarch64::*;
use std::arch::asm;

use super::{Lanes, Stored, Vectors};
use crate::engine::native::pack::{WIDTH, Weights};
use crate::engine::native::tile::{Dense, Tile};

struct Neon;

// SAFETY: every function is one to three instructions of NEON on memory that the caller vouches for.
unsafe impl Lanes for Neon {
    type Vector = float32x4_t;
    const LANES: usize = 4;
    const REGISTERS: usize = 32;

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

    const BY_LANE: bool = true;

    /// The copies become operands by lane of the products.
    #[inline(always)]
    unsafe fn splat_four(from: *const f32) -> [float32x4_t; 4] {
        unsafe {
            let x = vld1q_f32(from);
            [vdupq_laneq_f32::<0>(x), vdupq_laneq_f32::<1>(x), vdupq_laneq_f32::<2>(x), vdupq_laneq_f32::<3>(x)]
        }
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
pub unsafe fn tile(tile: &mut Tile<'_>) {
    // SAFETY: the caller's, and the feature is enabled here.
    unsafe {
        match tile.weights {
            Weights::F32(weights) => any(tile, weights),
            Weights::F16(weights) => any(tile, weights),
        }
    }
}

/// Four pairs by 8 channels where there are as many: the same registers, and each weight is widened for twice as many
/// products.
///
/// # Safety
/// That of [`tile`].
#[inline(always)]
unsafe fn any<T: Stored>(tile: &mut Tile<'_>, weights: &[T]) {
    /// Pairs from which on widening and adding up weights once for all of them is worth a pass of its own.
    const MANY: usize = 8;
    // SAFETY: the caller's; the number of pairs is a multiple of four where it is taken for one.
    unsafe {
        if tile.pairs.len() >= MANY {
            super::squares_by_product::<Neon, T, 4, 2>(tile, weights);
        } else if tile.pairs.len().is_multiple_of(4) {
            for (first, lane) in (0..tile.pairs.len()).step_by(4).flat_map(|first| [(first, 0), (first, WIDTH / 2)]) {
                super::squares::<Neon, T, 4, 2>(tile, weights, first, lane);
            }
        } else {
            super::by_two_pairs::<Neon, T, 4>(tile, weights);
        }
    }
}

/// Does checked work.
///
/// # Safety
/// That of [`tile`]; the work must have been checked.
#[target_feature(enable = "neon")]
pub unsafe fn vectors<W: Vectors>(work: W) {
    // SAFETY: the caller's, and the feature is enabled here.
    unsafe { work.run::<Neon>() }
}

/// Runs a checked row of a dense layer.
///
/// # Safety
/// That of [`tile`].
#[target_feature(enable = "neon")]
pub unsafe fn dense(dense: &mut Dense<'_>) {
    // SAFETY: the caller's, and the feature is enabled here.
    unsafe { super::dense::<Neon, 8>(dense) }
}
