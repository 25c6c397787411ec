//! One suite for every engine: the numbers of a slow, plain twin, and the same refusals.

mod common;

use common::{LABELS, Network};
use edge_runtime::{Batch, Engine, EngineKind, EngineSpec, Generator, Model, Opened, Provider, RuntimeError, engine};

/// Two sums of the same numbers in another order; measured about 1e-6.
const TOLERANCE: f32 = 1e-5;

/// Every engine that can run here. A missing ONNX Runtime library is said aloud, and is a failure where
/// `MUDRA_REQUIRE_ORT` is set.
fn engines() -> Vec<EngineSpec> {
    let spec =
        |kind, threads| EngineSpec { kind, provider: Provider::Cpu, threads: Some(threads), ..EngineSpec::default() };
    let mut specs = vec![spec(EngineKind::Tract, 1), spec(EngineKind::Tract, 2)];
    let model = Model::from_bytes(Network::new(&LABELS, 3).bytes()).expect("valid");
    let ort = spec(EngineKind::Ort, 2);
    match engine::open(&ort, &model) {
        Ok(_) => specs.push(ort),
        Err(error) if std::env::var_os("MUDRA_REQUIRE_ORT").is_none() => eprintln!("SKIPPED engine ort: {error}"),
        Err(error) => panic!("{error}"),
    }
    specs
}

fn open(spec: &EngineSpec, network: &Network) -> Opened {
    let model = Model::from_bytes(network.bytes()).expect("valid");
    engine::open(spec, &model).unwrap_or_else(|error| panic!("{spec:?}: {error}"))
}

#[test]
fn every_engine_computes_what_the_plain_network_computes() {
    for network in [Network::new(&LABELS, 3), Network::new(&LABELS, 3).rounded(), Network::new(&["only"], 1)] {
        let (mut latents, mut labels) = network.batch();
        labels.retain(|label| (*label as usize) < network.labels.len());
        latents.truncate(labels.len() * network.architecture.latent_dim);
        let rows = latents.chunks(network.architecture.latent_dim).zip(&labels);
        let expected: Vec<f32> = rows.flat_map(|(latent, label)| network.forward(latent, *label as usize)).collect();
        for spec in engines() {
            let mut opened = open(&spec, &network);
            let found = opened.engine.run(&Batch { latents: &latents, labels: &labels }).expect("runs");
            assert_eq!(found.len(), expected.len(), "{}", opened.description);
            let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst <= TOLERANCE, "{}: {worst}", opened.description);
        }
    }
}

/// Without this the comparison above could not see a missing tanh or swapped labels.
#[test]
fn the_test_network_has_strong_contrast_and_different_labels() {
    let network = Network::new(&LABELS, 3);
    let (latents, _) = network.batch();
    let latents: Vec<&[f32]> = latents.chunks(network.architecture.latent_dim).collect();
    let labels: Vec<Vec<f32>> = (0..3).map(|label| network.forward(latents[0], label)).collect();
    let others: Vec<Vec<f32>> = (1..3).map(|index| network.forward(latents[index], 0)).collect();
    for (name, first, second) in [
        ("labels 0 and 1", &labels[0], &labels[1]),
        ("labels 0 and 2", &labels[0], &labels[2]),
        ("labels 1 and 2", &labels[1], &labels[2]),
        ("latents 0 and 1", &labels[0], &others[0]),
        ("latents 1 and 2", &others[0], &others[1]),
    ] {
        let difference = first.iter().zip(second).map(|(a, b)| (a - b).abs()).sum::<f32>() / first.len() as f32;
        assert!(difference >= 0.1, "{name}: {difference}");
    }
    let mean = labels[0].iter().sum::<f32>() / labels[0].len() as f32;
    let variance = labels[0].iter().map(|x| (x - mean).powi(2)).sum::<f32>() / labels[0].len() as f32;
    assert!(variance.sqrt() >= 0.3, "deviation {}", variance.sqrt());
    let saturated = labels[0].iter().filter(|x| x.abs() > 0.99).count();
    assert!(saturated * 4 < labels[0].len(), "{saturated} values hide differences");
}

#[test]
fn every_engine_refuses_the_same_batches() {
    struct Case(&'static str, usize, &'static [i64], &'static str);
    let network = Network::new(&LABELS, 3);
    let dim = network.architecture.latent_dim;
    let cases = [
        Case("a latent too few", dim, &[0, 1], "batch: latents: expected 2 x 7 numbers, found 7"),
        Case("half a latent", dim + 3, &[0], "batch: latents: expected 1 x 7 numbers, found 10"),
        Case("a label too high", dim, &[3], "batch: label: expected 0 to 2, found 3"),
        Case("a negative label", 2 * dim, &[0, -1], "batch: label: expected 0 to 2, found -1"),
    ];
    for spec in engines() {
        let mut opened = open(&spec, &network);
        for Case(name, numbers, labels, expected) in &cases {
            let error = opened.engine.run(&Batch { latents: &vec![0.0; *numbers], labels }).expect_err(name);
            assert_eq!(error.to_string(), *expected, "{}: {name}", opened.description);
        }
        let none = opened.engine.run(&Batch { latents: &[], labels: &[] }).expect("nothing to do");
        assert!(none.is_empty(), "{}", opened.description);
    }
}

#[test]
fn every_engine_makes_the_same_picture_within_one_level() {
    let network = Network::new(&LABELS, 3);
    let model = Model::from_bytes(network.bytes()).expect("valid");
    let [first, others @ ..] = &engines()[..] else { panic!("no engine") };
    let mut generator = Generator::open(&model, first).expect("opens");
    let frame = generator.frame(2, 11, 4).expect("runs");
    assert_eq!((frame.label.as_str(), frame.seed, frame.index), ("ä", 11, 4));
    assert_eq!(generator.frame(2, 11, 4).expect("runs"), frame);
    for spec in others {
        let other = Generator::open(&model, spec).expect("opens").frame(2, 11, 4).expect("runs");
        let levels = frame.picture.levels().iter().zip(other.picture.levels());
        let worst = levels.map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst <= Some(1), "{spec:?}: {worst:?}");
    }
}

#[test]
fn auto_is_tract_and_says_its_version_and_threads() {
    let opened = open(&EngineSpec { threads: Some(3), ..EngineSpec::default() }, &Network::new(&LABELS, 3));
    assert!(opened.name.starts_with("tract 0."), "{}", opened.name);
    assert_eq!(opened.description, format!("{}, 3 threads", opened.name));
    assert!(opened.notes.is_empty());
}

#[test]
fn tract_refuses_a_gpu_instead_of_running_on_the_cpu() {
    let model = Model::from_bytes(Network::new(&LABELS, 3).bytes()).expect("valid");
    let spec = EngineSpec { kind: EngineKind::Tract, provider: Provider::Cuda, ..EngineSpec::default() };
    let error = engine::open(&spec, &model).err().expect("refused");
    assert_eq!(error.to_string(), "engine tract runs on the CPU only, found provider cuda; ask for engine ort");
}

#[test]
fn an_engine_can_be_written_outside_the_crate() {
    struct Gray;
    impl Engine for Gray {
        fn run(&mut self, batch: &Batch<'_>) -> Result<Vec<f32>, RuntimeError> {
            Ok(vec![0.0; batch.labels.len() * 4])
        }
    }
    let mut engine: Box<dyn Engine> = Box::new(Gray);
    assert_eq!(engine.run(&Batch { latents: &[], labels: &[0, 1] }).expect("runs"), [0.0; 8]);
}
