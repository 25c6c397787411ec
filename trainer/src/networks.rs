//! The networks of both recipes, as functions over named weights.

mod concatenation;
mod generator;
mod layers;
mod precision;
mod projection;

use model_spec::Architecture;
use model_spec::architecture::Opponent;
use tch::Device;

use crate::weights::Weights;
pub use concatenation::ConcatenationDiscriminator;
pub use generator::Generator;
pub use layers::Mode;
pub(crate) use layers::leaky_relu;
pub use precision::Precision;
pub use projection::{Judged, ProjectionDiscriminator};

/// The generator's opponent; which one also decides the losses.
#[derive(Debug)]
pub enum Discriminator {
    /// Gives probabilities: trained with binary cross-entropy.
    Concatenation(ConcatenationDiscriminator),
    /// Gives logits: trained with relativistic pairs.
    Projection(ProjectionDiscriminator),
}

impl Discriminator {
    /// The architecture's discriminator with fresh weights.
    pub fn initial(architecture: &Architecture, labels: usize, precision: Precision, device: Device) -> Self {
        match architecture.discriminator {
            Opponent::Concatenation => {
                Self::Concatenation(ConcatenationDiscriminator::initial(architecture, labels, precision, device))
            }
            Opponent::Projection => {
                Self::Projection(ProjectionDiscriminator::initial(architecture, labels, precision, device))
            }
        }
    }

    /// Its weights.
    pub fn weights(&self) -> &Weights {
        match self {
            Self::Concatenation(network) => &network.weights,
            Self::Projection(network) => &network.weights,
        }
    }
}
