//! The step of relativistic pairs.

use tch::{Kind, Tensor};

use super::{Batch, Game, Losses, Moves, signed_from_u8};
use crate::networks::{Judged, Mode, ProjectionDiscriminator};

/// Each real picture against a fake of its label: the discriminator is to give the real one the higher logit, the
/// generator the fake one (arXiv 1807.00734). Now and then the squared gradients on real and on fake pictures are
/// penalized (R1 and R2, arXiv 2501.05441).
pub(super) fn step(
    game: &Game<'_>,
    discriminator: &ProjectionDiscriminator,
    moves: Moves<'_>,
    batch: &Batch,
) -> Losses {
    let method = game.method;
    let labels = &batch.labels;
    let count = labels.size()[0];
    let real = method.augment.apply(&signed_from_u8(&batch.images));
    let fake = game.generator.forward(&game.latents(batch), labels, Mode::Train);

    let every = method.penalty_every.max(1);
    let penalizes = method.penalty > 0.0 && batch.step.is_multiple_of(every);
    let images = Tensor::cat(&[&real, &method.augment.apply(&fake.detach())], 0).set_requires_grad(penalizes);
    let both_labels = Tensor::cat(&[labels, labels], 0);
    let fake_groups = labels + game.labels;
    let groups = Tensor::cat(&[labels, &fake_groups], 0);
    let logits = discriminator.forward(&Judged { images: &images, labels: &both_labels, groups: &groups });
    let (real_logits, fake_logits) = (logits.narrow(0, 0, count), logits.narrow(0, count, count));
    let discriminator_loss = (fake_logits - real_logits).softplus().mean(Kind::Float);
    let penalized = if penalizes {
        let weight = method.penalty / 2.0 * every as f64 / count as f64;
        &discriminator_loss + squared_gradients(&logits, &images) * weight
    } else {
        discriminator_loss.shallow_clone()
    };
    moves.discriminator.step(&penalized);

    let real_logits = tch::no_grad(|| discriminator.forward(&Judged { images: &real, labels, groups: labels }));
    let seen = method.augment.apply(&fake);
    let fake_logits = discriminator.forward(&Judged { images: &seen, labels, groups: &fake_groups });
    let generator_loss = (real_logits - fake_logits).softplus().mean(Kind::Float);
    moves.generator.step(&generator_loss);
    Losses { discriminator: discriminator_loss.detach(), generator: generator_loss.detach() }
}

/// The sum of squares of the logits' gradients on the pictures, itself differentiable.
fn squared_gradients(logits: &Tensor, images: &Tensor) -> Tensor {
    let gradients = Tensor::run_backward(&[logits.sum(Kind::Float)], &[images], true, true);
    gradients[0].square().sum(Kind::Float)
}
