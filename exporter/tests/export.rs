//! From a checkpoint to a checked file, and what must not pass the check.

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Checkpoint, LABELS, Numbers, message, small_architecture};
use edge_runtime::{Batch, EngineKind, EngineSpec, Generator, Model, decode, engine};
use exporter::export::{Made, Precision, export};
use exporter::generator_graph::Form;
use exporter::graph::{Graph, Operator, Storage};
use exporter::remedy::Remedy;
use exporter::source::{self, Source, Wanted};
use exporter::verify::{self, Comparison, EXACT};
use exporter::{ExportError, generator_graph, onnx};
use model_spec::architecture::Doubling;
use model_spec::manifest::reference;
use model_spec::weights::generator as names;
use model_spec::{Architecture, Metadata, contract, latent};

fn opened(checkpoint: &Checkpoint) -> Source {
    let folder = tempfile::tempdir().expect("a folder");
    let path = checkpoint.write(folder.path());
    source::open(&Wanted { run: Some(&path), ..Default::default() }).expect("a good checkpoint")
}

fn exported(checkpoint: &Checkpoint, precision: Precision) -> Result<Made, ExportError> {
    export(&opened(checkpoint), precision)
}

fn refusal(checkpoint: &Checkpoint) -> String {
    message(exported(checkpoint, Precision::F32).expect_err("refused"))
}

#[test]
fn the_made_up_networks_would_show_a_missing_step() {
    for checkpoint in [Checkpoint::small(), ten_gray_labels()] {
        let latent = latent::latent(5, 0, checkpoint.manifest.architecture.latent_dim);
        let pictures: Vec<_> =
            (0..checkpoint.manifest.labels.len()).map(|label| checkpoint.forward(&latent, label)).collect();
        for (label, picture) in pictures.iter().enumerate() {
            assert!(common::deviation(picture) >= 0.3, "{label}: {}", common::deviation(picture));
            for other in &pictures[..label] {
                assert!(common::distance(picture, other) >= 0.05, "{label}: {}", common::distance(picture, other));
            }
        }
        let norm = names::norm(0);
        let [mean, variance] =
            [&norm.running_mean, &norm.running_var].map(|name| match &checkpoint.weights[name].numbers {
                Numbers::F32(numbers) => numbers.clone(),
                Numbers::I64(_) => Vec::new(),
            });
        assert!(
            mean.iter().any(|mean| mean.abs() > 0.5) && variance.iter().any(|variance| (variance - 1.0).abs() > 0.5)
        );
    }
}

#[test]
fn a_folded_file_of_either_precision_makes_the_reference_pictures() {
    for (precision, hops) in [(Precision::F32, 1), (Precision::F16, 3)] {
        let made = exported(&Checkpoint::small(), precision).expect("exported");
        assert_eq!(made.hops.len(), hops, "{:?}", made.hops);
        for hop in &made.hops {
            assert!(hop.max_error <= hop.tolerance, "{hop:?}");
        }
        let metadata = Model::from_bytes(made.bytes).expect("a model of the contract").metadata().clone();
        assert_eq!(metadata.weights, precision);
    }
}

#[test]
fn every_engine_is_compared_with_the_reference_and_the_golden_pictures() {
    for precision in [Precision::F32, Precision::F16] {
        let made = exported(&Checkpoint::small(), precision).expect("exported");
        let titles: Vec<&str> = made.tables.iter().map(|table| table.title.as_str()).collect();
        assert_eq!(titles, ["engine, against libtorch", "engine, against golden pictures"]);
        for table in &made.tables {
            assert_eq!(table.rows.len(), engine::built_in().len(), "{}", table.text());
            for (kind, row) in engine::built_in().iter().zip(&table.rows) {
                match &row.outcome {
                    Ok(parity) => assert_eq!((parity.pictures(), parity.passes()), (3, true), "{}", table.text()),
                    Err(problem) => assert_eq!(*kind, EngineKind::Ort, "runs everywhere: {problem}"),
                }
            }
        }
    }
}

#[test]
fn rounding_to_f16_moves_pixels_and_is_measured() {
    let made = exported(&Checkpoint::small(), Precision::F16).expect("exported");
    let rounding = made.hops.iter().map(|hop| hop.max_error).fold(0.0, f32::max);
    assert!(rounding > EXACT && rounding < 2.0 / 255.0, "{:?}", made.hops);
}

/// The file holds the transposed convolutions that the blocks are, and no engine sees a difference.
#[test]
fn blocks_that_upsample_are_exported_as_transposed_convolutions() {
    let architecture = Architecture { doubling: Doubling::Upsampled, ..small_architecture(3) };
    let checkpoint = Checkpoint::new(&LABELS, architecture);
    let made = exported(&checkpoint, Precision::F32).expect("within the tolerances");
    assert!(made.hops[0].max_error > 0.0 && made.hops[0].max_error <= EXACT, "{}", made.hops[0].max_error);
    let model = Model::from_bytes(made.bytes).expect("valid");
    assert_eq!(model.metadata().architecture, small_architecture(3));
    let (latent, label) = (latent::latent(9, 0, checkpoint.manifest.architecture.latent_dim), 2);
    let expected = checkpoint.forward(&latent, label);
    for kind in [EngineKind::Native, EngineKind::Tract] {
        let mut opened = engine::open(&EngineSpec { kind, ..EngineSpec::default() }, &model).expect("opens");
        let found = opened.engine.run(&Batch::new(&latent, &[label as i64])).expect("runs");
        let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(found.len() == expected.len() && worst < 1e-4, "{kind:?}: {worst}");
    }
}

fn ten_gray_labels() -> Checkpoint {
    let labels = ["j", "i", "h", "g", "f", "e", "d", "c", "b", "a"];
    let architecture = Architecture { image_size: 64, widths: vec![9, 7, 5], latent_dim: 11, ..small_architecture(1) };
    Checkpoint::new(&labels, architecture)
}

#[test]
fn ten_labels_at_64_pixels_in_gray_export() {
    let checkpoint = ten_gray_labels();
    let made = exported(&checkpoint, Precision::F32).expect("exported");
    let model = Model::from_bytes(made.bytes).expect("a model of the contract");
    assert_eq!(model.metadata().labels, checkpoint.manifest.labels);
    assert_eq!(model.metadata().architecture, checkpoint.manifest.architecture);
    assert_eq!(model.metadata().golden.len(), 10);
}

#[test]
fn three_odd_labels_keep_their_order_and_their_pictures() {
    let checkpoint = Checkpoint::small();
    let made = exported(&checkpoint, Precision::F32).expect("exported");
    let model = Model::from_bytes(made.bytes).expect("a model of the contract");
    assert_eq!(model.metadata().labels.names(), LABELS);
    let spec = EngineSpec { kind: EngineKind::Tract, ..Default::default() };
    let mut generator = Generator::of(&model, &spec).expect("tract runs it");
    for (label, name) in LABELS.into_iter().enumerate() {
        let frame = generator.frame(label, 9, 0).expect("a picture");
        let chw = checkpoint.forward(&latent::latent(9, 0, 7), label);
        let expected = model_spec::pixels::hwc8_from_chw_signed(&chw, 3);
        let differs = frame.picture.levels().iter().zip(&expected).filter(|(a, b)| a.abs_diff(**b) > 1).count();
        assert_eq!((frame.label.as_str(), differs), (name, 0));
    }
}

#[test]
fn metadata_says_what_the_manifest_and_the_command_line_say() {
    let mut checkpoint = Checkpoint::small();
    checkpoint.manifest.scores.insert("kid".to_owned(), 0.25);
    let folder = tempfile::tempdir().expect("a folder");
    let path = checkpoint.write(folder.path());
    let metadata = |data_licence| -> Metadata {
        let wanted = Wanted { run: Some(&path), data_licence, ..Default::default() };
        let made = export(&source::open(&wanted).expect("a good checkpoint"), Precision::F32).expect("exported");
        Model::from_bytes(made.bytes).expect("a model of the contract").metadata().clone()
    };
    let said = metadata(None);
    assert_eq!(said.data_set, Some(checkpoint.manifest.data_set.clone()));
    assert_eq!((said.recipe.as_str(), said.progress), ("made up", Some(checkpoint.manifest.progress)));
    assert_eq!(said.scores, checkpoint.manifest.scores);
    assert_eq!(said.exporter, format!("exporter {}", env!("CARGO_PKG_VERSION")));
    let named = metadata(Some("by A, CC BY 4.0")).data_set.and_then(|data_set| data_set.licence);
    assert_eq!(named.as_deref(), Some("by A, CC BY 4.0"));
}

#[test]
fn golden_pictures_are_what_the_file_makes() {
    let made = exported(&Checkpoint::small(), Precision::F16).expect("exported");
    let model = Model::from_bytes(made.bytes).expect("a model of the contract");
    let spec = EngineSpec { kind: EngineKind::Tract, ..Default::default() };
    let mut generator = Generator::of(&model, &spec).expect("tract runs it");
    let golden = &model.metadata().golden;
    assert_eq!(golden.iter().map(|golden| golden.label).collect::<Vec<_>>(), [0, 1, 2]);
    for golden in golden {
        let png = STANDARD.decode(&golden.png_base64).expect("base64");
        let frame = generator.frame(golden.label, golden.seed, golden.index).expect("a picture");
        let decoded = decode::png(&png).expect("a PNG");
        assert_eq!((decoded.picture, decoded.texts["Label"].as_str()), (frame.picture, frame.label.as_str()));
    }
}

#[test]
fn golden_pictures_that_do_not_fit_are_left_out_from_the_end() {
    let labels: Vec<String> = (0..60).map(|label| format!("label {label}")).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let checkpoint = Checkpoint::new(&labels, small_architecture(3));
    let made = exported(&checkpoint, Precision::F32).expect("exported");
    let metadata = Model::from_bytes(made.bytes).expect("a model of the contract").metadata().clone();
    let kept: Vec<usize> = metadata.golden.iter().map(|golden| golden.label).collect();
    assert_eq!(kept, (0..made.golden).collect::<Vec<_>>());
    assert!(made.golden < 60, "the pictures of this test are too small");
    let bytes: usize = metadata.golden.iter().map(|golden| golden.png_base64.len()).sum();
    let one = metadata.golden[0].png_base64.len();
    assert!(bytes <= contract::GOLDEN_BYTES && bytes + 2 * one > contract::GOLDEN_BYTES, "{bytes}");
}

#[test]
fn swapped_labels_in_the_reference_are_found() {
    let mut checkpoint = Checkpoint::small();
    let labels = common::integers(vec![0, 2, 1]);
    checkpoint.reference.insert(reference::LABEL.to_owned(), labels);
    let message = refusal(&checkpoint);
    assert!(message.contains("picture 1 (label \"ä\")") || message.contains("picture 2 (label \"a b\")"), "{message}");
    assert!(message.contains("channel") && message.contains("nothing was written"), "{message}");
}

#[test]
fn one_changed_weight_is_found() {
    let mut checkpoint = Checkpoint::small();
    checkpoint.weight(&names::kernel(1))[77] += 0.01;
    assert!(refusal(&checkpoint).contains("nothing was written"));
}

#[test]
fn a_changed_running_variance_is_found() {
    let mut checkpoint = Checkpoint::small();
    checkpoint.weight(&names::norm(1).running_var)[2] *= 1.01;
    assert!(refusal(&checkpoint).contains("nothing was written"));
}

/// Neighboring columns, then rows, change places: what a file with two swapped output parities would make.
#[test]
fn swapped_output_parities_are_found_at_their_place() {
    type Swap = fn(usize) -> usize;
    let columns: Swap = |place| place ^ 1;
    let rows: Swap = |place| place ^ 32;
    for swap in [columns, rows] {
        let mut checkpoint = Checkpoint::small();
        let images = checkpoint.reference(reference::IMAGE);
        let straight = images.clone();
        images.iter_mut().enumerate().for_each(|(place, value)| *value = straight[swap(place)]);
        assert!(refusal(&checkpoint).contains("nothing was written"));
    }
}

#[test]
fn the_place_of_the_largest_difference_is_named() {
    let mut checkpoint = Checkpoint::small();
    let place = ((2 * 3 + 1) * 32 + 5) * 32 + 9; // picture 2, channel 1, row 5, column 9
    checkpoint.reference(reference::IMAGE)[place] += 0.5;
    let message = refusal(&checkpoint);
    assert!(message.contains("picture 2 (label \"ä\")"), "{message}");
    assert!(message.contains("channel 1, row 5, column 9"), "{message}");
}

/// What verification says of a graph that was changed after it was built.
fn verdict(change: impl Fn(&mut Graph)) -> Result<verify::Hop, ExportError> {
    let source = opened(&Checkpoint::small());
    let form = Form::plain(Storage::F32);
    let mut graph = generator_graph::build(&source.folded, &source.architecture, form).expect("in range");
    change(&mut graph);
    let made = exported(&Checkpoint::small(), Precision::F32).expect("exported");
    let pairs = Model::from_bytes(made.bytes).expect("a model of the contract").metadata().to_pairs();
    let found = verify::pictures(onnx::file_bytes(&graph, onnx::OPSET, &pairs), &source.reference)?;
    let expected = &source.reference.images;
    let remedy = Remedy::None;
    Comparison { name: "test".to_owned(), expected, found: &found, tolerance: EXACT, remedy }.check(&source)
}

#[test]
fn an_unchanged_graph_passes() {
    verdict(|_| {}).expect("passes");
}

#[test]
fn a_missing_tanh_is_found() {
    let refused = verdict(|graph| {
        let tanh = graph.nodes.pop().expect("a last node");
        assert_eq!(tanh.operator, Operator::Tanh);
        graph.nodes.last_mut().expect("a node").output = tanh.output;
    });
    assert!(matches!(refused, Err(ExportError::Parity { .. })), "{refused:?}");
}

#[test]
fn a_missing_relu_or_leaky_relu_is_found() {
    for skipped in ["block0.relu", "block1.relu", "latent.leaky_relu"] {
        let refused = verdict(|graph| {
            let place = graph.nodes.iter().position(|node| node.name == skipped).expect("a node of this name");
            let node = graph.nodes.remove(place);
            for other in &mut graph.nodes {
                other.inputs.iter_mut().filter(|input| **input == node.output).for_each(|input| {
                    input.clone_from(&node.inputs[0]);
                });
            }
        });
        assert!(matches!(refused, Err(ExportError::Parity { .. })), "{skipped}: {refused:?}");
    }
}

/// Reversed taps swap what even and odd outputs get.
#[test]
fn reversed_taps_are_found() {
    let refused = verdict(|graph| {
        let kernel = graph.constants.iter_mut().find(|constant| constant.name == "block1.weight").expect("a kernel");
        let exporter::graph::Numbers::F32(numbers) = &mut kernel.numbers else { panic!("f32") };
        numbers.chunks_exact_mut(4).for_each(<[f32]>::reverse);
    });
    assert!(matches!(refused, Err(ExportError::Parity { .. })), "{refused:?}");
}

#[test]
fn a_weight_outside_f16_is_named_and_exports_as_f32() {
    let mut checkpoint = Checkpoint::small();
    // The first block doesn't read the channel that is out of range, so that the picture stays a picture.
    checkpoint.weight(names::LATENT_WEIGHT)[3] = 70_000.0;
    checkpoint.weight(&names::kernel(0))[..8 * 16].fill(0.0);
    checkpoint.renew_reference();
    let message = message(exported(&checkpoint, Precision::F16).expect_err("refused"));
    assert!(message.contains("latent.weight") && message.contains("70000"), "{message}");
    exported(&checkpoint, Precision::F32).expect("exported");
}

#[test]
fn a_dead_model_is_no_error() {
    let mut checkpoint = Checkpoint::small();
    checkpoint.weight(&names::kernel(2)).fill(0.0);
    checkpoint.reference(reference::IMAGE).fill(0.0);
    exported(&checkpoint, Precision::F16).expect("exported");
}
