//! One training step: one discriminator update, one generator update, no I/O.

mod paired;
mod reference;

use model_spec::Architecture;
use model_spec::weights::generator as names;
use tch::{Device, Kind, Tensor};

use crate::adam::Adam;
use crate::networks::{Discriminator, Generator, Precision};
use crate::recipe::Method;

/// What makes a pair of networks and their training.
#[derive(Debug, Clone, Copy)]
pub struct GanSpec<'a> {
    /// Both networks.
    pub architecture: &'a Architecture,
    /// Number of labels.
    pub labels: usize,
    /// How they are trained.
    pub method: &'a Method,
    /// Step size of both optimizers.
    pub learning_rate: f64,
    /// What convolutions multiply in.
    pub precision: Precision,
}

/// Both networks and their optimizers.
#[derive(Debug)]
pub struct Gan {
    /// The network that learns.
    pub generator: Generator,
    /// Its averaged weights, where the recipe averages.
    pub average: Option<Generator>,
    /// Its opponent.
    pub discriminator: Discriminator,
    /// Moves the generator.
    pub generator_adam: Adam,
    /// Moves the discriminator.
    pub discriminator_adam: Adam,
    method: Method,
    latent_dim: i64,
    labels: i64,
}

/// Real pictures and what they show.
#[derive(Debug)]
pub struct Batch {
    /// u8 `[N, channels, side, side]`
    pub images: Tensor,
    /// i64 `[N]`
    pub labels: Tensor,
    /// Steps before this one.
    pub step: u64,
    /// Pictures before this batch.
    pub seen: u64,
}

/// Scalars on the training device; reading them waits for it.
#[derive(Debug)]
pub struct Losses {
    /// Discriminator, without penalties.
    pub discriminator: Tensor,
    /// Generator.
    pub generator: Tensor,
}

impl Gan {
    /// Fresh networks, drawn from libtorch's generator; the generator network first.
    pub fn initial(spec: &GanSpec<'_>, device: Device) -> Self {
        let GanSpec { architecture, labels, method, learning_rate, precision } = *spec;
        let generator =
            Generator::initial(architecture, labels, method.generator_start, device).in_precision(precision);
        scale(&generator, names::LABEL_EMBEDDING, method.label_deviation);
        scale(&generator, names::LATENT_WEIGHT, method.latent_scale);
        let discriminator = Discriminator::initial(architecture, labels, precision, device);
        let average = (method.average_kimg > 0.0).then(|| {
            let average = Generator::initial(architecture, labels, method.generator_start, device);
            average.weights.copy_from(&generator.weights);
            average
        });
        Self {
            generator_adam: Adam::new(&generator.weights, method.adam(learning_rate)),
            discriminator_adam: Adam::new(discriminator.weights(), method.adam(learning_rate)),
            generator,
            average,
            discriminator,
            method: method.clone(),
            latent_dim: architecture.latent_dim as i64,
            labels: labels as i64,
        }
    }

    /// Whether all weights are numbers, those of both networks.
    pub fn is_finite(&self) -> bool {
        let mut weights = self.generator.weights.iter().chain(self.discriminator.weights().iter());
        tch::no_grad(|| weights.all(|(_, tensor)| tensor.isfinite().all().int64_value(&[]) != 0))
    }

    /// The generator to look at and to export: the averaged one where there is one.
    pub fn best_generator(&self) -> &Generator {
        self.average.as_ref().unwrap_or(&self.generator)
    }

    /// Changes both optimizers' step size from the next step on.
    pub fn set_learning_rate(&mut self, learning_rate: f64) {
        self.generator_adam.set_learning_rate(learning_rate);
        self.discriminator_adam.set_learning_rate(learning_rate);
    }

    /// One step.
    pub fn step(&mut self, batch: &Batch) -> Losses {
        let moves = Moves { generator: &mut self.generator_adam, discriminator: &mut self.discriminator_adam };
        let game =
            Game { generator: &self.generator, method: &self.method, latent_dim: self.latent_dim, labels: self.labels };
        let losses = match &self.discriminator {
            Discriminator::Concatenation(network) => reference::step(&game, network, moves, batch),
            Discriminator::Projection(network) => paired::step(&game, network, moves, batch),
        };
        self.move_average(batch);
        losses
    }

    /// Early on the average forgets faster, so that it does not hold on to initial weights.
    fn move_average(&self, batch: &Batch) {
        let Some(average) = &self.average else { return };
        let count = batch.labels.size()[0] as f64;
        let half_life = half_life(self.method.average_kimg, batch.seen as f64 + count);
        average.weights.approach(&self.generator.weights, 1.0 - 0.5f64.powf(count / half_life));
    }
}

/// What a step reads.
struct Game<'a> {
    generator: &'a Generator,
    method: &'a Method,
    latent_dim: i64,
    labels: i64,
}

impl Game<'_> {
    /// Normal numbers `[N, latent_dim]` from libtorch's generator.
    fn latents(&self, batch: &Batch) -> Tensor {
        Tensor::randn([batch.labels.size()[0], self.latent_dim], (Kind::Float, batch.labels.device()))
    }
}

/// What moves weights in a step.
struct Moves<'a> {
    generator: &'a mut Adam,
    discriminator: &'a mut Adam,
}

/// The average's half-life is at most this share of the pictures so far (as in StyleGAN2's training loop).
const AVERAGE_RAMP: f64 = 0.05;

/// Of the average, in pictures, once so many have been seen.
fn half_life(average_kimg: f64, seen: f64) -> f64 {
    (average_kimg * 1000.0).min(seen * AVERAGE_RAMP)
}

fn scale(generator: &Generator, name: &str, factor: f64) {
    if factor != 1.0 {
        let _ = tch::no_grad(|| generator.weights.get(name).shallow_clone().g_mul_scalar_(factor));
    }
}

/// u8 to f32 in [-1, 1] on the tensor's own device, in the order of operations of
/// [`model_spec::pixels::signed_from_u8`].
pub fn signed_from_u8(images: &Tensor) -> Tensor {
    images.to_kind(Kind::Float).g_div_scalar_(255.0).g_sub_scalar_(0.5).g_div_scalar_(0.5)
}

/// f32 in [-1, 1] to the nearest of 256 levels.
pub fn u8_from_signed(images: &Tensor) -> Tensor {
    (images * 127.5).g_add_scalar_(127.5).round_().clamp_(0.0, 255.0).to_kind(Kind::Uint8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_forgets_more_slowly_up_to_its_half_life() {
        let of = |seen| half_life(20.0, seen);
        assert_eq!([of(32.0), of(100_000.0), of(400_000.0), of(1e6)], [1.6, 5_000.0, 20_000.0, 20_000.0]);
    }
}
