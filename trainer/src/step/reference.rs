//! The step of the reference recipe.

use tch::{Reduction, Tensor};

use super::{Batch, Game, Losses, Moves, signed_from_u8};
use crate::networks::{ConcatenationDiscriminator, Mode};

/// Dropout and latents are drawn from libtorch's generator in the order of the reference notebook.
///
/// Three passes through the discriminator, each with its own batch statistics: real, detached fake, and after its update
/// the same fake again.
pub(super) fn step(
    game: &Game<'_>,
    discriminator: &ConcatenationDiscriminator,
    moves: Moves<'_>,
    batch: &Batch,
) -> Losses {
    let real = signed_from_u8(&batch.images);
    let labels = &batch.labels;
    let judge = |images: &Tensor| discriminator.forward(images, labels, Mode::Train);

    let real_output = judge(&real); // [N, 1]
    let (ones, zeros) = (real_output.ones_like(), real_output.zeros_like());
    let real_loss = cross_entropy(&real_output, &ones);
    let fake = game.generator.forward(&game.latents(batch), labels, Mode::Train);
    let fake_loss = cross_entropy(&judge(&fake.detach()), &zeros);
    let discriminator_loss = (real_loss + fake_loss) / 2.0;
    moves.discriminator.step(&discriminator_loss);

    let generator_loss = cross_entropy(&judge(&fake), &ones);
    moves.generator.step(&generator_loss);
    Losses { discriminator: discriminator_loss.detach(), generator: generator_loss.detach() }
}

/// Binary cross-entropy on probabilities, logarithms clamped at -100 as PyTorch's BCELoss does.
fn cross_entropy(probability: &Tensor, target: &Tensor) -> Tensor {
    probability.binary_cross_entropy(target, None::<&Tensor>, Reduction::Mean)
}
