//! The dot products of 64-bit ARM (FEAT_DotProd: Cortex-A76 and most later cores): 8 positions by 8 channels, whose sums stay
//! in 16 registers.

use std::arch::aarch64::*;
use std::arch::asm;

use crate::engine::native::reduced::dots::{Dots, GROUP, PANEL};

/// Channels of two vectors.
const LANES: usize = 8;
/// Words of a vector.
const WORDS: usize = 4;

/// Adds the products of a word of `x` and each word of `weights`. The intrinsic is not stable.
macro_rules! add {
    ($sums:expr, $weights:expr, $x:expr, $word:literal) => {
        asm!(concat!("sdot {sums:v}.4s, {weights:v}.16b, {x:v}.4b[", $word, "]"), sums = inout(vreg) $sums,
            weights = in(vreg) $weights, x = in(vreg) $x, options(pure, nomem, nostack, preserves_flags))
    };
}

/// Adds the products of a row of weights, of one word of each position.
macro_rules! add_row {
    ($sums:ident, $row:ident, $x:ident, $word:literal) => {
        let weights = [vld1q_u32($row), vld1q_u32($row.add(WORDS))];
        for (sums, x) in $sums.iter_mut().zip($x) {
            add!(sums[0], weights[0], x, $word);
            add!(sums[1], weights[1], x, $word);
        }
        // After the last row this leads out of the weights.
        $row = $row.wrapping_add(PANEL);
    };
}

/// Fills the sums of checked dot products of unsigned inputs and signed weights, whose sums are given. There are products of
/// signed numbers only: inputs are taken 128 lower, and 128 times the weights are added.
///
/// # Safety
/// The CPU must have NEON and FEAT_DotProd.
#[target_feature(enable = "neon,dotprod")]
pub unsafe fn int8(dots: &mut Dots<'_, i32>, weight_sums: &[i32; PANEL]) {
    // SAFETY: the caller's, and the features are enabled here; checked: every word of every tap and every row is inside.
    unsafe {
        let middle = vdupq_n_u32(0x8080_8080);
        for lane in (0..PANEL).step_by(LANES) {
            let start = [0, WORDS].map(|place| vshlq_n_s32::<7>(vld1q_s32(weight_sums.as_ptr().add(lane + place))));
            let mut sums = [start; GROUP];
            let mut row = dots.weights.as_ptr().add(lane);
            for tap in dots.taps {
                let inputs = dots.positions.map(|position| dots.input.as_ptr().add(position + tap));
                let whole = dots.words / WORDS * WORDS;
                for word in (0..whole).step_by(WORDS) {
                    let x = inputs.map(|input| veorq_u32(vld1q_u32(input.add(word)), middle));
                    add_row!(sums, row, x, 0);
                    add_row!(sums, row, x, 1);
                    add_row!(sums, row, x, 2);
                    add_row!(sums, row, x, 3);
                }
                for word in whole..dots.words {
                    let x = inputs.map(|input| veorq_u32(vld1q_dup_u32(input.add(word)), middle));
                    add_row!(sums, row, x, 0);
                }
            }
            for (to, sums) in dots.sums.iter_mut().zip(sums) {
                let to = to[lane..][..LANES].as_mut_ptr();
                vst1q_s32(to, sums[0]);
                vst1q_s32(to.add(WORDS), sums[1]);
            }
        }
    }
}
