//! The training step against PyTorch's, from `fixtures/step_golden.safetensors` (made by `fixtures/step_golden.py`).

use std::path::Path;

use model_spec::Architecture;
use model_spec::architecture::{Family, Opponent};
use tch::{Kind, Tensor};
use trainer::device::{self, DeviceChoice};
use trainer::networks::{Mode, Precision};
use trainer::recipe::Recipe;
use trainer::step::{Batch, Gan, GanSpec};
use trainer::tensor_file::Reader;
use trainer::weights::Weights;

const LABELS: usize = 3;
const BATCH: i64 = 5;

fn reduced() -> Architecture {
    Architecture {
        family: Family::Cdcgan,
        image_size: 32,
        channels: 3,
        latent_dim: 20,
        embedding_dim: 3,
        stem_channels: 8,
        widths: vec![8, 6],
        discriminator: Opponent::Concatenation,
        discriminator_widths: vec![4, 6, 8, 10],
    }
}

fn gan() -> Gan {
    let (device, _) = device::open(DeviceChoice::Cpu).expect("the CPU is always there");
    let method = Recipe::Reference.method();
    let architecture = reduced();
    let spec = GanSpec {
        architecture: &architecture,
        labels: LABELS,
        method: &method,
        learning_rate: 2e-4,
        precision: Precision::F32,
    };
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
    }
}

fn largest_difference(golden: &Reader<'_>, prefix: &str, weights: &Weights) -> (String, f64) {
    let difference = |(spec, tensor): (&model_spec::weights::WeightSpec, &Tensor)| {
        let expected = tensor.zeros_like();
        golden.copy_to(&format!("{prefix}/{}", spec.name), &expected).expect("the golden has every weight");
        (spec.name.clone(), (tensor - expected).abs().max().double_value(&[]))
    };
    weights.iter().map(difference).max_by(|left, right| left.1.total_cmp(&right.1)).expect("some weight")
}

/// Losses, every weight, both running statistics and the picture agree after two steps: optimizer state, order of
/// random draws and the three passes with their own batch statistics are all in it.
#[test]
fn two_steps_are_pytorchs_steps() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/step_golden.safetensors");
    let bytes = std::fs::read(&path).expect("the fixture is committed");
    let golden = Reader::new(&path, &bytes).expect("the fixture is a safetensors file");
    let mut gan = gan();
    copy_weights(&golden, "before/generator", &gan.generator.weights);
    copy_weights(&golden, "before/discriminator", gan.discriminator.weights());

    let expected = golden.numbers("losses").expect("losses");
    let mut found = Vec::new();
    for step in 0..2 {
        tch::manual_seed(1000 + step as i64);
        let losses = gan.step(&batch(&golden, step));
        found.extend([&losses.discriminator, &losses.generator].map(|loss| loss.double_value(&[]) as f32));
    }
    for (expected, found) in expected.iter().zip(&found) {
        assert!((expected - found).abs() < 1e-5, "losses: expected {expected}, found {found}");
    }
    for (prefix, weights) in
        [("after/generator", &gan.generator.weights), ("after/discriminator", gan.discriminator.weights())]
    {
        let (name, difference) = largest_difference(&golden, prefix, weights);
        assert!(difference < 2e-5, "{prefix}/{name}: differs by {difference}");
    }

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
