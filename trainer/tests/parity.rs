//! From libtorch to the exported file: the trainer's checkpoint, the exporter, and tract must agree.

use std::collections::BTreeMap;

use exporter::export::{Precision, export};
use exporter::source::{self, Wanted};
use model_spec::architecture::Doubling;
use model_spec::manifest::{DataSet, Progress};
use model_spec::{Architecture, Labels};
use trainer::checkpoint::{self, EpochLosses, State};
use trainer::device::{self, DeviceChoice};
use trainer::recipe::Recipe;
use trainer::settings::Settings;
use trainer::step::Gan;
use trainer::weights::Weights;

const ODD_LABELS: [&str; 3] = ["zebra crossing", "01", "ärm"];

/// At initial weights a picture is nearly flat and would hide a missing tanh, a wrong fold, swapped labels or parities:
/// convolutions are enlarged, and BatchNorm's numbers are moved far from 0 and 1.
fn exaggerate(weights: &Weights, doubling: Doubling) {
    // Behind an upsampling up to four weights of a kernel are added up.
    let (kernels, label) = if doubling == Doubling::Upsampled { (2.0, 24.0) } else { (4.0, 8.0) };
    let _guard = tch::no_grad_guard();
    for (spec, tensor) in weights.iter() {
        let mut tensor = tensor.shallow_clone();
        if spec.name.ends_with("running_mean") {
            let _ = tensor.normal_(0.0, 2.0);
        } else if spec.name.ends_with("running_var") {
            let _ = tensor.uniform_(0.2, 6.0);
        } else if spec.name.ends_with("bias") {
            let _ = tensor.normal_(0.0, 0.5);
        } else if spec.shape.len() == 4 {
            let _ = tensor.g_mul_scalar_(kernels);
        } else if spec.name.starts_with("label_conditioned_generator.1.weight") {
            let _ = tensor.g_mul_scalar_(label);
        }
    }
}

#[test]
fn the_exported_file_makes_libtorchs_pictures() {
    for doubling in [Doubling::Transposed, Doubling::Upsampled] {
        check(doubling);
    }
}

fn check(doubling: Doubling) {
    tch::manual_seed(5);
    let (device, _) = device::open(DeviceChoice::Cpu).expect("the CPU is always there");
    let architecture = Architecture { doubling, ..Architecture::reference(64, 3).expect("valid") };
    let settings = Settings::of_recipe(Recipe::Reference, architecture);
    let labels = Labels::new(ODD_LABELS.map(str::to_owned).to_vec()).expect("odd but valid");
    let gan = Gan::initial(&settings.gan(labels.len()), device);
    exaggerate(&gan.generator.weights, doubling);
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("000000.004");
    let state = State {
        settings: &settings,
        labels: &labels,
        data_set: &DataSet { name: "made up".into(), sha256: String::new(), pictures: 4, licence: None },
        progress: Progress { images: 4, epochs: 1, steps: 1 },
        losses: &EpochLosses::default(),
        scores: BTreeMap::new(),
        features: None,
    };
    checkpoint::write(&path, &gan, &state).expect("written");

    let source =
        source::open(&Wanted { run: Some(&path), ..Wanted::default() }).expect("the exporter reads the checkpoint");
    assert_eq!(source.labels.names(), ODD_LABELS);
    let images = &source.reference.images; // [6, 3, 64, 64]: two seeds for each label
    let (mean, count) = (images.iter().sum::<f32>() / images.len() as f32, images.len() as f32);
    let deviation = (images.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / count).sqrt();
    assert!(deviation >= 0.3, "a picture of deviation {deviation} would hide errors");
    let pictures: Vec<_> = images.chunks_exact(3 * 64 * 64).collect();
    for (first, second) in [(0, 2), (2, 4), (0, 4)] {
        let apart = pictures[first].iter().zip(pictures[second]).map(|(a, b)| (a - b).abs()).sum::<f32>();
        let apart = apart / pictures[first].len() as f32;
        assert!(apart >= 0.05, "labels of rows {first} and {second} differ by {apart} only");
    }
    for (precision, hops) in [(Precision::F32, 1), (Precision::F16, 3)] {
        let made = export(&source, precision).expect("within the tolerances");
        assert_eq!(made.hops.len(), hops);
        assert_eq!(made.golden, 3);
        assert!(made.hops[0].max_error > 0.0 && made.hops[0].max_error <= 1e-5);
    }
}
