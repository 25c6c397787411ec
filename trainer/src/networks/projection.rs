//! Picture and label to a logit, without normalization: what relativistic pairs need.

use model_spec::Architecture;
use model_spec::weights::{discriminator_weights, projection as names};
use tch::{Device, Kind, Tensor};

use super::layers::leaky_relu;
use super::precision::Precision;
use crate::weights::{Convolutions, Weights};

/// Added to a variance before its root.
const VARIANCE_FLOOR: f64 = 1e-8;

/// Convolutions down to 4x4, the deviation of each label's pictures as one more channel (after arXiv 1710.10196), and the
/// label by projection (arXiv 1802.05637).
#[derive(Debug)]
pub struct ProjectionDiscriminator {
    /// Named as in [`model_spec::weights::projection`].
    pub weights: Weights,
    layers: usize,
    labels: i64,
    precision: Precision,
}

/// What pictures of a batch are compared with each other: their labels, and whether they are real.
#[derive(Debug)]
pub struct Judged<'a> {
    /// f32 `[N, channels, side, side]`
    pub images: &'a Tensor,
    /// i64 `[N]`
    pub labels: &'a Tensor,
    /// i64 `[N]` below `2 * labels`: pictures of one group are held against each other.
    pub groups: &'a Tensor,
}

/// What the network makes of pictures.
#[derive(Debug)]
pub struct Verdict {
    /// f32 `[N, 1]`: above 0 for real.
    pub logits: Tensor,
    /// f32 `[N, labels]`: what each label would add to the logit.
    pub label_scores: Tensor,
}

impl ProjectionDiscriminator {
    /// A discriminator with fresh weights.
    pub fn initial(architecture: &Architecture, labels: usize, precision: Precision, device: Device) -> Self {
        let weights = Weights::initial(discriminator_weights(architecture, labels), Convolutions::He, device);
        Self { weights, layers: architecture.discriminator_widths.len(), labels: labels as i64, precision }
    }

    /// What the network makes of pictures.
    pub fn forward(&self, judged: &Judged<'_>) -> Verdict {
        let weight = |name: &str| self.weights.get(name);
        let mut xs = self.precision.lowered(judged.images); // [N, channels, side, side]
        for index in 0..self.layers {
            let kernel = self.precision.lowered(weight(&names::conv_weight(index)));
            let bias = self.precision.lowered(weight(&names::conv_bias(index)));
            xs = leaky_relu(&xs.conv2d(&kernel, Some(&bias), [2], [1], [1], 1));
        }
        let xs = xs.to_kind(Kind::Float); // [N, C, 4, 4]
        let xs = Tensor::cat(&[&xs, &self.deviation(&xs, judged.groups)], 1);
        let bias = Some(weight(names::FEATURES_BIAS));
        let features = leaky_relu(&xs.conv2d(weight(names::FEATURES_WEIGHT), bias, [1], [0], [1], 1)).flatten(1, -1);
        let plain = features.linear(weight(names::OUTPUT_WEIGHT), Some(weight(names::OUTPUT_BIAS)));
        let scale = 1.0 / (features.size()[1] as f64).sqrt();
        let label_scores = features.linear(weight(names::LABELS), None::<&Tensor>) * scale; // [N, labels]
        let own = label_scores.gather(1, &judged.labels.unsqueeze(1), false); // [N, 1]
        Verdict { logits: plain + own, label_scores }
    }

    /// Mean deviation of the features within each picture's group, as a map `[N, 1, 4, 4]`.
    fn deviation(&self, xs: &Tensor, groups: &Tensor) -> Tensor {
        let size = xs.size();
        let member = groups.one_hot(2 * self.labels).to_kind(Kind::Float); // [N, groups]
        let counts = member.sum_dim_intlist([0i64].as_slice(), false, Kind::Float).clamp_min(1.0).unsqueeze(1);
        let flat = xs.flatten(1, -1); // [N, F]
        let mean = member.tr().matmul(&flat) / &counts; // [groups, F]
        let centered = &flat - mean.index_select(0, groups);
        let variance = member.tr().matmul(&centered.square()) / &counts;
        let deviation = (variance + VARIANCE_FLOOR).sqrt().mean_dim([1i64].as_slice(), false, Kind::Float); // [groups]
        deviation.index_select(0, groups).view([-1, 1, 1, 1]).expand([size[0], 1, size[2], size[3]], false)
    }
}
