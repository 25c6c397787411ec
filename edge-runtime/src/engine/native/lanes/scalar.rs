//! One number at a time, for CPUs without vectors that are known here: tiles of 4 pixels by 4 channels, whose sums and operands
//! the 32 registers of 32-bit ARM hold. Products are rounded before they are added.

use super::{Lanes, Vectors};
use crate::engine::native::halves::f32_from_f16;
use crate::engine::native::numbers::Activation;
use crate::engine::native::tile::{Dense, Tile};

struct Scalar;

// SAFETY: every function works on a number, or on memory that the caller vouches for.
unsafe impl Lanes for Scalar {
    type Vector = f32;
    const LANES: usize = 1;
    const REGISTERS: usize = 32;

    #[inline(always)]
    unsafe fn zero() -> f32 {
        0.0
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> f32 {
        unsafe { *from }
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> f32 {
        f32_from_f16(unsafe { *from })
    }

    #[inline(always)]
    unsafe fn splat(from: *const f32) -> f32 {
        unsafe { *from }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, x: f32) {
        unsafe { *to = x }
    }

    #[inline(always)]
    unsafe fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }

    #[inline(always)]
    unsafe fn add(a: f32, b: f32) -> f32 {
        a + b
    }

    #[inline(always)]
    unsafe fn sub(a: f32, b: f32) -> f32 {
        a - b
    }

    #[inline(always)]
    unsafe fn relu(x: f32) -> f32 {
        Activation::Relu.apply(x)
    }

    #[inline(always)]
    unsafe fn leaky(x: f32, slope: f32) -> f32 {
        Activation::Leaky(slope).apply(x)
    }
}

/// Runs a checked tile.
///
/// # Safety
/// The tile must have been checked.
pub unsafe fn tile(tile: &mut Tile<'_>) {
    // SAFETY: the caller's.
    unsafe { super::tile::<Scalar, 2, 4>(tile) }
}

/// Does checked work.
///
/// # Safety
/// The work must have been checked.
pub unsafe fn vectors<W: Vectors>(work: W) {
    // SAFETY: the caller's.
    unsafe { work.run::<Scalar>() }
}

/// Runs a checked row of a dense layer.
///
/// # Safety
/// The row must have been checked.
pub unsafe fn dense(dense: &mut Dense<'_>) {
    // SAFETY: the caller's.
    unsafe { super::dense::<Scalar, 16>(dense) }
}
