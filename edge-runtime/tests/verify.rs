//! `edge-runtime verify`: a right file passes, and what a wrong one makes is seen.

mod common;
mod place;

use std::path::Path;
use std::process::Output;

use common::{LABELS, Network};
use edge_runtime::engine::native::Level;
use edge_runtime::engine::{self, EngineKind, EngineSpec};
use edge_runtime::onnx::{ModelProto, TensorProto};
use edge_runtime::{Model, Picture, golden, parity, verification};
use model_spec::metadata::Golden;
use model_spec::pixels::hwc8_from_chw_signed;
use model_spec::variant::Compute;
use model_spec::{contract, latent};
use prost::Message;

/// The file of a network with golden pictures that the slow, plain network makes.
fn proto(network: &Network) -> ModelProto {
    proto_with(network, |picture| picture)
}

fn proto_with(network: &Network, change: impl Fn(Vec<u8>) -> Vec<u8>) -> ModelProto {
    let architecture = &network.architecture;
    let golden = network.labels.iter().enumerate().map(|(label, name)| {
        let chw = network.forward(&latent::latent(1, 0, architecture.latent_dim), label);
        let (side, channels) = (architecture.image_size, architecture.channels);
        let levels = change(hwc8_from_chw_signed(&chw, channels));
        let picture = Picture::new(side, side, channels, levels).expect("a whole picture");
        Golden { label, seed: 1, index: 0, png_base64: golden::png_base64(&picture, name).expect("a PNG") }
    });
    let golden: Vec<Golden> = golden.collect();
    let mut proto = network.proto();
    set(&mut proto, contract::GOLDEN_KEY, &serde_json::to_string(&golden).expect("plain data"));
    proto
}

fn set(model: &mut ModelProto, key: &str, value: &str) {
    let entry = model.metadata_props.iter_mut().find(|entry| entry.key == key).expect("such an entry");
    entry.value = value.to_owned();
}

fn weight<'a>(model: &'a mut ModelProto, name: &str) -> &'a mut TensorProto {
    let graph = model.graph.as_mut().expect("a graph");
    graph.initializer.iter_mut().find(|weight| weight.name == name).expect("such a weight")
}

fn change_weight(model: &mut ModelProto, name: &str, change: impl Fn(&mut [f32])) {
    let raw = &mut weight(model, name).raw_data;
    let mut numbers: Vec<f32> = raw.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    change(&mut numbers);
    *raw = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
}

fn verify(folder: &Path, words: &[&str]) -> Output {
    place::command(folder).arg("verify").args(words).output().expect("the command starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Exit code, table and messages of the command on a file.
fn verdict(proto: &ModelProto) -> (Option<i32>, String, String) {
    verdict_of(proto, &["--engine", "tract"])
}

fn verdict_of(proto: &ModelProto, engine: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("model.onnx"), proto.encode_to_vec()).expect("writable");
    let output = verify(folder.path(), &[&["--model", "model.onnx", "--threads", "1"], engine].concat());
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_right_file_passes_with_its_table() {
    for network in [Network::new(&LABELS, 3), Network::new(&["only"], 1), Network::new(&LABELS, 3).rounded()] {
        let (code, table, message) = verdict(&proto(&network));
        assert_eq!(code, Some(0), "{table}{message}");
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 2, "{table}");
        for part in ["engine", "pictures", "max", "mean", "PSNR dB", "result"] {
            assert!(lines[0].contains(part), "{part}: {table}");
        }
        assert!(lines[1].starts_with("tract 0.") && lines[1].ends_with("  pass"), "{table}");
        assert_eq!(message, "model model.onnx\n");
    }
}

#[test]
fn a_file_gives_no_orders_to_the_terminal_that_shows_its_error() {
    let mut hostile = proto(&Network::new(&LABELS, 3));
    hostile.graph.as_mut().expect("a graph").node[0].op_type = "\u{1b}[2J\rLoop".to_owned();
    let (code, _, message) = verdict_of(&hostile, &[]);
    assert_eq!(code, Some(1), "{message}");
    assert!(message.contains("\u{fffd}[2J\u{fffd}Loop") && !message.contains('\u{1b}'), "{message}");
}

#[test]
fn products_of_fewer_bits_have_a_bound_of_their_own() {
    let right = proto(&Network::new(&LABELS, 3));
    let mut wrong = right.clone();
    change_weight(&mut wrong, "label.table", |rows| rows.rotate_left(16));
    for compute in [Compute::Bf16, Compute::F16, Compute::Int8] {
        let words = ["--engine", "native", "--compute", compute.name()];
        let (code, table, message) = verdict_of(&right, &words);
        if !Level::best().multiplies(compute) {
            assert!(code == Some(1) && message.contains(&format!("products in {} need ", compute.name())), "{message}");
            continue;
        }
        assert_eq!(code, Some(0), "{table}{message}");
        let line = table.lines().nth(1).expect("a row");
        assert!(line.contains(&format!(" {}, 1 thread ", compute.name())) && line.ends_with("  pass"), "{table}");
        // The largest difference: not the exact pictures.
        assert!(line.split_whitespace().nth(7).is_some_and(|count| count != "0"), "{table}");
        let (code, table, message) = verdict_of(&wrong, &words);
        assert!(code == Some(1) && table.contains("FAIL"), "{table}{message}");
    }
}

#[test]
fn only_native_can_be_told_what_to_multiply_in() {
    let (code, table, message) =
        verdict_of(&proto(&Network::new(&LABELS, 3)), &["--engine", "tract", "--compute", "int8"]);
    assert!(code == Some(1) && !table.contains("pass"), "{table}");
    let expected = "engine tract can't be told to multiply in int8; ask for --engine native";
    assert!(format!("{table}{message}").contains(expected), "{table}{message}");
}

struct Spoiled(&'static str, fn(&mut ModelProto));

/// Every way in which a file may compute something else than it should, or its description say something else.
#[test]
fn a_wrong_file_fails_with_the_place_of_its_largest_difference() {
    let spoiled = [
        Spoiled("swapped rows of the label table", |model| {
            change_weight(model, "label.table", |rows| {
                let (first, rest) = rows.split_at_mut(16);
                first.swap_with_slice(&mut rest[..16]);
            });
        }),
        Spoiled("one changed block of weights", |model| {
            change_weight(model, "block1.weight", |weights| weights[5 * 16..6 * 16].iter_mut().for_each(|w| *w = -*w));
        }),
        Spoiled("one changed bias", |model| change_weight(model, "block2.bias", |bias| bias[1] += 0.05)),
        Spoiled("swapped column parities of the last block", |model| {
            swap_parities(model, "block2.weight", [1, 0, 3, 2])
        }),
        Spoiled("mirrored taps of the last block", |model| swap_parities(model, "block2.weight", [3, 2, 1, 0])),
        Spoiled("a missing tanh", without_tanh),
        Spoiled("a missing relu", |model| {
            let graph = model.graph.as_mut().expect("a graph");
            let place = graph.node.iter().position(|node| node.op_type == "Relu").expect("a node");
            let relu = graph.node.remove(place);
            let reader = graph.node.iter_mut().find(|node| node.input[0] == relu.output[0]).expect("a reader");
            reader.input[0].clone_from(&relu.input[0]);
        }),
    ];
    for Spoiled(name, spoil) in spoiled {
        let mut proto = proto(&Network::new(&LABELS, 3));
        spoil(&mut proto);
        let (code, table, message) = verdict(&proto);
        assert_eq!(code, Some(1), "{name}: {table}{message}");
        assert!(table.lines().nth(1).is_some_and(|line| line.ends_with("  FAIL")), "{name}: {table}");
        assert!(message.contains("label \"") && message.contains(": expected level "), "{name}: {message}");
        assert!(message.contains("1 of 1 engines make other pictures than the golden ones"), "{name}: {message}");
    }
}

/// Output pixel 2x reads taps 1 and 3, output pixel 2x + 1 reads taps 2 and 0.
fn swap_parities(model: &mut ModelProto, name: &str, taps: [usize; 4]) {
    change_weight(model, name, |weights| {
        for row in weights.chunks_exact_mut(4) {
            let straight: Vec<f32> = row.to_vec();
            row.iter_mut().zip(taps).for_each(|(weight, tap)| *weight = straight[tap]);
        }
    });
}

fn without_tanh(model: &mut ModelProto) {
    let graph = model.graph.as_mut().expect("a graph");
    let tanh = graph.node.pop().expect("a last node");
    assert_eq!(tanh.op_type, "Tanh");
    graph.node.last_mut().expect("a node").output = tanh.output;
}

/// Neighboring columns, then rows, change places: exactly what an engine with swapped output parities makes.
#[test]
fn swapped_output_parities_fail() {
    let network = Network::new(&LABELS, 3);
    let swaps: [fn(usize) -> usize; 2] = [|pixel| pixel ^ 1, |pixel| pixel ^ 32];
    for swap in swaps {
        let swapped =
            |levels: Vec<u8>| (0..levels.len()).map(|place| levels[swap(place / 3) * 3 + place % 3]).collect();
        let (code, table, message) = verdict(&proto_with(&network, swapped));
        assert_eq!(code, Some(1), "{table}{message}");
        assert!(table.contains("FAIL"), "{table}");
    }
}

#[test]
fn one_level_is_allowed_and_two_are_not() {
    let network = Network::new(&LABELS, 3);
    for (levels, code) in [(1, 0), (2, 1)] {
        let moved = |picture: Vec<u8>| {
            let mut picture = picture;
            // Far from both ends, where a level can be moved.
            let place = picture.iter().position(|level| (50..200).contains(level)).expect("a middle level");
            // The engine itself may be one level off; its sums are the plain network's to 1e-5, so it isn't.
            picture[place] += levels;
            picture
        };
        let (found, table, message) = verdict(&proto_with(&network, moved));
        assert_eq!(found, Some(code), "{levels}: {table}{message}");
    }
}

#[test]
fn renamed_or_reordered_labels_fail() {
    let mut proto = proto(&Network::new(&LABELS, 3));
    set(&mut proto, contract::LABELS_KEY, r#"["a b","zebra","ä"]"#);
    let (code, _, message) = verdict(&proto);
    assert_eq!(code, Some(1));
    let expected = "golden pictures: expected label 0 to be \"zebra\", found \"a b\"";
    assert!(message.contains(expected), "{message}");
}

#[test]
fn golden_pictures_that_are_missing_or_damaged_are_named() {
    let good = proto(&Network::new(&LABELS, 3));
    let other = golden::png_base64(&Picture::new(3, 2, 3, vec![9; 18]).expect("3 x 2 x 3"), "zebra").expect("a PNG");
    let one = |png: &str| format!(r#"[{{"label":0,"seed":1,"index":0,"png_base64":"{png}"}}]"#);
    let large = "A".repeat(contract::GOLDEN_BYTES + 4);
    for (golden, expected) in [
        ("[]".to_owned(), "expected pictures of 1 to 150000 bytes in base64, found 0"),
        (one("!!"), "golden pictures: expected base64"),
        (one("AAAA"), "decode PNG"),
        (one(&other), "expected 32 x 32, channels 3"),
        (one(&large), "expected pictures of 1 to 150000 bytes in base64, found 150004"),
    ] {
        let mut proto = good.clone();
        set(&mut proto, contract::GOLDEN_KEY, &golden);
        let (code, table, message) = verdict(&proto);
        assert_eq!((code, table.as_str()), (Some(1), ""), "{message}");
        assert!(message.contains(expected) && !message.contains("panicked"), "{message}");
    }
}

/// The library itself, over whatever engines are here: all of them agree about a right and about a wrong file.
#[test]
fn every_engine_passes_the_right_file_and_fails_the_wrong_one() {
    let mut wrong = proto(&Network::new(&LABELS, 3));
    without_tanh(&mut wrong);
    for (proto, passes) in [(proto(&Network::new(&LABELS, 3)), true), (wrong, false)] {
        let model = Model::from_bytes(proto.encode_to_vec()).expect("valid");
        let specs = verification::all_engines(&EngineSpec::default());
        assert_eq!(specs.iter().map(|spec| spec.kind).collect::<Vec<_>>(), engine::built_in());
        let cases = verification::golden_cases(model.metadata()).expect("golden pictures");
        let rows = verification::rows(&model, &specs, &cases).expect("every engine runs");
        assert_eq!(parity::all_pass(&rows), passes, "{}", parity::table("engine", &rows));
        for row in &rows {
            let ran = row.outcome.as_ref().map(|parity| parity.passes());
            assert!(ran.is_err() || ran == Ok(passes), "{}", parity::table("engine", &rows));
        }
        if std::env::var_os("MUDRA_REQUIRE_ORT").is_some() {
            // native knows the family only, which the wrong file has left.
            let mut expected = rows.iter().filter(|row| passes || !row.name.starts_with("native"));
            assert!(expected.all(|row| row.outcome.is_ok()), "{}", parity::table("engine", &rows));
        }
    }
}

/// Without a library for it, ort is a row that says so, and the others decide; asked for alone, it is a failure.
#[cfg(all(feature = "ort", target_os = "linux"))]
#[test]
fn an_engine_that_cannot_run_here_is_said_aloud() {
    let folder = tempfile::tempdir().expect("a folder");
    let proto = proto(&Network::new(&LABELS, 3));
    std::fs::write(folder.path().join("model.onnx"), proto.encode_to_vec()).expect("writable");
    let words = ["--model", "model.onnx", "--ort-lib", "gone.so"];
    let output = verify(folder.path(), &words);
    let (table, message) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{table}{message}");
    assert!(table.contains("ort ") && table.contains("not run: engine ort: no ONNX Runtime library"), "{table}");
    assert!(message.contains("gone.so: no such file"), "{message}");
    let output = verify(folder.path(), &[&words[..], &["--engine", "ort"]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("model model.onnx: no engine could run"), "{}", text(&output.stderr));
}

#[test]
fn help_lists_the_engines_and_a_wrong_one_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let help = text(&verify(folder.path(), &["--help"]).stdout);
    for part in ["[default: all]", "--threads <N>", "--engine <ENGINE>"] {
        assert!(help.contains(part), "{part}: {help}");
    }
    for kind in engine::built_in().iter().map(|kind| kind.name()).chain([EngineKind::Auto.name(), "all"]) {
        assert!(help.contains(kind), "{kind}: {help}");
    }
    let output = verify(folder.path(), &["--engine", "magic"]);
    assert_eq!(output.status.code(), Some(2));
}
