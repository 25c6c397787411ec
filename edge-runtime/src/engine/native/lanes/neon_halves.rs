//! Products of f16 (FEAT_FP16: Cortex-A55, A76 and most later cores of 64-bit ARM): 8 positions by 16 channels, whose sums
//! stay in 16 registers. The type is not stable, so that each instruction stands by itself.

use std::arch::aarch64::*;
use std::arch::asm;

use crate::engine::native::reduced::dots::{Dots, GROUP, PANEL};

/// Numbers of a vector.
const LANES: usize = 8;
/// Channels that a step takes from a vector of each position.
const CHANNELS: usize = 8;

/// Products whose sums stay in f16 before they are added to others in f32.
const MOST: usize = 64;

/// Eight numbers, or sums, of f16.
type Vector = uint16x8_t;

/// Adds the products of a number of `x` and each of `weights`.
macro_rules! add {
    ($sums:expr, $weights:expr, $x:expr, $channel:literal) => {
        asm!(concat!("fmla {sums:v}.8h, {weights:v}.8h, {x:v}.h[", $channel, "]"), sums = inout(vreg) $sums,
            weights = in(vreg) $weights, x = in(vreg_low16) $x, options(pure, nomem, nostack))
    };
}

/// Adds the products of one channel of each position.
macro_rules! add_row {
    ($sums:ident, $row:ident, $x:ident, $channel:literal) => {
        let weights = [vld1q_u16($row), vld1q_u16($row.add(LANES))];
        for (sums, x) in $sums.iter_mut().zip($x) {
            add!(sums[0], weights[0], x, $channel);
            add!(sums[1], weights[1], x, $channel);
        }
        // After the last row this leads out of the weights.
        $row = $row.wrapping_add(PANEL);
    };
}

/// Fills the sums of checked dot products.
///
/// # Safety
/// The CPU must have NEON and FEAT_FP16.
#[target_feature(enable = "neon,fp16")]
pub unsafe fn f16(dots: &mut Dots<'_, f32>) {
    const { assert!(MOST.is_multiple_of(CHANNELS)) };
    *dots.sums = [[0.0; PANEL]; GROUP];
    // SAFETY: the caller's, and the features are enabled here; checked: every word of every tap and every row is inside.
    unsafe {
        for lane in (0..PANEL).step_by(2 * LANES) {
            let mut row = dots.weights.as_ptr().cast::<u16>().add(lane);
            for tap in dots.taps {
                let inputs = dots.positions.map(|position| dots.input.as_ptr().add(position + tap).cast::<u16>());
                let channels = 2 * dots.words;
                for first in (0..channels).step_by(MOST) {
                    let mut sums: [[Vector; 2]; GROUP] = [[vdupq_n_u16(0); 2]; GROUP];
                    let end = channels.min(first + MOST);
                    let whole = first + (end - first) / CHANNELS * CHANNELS;
                    for channel in (first..whole).step_by(CHANNELS) {
                        let x = inputs.map(|input| vld1q_u16(input.add(channel)));
                        add_row!(sums, row, x, 0);
                        add_row!(sums, row, x, 1);
                        add_row!(sums, row, x, 2);
                        add_row!(sums, row, x, 3);
                        add_row!(sums, row, x, 4);
                        add_row!(sums, row, x, 5);
                        add_row!(sums, row, x, 6);
                        add_row!(sums, row, x, 7);
                    }
                    for channel in whole..end {
                        let x = inputs.map(|input| vld1q_dup_u16(input.add(channel)));
                        add_row!(sums, row, x, 0);
                    }
                    for (to, sums) in dots.sums.iter_mut().zip(sums) {
                        let to = to[lane..][..2 * LANES].as_mut_ptr();
                        add_to(to, sums[0]);
                        add_to(to.add(LANES), sums[1]);
                    }
                }
            }
        }
    }
}

/// Adds eight sums to eight of f32.
///
/// # Safety
/// `to` must be valid for eight numbers.
#[target_feature(enable = "neon")]
#[inline]
unsafe fn add_to(to: *mut f32, sums: Vector) {
    let (low, high): (float32x4_t, float32x4_t);
    // SAFETY: the caller's.
    unsafe {
        asm!("fcvtl {low:v}.4s, {sums:v}.4h", "fcvtl2 {high:v}.4s, {sums:v}.8h", low = out(vreg) low, high = lateout(vreg) high,
            sums = in(vreg) sums, options(pure, nomem, nostack));
        vst1q_f32(to, vaddq_f32(vld1q_f32(to), low));
        let to = to.add(LANES / 2);
        vst1q_f32(to, vaddq_f32(vld1q_f32(to), high));
    }
}
