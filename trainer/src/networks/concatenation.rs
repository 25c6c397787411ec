//! Picture and label to the probability that the picture is real.

use model_spec::Architecture;
use model_spec::architecture::DROPOUT;
use model_spec::weights::{discriminator as names, discriminator_weights};
use tch::{Device, Kind, Tensor};

use super::layers::{Mode, batch_norm, leaky_relu};
use super::precision::Precision;
use crate::weights::{Convolutions, Weights};

/// The reference's discriminator: the label as further picture channels, batch normalization.
#[derive(Debug)]
pub struct ConcatenationDiscriminator {
    /// Named as in [`model_spec::weights::discriminator`].
    pub weights: Weights,
    architecture: Architecture,
    labels: i64,
    precision: Precision,
}

impl ConcatenationDiscriminator {
    /// A discriminator with fresh weights.
    pub fn initial(architecture: &Architecture, labels: usize, precision: Precision, device: Device) -> Self {
        let weights = Weights::initial(discriminator_weights(architecture, labels), Convolutions::Small, device);
        Self { weights, architecture: architecture.clone(), labels: labels as i64, precision }
    }

    /// Probabilities `[N, 1]` of pictures `[N, channels, side, side]` with labels i64 `[N]`.
    pub fn forward(&self, image: &Tensor, label: &Tensor, mode: Mode) -> Tensor {
        let xs = Tensor::cat(&[image, &self.label_maps(label)], 1); // [N, 2 * channels, side, side]
        let mut xs = self.precision.lowered(&xs);
        for index in 0..self.architecture.discriminator_widths.len() {
            let (stride, padding) = if index == 0 { (2, 1) } else { (3, 2) };
            let kernel = self.precision.lowered(self.weights.get(&names::conv(index)));
            xs = xs.conv2d(&kernel, None::<&Tensor>, [stride], [padding], [1], 1);
            if index > 0 {
                xs = batch_norm(&xs, &self.weights, &names::norm(index), mode);
            }
            xs = leaky_relu(&xs);
        }
        let weight = |name: &str| self.weights.get(name);
        xs.to_kind(Kind::Float)
            .flatten(1, -1)
            .dropout(DROPOUT, mode == Mode::Train)
            .linear(weight(names::OUTPUT_WEIGHT), Some(weight(names::OUTPUT_BIAS)))
            .sigmoid()
    }

    /// One map `[channels, side, side]` for each label of the batch. Where the batch repeats labels, each map is
    /// computed once and then selected, which is the same function at a fraction of the work.
    fn label_maps(&self, label: &Tensor) -> Tensor {
        let weight = |name: &str| self.weights.get(name);
        let dense = |embedded: &Tensor| embedded.linear(weight(names::LABEL_WEIGHT), Some(weight(names::LABEL_BIAS)));
        let embedding = weight(names::LABEL_EMBEDDING);
        let maps = if self.labels <= label.size()[0] {
            dense(embedding).index_select(0, label)
        } else {
            dense(&Tensor::embedding(embedding, label, -1, false, false))
        };
        let side = self.architecture.image_size as i64;
        maps.view([-1, self.architecture.channels as i64, side, side])
    }
}
