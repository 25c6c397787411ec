//! Initial weights. Alone in its file: libtorch's generator is one for the process.

use model_spec::Architecture;
use tch::Kind;
use trainer::device::{self, DeviceChoice};
use trainer::networks::Precision;
use trainer::recipe::Recipe;
use trainer::step::{Gan, GanSpec};

#[test]
fn initial_weights_have_the_recipes_distributions() {
    tch::manual_seed(3);
    let architecture = Architecture::reference(64, 3).expect("valid");
    let (device, _) = device::open(DeviceChoice::Cpu).expect("the CPU is always there");
    let method = Recipe::Reference.method();
    let spec = GanSpec {
        architecture: &architecture,
        labels: 200,
        method: &method,
        learning_rate: 2e-4,
        precision: Precision::F32,
    };
    let gan = Gan::initial(&spec, device);
    struct Case(&'static str, f64, f64);
    let uniform = |fan_in: f64| (1.0 / fan_in.sqrt()) / 3f64.sqrt();
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
    for (weights, cases) in
        [(&gan.generator.weights, &generator[..]), (gan.discriminator.weights(), &discriminator[..])]
    {
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
    let largest = gan.generator.weights.get("latent.0.weight").abs().max().double_value(&[]);
    assert!(largest <= 0.1 && largest > 0.0999, "uniform within 1 / sqrt(100): {largest}");
}
