//! Initial weights. Alone in its file: libtorch's generator is one for the process.

use tch::Kind;
use trainer::device::{self, DeviceChoice};
use trainer::networks::Precision;
use trainer::recipe::{Preset, Recipe};
use trainer::step::{Gan, GanSpec};

/// A weight, its mean and its standard deviation.
struct Case(&'static str, f64, f64);

/// Of numbers between -1 / sqrt(fan_in) and 1 / sqrt(fan_in).
fn uniform(fan_in: f64) -> f64 {
    (1.0 / fan_in.sqrt()) / 3f64.sqrt()
}

fn initial(recipe: Recipe) -> Gan {
    let architecture = recipe.architecture(Preset::Full, 64, 3).expect("valid");
    let (device, _) = device::open(DeviceChoice::Cpu).expect("the CPU is always there");
    let (method, learning_rate) = (recipe.method(), recipe.learning_rate());
    let spec =
        GanSpec { architecture: &architecture, labels: 200, method: &method, learning_rate, precision: Precision::F32 };
    Gan::initial(&spec, device)
}

fn check(gan: &Gan, generator: &[Case], discriminator: &[Case]) {
    for (weights, cases) in [(&gan.generator.weights, generator), (gan.discriminator.weights(), discriminator)] {
        for Case(name, mean, deviation) in cases {
            let tensor = weights.get(name);
            let found = (tensor.mean(Kind::Float).double_value(&[]), tensor.std(false).double_value(&[]));
            let tolerance = 5.0 * deviation / (tensor.numel() as f64).sqrt() + 1e-7;
            assert!((found.0 - mean).abs() <= tolerance, "{name}: expected mean {mean}, found {}", found.0);
            assert!(
                (found.1 - deviation).abs() <= tolerance,
                "{name}: expected deviation {deviation}, found {}",
                found.1
            );
        }
    }
}

#[test]
fn initial_weights_have_the_recipes_distributions() {
    tch::manual_seed(3);
    let gan = initial(Recipe::Reference);
    let generator = [
        Case("label_conditioned_generator.0.weight", 0.0, 1.0),
        Case("latent.0.weight", 0.0, uniform(100.0)),
        Case("latent.0.bias", 0.0, uniform(100.0)),
        Case("model.0.weight", 0.0, 0.02),
        Case("model.1.weight", 1.0, 0.02),
        Case("model.1.bias", 0.0, 0.0),
        Case("model.1.running_mean", 0.0, 0.0),
        Case("model.1.running_var", 1.0, 0.0),
    ];
    let discriminator = [
        Case("label_condition_disc.0.weight", 0.0, 1.0),
        Case("label_condition_disc.1.weight", 0.0, uniform(100.0)),
        Case("label_condition_disc.1.bias", 0.0, uniform(100.0)),
        Case("model.2.weight", 0.0, 0.02),
        Case("model.9.weight", 1.0, 0.02),
        Case("model.13.weight", 0.0, uniform(2048.0)),
    ];
    check(&gan, &generator, &discriminator);
    let largest = gan.generator.weights.get("latent.0.weight").abs().max().double_value(&[]);
    assert!(largest <= 0.1 && largest > 0.0999, "uniform within 1 / sqrt(100): {largest}");

    let paired = initial(Recipe::Paired);
    let he = |fan_in: f64| (2.0 / fan_in).sqrt();
    let generator = [
        Case("label_conditioned_generator.0.weight", 0.0, 8.0),
        Case("latent.0.weight", 0.0, 2.0 * uniform(100.0)),
        Case("latent.0.bias", 0.0, uniform(100.0)),
        // A quarter of 4x4 kernels meets each output.
        Case("model.0.weight", 0.0, he(513.0 * 4.0)),
        Case("model.1.weight", 1.0, 0.02),
        Case("model.6.weight", 0.0, he(128.0 * 4.0)),
    ];
    let discriminator = [
        Case("convolution0.weight", 0.0, he(3.0 * 16.0)),
        Case("convolution0.bias", 0.0, 0.0),
        Case("convolution2.weight", 0.0, he(64.0 * 16.0)),
        Case("features.weight", 0.0, he(257.0 * 16.0)),
        Case("output.weight", 0.0, uniform(256.0)),
        Case("labels.weight", 0.0, 1.0),
    ];
    check(&paired, &generator, &discriminator);
    let average = paired.average.expect("averaged");
    for ((spec, weight), (_, averaged)) in paired.generator.weights.iter().zip(average.weights.iter()) {
        assert_eq!(weight, averaged, "{}: the average starts where the generator does", spec.name);
    }
}
