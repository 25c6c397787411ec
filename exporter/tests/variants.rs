//! Every kind of file: what each computes in every engine, and that a wrong one shows.

mod common;

use std::path::Path;

use common::{Checkpoint, message, small_architecture};
use edge_runtime::onnx::{ModelProto, TensorProto};
use edge_runtime::parity::Parity;
use edge_runtime::{Batch, EngineKind, EngineSpec, Generator, Model, Picture, RuntimeError, engine, verification};
use exporter::calibrate::calibrated;
use exporter::checkpoint::Reference;
use exporter::export::{Made, Precision, Settings, export, unchecked};
use exporter::generator_graph::{self, Form};
use exporter::graph::{ElementType, Graph, Numbers, Operator, Storage};
use exporter::integers::Integers;
use exporter::ladder::Climb;
use exporter::remedy::Remedy;
use exporter::source::{self, Source, Wanted};
use exporter::verify::{self, Comparison, EXACT, Hop, ONE_LEVEL};
use exporter::{ExportError, ladder, onnx, triton};
use model_spec::metadata::Bound;
use model_spec::variant::{Compute, LabelInput, Output, Rewrite};
use model_spec::weights::generator as names;
use model_spec::{Architecture, Variant, latent};
use prost::Message;

fn opened(checkpoint: &Checkpoint) -> Source {
    let folder = tempfile::tempdir().expect("a folder");
    let path = checkpoint.write(folder.path());
    source::open(&Wanted { run: Some(&path), ..Default::default() }).expect("a good checkpoint")
}

fn from_file(bytes: &[u8]) -> Result<Source, ExportError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.onnx");
    std::fs::write(&path, bytes).expect("writable");
    source::open(&Wanted { from: Some(&path), ..Default::default() })
}

/// Latents of a calibration.
const SEEDS: usize = 16;
/// ONNX Runtime's table of versions: 1.17 knows operator set 20.
const NEWEST_OF_ORT_1_17: i64 = 20;

const MIX: Variant = Variant { label_input: LabelInput::Mix, ..PLAIN };
const LEVELS: Variant = Variant { output: Output::Levels, ..PLAIN };
const FIXED: Variant = Variant { batch: Some(2), ..PLAIN };
const SUBPIXEL: Variant = Variant { rewrite: Rewrite::Subpixel, ..PLAIN };
const ALL: Variant = Variant {
    label_input: LabelInput::Mix,
    output: Output::Levels,
    batch: Some(2),
    rewrite: Rewrite::Subpixel,
    compute: Compute::F32,
};
const COMPUTE: Variant = Variant { rewrite: Rewrite::Subpixel, compute: Compute::Int8, ..PLAIN };
const COMPUTE_ALL: Variant = Variant { compute: Compute::Int8, ..ALL };
const PLAIN: Variant = Variant {
    label_input: LabelInput::Index,
    output: Output::Float,
    batch: None,
    rewrite: Rewrite::None,
    compute: Compute::F32,
};

fn settings(precision: Precision, variant: Variant) -> Settings {
    Settings { variant, seeds: SEEDS, ..precision.into() }
}

fn made(source: &Source, settings: Settings) -> Made {
    export(source, settings).unwrap_or_else(|error| panic!("{settings:?}: {}", message(error)))
}

/// Sources that differ in labels, size and channels.
fn sources() -> [Source; 2] {
    let labels = ["j", "i", "h", "g", "f", "e", "d", "c", "b", "a"];
    let gray = Architecture { image_size: 64, widths: vec![9, 7, 5], latent_dim: 11, ..small_architecture(1) };
    let mut gray = Checkpoint::new(&labels, gray);
    // Softer contrast: rounding to 16 bits would move a pixel of the made-up network by more than a level.
    gray.weight(&names::kernel(3)).iter_mut().for_each(|weight| *weight *= 0.4);
    gray.renew_reference();
    [opened(&Checkpoint::small()), opened(&gray)]
}

/// Export itself holds each file against the reference in every engine; here it is that no engine was left out.
#[test]
fn every_engine_runs_every_variant_of_every_precision() {
    let [small, gray] = sources();
    let every = [MIX, LEVELS, FIXED, SUBPIXEL, ALL, COMPUTE, COMPUTE_ALL];
    let rows: [(&Source, &[Variant], &[Precision]); 2] =
        [(&small, &every, &Precision::ALL), (&gray, &[ALL, COMPUTE, COMPUTE_ALL], &[Precision::F16, Precision::Int8])];
    for (source, variants, precisions) in rows {
        for variant in variants.iter().copied() {
            for precision in precisions.iter().copied() {
                let made = made(source, settings(precision, variant));
                let metadata = Model::from_bytes(made.bytes).expect("a model of the contract").metadata().clone();
                assert_eq!((metadata.variant, metadata.weights), (variant, precision));
                for table in &made.tables {
                    for (kind, row) in engine::built_in().iter().zip(&table.rows) {
                        let may_be_missing =
                            *kind == EngineKind::Ort && std::env::var_os("MUDRA_REQUIRE_ORT").is_none();
                        assert!(row.outcome.is_ok() || may_be_missing, "{}", table.text());
                    }
                }
            }
        }
    }
}

fn pictures(bytes: &[u8], kind: EngineKind, labels: usize) -> Vec<Picture> {
    let model = Model::from_bytes(bytes.to_vec()).expect("a model of the contract");
    let mut generator = Generator::of(&model, &EngineSpec { kind, ..Default::default() }).expect("opens");
    (0..labels).map(|label| generator.frame(label, 9, 0).expect("runs").picture).collect()
}

#[test]
fn levels_in_the_graph_are_those_of_the_picture_to_the_bit() {
    for source in sources() {
        let plain = made(&source, settings(Precision::F32, PLAIN)).bytes;
        let levels = made(&source, settings(Precision::F32, LEVELS)).bytes;
        for kind in [EngineKind::Native, EngineKind::Tract] {
            let expected = pictures(&plain, kind, source.labels.len());
            assert!(pictures(&levels, kind, source.labels.len()) == expected, "{kind:?}");
        }
    }
}

/// As many engines as are here, of a file that takes weights.
#[test]
fn every_engine_mixes_labels_of_a_file_that_takes_a_mix() {
    for source in sources() {
        let bytes = made(&source, settings(Precision::F16, MIX)).bytes;
        let model = Model::from_bytes(bytes).expect("a model of the contract");
        let labels = source.labels.len();
        let mut weights = vec![0.0; labels];
        (weights[0], weights[labels - 1]) = (0.25, 0.75);
        let latent = latent::latent(4, 0, source.architecture.latent_dim);
        let mut found: Vec<(String, Vec<f32>)> = Vec::new();
        for kind in engine::built_in() {
            match engine::open(&EngineSpec { kind: *kind, ..Default::default() }, &model) {
                Ok(mut opened) => {
                    let mixed = opened.engine.run(&Batch::mixed(&latent, &weights)).expect("runs");
                    let single = opened.engine.run(&Batch::new(&latent, &[0])).expect("runs");
                    assert!(common::distance(&mixed, &single) > 0.02, "{}", opened.description);
                    found.push((opened.description, mixed));
                }
                Err(RuntimeError::OrtLibrary { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert!(found.len() >= 2);
        for (name, mixed) in &found[1..] {
            let worst = mixed.iter().zip(&found[0].1).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst <= EXACT, "{name}: {worst}");
        }
    }
}

/// What verification says of a graph that was changed after it was built, of a form.
fn verdict(form: Form, change: impl Fn(&mut Graph)) -> Result<Hop, ExportError> {
    let source = opened(&Checkpoint::small());
    let mut graph = generator_graph::build(&source.folded, &source.architecture, form).expect("in range");
    change(&mut graph);
    let precision = if form.storage == Storage::Int8 { Precision::Int8 } else { Precision::F32 };
    let bytes = made(&source, settings(precision, form.variant)).bytes;
    let pairs = Model::from_bytes(bytes).expect("a model of the contract").metadata().to_pairs();
    let found = verify::pictures(onnx::file_bytes(&graph, onnx::OPSET, &pairs), &source.reference)?;
    let tolerance = if form.storage == Storage::Int8 { 0.2 } else { 2.5 / 255.0 };
    let (name, expected) = ("test".to_owned(), source.reference.images.as_slice());
    Comparison { name, expected, found: &found, tolerance, remedy: Remedy::None }.check(&source)
}

fn numbers<'a>(graph: &'a mut Graph, name: &str) -> &'a mut Vec<f32> {
    let constant = graph.constants.iter_mut().find(|constant| constant.name == name).expect("a constant of this name");
    match &mut constant.numbers {
        Numbers::F32(numbers) => numbers,
        other => panic!("{name}: {other:?}"),
    }
}

struct Spoiled(&'static str, Storage, Variant, fn(&mut Graph));

#[test]
fn a_wrong_file_of_each_kind_is_found() {
    let cases = [
        Spoiled("swapped labels of a mix", Storage::F32, MIX, |graph| {
            let (first, rest) = numbers(graph, "label.table").split_at_mut(16);
            first.swap_with_slice(&mut rest[..16]);
        }),
        Spoiled("another factor before levels", Storage::F32, LEVELS, |graph| {
            numbers(graph, "levels1.number")[0] = 250.0;
        }),
        Spoiled("no tanh before levels", Storage::F32, LEVELS, |graph| {
            let place = graph.nodes.iter().position(|node| node.operator == Operator::Tanh).expect("a tanh");
            let tanh = graph.nodes.remove(place);
            graph.nodes[place].inputs[0].clone_from(&tanh.inputs[0]);
        }),
        Spoiled("swapped pixels of the squares", Storage::F32, SUBPIXEL, |graph| {
            let weights = numbers(graph, "block1.weight");
            let quarter = weights.len() / 4;
            let (first, rest) = weights.split_at_mut(quarter);
            first.swap_with_slice(&mut rest[..quarter]);
        }),
        Spoiled("another bias in one corner of the squares", Storage::F32, SUBPIXEL, |graph| {
            numbers(graph, "block0.bias")[0] += 0.5;
        }),
        Spoiled("factors of other channels", Storage::Int8, PLAIN, |graph| {
            numbers(graph, "block1.weight.factor").reverse();
        }),
    ];
    for Spoiled(name, storage, variant, change) in cases {
        let form = Form { storage, variant };
        verdict(form, |_| {}).unwrap_or_else(|error| panic!("{name}, unchanged: {}", message(error)));
        let refused = verdict(form, change);
        assert!(matches!(refused, Err(ExportError::Parity { .. })), "{name}: {refused:?}");
    }
}

/// A file of integer products of the small source, and the same after it was changed, in tract beside its golden pictures.
fn beside_golden(change: impl Fn(&mut ModelProto)) -> Parity {
    let bytes = made(&opened(&Checkpoint::small()), settings(Precision::F32, COMPUTE)).bytes;
    let mut proto = ModelProto::decode(&*bytes).expect("a file of ours");
    change(&mut proto);
    let model = Model::from_bytes(proto.encode_to_vec()).expect("a model of the contract");
    let spec = EngineSpec { kind: EngineKind::Tract, ..Default::default() };
    let cases = verification::golden_cases(model.metadata()).expect("golden pictures");
    let rows = verification::rows(&model, &[spec], &cases).expect("tract runs it");
    rows[0].outcome.clone().expect("tract is here")
}

fn weight<'a>(proto: &'a mut ModelProto, name: &str) -> &'a mut TensorProto {
    let graph = proto.graph.as_mut().expect("a graph");
    graph.initializer.iter_mut().find(|weight| weight.name == name).expect("such a weight")
}

/// Its bound is wider than a level, and still none of these passes.
#[test]
fn a_wrong_file_of_integer_products_breaks_the_bound_that_it_states() {
    let right = beside_golden(|_| {});
    assert!(right.passes() && right.max() > 1, "{} {}", right.max(), right.mean());
    struct Case(&'static str, fn(&mut ModelProto));
    let cases = [
        Case("swapped labels", |proto| {
            let table = weight(proto, "label.table").raw_data.to_vec();
            weight(proto, "label.table").raw_data = [&table[64..128], &table[..64], &table[128..]].concat().into();
        }),
        Case("a changed block of weights", |proto| {
            let mut integers = weight(proto, "block1.weight.int8").raw_data.to_vec();
            integers[..32].iter_mut().for_each(|integer| *integer = integer.wrapping_neg());
            weight(proto, "block1.weight.int8").raw_data = integers.into();
        }),
        Case("swapped parities", |proto| {
            for name in ["block1.weight.int8", "block1.weight.factor", "block1.bias.int32", "block1.bias.factor"] {
                let rows = weight(proto, name).raw_data.to_vec();
                let (first, rest) = rows.split_at(rows.len() / 4);
                let (second, rest) = rest.split_at(rows.len() / 4);
                weight(proto, name).raw_data = [second, first, rest].concat().into();
            }
        }),
        Case("factors of other channels", |proto| {
            let factors = weight(proto, "block0.weight.factor").raw_data.to_vec();
            let reversed: Vec<u8> = factors.chunks(4).rev().flatten().copied().collect();
            weight(proto, "block0.weight.factor").raw_data = reversed.into();
        }),
        Case("another scale of a map", |proto| {
            let scale = weight(proto, "block1.scale").raw_data.to_vec();
            let scale = f32::from_le_bytes(scale.try_into().expect("one number")) * 0.5;
            weight(proto, "block1.scale").raw_data = scale.to_le_bytes().to_vec().into();
        }),
        Case("another zero", |proto| {
            let zero = weight(proto, "block0.zero").raw_data[0];
            weight(proto, "block0.zero").raw_data = vec![zero.wrapping_sub(40)].into();
        }),
        Case("no tanh", |proto| {
            let graph = proto.graph.as_mut().expect("a graph");
            let tanh = graph.node.pop().expect("a last node");
            assert_eq!(tanh.op_type, "Tanh");
            graph.node.last_mut().expect("a node").output = tanh.output;
        }),
    ];
    for Case(name, change) in cases {
        let found = beside_golden(change);
        assert!(!found.passes(), "{name}: at most {}, {} on average", found.max(), found.mean());
    }
}

/// Two sums of the same integers may lie on two sides of half a step, which moves a level or two further on.
#[test]
fn engines_of_integer_products_compute_what_the_plain_network_of_integers_does() {
    for source in sources() {
        let folded = calibrated(&source.folded, &source.architecture, SEEDS, |_| {});
        let integers = Integers::of(&folded);
        let runner = integers.runner();
        let bytes = made(&source, settings(Precision::F32, COMPUTE)).bytes;
        let found = pictures(&bytes, EngineKind::Tract, source.labels.len());
        let mut parity = Parity::new();
        for (label, found) in found.iter().enumerate() {
            parity.add(&runner.picture(&source.architecture, (9, label)), found);
        }
        assert!(parity.mean() < 0.1 && parity.pictures() == source.labels.len(), "{}", parity.mean());
    }
}

#[test]
fn integers_that_would_make_other_pictures_are_refused() {
    let mut checkpoint = Checkpoint::small();
    // A channel that reaches so much further than all others that these have no steps left; both are needed.
    let bias = checkpoint.weight(names::LATENT_BIAS);
    bias[..16].iter_mut().enumerate().for_each(|(place, bias)| *bias = if place == 3 { 4e5 } else { 0.0 });
    checkpoint.renew_reference();
    let source = opened(&checkpoint);
    let refused = export(&source, settings(Precision::F32, COMPUTE));
    let message = message(refused.expect_err("refused"));
    assert!(message.contains("products of integers move") && message.contains("--compute f32"), "{message}");
}

fn floats_of_levels(graph: &mut Graph) {
    graph.output.element_type = ElementType::F32;
    graph.nodes.last_mut().expect("a node").operator = Operator::CastToF32;
}

/// tract runs these, and the contract allows them, but they are not what the exporter writes.
#[test]
fn native_refuses_squares_and_levels_that_it_does_not_know() {
    let source = opened(&Checkpoint::small());
    struct Case(Variant, Variant, fn(&mut Graph), &'static str);
    let cases = [
        Case(LEVELS, LEVELS, |graph| numbers(graph, "levels1.number")[0] = 254.0, "\"levels1\" (Mul)"),
        Case(SUBPIXEL, SUBPIXEL, |graph| numbers(graph, "block0.bias")[0] += 0.5, "\"block0.conv\" (Conv)"),
        // The steps to levels, in a file that promises values in [-1, 1].
        Case(LEVELS, PLAIN, floats_of_levels, "(Cast)"),
    ];
    for Case(variant, promised, change, expected) in cases {
        let form = Form { storage: Storage::F32, variant };
        let mut graph = generator_graph::build(&source.folded, &source.architecture, form).expect("in range");
        change(&mut graph);
        let pairs = Model::from_bytes(made(&source, settings(Precision::F32, promised)).bytes).expect("valid");
        let bytes = onnx::file_bytes(&graph, onnx::OPSET, &pairs.metadata().to_pairs());
        let model = Model::from_bytes(bytes).expect("a model of the contract");
        let spec = EngineSpec { kind: EngineKind::Native, ..Default::default() };
        let error = engine::open(&spec, &model).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn integers_take_a_quarter_of_f32_and_cost_more_than_f16() {
    let wide = Architecture { stem_channels: 64, widths: vec![48, 32], ..small_architecture(3) };
    let source = opened(&Checkpoint::new(&["a", "b"], wide));
    let ladder = ladder::climb(&source, Climb { samples: 24, seeds: 8 }, |_| {}, |_| {}).expect("measured");
    let [f32, f16, int8, compute] = &ladder.rungs[..] else { panic!("{ladder:?}") };
    assert!(f32.all.max() == 0 && f32.all.pictures() == 24 && f32.labels[1].pictures() == 12);
    assert!(f16.bytes * 10 < f32.bytes * 6 && int8.bytes * 10 < f32.bytes * 4, "{} {}", f16.bytes, int8.bytes);
    assert!(f16.all.max() <= 1 && f16.all.psnr_db() > int8.all.psnr_db() + 10.0, "{}", f16.all.psnr_db());
    assert!((25.0..60.0).contains(&int8.all.psnr_db()), "{}", int8.all.psnr_db());
    let text = ladder::markdown(&ladder, &source);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].ends_with("| a dB | b dB |") && lines[2].starts_with("| f32 |"), "{text}");
    assert!(lines[2].contains("| 100 % | same | 0 |") && lines[4].starts_with("| int8 |"), "{text}");
    assert!(compute.bytes < f16.bytes && (25.0..60.0).contains(&compute.all.psnr_db()), "{}", compute.all.psnr_db());
    assert!(lines[5].starts_with("| int8 compute |"), "{text}");
    assert!(lines.iter().take(6).all(|line| line.matches('|').count() == 9), "{text}");
}

#[test]
fn a_ladder_leaves_out_what_f16_cannot_hold_and_says_why() {
    let source = opened(&Checkpoint::beyond_f16());
    let ladder = ladder::climb(&source, Climb { samples: 6, seeds: 2 }, |_| {}, |_| {}).expect("measured");
    let names: Vec<&str> = ladder.rungs.iter().map(|rung| rung.name).collect();
    assert_eq!(names, ["f32", "int8", "int8 compute"]);
    let text = ladder::markdown(&ladder, &source);
    let line = "\nWithout f16: weight \"block2.weight\": 70000 is outside the range of f16 (+-65504)";
    assert!(text.contains(line) && !text.contains("| f16 |"), "{text}");
}

#[test]
fn a_file_is_a_source_of_every_other_and_gives_its_own_bytes_again() {
    let original = opened(&Checkpoint::small());
    for precision in [Precision::F32, Precision::F16] {
        let plain = made(&original, precision.into()).bytes;
        let golden = Model::from_bytes(plain.clone()).expect("valid").metadata().golden.clone();
        for variant in [PLAIN, SUBPIXEL, ALL] {
            let source = from_file(&made(&original, settings(precision, variant)).bytes).expect("a source");
            // Golden pictures travel, those of levels in the graph too: the bits are the same.
            let again = made(&source, precision.into()).bytes;
            assert!(again == plain, "{precision:?} {variant:?}");
        }
        let source = from_file(&plain).expect("a source");
        for other in Precision::ALL {
            let made = made(&source, settings(other, MIX));
            let metadata = Model::from_bytes(made.bytes).expect("valid").metadata().clone();
            assert_eq!(metadata.golden == golden, other != Precision::Int8, "{other:?}");
            assert_eq!((metadata.recipe.as_str(), metadata.weights), ("made up", other));
        }
    }
}

#[test]
fn a_file_that_is_no_source_is_refused() {
    let original = opened(&Checkpoint::small());
    for settings in [Precision::Int8.into(), settings(Precision::F32, COMPUTE)] {
        let refused = message(from_file(&made(&original, settings).bytes).expect_err("refused"));
        let expected = "expected a model file with f32 or f16 weights";
        assert!(refused.contains(expected) && refused.contains("int8"), "{refused}");
    }
    let mut graph =
        generator_graph::build(&original.folded, &original.architecture, Form::plain(Storage::F32)).expect("in range");
    let renamed = |name: &mut String| *name = name.replace("block1.", "other.");
    graph.constants.iter_mut().for_each(|constant| renamed(&mut constant.name));
    graph.nodes.iter_mut().flat_map(|node| &mut node.inputs).for_each(renamed);
    graph.nodes.iter_mut().for_each(|node| node.output = node.output.replace("block1.", "other."));
    let pairs = Model::from_bytes(made(&original, Precision::F32.into()).bytes).expect("valid").metadata().to_pairs();
    let refused = message(from_file(&onnx::file_bytes(&graph, onnx::OPSET, &pairs)).expect_err("refused"));
    assert!(refused.contains("weight \"block1.weight\"") && refused.contains("no weight of this name"), "{refused}");
    let missing = Wanted { from: Some(Path::new("missing.onnx")), ..Default::default() };
    assert!(message(source::open(&missing).expect_err("refused")).contains("read missing.onnx"));
}

#[test]
fn every_operator_set_runs_and_a_looser_tolerance_passes_what_the_default_refuses() {
    let mut checkpoint = Checkpoint::small();
    let source = opened(&checkpoint);
    for opset in onnx::OLDEST_OPSET..=onnx::NEWEST_OPSET {
        match export(&source, Settings { opset, ..settings(Precision::F16, SUBPIXEL) }) {
            // A library of ONNX Runtime may be older than the operator set.
            Err(ExportError::Check(RuntimeError::Engine { engine: "ort", .. })) if opset > NEWEST_OF_ORT_1_17 => {}
            Err(error) => panic!("{opset}: {}", message(error)),
            Ok(made) => assert_eq!(made.hops.len(), 3),
        }
    }
    checkpoint.reference("image")[3000] += 0.001;
    let source = opened(&checkpoint);
    assert!(matches!(export(&source, Precision::F32), Err(ExportError::Parity { .. })));
    made(&source, Settings { atol: 0.002, ..Precision::F32.into() });
}

/// Two channels of the stem cancel each other out, so that it shows in which order sums are added up.
#[test]
fn a_rewritten_file_may_be_as_far_from_the_plain_graph_as_that_from_the_source() {
    let mut checkpoint = Checkpoint::small();
    checkpoint.weight(names::LATENT_WEIGHT)[..2 * 16 * 7].fill(0.0);
    checkpoint.weight(names::LATENT_BIAS)[..2 * 16].fill(4e3);
    let kernel = checkpoint.weight(&names::kernel(0));
    let (first, rest) = kernel.split_at_mut(8 * 16);
    rest.iter_mut().zip(first).for_each(|(weight, first)| *weight = -*first);
    checkpoint.renew_reference();
    let source = opened(&checkpoint);
    let mix = Variant { rewrite: Rewrite::Subpixel, ..MIX };
    for (precision, variant) in [(Precision::F16, SUBPIXEL), (Precision::F32, mix)] {
        let made = made(&source, Settings { atol: 0.005, ..settings(precision, variant) });
        assert!(made.hops[1].max_error > EXACT, "{:?}: the order doesn't show", made.hops[1]);
    }
}

/// A checkpoint whose reference has one value that is off.
fn off_by(difference: f32) -> Source {
    let mut checkpoint = Checkpoint::small();
    let value = &mut checkpoint.reference("image")[3000];
    *value -= difference * value.signum();
    opened(&checkpoint)
}

#[test]
fn a_refusal_names_what_would_help_and_that_helps() {
    let (a_bit, a_level) = (off_by(0.007), off_by(2.0 / 255.0));
    let mut steep = Checkpoint::small();
    steep.weight(&names::kernel(2)).iter_mut().for_each(|weight| *weight *= 4.0);
    steep.renew_reference();
    let steep = opened(&steep);
    let (atol, weights) = (": --atol allows more", ": export with --weights f32");
    struct Case<'a>(&'a Source, Settings, &'static str, Settings);
    let exact = |variant| settings(Precision::F32, variant);
    let loose = |variant| Settings { atol: ONE_LEVEL, ..exact(variant) };
    let cases = [
        Case(&a_bit, exact(PLAIN), atol, loose(PLAIN)),
        Case(&a_level, exact(PLAIN), atol, loose(PLAIN)),
        Case(&a_bit, exact(LEVELS), atol, loose(LEVELS)),
        Case(&a_bit, exact(COMPUTE), atol, loose(COMPUTE)),
        Case(&steep, settings(Precision::F16, PLAIN), weights, exact(PLAIN)),
    ];
    for Case(source, settings, expected, advised) in cases {
        let message = export(source, settings).err().map(message).expect("refused");
        assert!(message.ends_with(expected), "{settings:?}: {message}");
        made(source, advised);
    }
}

#[test]
fn a_refusal_names_nothing_where_nothing_helps() {
    let source = off_by(0.009);
    for settings in
        [settings(Precision::F32, PLAIN), settings(Precision::F16, LEVELS), settings(Precision::F32, COMPUTE)]
    {
        for atol in [EXACT, ONE_LEVEL] {
            let message = export(&source, Settings { atol, ..settings }).err().map(message).expect("refused");
            assert!(message.ends_with("; nothing was written"), "{settings:?}: {message}");
        }
    }
}

/// A file for Python's engines, and what it should compute of two pictures.
struct Case {
    name: &'static str,
    gray: bool,
    settings: Settings,
}

/// The script `check_models.py` of `cargo xtask test` runs these files in ONNX Runtime and OpenVINO, and holds their
/// configurations against Triton's messages, where `MUDRA_VARIANTS` names a folder.
#[test]
fn files_for_other_engines_are_written() {
    let case = |name, precision, variant| Case { name, gray: false, settings: settings(precision, variant) };
    let gray = |name, precision, variant| Case { name, gray: true, settings: settings(precision, variant) };
    let mut cases = vec![
        case("f32", Precision::F32, PLAIN),
        case("f16", Precision::F16, PLAIN),
        case("int8", Precision::Int8, PLAIN),
        case("label-mix", Precision::F16, MIX),
        case("u8-output", Precision::F16, LEVELS),
        case("fixed-batch", Precision::F16, FIXED),
        case("subpixel", Precision::F32, SUBPIXEL),
        case("all", Precision::Int8, ALL),
        gray("ten-gray-labels", Precision::F16, PLAIN),
        gray("ten-gray-labels-all", Precision::F16, ALL),
        case("int8-compute", Precision::F32, COMPUTE),
        gray("ten-gray-labels-int8-compute", Precision::F16, COMPUTE_ALL),
    ];
    for (name, opset, variant) in [
        ("oldest-opset", onnx::OLDEST_OPSET, SUBPIXEL),
        ("newest-opset", onnx::NEWEST_OPSET, SUBPIXEL),
        ("int8-compute-oldest-opset", onnx::OLDEST_OPSET, COMPUTE),
        ("int8-compute-newest-opset", onnx::NEWEST_OPSET, COMPUTE),
    ] {
        let settings = Settings { opset, ..settings(Precision::Int8, variant) };
        cases.push(Case { name, gray: false, settings });
    }
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = std::env::var_os("MUDRA_VARIANTS").map_or(temporary.path().to_owned(), Into::into);
    std::fs::create_dir_all(&folder).expect("writable");
    let sources = sources();
    for Case { name, gray, settings } in cases {
        let source = &sources[usize::from(gray)];
        let bytes = match settings.opset {
            opset if opset > NEWEST_OF_ORT_1_17 => unchecked(source, &settings).expect("in range"),
            _ => {
                let bytes = made(source, settings).bytes;
                let model = Model::from_bytes(bytes.clone()).expect("a model of the contract");
                let place = triton::Place::create(&folder.join("triton"), name.to_owned()).expect("writable");
                let complete = place.write(model.metadata(), &bytes).expect("writable");
                complete.give_names().expect("writable");
                bytes
            }
        };
        let case = expectation(source, settings);
        let pixels = source.architecture.pixels();
        assert_eq!(case["image"].as_array().map(Vec::len), Some(2 * pixels), "{name}");
        std::fs::write(folder.join(format!("{name}.onnx")), bytes).expect("writable");
        std::fs::write(folder.join(format!("{name}.json")), case.to_string()).expect("writable");
    }
}

/// What a file of integer products allows itself.
fn bound(source: &Source, settings: Settings) -> Bound {
    let settings = Settings { opset: onnx::OPSET, ..settings };
    Model::from_bytes(made(source, settings).bytes).expect("valid").metadata().bound()
}

/// Two latents, their labels or mixes, and what the plain f32 file of the same weights makes of them.
fn expectation(source: &Source, settings: Settings) -> serde_json::Value {
    let storage = match settings.precision {
        _ if settings.variant.compute == Compute::Int8 => Storage::F32,
        Precision::F32 => Storage::F32,
        Precision::F16 => Storage::F32Rounded,
        Precision::Int8 => Storage::F32FromInt8,
    };
    // Which channels share a factor depends on how convolutions are written.
    let rewrite = if storage == Storage::F32FromInt8 { settings.variant.rewrite } else { Rewrite::None };
    let form = Form { storage, variant: Variant { rewrite, ..PLAIN } };
    let graph = generator_graph::build(&source.folded, &source.architecture, form).expect("in range");
    let pairs = Model::from_bytes(made(source, Precision::F32.into()).bytes).expect("valid").metadata().to_pairs();
    let plain = onnx::file_bytes(&graph, onnx::OPSET, &pairs);
    let (dim, labels) = (source.architecture.latent_dim, source.labels.len());
    let mut reference = source.reference.clone();
    reference.latents.truncate(2 * dim);
    reference.labels.truncate(2);
    let mut weights = vec![0.0f32; 2 * labels];
    (weights[0], weights[1], weights[labels + 1]) = (0.25, 0.75, 1.0);
    let is_int8 = settings.variant.compute == Compute::Int8;
    let (label, image) = match settings.variant.label_input {
        LabelInput::Index if is_int8 => (serde_json::json!(reference.labels), integer_pictures(source, &reference)),
        LabelInput::Index => (serde_json::json!(reference.labels), verify::pictures(plain, &reference).expect("runs")),
        LabelInput::Mix => {
            let rows: Vec<&[f32]> = weights.chunks(labels).collect();
            (serde_json::json!(rows), verify::mixed(plain, &reference, &weights).expect("runs"))
        }
    };
    let (allowed, mean) = match settings.variant.compute {
        Compute::Int8 => {
            let bound = bound(source, settings);
            (2.0 * f64::from(bound.max) / 255.0, 2.0 * bound.mean / 255.0)
        }
        _ if settings.variant.output == Output::Levels => (1.1 / 255.0, 1.1 / 255.0),
        _ => (1e-4, 1e-4),
    };
    let latents: Vec<&[f32]> = reference.latents.chunks(dim).collect();
    serde_json::json!({
        "latent": latents, "label": label, "image": image, "allowed": allowed, "allowed_mean": mean,
    })
}

fn integer_pictures(source: &Source, reference: &Reference) -> Vec<f32> {
    let integers = Integers::of(&calibrated(&source.folded, &source.architecture, SEEDS, |_| {}));
    let runner = integers.runner();
    let rows = reference.latents.chunks(source.architecture.latent_dim).zip(&reference.labels);
    rows.flat_map(|(latent, label)| runner.run(latent, *label as usize)).collect()
}
