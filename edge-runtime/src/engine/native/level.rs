//! Which instructions the kernels may use.

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

    /// Whether all products of a patch are made at once, which needs a register for each. Maps of any side go by patches then.
    pub(super) fn makes_patches_at_once(self) -> bool {
        self == Self::Avx512
    }

    /// Whether tiles are made product by product, each of which reads one plane of the input: squares, which read the
    /// differences of maps, or patches.
    pub(super) fn goes_by_product(self) -> bool {
        matches!(self, Self::Scalar | Self::Sse2 | Self::Avx2 | Self::Neon)
    }

    /// Whether f16 weights are widened at load, since no instruction does it on the way.
    pub(super) fn widens(self) -> bool {
        matches!(self, Self::Plain | Self::Scalar | Self::Sse2)
    }
}
