//! Latent and label to picture.

use model_spec::Architecture;
use model_spec::architecture::{Doubling, STEM_SIZE};
use model_spec::weights::{KERNEL, UPSAMPLED, generator as names, generator_weights};
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
    /// [`UPSAMPLED`] and its transpose, where blocks upsample.
    sums: Option<[Tensor; 2]>,
}

impl Generator {
    /// A generator with fresh weights, which computes in f32.
    pub fn initial(architecture: &Architecture, labels: usize, start: Convolutions, device: Device) -> Self {
        let is_upsampled = architecture.doubling == Doubling::Upsampled;
        // All nine weights of its kernels meet each output.
        let start = if is_upsampled && start == Convolutions::HeTransposed { Convolutions::He } else { start };
        let weights = Weights::initial(generator_weights(architecture, labels), start, device);
        let sums = is_upsampled.then(|| {
            let sums = Tensor::from_slice(UPSAMPLED.as_flattened()).view([KERNEL as i64, -1]).to_device(device);
            [sums.shallow_clone(), sums.tr()]
        });
        Self { weights, architecture: architecture.clone(), precision: Precision::F32, sums }
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
            let kernel = precision.lowered(&self.transposed(weight(&names::kernel(block))));
            xs = xs.conv_transpose2d(&kernel, None::<&Tensor>, [2], [1], [0], 1, [1]);
            if block + 1 < self.architecture.blocks() {
                xs = batch_norm(&xs, &self.weights, &names::norm(block), mode).relu_();
            }
        }
        xs.to_kind(Kind::Float).tanh()
    }

    /// The kernel `[in, out, 4, 4]` of the transposed convolution that a block is.
    fn transposed(&self, kernel: &Tensor) -> Tensor {
        match &self.sums {
            Some([down, across]) => down.matmul(kernel).matmul(across).transpose(0, 1),
            None => kernel.shallow_clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{Preset, Recipe};

    #[test]
    fn an_upsampling_with_its_convolution_is_the_transposed_one_of_summed_weights() {
        let recipe = Recipe::Paired;
        let transposed = recipe.architecture(Preset::Small, 32, 3).expect("valid");
        let upsampled = Architecture { doubling: Doubling::Upsampled, ..transposed };
        let generator = Generator::initial(&upsampled, 3, recipe.method().generator_start, Device::Cpu);
        let kernel = generator.weights.get(&names::kernel(1));
        let [outputs, inputs, 3, 3] = kernel.size()[..] else { panic!("{:?}", kernel.size()) };
        let deviation = kernel.std(false).double_value(&[]);
        assert!((deviation - (2.0 / (9.0 * inputs as f64)).sqrt()).abs() < 0.02 * deviation, "{deviation}");
        let xs = Tensor::randn([2, inputs, 5, 5], (Kind::Float, Device::Cpu));
        let wide = xs.upsample_nearest2d([10, 10], None, None);
        let expected = tch::no_grad(|| wide.conv2d(kernel, None::<&Tensor>, [1], [1], [1], 1));
        let found =
            tch::no_grad(|| xs.conv_transpose2d(&generator.transposed(kernel), None::<&Tensor>, [2], [1], [0], 1, [1]));
        assert_eq!(found.size(), [2, outputs, 10, 10]);
        let difference = (&found - &expected).abs().max().double_value(&[]);
        assert!(difference < 1e-4 * expected.abs().max().double_value(&[]), "{difference}");
    }
}
