//! Weight names and shapes of both networks: the reference notebook's own, so that its checkpoints can be read.

use crate::Architecture;
use crate::architecture::{Doubling, Opponent, STEM_SIZE};

/// A weight that BatchNorm also saves; it may be missing or present, and nothing uses it.
pub const BATCHES_TRACKED: &str = "num_batches_tracked";

/// Side of every convolution's kernel, but for those behind an upsampling.
pub const KERNEL: usize = 4;

/// Side of the generator's kernels behind an upsampling.
pub const UPSAMPLED_KERNEL: usize = 3;
/// What upsampling does to a kernel along each axis: row `k` adds up the three weights to weight `k` of the transposed
/// convolution (kernel 4, stride 2, padding 1) that does the same, borders included.
///
/// Output `2 i + p` reads, through weight `a`, pixel `floor((2 i + p + a - 1) / 2)`; of the transposed convolution it reads
/// pixel `i` through weight `1 + p`, and pixel `i - 1` (p = 0) or `i + 1` (p = 1) through weight 3 or 0.
pub const UPSAMPLED: [[f32; UPSAMPLED_KERNEL]; KERNEL] =
    [[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 0.0, 0.0]];

/// What a weight is, which decides how it starts and whether it is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `[labels, embedding_dim]`.
    Embedding,
    /// `[out, in]`.
    LinearWeight,
    /// `[out]`.
    LinearBias,
    /// `[in, out, 4, 4]` for a transposed convolution, `[out, in, side, side]` otherwise.
    ConvWeight,
    /// BatchNorm's factor, `[channels]`.
    NormWeight,
    /// An offset by channel, BatchNorm's or a convolution's, `[channels]`: starts at 0.
    NormBias,
    /// BatchNorm's running mean, `[channels]`: a buffer.
    RunningMean,
    /// BatchNorm's running variance, `[channels]`: a buffer.
    RunningVar,
}

impl Role {
    /// Whether the optimizer changes it; running statistics are buffers.
    pub fn is_trained(self) -> bool {
        !matches!(self, Self::RunningMean | Self::RunningVar)
    }
}

/// One named weight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightSpec {
    /// PyTorch's name of it.
    pub name: String,
    /// Shape, outermost dimension first.
    pub shape: Vec<usize>,
    /// What it is.
    pub role: Role,
}

/// Names of the four tensors of one batch normalization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NormNames {
    /// Factor.
    pub weight: String,
    /// Offset.
    pub bias: String,
    /// Running mean.
    pub running_mean: String,
    /// Running variance.
    pub running_var: String,
}

impl NormNames {
    fn at(layer: usize) -> Self {
        let name = |part: &str| format!("model.{layer}.{part}");
        Self {
            weight: name("weight"),
            bias: name("bias"),
            running_mean: name("running_mean"),
            running_var: name("running_var"),
        }
    }

    fn specs(&self, channels: usize) -> [WeightSpec; 4] {
        let spec = |name: &String, role| WeightSpec { name: name.clone(), shape: vec![channels], role };
        [
            spec(&self.weight, Role::NormWeight),
            spec(&self.bias, Role::NormBias),
            spec(&self.running_mean, Role::RunningMean),
            spec(&self.running_var, Role::RunningVar),
        ]
    }
}

/// Names in the generator.
pub mod generator {
    use super::NormNames;

    /// `[labels, embedding_dim]`
    pub const LABEL_EMBEDDING: &str = "label_conditioned_generator.0.weight";
    /// `[16, embedding_dim]`
    pub const LABEL_WEIGHT: &str = "label_conditioned_generator.1.weight";
    /// `[16]`
    pub const LABEL_BIAS: &str = "label_conditioned_generator.1.bias";
    /// `[stem_channels * 16, latent_dim]`
    pub const LATENT_WEIGHT: &str = "latent.0.weight";
    /// `[stem_channels * 16]`
    pub const LATENT_BIAS: &str = "latent.0.bias";

    /// The kernel of a block: `[in, out, 4, 4]` of a transposed convolution, `[out, in, 3, 3]` behind an upsampling.
    pub fn kernel(block: usize) -> String {
        format!("model.{}.weight", 3 * block)
    }

    /// The batch normalization of a block; the last block has none.
    pub fn norm(block: usize) -> NormNames {
        NormNames::at(3 * block + 1)
    }
}

/// Names in the discriminator.
pub mod discriminator {
    use super::NormNames;

    /// `[labels, embedding_dim]`
    pub const LABEL_EMBEDDING: &str = "label_condition_disc.0.weight";
    /// `[channels * side * side, embedding_dim]`
    pub const LABEL_WEIGHT: &str = "label_condition_disc.1.weight";
    /// `[channels * side * side]`
    pub const LABEL_BIAS: &str = "label_condition_disc.1.bias";
    /// `[1, features]`
    pub const OUTPUT_WEIGHT: &str = "model.13.weight";
    /// `[1]`
    pub const OUTPUT_BIAS: &str = "model.13.bias";

    /// One of the four convolutions, `[out, in, 4, 4]`.
    pub fn conv(index: usize) -> String {
        let layer = if index == 0 { 0 } else { 3 * index - 1 };
        format!("model.{layer}.weight")
    }

    /// The batch normalization after convolution 1, 2 or 3; the first convolution has none.
    pub fn norm(index: usize) -> NormNames {
        NormNames::at(3 * index)
    }
}

/// Names in the projection discriminator.
pub mod projection {
    /// `[features, channels + 1, 4, 4]`: from 4x4 to one row of features.
    pub const FEATURES_WEIGHT: &str = "features.weight";
    /// `[features]`
    pub const FEATURES_BIAS: &str = "features.bias";
    /// `[1, features]`
    pub const OUTPUT_WEIGHT: &str = "output.weight";
    /// `[1]`
    pub const OUTPUT_BIAS: &str = "output.bias";
    /// `[labels, features]`
    pub const LABELS: &str = "labels.weight";

    /// The kernel of a convolution, `[out, in, 4, 4]`.
    pub fn conv_weight(index: usize) -> String {
        format!("convolution{index}.weight")
    }

    /// The offset of a convolution, `[out]`.
    pub fn conv_bias(index: usize) -> String {
        format!("convolution{index}.bias")
    }
}

/// Every weight of the generator, in the order of PyTorch's state dict.
pub fn generator_weights(architecture: &Architecture, labels: usize) -> Vec<WeightSpec> {
    let stem = STEM_SIZE * STEM_SIZE;
    let (latent, embedding) = (architecture.latent_dim, architecture.embedding_dim);
    let dense = architecture.stem_channels * stem;
    let mut specs = vec![
        spec(generator::LABEL_EMBEDDING, [labels, embedding], Role::Embedding),
        spec(generator::LABEL_WEIGHT, [stem, embedding], Role::LinearWeight),
        spec(generator::LABEL_BIAS, [stem], Role::LinearBias),
        spec(generator::LATENT_WEIGHT, [dense, latent], Role::LinearWeight),
        spec(generator::LATENT_BIAS, [dense], Role::LinearBias),
    ];
    for (block, (inputs, outputs)) in architecture.block_channels().into_iter().enumerate() {
        let shape = match architecture.doubling {
            Doubling::Transposed => [inputs, outputs, KERNEL, KERNEL],
            Doubling::Upsampled => [outputs, inputs, UPSAMPLED_KERNEL, UPSAMPLED_KERNEL],
        };
        specs.push(spec(&generator::kernel(block), shape, Role::ConvWeight));
        if block + 1 < architecture.blocks() {
            specs.extend(generator::norm(block).specs(outputs));
        }
    }
    specs
}

/// Every weight of the discriminator; the reference's in the order of PyTorch's state dict.
pub fn discriminator_weights(architecture: &Architecture, labels: usize) -> Vec<WeightSpec> {
    match architecture.discriminator {
        Opponent::Concatenation => concatenation_weights(architecture, labels),
        Opponent::Projection => projection_weights(architecture, labels),
    }
}

fn projection_weights(architecture: &Architecture, labels: usize) -> Vec<WeightSpec> {
    let mut specs = Vec::new();
    let mut inputs = architecture.channels;
    for (index, outputs) in architecture.discriminator_widths.iter().copied().enumerate() {
        specs.push(spec(&projection::conv_weight(index), [outputs, inputs, KERNEL, KERNEL], Role::ConvWeight));
        specs.push(spec(&projection::conv_bias(index), [outputs], Role::NormBias));
        inputs = outputs;
    }
    // One more channel: the minibatch deviation.
    specs.push(spec(projection::FEATURES_WEIGHT, [inputs, inputs + 1, KERNEL, KERNEL], Role::ConvWeight));
    specs.push(spec(projection::FEATURES_BIAS, [inputs], Role::NormBias));
    specs.push(spec(projection::OUTPUT_WEIGHT, [1, inputs], Role::LinearWeight));
    specs.push(spec(projection::OUTPUT_BIAS, [1], Role::LinearBias));
    specs.push(spec(projection::LABELS, [labels, inputs], Role::Embedding));
    specs
}

fn concatenation_weights(architecture: &Architecture, labels: usize) -> Vec<WeightSpec> {
    let embedding = architecture.embedding_dim;
    let mut specs = vec![
        spec(discriminator::LABEL_EMBEDDING, [labels, embedding], Role::Embedding),
        spec(discriminator::LABEL_WEIGHT, [architecture.pixels(), embedding], Role::LinearWeight),
        spec(discriminator::LABEL_BIAS, [architecture.pixels()], Role::LinearBias),
    ];
    let mut inputs = 2 * architecture.channels;
    for (index, outputs) in architecture.discriminator_widths.iter().copied().enumerate() {
        specs.push(spec(&discriminator::conv(index), [outputs, inputs, KERNEL, KERNEL], Role::ConvWeight));
        if index > 0 {
            specs.extend(discriminator::norm(index).specs(outputs));
        }
        inputs = outputs;
    }
    specs.push(spec(discriminator::OUTPUT_WEIGHT, [1, architecture.discriminator_features()], Role::LinearWeight));
    specs.push(spec(discriminator::OUTPUT_BIAS, [1], Role::LinearBias));
    specs
}

fn spec<const N: usize>(name: &str, shape: [usize; N], role: Role) -> WeightSpec {
    WeightSpec { name: name.to_owned(), shape: shape.to_vec(), role }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(specs: &[WeightSpec]) -> String {
        specs.iter().map(|spec| format!("{} {:?}\n", spec.name, spec.shape)).collect()
    }

    /// The text is what `state_dict()` of the reference notebook's networks lists, without `num_batches_tracked`.
    #[test]
    fn names_and_shapes_are_the_notebooks() {
        let reference = Architecture::reference(128, 3).expect("valid");
        let generator = "\
label_conditioned_generator.0.weight [3, 100]
label_conditioned_generator.1.weight [16, 100]
label_conditioned_generator.1.bias [16]
latent.0.weight [8192, 100]
latent.0.bias [8192]
model.0.weight [513, 512, 4, 4]
model.1.weight [512]
model.1.bias [512]
model.1.running_mean [512]
model.1.running_var [512]
model.3.weight [512, 256, 4, 4]
model.4.weight [256]
model.4.bias [256]
model.4.running_mean [256]
model.4.running_var [256]
model.6.weight [256, 128, 4, 4]
model.7.weight [128]
model.7.bias [128]
model.7.running_mean [128]
model.7.running_var [128]
model.9.weight [128, 64, 4, 4]
model.10.weight [64]
model.10.bias [64]
model.10.running_mean [64]
model.10.running_var [64]
model.12.weight [64, 3, 4, 4]
";
        assert_eq!(listed(&generator_weights(&reference, 3)), generator);
        let discriminator = "\
label_condition_disc.0.weight [3, 100]
label_condition_disc.1.weight [49152, 100]
label_condition_disc.1.bias [49152]
model.0.weight [64, 6, 4, 4]
model.2.weight [128, 64, 4, 4]
model.3.weight [128]
model.3.bias [128]
model.3.running_mean [128]
model.3.running_var [128]
model.5.weight [256, 128, 4, 4]
model.6.weight [256]
model.6.bias [256]
model.6.running_mean [256]
model.6.running_var [256]
model.8.weight [512, 256, 4, 4]
model.9.weight [512]
model.9.bias [512]
model.9.running_mean [512]
model.9.running_var [512]
model.13.weight [1, 4608]
model.13.bias [1]
";
        assert_eq!(listed(&discriminator_weights(&reference, 3)), discriminator);
    }

    #[test]
    fn ten_labels_at_64_pixels_have_consistent_shapes() {
        let small = Architecture::reference(64, 1).expect("valid");
        let generator = generator_weights(&small, 10);
        assert_eq!(generator[0].shape, [10, 100]);
        assert_eq!(generator.last().map(|spec| spec.shape.clone()), Some(vec![64, 1, 4, 4]));
        let discriminator = discriminator_weights(&small, 10);
        assert_eq!(discriminator[1].shape, [64 * 64, 100]);
        assert_eq!(discriminator[discriminator.len() - 2].shape, [1, 512 * 2 * 2]);
    }
}
