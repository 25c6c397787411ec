//! Latent and label to picture.

use model_spec::Architecture;
use model_spec::architecture::STEM_SIZE;
use model_spec::weights::{generator as names, generator_weights};
use tch::{Device, Kind, Tensor};

use super::layers::{Mode, batch_norm, leaky_relu};
use super::precision::Precision;
use crate::weights::{Convolutions, Weights};

/// The label-conditioned DCGAN generator.
#[derive(Debug)]
pub struct Generator {
    /// Named as in [`model_spec::weights::generator`].
    pub weights: Weights,
    architecture: Architecture,
    precision: Precision,
}

impl Generator {
    /// A generator with fresh weights, which computes in f32.
    pub fn initial(architecture: &Architecture, labels: usize, start: Convolutions, device: Device) -> Self {
        let weights = Weights::initial(generator_weights(architecture, labels), start, device);
        Self { weights, architecture: architecture.clone(), precision: Precision::F32 }
    }

    /// The same generator with convolutions in another precision.
    pub fn in_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// Where its weights are.
    pub fn device(&self) -> Device {
        self.weights.get(names::LABEL_EMBEDDING).device()
    }

    /// Numbers in one latent.
    pub fn latent_dim(&self) -> usize {
        self.architecture.latent_dim
    }

    /// Pictures `[N, channels, side, side]` in [-1, 1] of latents `[N, latent_dim]` and labels i64 `[N]`. What is looked at
    /// or exported is computed in f32, whatever training multiplies in.
    pub fn forward(&self, latent: &Tensor, label: &Tensor, mode: Mode) -> Tensor {
        let stem = STEM_SIZE as i64;
        let precision = if mode == Mode::Evaluate { Precision::F32 } else { self.precision };
        let weight = |name: &str| self.weights.get(name);
        let embedded = Tensor::embedding(weight(names::LABEL_EMBEDDING), label, -1, false, false);
        let label_map =
            embedded.linear(weight(names::LABEL_WEIGHT), Some(weight(names::LABEL_BIAS))).view([-1, 1, stem, stem]);
        let dense = latent.linear(weight(names::LATENT_WEIGHT), Some(weight(names::LATENT_BIAS)));
        let latent_map = leaky_relu(&dense).view([-1, self.architecture.stem_channels as i64, stem, stem]);
        let xs = Tensor::cat(&[latent_map, label_map], 1); // [N, stem_channels + 1, 4, 4]
        let mut xs = precision.lowered(&xs);
        for block in 0..self.architecture.blocks() {
            let kernel = precision.lowered(weight(&names::deconv(block)));
            xs = xs.conv_transpose2d(&kernel, None::<&Tensor>, [2], [1], [0], 1, [1]);
            if block + 1 < self.architecture.blocks() {
                xs = batch_norm(&xs, &self.weights, &names::norm(block), mode).relu_();
            }
        }
        xs.to_kind(Kind::Float).tanh()
    }
}
