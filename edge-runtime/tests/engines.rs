//! One suite for every engine: the numbers of a slow, plain twin, and the same refusals.

mod common;

use common::{LABELS, Network};
use edge_runtime::engine::native::{self, Level};
use edge_runtime::parity::Parity;
use edge_runtime::{
    Batch, BatchLabels, Engine, EngineKind, EngineSpec, Generator, Model, Opened, Picture, Provider, RuntimeError,
    engine,
};
use model_spec::Variant;
use model_spec::pixels::{hwc8_from_chw_signed, signed_from_u8, u8_from_signed};
use model_spec::variant::{Compute, LabelInput, Output};
use prost::Message;

/// How far products of such numbers may lead a value of these networks' pictures from its exact one: two sums of the same
/// numbers in another order (measured about 1e-6), 8 bits of precision (0.062), 11 bits, the sums of a few products too, 8 bits in
/// all (0.072).
fn tolerance(compute: Compute) -> f32 {
    match compute {
        Compute::F32 => 1e-5,
        Compute::Bf16 | Compute::Int8 => 0.08,
        Compute::F16 => 0.02,
    }
}

/// Asserts that pictures are the exact ones within the tolerance of such products, and on average within a fifth of it.
fn assert_near(found: &[f32], exact: &[f32], compute: Compute, subject: &str) {
    assert_eq!(found.len(), exact.len(), "{subject}");
    let differences = found.iter().zip(exact).map(|(a, b)| (a - b).abs());
    let (worst, sum) = differences.fold((0.0_f32, 0.0), |(worst, sum), x| (worst.max(x), sum + x));
    assert!(worst <= tolerance(compute), "{subject}: {worst}");
    let mean = sum / exact.len() as f32;
    assert!(mean <= tolerance(compute) / 5.0, "{subject}: {mean} on average");
}

/// An engine, and for native the kernels that it is forced to take.
#[derive(Debug, Clone)]
struct Subject {
    spec: EngineSpec,
    level: Option<Level>,
}

impl Subject {
    fn new(kind: EngineKind, threads: usize, level: Option<Level>) -> Self {
        let spec = EngineSpec { kind, provider: Provider::Cpu, threads: Some(threads), ..EngineSpec::default() };
        Self { spec, level }
    }

    fn native(threads: usize, level: Level, compute: Compute) -> Self {
        let mut subject = Self::new(EngineKind::Native, threads, Some(level));
        subject.spec.compute = Some(compute);
        subject
    }

    fn try_open(&self, model: &Model) -> Result<Opened, RuntimeError> {
        match self.level {
            Some(level) => native::open_at(level, &self.spec, model),
            None => engine::open(&self.spec, model),
        }
    }
}

/// Every set of native kernels that this CPU has, and what they multiply in.
fn kernels() -> impl Iterator<Item = (Level, Compute)> {
    let all = Level::available().into_iter().flat_map(|level| Compute::ALL.map(|compute| (level, compute)));
    all.filter(|(level, compute)| level.multiplies(*compute))
}

/// Every engine that can run here, native with every kernel that this CPU has. A missing ONNX Runtime library is said
/// aloud, and is a failure where `MUDRA_REQUIRE_ORT` is set.
fn engines() -> Vec<Subject> {
    let tract = cfg!(feature = "tract").then_some([1, 2]).into_iter().flatten();
    let mut subjects: Vec<_> = tract.map(|threads| Subject::new(EngineKind::Tract, threads, None)).collect();
    for level in Level::available() {
        subjects.extend([1, 2, 3].map(|threads| Subject::new(EngineKind::Native, threads, Some(level))));
    }
    let model = Model::from_bytes(Network::new(&LABELS, 3).bytes()).expect("valid");
    let ort = Subject::new(EngineKind::Ort, 2, None);
    match ort.try_open(&model) {
        Ok(_) => subjects.push(ort),
        Err(error) if std::env::var_os("MUDRA_REQUIRE_ORT").is_none() => eprintln!("SKIPPED engine ort: {error}"),
        Err(error) => panic!("{error}"),
    }
    subjects
}

fn open(subject: &Subject, network: &Network) -> Opened {
    let model = Model::from_bytes(network.bytes()).expect("valid");
    subject.try_open(&model).unwrap_or_else(|error| panic!("{subject:?}: {error}"))
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
            let found = opened.engine.run(&Batch::new(&latents, &labels)).expect("runs");
            assert_near(&found, &expected, Compute::F32, &opened.description);
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
            let error = opened.engine.run(&Batch::new(&vec![0.0; *numbers], labels)).expect_err(name);
            assert_eq!(error.to_string(), *expected, "{}: {name}", opened.description);
        }
        let none = opened.engine.run(&Batch::new(&[], &[])).expect("nothing to do");
        assert!(none.is_empty(), "{}", opened.description);
    }
}

#[test]
fn native_mixes_labels_as_the_plain_network_does_and_a_single_one_to_the_bit() {
    const MIXES: [[f32; 3]; 4] = [[0.5, 0.0, 0.5], [0.2, 0.3, 0.5], [-0.5, 0.5, 1.0], [0.0, 0.0, 1.0]];
    for network in [Network::new(&LABELS, 3), Network::new(&LABELS, 3).rounded()] {
        let (latents, _) = network.batch_of(MIXES.len());
        let dim = network.architecture.latent_dim;
        let rows = latents.chunks(dim).zip(&MIXES);
        let expected: Vec<f32> = rows.flat_map(|(latent, weights)| network.forward_mix(latent, weights)).collect();
        for (level, compute) in kernels() {
            let mut opened = open(&Subject::native(2, level, compute), &network);
            let found = opened.engine.run(&Batch::mixed(&latents, MIXES.as_flattened())).expect("runs");
            let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(found.len() == expected.len() && worst <= tolerance(compute), "{level:?} {compute:?}: {worst}");
            let single = opened.engine.run(&Batch::new(&latents[3 * dim..], &[2])).expect("runs");
            assert!(found[3 * single.len()..] == single, "{level:?}");
        }
    }
}

#[test]
fn a_generator_makes_pictures_of_mixes_and_refuses_others() {
    let network = Network::new(&LABELS, 3);
    let model = Model::from_bytes(network.bytes()).expect("valid");
    let mut generator = Generator::of(&model, &EngineSpec::default()).expect("opens");
    let latent = network.batch_of(1).0;
    let inputs = vec![(&[0.0, 1.0, 0.0][..], &latent[..]); 20];
    let pictures = generator.mixed(&inputs).expect("runs");
    let single = generator.picture(1, &latent).expect("runs");
    assert!(pictures.len() == 20 && pictures.iter().all(|picture| *picture == single));
    struct Case(&'static [f32], usize, &'static str);
    let cases = [
        Case(&[0.5, 0.5], 7, "batch: label weights: expected 3 a picture, found 2"),
        Case(&[0.5, 0.5, 0.5], 7, "batch: label weights: expected numbers that add up to 1, found 1.5"),
        Case(&[f32::NAN, 0.5, 0.5], 7, "batch: label weights: expected numbers that add up to 1, found NaN"),
        Case(&[f32::INFINITY, f32::NEG_INFINITY, 1.0], 7, "expected numbers that add up to 1"),
        Case(&[0.0, 0.0, 1.0], 6, "batch: latent: expected 7 numbers, found 6"),
    ];
    for Case(weights, numbers, expected) in cases {
        let message = generator.mixed(&[(weights, &latent[..numbers])]).expect_err("refused").to_string();
        assert!(message.contains(expected), "{weights:?}: {message}");
    }
}

/// A file that takes a mix, gives levels and fixes three pictures a run, with five and with four of them.
#[test]
fn every_engine_runs_a_file_of_other_inputs_and_outputs() {
    let variant =
        Variant { label_input: LabelInput::Mix, output: Output::Levels, batch: Some(3), ..Variant::default() };
    let mut network = Network::new(&LABELS, 3);
    network.variant = variant;
    let (latents, labels) = network.batch();
    let dim = network.architecture.latent_dim;
    let mixes: Vec<f32> = (0..4).flat_map(|_| [0.5, 0.25, 0.25]).collect();
    let level = |x: f32| signed_from_u8(u8_from_signed(x));
    let rows = latents.chunks(dim).zip(&labels);
    let single: Vec<f32> =
        rows.flat_map(|(latent, label)| network.forward(latent, *label as usize)).map(level).collect();
    let rows = latents.chunks(dim).zip(mixes.chunks(3));
    let mixed: Vec<f32> = rows.flat_map(|(latent, mix)| network.forward_mix(latent, mix)).map(level).collect();
    for subject in engines() {
        let mut opened = open(&subject, &network);
        for (expected, batch) in
            [(&single, Batch::new(&latents, &labels)), (&mixed, Batch::mixed(&latents[..4 * dim], &mixes))]
        {
            let found = opened.engine.run(&batch).expect("runs");
            assert_eq!(found.len(), expected.len(), "{}", opened.description);
            assert!(found.iter().all(|x| level(*x) == *x), "{}: no levels", opened.description);
            // Within one level: both may round at its boundary.
            let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst <= 2.01 / 255.0, "{}: {worst}", opened.description);
        }
    }
}

/// The plain network rounds as the file says. An engine that does so too may take another step where a sum lies between two;
/// one that multiplies floats instead stays within the file's bound.
#[test]
fn every_engine_runs_a_file_of_integer_products_within_its_bound() {
    for (channels, half) in [(3, false), (1, true)] {
        let network = if half { Network::new(&LABELS, channels).rounded() } else { Network::new(&LABELS, channels) };
        let network = network.int8();
        let model = Model::from_bytes(network.bytes()).expect("valid");
        let (latents, labels) = network.batch();
        let picture =
            |chw: &[f32]| Picture::new(32, 32, channels, hwc8_from_chw_signed(chw, channels)).expect("a whole picture");
        for subject in engines() {
            let mut opened = subject.try_open(&model).expect("opens");
            let found = opened.engine.run(&Batch::new(&latents, &labels)).expect("runs");
            let mut parity = Parity::within(model.metadata().bound());
            let rows = latents.chunks(network.architecture.latent_dim).zip(&labels);
            for ((latent, label), found) in rows.zip(found.chunks(network.architecture.pixels())) {
                parity.add(&picture(&network.forward(latent, *label as usize)), &picture(found));
            }
            let title = format!("{}: at most {}, {} on average", opened.description, parity.max(), parity.mean());
            assert!(parity.passes() && parity.pictures() == labels.len(), "{title}");
            assert!(subject.spec.kind == EngineKind::Native || parity.mean() < 0.05, "{title}");
        }
    }
}

/// The file of this network takes a label index.
#[test]
fn tract_and_ort_mix_no_labels_of_a_file_that_takes_an_index() {
    let network = Network::new(&LABELS, 3);
    let (latents, _) = network.batch_of(1);
    for subject in engines().iter().filter(|subject| subject.level.is_none()) {
        let mut opened = open(subject, &network);
        let error = opened.engine.run(&Batch::mixed(&latents, &[0.5, 0.5, 0.0])).expect_err("refused");
        assert!(error.to_string().contains("--label-input mix"), "{}: {error}", opened.description);
    }
}

#[test]
fn every_engine_makes_the_same_picture_within_one_level() {
    let network = Network::new(&LABELS, 3);
    let model = Model::from_bytes(network.bytes()).expect("valid");
    let [first, others @ ..] = &engines()[..] else { panic!("no engine") };
    let generator = |subject: &Subject| Generator::with(subject.try_open(&model).expect("opens"), &model);
    let mut generator_of_first = generator(first);
    let frame = generator_of_first.frame(2, 11, 4).expect("runs");
    assert_eq!((frame.label.as_str(), frame.seed, frame.index), ("ä", 11, 4));
    assert_eq!(generator_of_first.frame(2, 11, 4).expect("runs"), frame);
    for spec in others {
        let other = generator(spec).frame(2, 11, 4).expect("runs");
        let levels = frame.picture.levels().iter().zip(other.picture.levels());
        let worst = levels.map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst <= Some(1), "{spec:?}: {worst:?}");
    }
}

#[test]
fn native_makes_the_same_bits_with_any_number_of_threads_in_any_batch() {
    struct Case(usize, usize, usize, &'static [usize]);
    let cases = [
        Case(32, 1, 6, &[8, 5]),
        Case(32, 3, 31, &[33, 16]),
        Case(64, 3, 64, &[17, 48, 1]),
        Case(128, 1, 1, &[4, 3, 2, 5]),
        Case(256, 3, 3, &[4, 3, 2, 5, 7]),
    ];
    for Case(size, channels, stem, widths) in cases {
        let network = Network::sized(&LABELS, channels, size, stem, widths);
        let network = match size {
            64 => network.rounded(),
            128 => network.leaky(),
            _ => network,
        };
        let (latents, labels) = network.batch_of(9);
        let rows = latents.chunks(network.architecture.latent_dim).zip(&labels).take(2);
        let expected: Vec<f32> = rows.flat_map(|(latent, label)| network.forward(latent, *label as usize)).collect();
        // Without instructions for fewer bits they take most of the time, and two sizes show the rest.
        let is_shown = |(level, compute): &(Level, Compute)| {
            size <= 64 || !matches!(level, Level::Plain | Level::Scalar) || *compute == Compute::F32
        };
        for (level, compute) in kernels().filter(is_shown) {
            let run = |threads: usize, batch: usize| {
                let mut opened = open(&Subject::native(threads, level, compute), &network);
                let parts = latents.chunks(batch * network.architecture.latent_dim).zip(labels.chunks(batch));
                let mut run = |latents, labels| opened.engine.run(&Batch::new(latents, labels)).expect("runs");
                parts.flat_map(|(latents, labels)| run(latents, labels)).collect::<Vec<f32>>()
            };
            let found = run(1, 1);
            let subject = format!("{level:?} {compute:?}, {size} pixels, {widths:?}");
            assert_near(&found[..expected.len()], &expected, compute, &subject);
            let batches: &[(usize, usize)] = if size == 32 { &BATCHES } else { &[(2, 9), (3, 4)] };
            for (threads, batch) in batches {
                let same = run(*threads, *batch) == found;
                assert!(same, "{subject}, {threads} threads, {batch} at once");
            }
        }
    }
}

/// Threads and pictures at once.
const BATCHES: [(usize, usize); 10] = [(1, 2), (2, 3), (3, 4), (2, 5), (5, 6), (1, 7), (2, 8), (4, 9), (7, 1), (2, 1)];

#[test]
fn auto_is_native_and_says_its_version_kernels_and_threads() {
    let opened = open(
        &Subject { spec: EngineSpec { threads: Some(3), ..EngineSpec::default() }, level: None },
        &Network::new(&LABELS, 3),
    );
    assert!(opened.name.starts_with("native 0."), "{}", opened.name);
    assert!(opened.name.ends_with(Level::best().name()), "{}", opened.name);
    assert_eq!(opened.description, format!("{}, 3 threads", opened.name));
    assert!(opened.notes.is_empty());
}

/// Valid for the contract, and the same picture for tract, but not written as the exporter writes it.
fn unusual() -> Model {
    let mut proto = Network::new(&LABELS, 3).proto();
    let graph = proto.graph.as_mut().expect("a graph");
    let gemm = graph.node.iter_mut().find(|node| node.op_type == "Gemm").expect("a dense layer");
    gemm.attribute.push(common::float("alpha", 0.5));
    Model::from_bytes(proto.encode_to_vec()).expect("valid")
}

#[test]
fn native_refuses_what_it_does_not_know_by_node_name() {
    let error = engine::open(&Subject::new(EngineKind::Native, 1, None).spec, &unusual()).expect_err("refused");
    let expected = "engine native: no kernel for node \"Gemm dense\" (Gemm); engine tract or ort may run it";
    assert_eq!(error.to_string(), expected);
}

#[cfg(feature = "tract")]
#[test]
fn auto_takes_tract_for_what_native_does_not_know_and_says_why() {
    let opened = engine::open(&EngineSpec::default(), &unusual()).expect("tract runs it");
    assert!(opened.name.starts_with("tract 0."), "{}", opened.name);
    assert!(opened.notes[0].starts_with("native passed over: engine native: no kernel for"), "{:?}", opened.notes);
}

/// Rounding would make a number of them.
#[test]
fn latents_that_are_no_numbers_are_refused_by_every_engine() {
    for network in [Network::new(&LABELS, 3), Network::new(&LABELS, 3).int8()] {
        for subject in engines() {
            for wrong in [f32::NAN, f32::INFINITY] {
                let (mut latents, labels) = network.batch_of(2);
                latents[9] = wrong;
                let message = open(&subject, &network).engine.run(&Batch::new(&latents, &labels)).expect_err("refused");
                assert!(message.to_string().contains("expected finite numbers"), "{subject:?}: {message}");
            }
        }
    }
}

#[test]
fn a_graph_that_says_one_picture_runs_in_every_engine() {
    let network = Network::new(&LABELS, 3);
    let mut proto = network.proto();
    let graph = proto.graph.as_mut().expect("a graph");
    for value in graph.input.iter_mut().chain(&mut graph.output) {
        let shape =
            value.r#type.as_mut().and_then(|kind| kind.tensor_type.as_mut()).and_then(|kind| kind.shape.as_mut());
        let batch = &mut shape.expect("a shape").dim[0];
        (batch.dim_value, batch.dim_param) = (Some(1), None);
    }
    let model = Model::from_bytes(proto.encode_to_vec()).expect("valid");
    assert_eq!(model.batch(), Some(1));
    let (latents, labels) = network.batch_of(3);
    for subject in engines() {
        let run = |mut opened: Opened| opened.engine.run(&Batch::new(&latents, &labels)).expect("runs");
        let found = run(subject.try_open(&model).unwrap_or_else(|error| panic!("{subject:?}: {error}")));
        assert_near(&found, &run(open(&subject, &network)), Compute::F32, &format!("{subject:?}"));
    }
}

#[test]
fn what_an_engine_has_no_use_for_is_refused() {
    let [plain, int8] = [Network::new(&LABELS, 3), Network::new(&LABELS, 3).int8()]
        .map(|network| Model::from_bytes(network.bytes()).expect("valid"));
    let refused = |spec: EngineSpec, model: &Model| engine::open(&spec, model).expect_err("refused").to_string();
    let mut spec = EngineSpec { kind: EngineKind::Native, ..EngineSpec::default() };
    spec.ort.f16 = true;
    assert_eq!(refused(spec.clone(), &plain), "--f16 is for GPUs: ask for one with --provider cuda or tensorrt");
    let cuda = EngineSpec { kind: EngineKind::Ort, provider: Provider::Cuda, ..spec.clone() };
    assert_eq!(refused(cuda, &plain), "--f16 is for TensorRT: ask for it with --provider tensorrt");
    (spec.ort.f16, spec.ort.tf32) = (false, true);
    assert!(refused(spec, &plain).starts_with("--tf32 is for GPUs"));
    if cfg!(feature = "tract") {
        let tract = |compute| EngineSpec { kind: EngineKind::Tract, compute: Some(compute), ..EngineSpec::default() };
        for (compute, model) in [(Compute::F32, &int8), (Compute::Int8, &plain)] {
            let message = refused(tract(compute), model);
            assert!(message.contains(&format!("can't be told to multiply in {}", compute.name())), "{message}");
        }
        assert!(engine::open(&tract(Compute::Int8), &int8).is_ok(), "it is what the file says");
    }
}

#[test]
fn engines_of_the_cpu_refuse_a_gpu() {
    let model = Model::from_bytes(Network::new(&LABELS, 3).bytes()).expect("valid");
    for (kind, name) in [(EngineKind::Tract, "tract"), (EngineKind::Native, "native")] {
        let spec = EngineSpec { kind, provider: Provider::Cuda, ..EngineSpec::default() };
        let error = engine::open(&spec, &model).expect_err("refused");
        let expected = format!("engine {name} runs on the CPU only, found provider cuda; ask for engine ort");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn an_engine_can_be_written_outside_the_crate() {
    struct Gray;
    impl Engine for Gray {
        fn run(&mut self, batch: &Batch<'_>) -> Result<Vec<f32>, RuntimeError> {
            let BatchLabels::Indices(labels) = batch.labels else { return Err(RuntimeError::NoMix { engine: "gray" }) };
            Ok(vec![0.0; labels.len() * 4])
        }
    }
    let mut engine: Box<dyn Engine> = Box::new(Gray);
    assert_eq!(engine.run(&Batch::new(&[], &[0, 1])).expect("runs"), [0.0; 8]);

    // Of which a generator expects whole pictures.
    let model = Model::from_bytes(Network::new(&LABELS, 3).bytes()).expect("read");
    let opened = Opened { engine, ..engine::open(&EngineSpec::default(), &model).expect("opens") };
    let mut generator = Generator::with(opened, &model);
    let problem = generator.frame(0, 1, 0).expect_err("four numbers are no picture").to_string();
    assert!(problem.contains("numbers, found 4"), "{problem}");
    // Nor does it ever see a label that there is none of.
    let problem = generator.frame(3, 1, 0).expect_err("three labels").to_string();
    assert!(problem.contains("label: expected 0 to 2, found 3"), "{problem}");
}
