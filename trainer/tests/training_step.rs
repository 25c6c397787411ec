//! The training step of each recipe against PyTorch's, from files in `fixtures` that scripts beside them made; and steps of
//! every shape that the family has.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use model_spec::Architecture;
use model_spec::architecture::{Doubling, Family, Opponent};
use tch::{Kind, Tensor};
use trainer::adam::Adam;
use trainer::device::{self, DeviceChoice};
use trainer::networks::{Mode, Precision};
use trainer::recipe::Recipe;
use trainer::step::{Batch, Gan, GanSpec};
use trainer::tensor_file::Reader;
use trainer::weights::Weights;

/// Held while a step draws: libtorch's random numbers are one stream for all threads.
static DRAWS: Mutex<()> = Mutex::new(());

const LABELS: usize = 3;
const BATCH: i64 = 5;

fn reduced(recipe: Recipe) -> Architecture {
    let reference = Architecture {
        family: Family::Cdcgan,
        image_size: 32,
        channels: 3,
        latent_dim: 20,
        embedding_dim: 3,
        stem_channels: 8,
        widths: vec![8, 6],
        doubling: Doubling::Transposed,
        discriminator: Opponent::Concatenation,
        discriminator_widths: vec![4, 6, 8, 10],
    };
    match recipe {
        Recipe::Reference => reference,
        Recipe::Paired => Architecture { discriminator_widths: vec![4, 6, 8], ..reference.against_projection(4) },
    }
}

fn gan(recipe: Recipe, architecture: &Architecture, labels: usize, precision: Precision) -> Gan {
    let (device, _) = device::open(DeviceChoice::Cpu).expect("the CPU is always there");
    let (method, learning_rate) = (recipe.method(), recipe.learning_rate());
    let spec = GanSpec { architecture, labels, method: &method, learning_rate, precision };
    Gan::initial(&spec, device)
}

fn copy_weights(golden: &Reader<'_>, prefix: &str, weights: &Weights) {
    for (spec, tensor) in weights.iter() {
        golden.copy_to(&format!("{prefix}/{}", spec.name), tensor).expect("the golden has every weight");
    }
}

fn batch(golden: &Reader<'_>, step: usize) -> Batch {
    let read = |name: &str, shape: &[i64], kind: Kind| {
        let tensor = Tensor::zeros(shape, (kind, tch::Device::Cpu));
        golden.copy_to(&format!("step{step}/{name}"), &tensor).expect("the golden has every batch");
        tensor
    };
    Batch {
        images: read("images", &[BATCH, 3, 32, 32], Kind::Uint8),
        labels: read("labels", &[BATCH], Kind::Int64),
        step: step as u64,
        seen: step as u64 * BATCH as u64,
    }
}

fn largest_difference(golden: &Reader<'_>, prefix: &str, weights: &Weights) -> (String, f64) {
    let difference = |(spec, tensor): (&model_spec::weights::WeightSpec, &Tensor)| {
        let expected = tensor.zeros_like();
        golden.copy_to(&format!("{prefix}/{}", spec.name), &expected).expect("the golden has every weight");
        (spec.name.clone(), (tensor - expected).abs().max().double_value(&[]))
    };
    // A relativistic loss doesn't depend on the offset of logits: Adam takes the rounding of its gradient, 0, for a direction.
    let determined = weights.iter().filter(|(spec, _)| spec.name != model_spec::weights::projection::OUTPUT_BIAS);
    determined.map(difference).max_by(|left, right| left.1.total_cmp(&right.1)).expect("some weight")
}

fn fixture(name: &str) -> (PathBuf, Vec<u8>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let bytes = std::fs::read(&path).expect("the fixture is committed");
    (path, bytes)
}

/// Takes two steps from the golden's weights, and expects its losses and weights.
fn two_steps(golden: &Reader<'_>, recipe: Recipe) -> Gan {
    let _alone = DRAWS.lock();
    let mut gan = gan(recipe, &reduced(recipe), LABELS, Precision::F32);
    copy_weights(golden, "before/generator", &gan.generator.weights);
    copy_weights(golden, "before/discriminator", gan.discriminator.weights());
    if let Some(average) = &gan.average {
        copy_weights(golden, "before/generator", &average.weights);
    }
    let expected = golden.numbers("losses").expect("losses");
    let mut found = Vec::new();
    for step in 0..2 {
        tch::manual_seed(1000 + step as i64);
        let losses = gan.step(&batch(golden, step));
        found.extend([&losses.discriminator, &losses.generator].map(|loss| loss.double_value(&[]) as f32));
    }
    for (expected, found) in expected.iter().zip(&found) {
        assert!((expected - found).abs() < 1e-5, "losses: expected {expected}, found {found}");
    }
    let average = gan.average.as_ref().map(|average| ("after/average", &average.weights));
    let networks = [("after/generator", &gan.generator.weights), ("after/discriminator", gan.discriminator.weights())];
    for (prefix, weights) in networks.into_iter().chain(average) {
        let (name, difference) = largest_difference(golden, prefix, weights);
        assert!(difference < 2e-5, "{prefix}/{name}: differs by {difference}");
    }
    gan
}

/// Augmentation, pairs, both penalties, the deviation within a label, projection and averaging are all in it; in the order
/// in which they draw.
#[test]
fn two_paired_steps_are_pytorchs_steps() {
    let (path, bytes) = fixture("paired_golden.safetensors");
    two_steps(&Reader::new(&path, &bytes).expect("the fixture is a safetensors file"), Recipe::Paired);
}

/// A step of both recipes in the corners of what the family allows: more labels than pictures, one channel, the smallest
/// and the largest pictures, either way to double the side.
#[test]
fn every_shape_of_the_family_takes_a_step() {
    let _alone = DRAWS.lock();
    for recipe in [Recipe::Reference, Recipe::Paired] {
        for (labels, size, channels) in [(2, 32, 1), (2, 256, 3), (1000, 32, 3), (1000, 256, 1)] {
            let reference = Architecture::reference(size, channels).expect("in range");
            let widths = vec![3; reference.widths.len()];
            let small = Architecture { stem_channels: 4, widths, ..reference };
            let small = Architecture { discriminator_widths: vec![3; small.discriminator_widths.len()], ..small };
            let doubling = if size == 32 { Doubling::Transposed } else { Doubling::Upsampled };
            let small = Architecture { doubling, ..small };
            let architecture = if recipe == Recipe::Paired { small.against_projection(2) } else { small };
            let mut gan = gan(recipe, &architecture, labels, Precision::F32);
            let (count, side) = (3, size as i64);
            let batch = Batch {
                images: Tensor::randint(256, [count, channels as i64, side, side], (Kind::Uint8, tch::Device::Cpu)),
                labels: Tensor::from_slice(&[0, labels as i64 - 1, 1]),
                step: 0,
                seen: 0,
            };
            let losses = gan.step(&batch);
            let shape = format!("{recipe:?}, {labels} labels, {size} pixels, {channels} channels");
            for loss in [losses.discriminator, losses.generator] {
                assert!(loss.double_value(&[]).is_finite(), "{shape}");
            }
            assert!(gan.is_finite(), "{shape}");
            let latent = Tensor::zeros([count, architecture.latent_dim as i64], (Kind::Float, tch::Device::Cpu));
            let made = gan.best_generator().forward(&latent, &batch.labels, Mode::Evaluate);
            assert_eq!(made.size(), [count, channels as i64, side, side], "{shape}");
        }
    }
}

/// Convolutions are rounded; weights, moments and running statistics stay f32, and so does what is looked at.
#[test]
fn bf16_rounds_convolutions_and_nothing_else() {
    let _alone = DRAWS.lock();
    for recipe in [Recipe::Reference, Recipe::Paired] {
        let step = |precision| {
            tch::manual_seed(5);
            let mut gan = gan(recipe, &reduced(recipe), LABELS, precision);
            let batch = Batch {
                images: Tensor::randint(256, [8, 3, 32, 32], (Kind::Uint8, tch::Device::Cpu)),
                labels: Tensor::from_slice(&[0i64, 1, 2, 0, 1, 2, 0, 1]),
                step: 0,
                seen: 0,
            };
            let losses = gan.step(&batch);
            (gan, [losses.discriminator, losses.generator].map(|loss| loss.double_value(&[])))
        };
        let ((exact, exact_losses), (rounded, rounded_losses)) = (step(Precision::F32), step(Precision::Bf16));
        assert_ne!(rounded_losses, exact_losses, "{recipe:?}: nothing was rounded");
        for (rounded, exact) in rounded_losses.iter().zip(exact_losses) {
            assert!((rounded - exact).abs() < 0.02 * (1.0 + exact.abs()), "{recipe:?}: {rounded}, {exact}");
        }
        let adams = [
            (&rounded.generator_adam, &exact.generator_adam),
            (&rounded.discriminator_adam, &exact.discriminator_adam),
        ];
        for (rounded, exact) in adams {
            // Of the first step: its gradients, but for a factor.
            let all =
                |adam: &Adam| Tensor::cat(&adam.slots().map(|slot| slot.mean.flatten(0, -1)).collect::<Vec<_>>(), 0);
            let (rounded, exact) = (all(rounded), all(exact));
            assert_eq!(rounded.kind(), Kind::Float);
            let difference = ((&rounded - &exact).norm() / exact.norm()).double_value(&[]);
            assert!(
                difference > 0.0 && difference < 0.25,
                "{recipe:?}: gradients differ by {difference} of their norm"
            );
        }
        let average = rounded.average.as_ref().map(|average| &average.weights);
        for weights in [&rounded.generator.weights, rounded.discriminator.weights()].into_iter().chain(average) {
            assert!(weights.iter().all(|(_, tensor)| tensor.kind() == Kind::Float), "{recipe:?}");
        }
        exact.generator.weights.copy_from(&rounded.generator.weights);
        let (latent, label) =
            (Tensor::randn([3, 20], (Kind::Float, tch::Device::Cpu)), Tensor::from_slice(&[0i64, 1, 2]));
        let seen = |gan: &Gan, mode| tch::no_grad(|| gan.generator.forward(&latent, &label, mode));
        assert_eq!(seen(&rounded, Mode::Evaluate), seen(&exact, Mode::Evaluate), "{recipe:?}");
        assert_ne!(seen(&rounded, Mode::Train), seen(&exact, Mode::Train), "{recipe:?}");
    }
}

/// Losses, every weight, both running statistics and the picture agree after two steps: optimizer state, order of
/// random draws and the three passes with their own batch statistics are all in it.
#[test]
fn two_steps_are_pytorchs_steps() {
    let (path, bytes) = fixture("step_golden.safetensors");
    let golden = Reader::new(&path, &bytes).expect("the fixture is a safetensors file");
    let gan = two_steps(&golden, Recipe::Reference);

    let read = |name: &str, tensor: Tensor| {
        golden.copy_to(name, &tensor).expect("the golden has the evaluation");
        tensor
    };
    let options = (Kind::Float, tch::Device::Cpu);
    let latent = read("evaluate/latent", Tensor::zeros([3, 20], options));
    let label = read("evaluate/label", Tensor::zeros([3], (Kind::Int64, tch::Device::Cpu)));
    let image = read("evaluate/image", Tensor::zeros([3, 3, 32, 32], options));
    let made = tch::no_grad(|| gan.generator.forward(&latent, &label, Mode::Evaluate));
    assert!(image.std(false).double_value(&[]) > 0.1, "a flat picture would hide errors");
    let difference = (made - image).abs().max().double_value(&[]);
    assert!(difference < 2e-5, "pictures differ by {difference}");
}
