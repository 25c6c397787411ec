//! Which instructions the kernels use.

use super::elementwise::Work;
use super::patches::Step;
use super::plain;
use super::reduced::dots::{self, Dots, PANEL};
use super::reduced::words::Half;
use super::tile::{Dense, Method, Tile};

use model_spec::variant::Compute;

/// A set of kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Rust without a word about the CPU, and all products.
    Plain,
    /// The kernels of vectors, one number at a time.
    Scalar,
    /// 128-bit vectors of every 64-bit PC.
    Sse2,
    /// 256-bit vectors: AVX2, FMA and F16C.
    Avx2,
    /// 512-bit vectors: AVX-512F.
    Avx512,
    /// 128-bit vectors of 64-bit ARM.
    Neon,
}

impl Level {
    /// Those that this CPU can run, slowest first.
    pub fn available() -> Vec<Self> {
        let all = [Self::Plain, Self::Scalar, Self::Sse2, Self::Neon, Self::Avx2, Self::Avx512];
        all.into_iter().filter(|level| level.is_available()).collect()
    }

    /// The fastest that this CPU can run.
    pub fn best() -> Self {
        Self::available().pop().unwrap_or(Self::Plain)
    }

    /// Whether this CPU can run it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Plain => true,
            // Every one has NEON.
            Self::Scalar => cfg!(not(target_arch = "aarch64")),
            #[cfg(target_arch = "x86_64")]
            Self::Sse2 => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => is_x86_feature_detected!("avx512f"),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            #[allow(unreachable_patterns, reason = "of other architectures")]
            _ => false,
        }
    }

    /// Its name: `avx512`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Scalar => "scalar",
            Self::Sse2 => "sse2",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Neon => "neon",
        }
    }

    /// Whether it has instructions for such products on this CPU; without vectors none are needed.
    pub fn multiplies(self, compute: Compute) -> bool {
        match (self, compute) {
            (_, Compute::F32) | (Self::Plain | Self::Scalar, _) => true,
            #[cfg(target_arch = "x86_64")]
            (Self::Avx2, Compute::Int8) => is_x86_feature_detected!("avxvnni"),
            #[cfg(target_arch = "x86_64")]
            (Self::Avx512, Compute::Bf16) => is_x86_feature_detected!("avx512bf16"),
            #[cfg(target_arch = "x86_64")]
            (Self::Avx512, Compute::Int8) => is_x86_feature_detected!("avx512vnni"),
            #[cfg(target_arch = "aarch64")]
            (Self::Neon, Compute::F16) => std::arch::is_aarch64_feature_detected!("fp16"),
            #[cfg(target_arch = "aarch64")]
            (Self::Neon, Compute::Int8) => std::arch::is_aarch64_feature_detected!("dotprod"),
            _ => false,
        }
    }

    /// Whether tiles of squares read the differences of maps, without which all products are made.
    pub(super) fn reads_differences(self) -> bool {
        self != Self::Plain
    }

    /// Whether tiles are made product by product, each of which reads one plane of the input: many squares, or patches.
    pub(super) fn goes_by_product(self) -> bool {
        matches!(self, Self::Scalar | Self::Sse2 | Self::Avx2 | Self::Neon)
    }

    /// Whether f16 weights are widened at load, since no instruction does it on the way.
    pub(super) fn widens(self) -> bool {
        matches!(self, Self::Plain | Self::Scalar | Self::Sse2)
    }
}

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

    /// Fills the outputs of a tile.
    pub fn tile(self, mut tile: Tile<'_>, method: Method) {
        tile.check(method, self.0);
        match self.0 {
            // SAFETY: the tile is checked.
            Level::Scalar => unsafe { super::lanes::scalar::tile(&mut tile, method) },
            // SAFETY: the tile is checked.
            #[cfg(target_arch = "x86_64")]
            Level::Sse2 => unsafe { super::lanes::sse2::tile(&mut tile, method) },
            // SAFETY: the level is available and the tile checked.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { super::lanes::avx2::tile(&mut tile, method) },
            // SAFETY: the level is available and the tile checked.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { super::lanes::avx512::tile(&mut tile, method) },
            // SAFETY: the level is available and the tile checked.
            #[cfg(target_arch = "aarch64")]
            Level::Neon => unsafe { super::lanes::neon::tile(&mut tile, method) },
            _ => plain::tile(&mut tile, method),
        }
    }

    /// Does a step of patches, at a level that goes by product.
    pub fn patches<S: Step>(self, step: S) {
        step.check();
        match self.0 {
            // SAFETY: the step is checked.
            Level::Scalar => unsafe { super::lanes::scalar::vectors(step) },
            // SAFETY: the step is checked.
            #[cfg(target_arch = "x86_64")]
            Level::Sse2 => unsafe { super::lanes::sse2::vectors(step) },
            // SAFETY: the level is available and the step checked.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { super::lanes::avx2::vectors(step) },
            // SAFETY: the level is available and the step checked.
            #[cfg(target_arch = "aarch64")]
            Level::Neon => unsafe { super::lanes::neon::vectors(step) },
            _ => unreachable!("patches are for levels that go by product"),
        }
    }

    /// Fills a row of a dense layer's panel.
    pub fn dense(self, mut dense: Dense<'_>) {
        dense.check();
        match self.0 {
            // SAFETY: the row is checked.
            Level::Scalar => unsafe { super::lanes::scalar::dense(&mut dense) },
            // SAFETY: the row is checked.
            #[cfg(target_arch = "x86_64")]
            Level::Sse2 => unsafe { super::lanes::sse2::dense(&mut dense) },
            // SAFETY: the level is available and the row checked.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { super::lanes::avx2::dense(&mut dense) },
            // SAFETY: the level is available and the row checked.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { super::lanes::avx512::dense(&mut dense) },
            // SAFETY: the level is available and the row checked.
            #[cfg(target_arch = "aarch64")]
            Level::Neon => unsafe { super::lanes::neon::dense(&mut dense) },
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
            Level::Neon if self.0.multiplies(Compute::F16) => unsafe { super::lanes::neon_halves::f16(&mut dots) },
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
                super::lanes::avx512_dots::bf16(&mut dots);
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
            Level::Avx2 if self.0.multiplies(Compute::Int8) => unsafe { super::lanes::avx2_dots::int8(&mut dots) },
            // SAFETY: the level is available with these instructions and the dot products checked.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 if self.0.multiplies(Compute::Int8) => unsafe {
                super::lanes::avx512_dots::int8(&mut dots);
            },
            // SAFETY: the level is available with these instructions and the dot products checked.
            #[cfg(target_arch = "aarch64")]
            Level::Neon if self.0.multiplies(Compute::Int8) => unsafe {
                super::lanes::neon_dots::int8(&mut dots, weight_sums);
            },
            _ => dots::int8(&mut dots),
        }
    }

    /// Does work with the level's instructions, the same bits at every level.
    pub fn vectorized<W: Work>(self, work: W) -> W::Made {
        match self.0 {
            // SAFETY: the level is available.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { super::lanes::avx2::vectorized(work) },
            // SAFETY: the level is available.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { super::lanes::avx512::vectorized(work) },
            _ => work.run(),
        }
    }
}
