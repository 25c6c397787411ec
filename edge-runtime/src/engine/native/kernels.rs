//! The kernels of a level, behind functions that are safe to call: each checks what it is given.

use super::elementwise::Work;
use super::halves::Half;
use super::lanes::{self, Step, Vectors};
use super::level::Level;
use super::plain;
use super::reduced::dots::{self, Dots, PANEL};
use super::tile::{Dense, Pixels, Tile};

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use model_spec::variant::Compute;

/// A level that this CPU has been seen to have: what its kernels need to be called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernels(Level);

impl Kernels {
    /// None where this CPU can't run the level.
    pub fn of(level: Level) -> Option<Self> {
        level.is_available().then_some(Self(level))
    }

    pub fn level(self) -> Level {
        self.0
    }

    /// Fills the outputs of a tile, at a level that doesn't make patches at once.
    pub fn tile(self, mut tile: Tile<'_>) {
        tile.check(self.0);
        match self.0 {
            // SAFETY: the tile is checked.
            Level::Scalar => unsafe { lanes::scalar::tile(&mut tile) },
            // SAFETY: the tile is checked.
            #[cfg(target_arch = "x86_64")]
            Level::Sse2 => unsafe { lanes::sse2::tile(&mut tile) },
            // SAFETY: the level is available and the tile checked.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { lanes::avx2::tile(&mut tile) },
            // SAFETY: the level is available and the tile checked.
            #[cfg(target_arch = "aarch64")]
            Level::Neon => unsafe { lanes::neon::tile(&mut tile) },
            _ => {
                debug_assert!(!self.0.makes_patches_at_once(), "its weights lie in another order");
                plain::tile(&mut tile);
            }
        }
    }

    /// Does a step with the level's vectors; plain Rust does it number by number.
    pub fn step<S: Step>(self, step: S) {
        step.check();
        // SAFETY: the step is checked.
        unsafe { self.vectors(step, |step| lanes::scalar::vectors(step)) }
    }

    /// Multiplies pixels by a matrix.
    pub fn pixels(self, pixels: Pixels<'_>) {
        pixels.check();
        // SAFETY: the pixels are checked.
        unsafe { self.vectors(pixels, plain::pixels) }
    }

    /// Does work with the level's vectors, or as plain Rust where it has none.
    ///
    /// # Safety
    /// The work must have been checked.
    unsafe fn vectors<W: Vectors>(self, work: W, plain: impl FnOnce(W)) {
        match self.0 {
            // SAFETY: the caller's.
            Level::Scalar => unsafe { lanes::scalar::vectors(work) },
            // SAFETY: the caller's.
            #[cfg(target_arch = "x86_64")]
            Level::Sse2 => unsafe { lanes::sse2::vectors(work) },
            // SAFETY: the caller's, and the level is available.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { lanes::avx2::vectors(work) },
            // SAFETY: the caller's, and the level is available.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { lanes::avx512::vectors(work) },
            // SAFETY: the caller's, and the level is available.
            #[cfg(target_arch = "aarch64")]
            Level::Neon => unsafe { lanes::neon::vectors(work) },
            _ => plain(work),
        }
    }

    /// Fills a row of a dense layer's panel.
    pub fn dense(self, mut dense: Dense<'_>) {
        dense.check();
        match self.0 {
            // SAFETY: the row is checked.
            Level::Scalar => unsafe { lanes::scalar::dense(&mut dense) },
            // SAFETY: the row is checked.
            #[cfg(target_arch = "x86_64")]
            Level::Sse2 => unsafe { lanes::sse2::dense(&mut dense) },
            // SAFETY: the level is available and the row checked.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { lanes::avx2::dense(&mut dense) },
            // SAFETY: the level is available and the row checked.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { lanes::avx512::dense(&mut dense) },
            // SAFETY: the level is available and the row checked.
            #[cfg(target_arch = "aarch64")]
            Level::Neon => unsafe { lanes::neon::dense(&mut dense) },
            _ => plain::dense(&mut dense),
        }
    }

    /// Fills the sums of dot products of numbers of 16 bits.
    pub fn dots_half(self, dots: Dots<'_, f32>, half: Half) {
        match half {
            Half::Bf16 => self.dots_bf16(dots),
            Half::F16 => self.dots_f16(dots),
        }
    }

    /// Fills the sums of dot products of f16.
    pub fn dots_f16(self, mut dots: Dots<'_, f32>) {
        dots.check();
        match self.0 {
            // SAFETY: the level is available with these instructions and the dot products checked.
            #[cfg(target_arch = "aarch64")]
            Level::Neon if self.0.multiplies(Compute::F16) => unsafe { lanes::neon_halves::f16(&mut dots) },
            _ => dots::f16(&mut dots),
        }
    }

    /// Fills the sums of dot products of bfloat16.
    pub fn dots_bf16(self, mut dots: Dots<'_, f32>) {
        dots.check();
        match self.0 {
            // SAFETY: the level is available with these instructions and the dot products checked.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 if self.0.multiplies(Compute::Bf16) => unsafe {
                lanes::avx512_dots::bf16(&mut dots);
            },
            _ => dots::bf16(&mut dots),
        }
    }

    /// Fills the sums of dot products of 8 bits, the same integers at every level; `weight_sums` has the sum of the weights of
    /// each channel.
    #[cfg_attr(not(target_arch = "aarch64"), expect(unused_variables, reason = "only ARM needs the sums"))]
    pub fn dots_int8(self, mut dots: Dots<'_, i32>, weight_sums: &[i32; PANEL]) {
        dots.check();
        match self.0 {
            // SAFETY: the level is available with these instructions and the dot products checked.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 if self.0.multiplies(Compute::Int8) => unsafe { lanes::avx2_dots::int8(&mut dots) },
            // SAFETY: the level is available with these instructions and the dot products checked.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 if self.0.multiplies(Compute::Int8) => unsafe {
                lanes::avx512_dots::int8(&mut dots);
            },
            // SAFETY: the level is available with these instructions and the dot products checked.
            #[cfg(target_arch = "aarch64")]
            Level::Neon if self.0.multiplies(Compute::Int8) => unsafe {
                lanes::neon_dots::int8(&mut dots, weight_sums);
            },
            _ => dots::int8(&mut dots),
        }
    }

    /// Does work with the level's instructions, the same bits at every level.
    pub fn vectorized<W: Work>(self, work: W) -> W::Made {
        match self.0 {
            // SAFETY: the level is available.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { lanes::avx2::vectorized(work) },
            // SAFETY: the level is available.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { lanes::avx512::vectorized(work) },
            _ => work.run(),
        }
    }
}
