//! The step of relativistic pairs.

use tch::{Kind, Tensor};

use super::{Batch, Game, Losses, Moves, signed_from_u8};
use crate::networks::{Judged, Mode, ProjectionDiscriminator};

/// Each real picture against a fake of its label: the discriminator is to give the real one the higher logit, the
/// generator the fake one (arXiv 1807.00734). The discriminator also learns to name the label of a real picture, the generator
/// to make pictures that it names rightly (arXiv 1610.09585, with the projection's own products as scores). Now and then the
/// squared gradients on real and on fake pictures are penalized (R1 and R2, arXiv 2501.05441).
pub(super) fn step(
    game: &Game<'_>,
    discriminator: &ProjectionDiscriminator,
    moves: Moves<'_>,
    batch: &Batch,
) -> Losses {
    let method = game.method;
    let labels = &batch.labels;
    let count = labels.size()[0];
    let augment = method.augment_after(batch.seen);
    let real = augment.apply(&signed_from_u8(&batch.images));
    let fake = game.generator.forward(&game.latents(batch), labels, Mode::Train);

    let every = method.penalty_every.max(1);
    let penalizes = method.penalty > 0.0 && batch.step.is_multiple_of(every);
    let images = Tensor::cat(&[&real, &augment.apply(&fake.detach())], 0).set_requires_grad(penalizes);
    let both_labels = Tensor::cat(&[labels, labels], 0);
    let fake_groups = labels + game.labels;
    let groups = Tensor::cat(&[labels, &fake_groups], 0);
    let judged = discriminator.forward(&Judged { images: &images, labels: &both_labels, groups: &groups });
    let logits = judged.logits;
    let (real_logits, fake_logits) = (logits.narrow(0, 0, count), logits.narrow(0, count, count));
    let discriminator_loss = (fake_logits - real_logits).softplus().mean(Kind::Float);
    let penalized = if penalizes {
        // At what the discriminator sees; R3GAN differentiates through the augmentation too.
        let weight = method.penalty / 2.0 * every as f64 / count as f64;
        &discriminator_loss + squared_gradients(&logits, &images) * weight
    } else {
        discriminator_loss.shallow_clone()
    };
    let real_scores = judged.label_scores.narrow(0, 0, count);
    moves.discriminator.step(&with_labels(penalized, &real_scores, labels, method.label_weight));

    let real_logits = tch::no_grad(|| discriminator.forward(&Judged { images: &real, labels, groups: labels }).logits);
    let seen = augment.apply(&fake);
    let judged = discriminator.forward(&Judged { images: &seen, labels, groups: &fake_groups });
    let generator_loss = (real_logits - judged.logits).softplus().mean(Kind::Float);
    let shown = with_labels(generator_loss.shallow_clone(), &judged.label_scores, labels, method.label_weight);
    moves.generator.step(&shown);
    Losses { discriminator: discriminator_loss.detach(), generator: generator_loss.detach() }
}

/// A loss and the cross-entropy of the label scores `[N, labels]` by weight.
fn with_labels(loss: Tensor, scores: &Tensor, labels: &Tensor, weight: f64) -> Tensor {
    if weight > 0.0 { loss + scores.cross_entropy_for_logits(labels) * weight } else { loss }
}

/// The sum of squares of the logits' gradients on the pictures, itself differentiable.
fn squared_gradients(logits: &Tensor, images: &Tensor) -> Tensor {
    let gradients = Tensor::run_backward(&[logits.sum(Kind::Float)], &[images], true, true);
    gradients[0].square().sum(Kind::Float)
}
