//! The precision of convolutions.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// What convolutions multiply in; weights, normalization, losses and optimizers are f32 in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32 bits
    #[default]
    F32,
    /// 16 bits with the exponent of f32: faster on CPUs and GPUs that multiply it
    Bf16,
}

impl Precision {
    /// The name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }

    /// A tensor as convolutions read it.
    pub fn lowered(self, xs: &Tensor) -> Tensor {
        match self {
            Self::F32 => xs.shallow_clone(),
            Self::Bf16 => xs.to_kind(Kind::BFloat16),
        }
    }
}
