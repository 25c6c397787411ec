//! One training step of the reference recipe: one discriminator update, one generator update, no I/O.

use model_spec::Architecture;
use tch::{Device, Kind, Reduction, Tensor};

use crate::adam::{Adam, AdamOptions};
use crate::networks::{Discriminator, Generator, Mode};

/// Both networks and their optimizers.
#[derive(Debug)]
pub struct Gan {
    /// The network to export.
    pub generator: Generator,
    /// Its opponent.
    pub discriminator: Discriminator,
    /// Moves the generator.
    pub generator_adam: Adam,
    /// Moves the discriminator.
    pub discriminator_adam: Adam,
    latent_dim: i64,
}

/// Real pictures and what they show.
#[derive(Debug)]
pub struct Batch {
    /// u8 `[N, channels, side, side]`
    pub images: Tensor,
    /// i64 `[N]`
    pub labels: Tensor,
}

/// Scalars on the training device; reading them waits for it.
#[derive(Debug)]
pub struct Losses {
    /// Discriminator: mean of its losses on real and on fake pictures.
    pub discriminator: Tensor,
    /// Generator.
    pub generator: Tensor,
}

impl Gan {
    /// Fresh networks, drawn from libtorch's generator; the generator network first.
    pub fn initial(architecture: &Architecture, labels: usize, options: AdamOptions, device: Device) -> Self {
        let generator = Generator::initial(architecture, labels, device);
        let discriminator = Discriminator::initial(architecture, labels, device);
        Self {
            generator_adam: Adam::new(&generator.weights, options),
            discriminator_adam: Adam::new(&discriminator.weights, options),
            generator,
            discriminator,
            latent_dim: architecture.latent_dim as i64,
        }
    }

    /// One step. Dropout and latents are drawn from libtorch's generator in the order of the reference notebook.
    ///
    /// Three passes through the discriminator, each with its own batch statistics: real, detached fake, and after its
    /// update the same fake again.
    pub fn step(&mut self, batch: &Batch) -> Losses {
        let real = signed_from_u8(&batch.images);
        let labels = &batch.labels;
        let judge = |network: &Discriminator, images: &Tensor| network.forward(images, labels, Mode::Train);

        let real_output = judge(&self.discriminator, &real); // [N, 1]
        let (ones, zeros) = (real_output.ones_like(), real_output.zeros_like());
        let real_loss = cross_entropy(&real_output, &ones);
        let latents = Tensor::randn([labels.size()[0], self.latent_dim], (Kind::Float, labels.device()));
        let fake = self.generator.forward(&latents, labels, Mode::Train);
        let fake_loss = cross_entropy(&judge(&self.discriminator, &fake.detach()), &zeros);
        let discriminator_loss = (real_loss + fake_loss) / 2.0;
        self.discriminator_adam.step(&discriminator_loss);

        let generator_loss = cross_entropy(&judge(&self.discriminator, &fake), &ones);
        self.generator_adam.step(&generator_loss);
        Losses { discriminator: discriminator_loss.detach(), generator: generator_loss.detach() }
    }
}

/// u8 to f32 in [-1, 1] on the tensor's own device, in the order of operations of
/// [`model_spec::pixels::signed_from_u8`].
pub fn signed_from_u8(images: &Tensor) -> Tensor {
    images.to_kind(Kind::Float).g_div_scalar_(255.0).g_sub_scalar_(0.5).g_div_scalar_(0.5)
}

/// Binary cross-entropy on probabilities, logarithms clamped at -100 as PyTorch's BCELoss does.
fn cross_entropy(probability: &Tensor, target: &Tensor) -> Tensor {
    probability.binary_cross_entropy(target, None::<&Tensor>, Reduction::Mean)
}
