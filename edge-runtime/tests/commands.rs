//! The built command beside its pictures: info, regenerate, bench, doctor, prepare, shares, truncation and requests.

mod common;
mod place;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{LABELS, Network};
use edge_runtime::{decode, engine};
use place::{Place, error, interrupt};
use serde_json::Value;

impl Place {
    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("the command starts")
    }

    fn fed(&self, words: &[&str], input: &[u8]) -> Output {
        let mut command = self.command(words);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the command starts");
        child.stdin.take().expect("piped").write_all(input).expect("readable");
        child.wait_with_output().expect("it ends")
    }
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

#[test]
fn info_says_what_a_picture_was_made_from() {
    let place = Place::new();
    place.done(&["--label", "ä", "--seed", "9", "--truncation", "0.5", "--out", "a.png"]);
    let found = text(&place.run(&["info", "a.png"]));
    for part in ["PNG of 32 x 32 pixels, RGB", "ä\n", "9\n", "Engine", "0.5", "edge-runtime regenerate a.png"] {
        assert!(found.contains(part), "{part}: {found}");
    }
}

#[test]
fn info_says_what_a_model_is_and_what_runs_it() {
    let place = Place::new();
    for words in [&["info", "model.onnx"][..], &["info", "--model", "model.onnx"]] {
        let found = text(&place.run(words));
        for part in ["\"zebra\", \"a b\", \"ä\"", "32 x 32, RGB", "7 numbers", "made up", "engine", "cpu", "kernels"] {
            assert!(found.contains(part), "{words:?}: {part}: {found}");
        }
        let kernels = found.lines().find(|line| line.starts_with("kernels")).expect("a line");
        let best = edge_runtime::engine::native::Level::best().name();
        assert!(kernels.contains(best), "{kernels}: expected {best}");
    }
}

#[test]
fn regenerate_makes_the_same_pixels_from_the_file_alone() {
    let place = Place::new();
    for (name, words) in [
        ("plain.png", &["--seed", "5"][..]),
        ("large.png", &["--seed", "18446744073709551615", "--scale", "3"]),
        ("usual.png", &["--seed", "6", "--truncation", "0.6"]),
    ] {
        place.done(&[&["--label", "a b", "--out", name], words].concat());
        let output = place.done(&["regenerate", name, "--out", "again.png"]);
        let engine = &decode::png(&place.read(name)).expect("a PNG").texts["Engine"];
        assert_eq!(text(&output), format!("{name}: the same pixels, by {engine}\n"));
        assert_eq!(place.read(name), place.read("again.png"), "{name}");
    }
}

#[test]
fn regenerate_sees_another_pixel_another_model_and_what_is_no_picture_of_ours() {
    let place = Place::new();
    place.done(&["--label", "zebra", "--seed", "5", "--out", "a.png"]);
    let mut decoded = decode::png(&place.read("a.png")).expect("a PNG");
    let mut levels = decoded.picture.levels().to_vec();
    levels[77] ^= 8;
    decoded.picture = edge_runtime::Picture::new(32, 32, 3, levels).expect("a picture");
    let keywords = ["Label", "Seed", "Index", "Model", "Engine"];
    let texts = keywords.map(|keyword| (keyword, decoded.texts[keyword].clone())).to_vec();
    let changed = edge_runtime::encode::encode(&decoded.picture, &texts, edge_runtime::encode::Format::Png);
    fs::write(place.path("changed.png"), changed.expect("a PNG")).expect("writable");
    let other = Network::new(&["zebra", "x", "y"], 3);
    fs::write(place.path("other.onnx"), other.bytes()).expect("writable");
    place.done(&["--seed", "1", "--grid", "sheet.png"]);
    fs::write(place.path("text.png"), "no picture").expect("writable");
    for (words, expected) in [
        (["changed.png", "model.onnx"], "expected the same pixels, found differences of up to 8 of 255"),
        (["a.png", "other.onnx"], "a.png: expected the model with sha256 "),
        (["sheet.png", "model.onnx"], "text \"Label\": expected one, as in a single picture of ours"),
        (["text.png", "model.onnx"], "text.png: decode PNG"),
        (["gone.png", "model.onnx"], "read gone.png"),
    ] {
        let output = place.run(&["regenerate", words[0], "--model", words[1]]);
        assert!(error(&output).contains(expected), "{words:?}: {}", error(&output));
        assert_eq!(output.status.code(), Some(1), "{words:?}");
    }
}

#[cfg(feature = "ort")]
#[test]
fn regenerate_wants_to_be_told_that_it_may_compute_in_tf32() {
    let place = Place::new();
    place.done(&["--label", "zebra", "--seed", "5", "--out", "a.png"]);
    let decoded = decode::png(&place.read("a.png")).expect("a PNG");
    let mut texts: Vec<_> =
        ["Label", "Seed", "Index", "Model"].map(|keyword| (keyword, decoded.texts[keyword].clone())).into();
    texts.push(("Engine", "ort 1.32.0, cuda tf32".to_owned()));
    let png = edge_runtime::encode::encode(&decoded.picture, &texts, edge_runtime::encode::Format::Png);
    fs::write(place.path("tf32.png"), png.expect("a PNG")).expect("writable");
    let output = place.run(&["regenerate", "tf32.png", "--model", "model.onnx"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(error(&output).contains("tf32.png: it was made in TF32: add --tf32"), "{}", error(&output));
}

#[test]
fn hostile_pictures_are_errors_and_print_nothing_that_moves_a_cursor() {
    let place = Place::new();
    place.done(&["--label", "zebra", "--seed", "5", "--out", "a.png"]);
    let good = place.read("a.png");
    for length in [0, 7, 8, 20, 33, 60, good.len() / 2] {
        fs::write(place.path("cut.png"), &good[..length]).expect("writable");
        for words in
            [&["info", "cut.png", "--model", "model.onnx"][..2], &["regenerate", "cut.png", "--model", "model.onnx"]]
        {
            let output = place.run(words);
            assert_eq!(output.status.code(), Some(1), "{length}: {words:?}");
            assert!(!error(&output).contains("panicked"), "{}", error(&output));
        }
    }
    let picture = decode::png(&good).expect("a PNG").picture;
    let texts = vec![("Label", "\u{1b}[2Jzebra\u{7}".to_owned()), ("Seed", "x".repeat(5000))];
    let file = edge_runtime::encode::encode(&picture, &texts, edge_runtime::encode::Format::Png).expect("a PNG");
    fs::write(place.path("odd.png"), file).expect("writable");
    let output = place.run(&["info", "odd.png"]);
    assert!(output.status.success() && !text(&output).contains('\u{1b}') && !text(&output).contains('\u{7}'));
}

#[test]
fn bench_prints_every_key() {
    let place = Place::new();
    let output = place.done(&["bench", "--json", "--runs", "5", "--threads", "1"]);
    let found: Value = serde_json::from_str(&text(&output)).expect("JSON");
    let names = engine::built_in().iter().map(|kind| kind.name());
    let engine = found["engine"].as_str().expect("text");
    assert!(names.into_iter().any(|name| engine.starts_with(name)), "{found}");
    assert_eq!((found["provider"].as_str(), found["threads"].as_u64()), (Some("cpu"), Some(1)));
    assert!(found["kernels"].as_str().is_some_and(|kernels| !kernels.is_empty()), "{found}");
    for key in ["load_ms", "first_ms", "median_ms", "p95_ms", "images_per_s"] {
        assert!(found[key].as_f64().is_some_and(|number| number > 0.0), "{key}: {found}");
    }
    assert!(found["p95_ms"].as_f64() >= found["median_ms"].as_f64());
    for key in ["peak_rss_mb", "temperature", "throttling"] {
        assert!(found.get(key).is_some(), "{key}: {found}");
    }
    if cfg!(target_os = "linux") {
        assert!(found["peak_rss_mb"].as_f64().is_some_and(|megabytes| megabytes > 1.0), "{found}");
    }
    let found = text(&place.done(&["bench", "--runs", "3"]));
    for part in ["median", "3 pictures", "pictures/s", "peak memory", "temperature", "throttling"] {
        assert!(found.contains(part), "{part}: {found}");
    }
}

#[test]
fn bench_tells_the_time_of_each_layer_of_native_only() {
    let place = Place::new();
    let found = text(&place.done(&["bench", "--profile", "--engine", "native", "--runs", "2", "--threads", "1"]));
    for layer in ["stem", "block 0", "last block and tanh", "sum"] {
        assert!(found.contains(&format!("| {layer} | ")), "{layer}: {found}");
    }
    if cfg!(feature = "tract") {
        let refused = place.run(&["bench", "--profile", "--engine", "tract", "--model", "model.onnx"]);
        let message = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && message.contains("native does"), "{message}");
    }
}

#[test]
fn doctor_tells_each_part_with_its_remedy() {
    let place = Place::new();
    let output = place.run(&["doctor"]);
    let found = text(&output);
    for part in ["processor", "memory", "C library", "JetPack", "ONNX Runtime"] {
        assert!(found.contains(part), "{part}: {found}");
    }
    let output = place.run(&["doctor", "--json"]);
    let found: Value = serde_json::from_str(&text(&output)).expect("JSON");
    let findings = found.as_array().expect("an array");
    assert!(findings.len() >= 5, "{found}");
    for finding in findings {
        let state = finding["state"].as_str();
        assert!(matches!(state, Some("ok" | "absent" | "problem")), "{finding}");
        assert!(state == Some("ok") || finding["remedy"].is_string(), "{finding}");
    }
    let problems = findings.iter().filter(|finding| finding["state"] == "problem").count();
    assert_eq!(output.status.code(), Some(i32::from(problems > 0)), "{found}");
}

#[cfg(feature = "ort")]
#[test]
fn doctor_and_prepare_name_a_library_that_does_not_load() {
    let place = Place::new();
    fs::write(place.path("fake.so"), "no library").expect("writable");
    for library in ["fake.so", "gone.so"] {
        let output = place.run(&["doctor", "--ort-lib", library]);
        assert!(text(&output).contains("problem  ONNX Runtime"), "{}", text(&output));
        assert!(text(&output).contains(library), "{}", text(&output));
        assert_eq!(output.status.code(), Some(1));
        let words = ["prepare", "--provider", "tensorrt", "--model", "model.onnx", "--ort-lib", library];
        let output = place.run(&words);
        assert!(error(&output).contains(library), "{}", error(&output));
        assert_eq!(output.status.code(), Some(1));
    }
    let output = place.run(&["prepare", "--model", "model.onnx"]);
    assert!(error(&output).contains("only --provider tensorrt"), "{}", error(&output));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn strict_refuses_the_cpu() {
    let place = Place::new();
    for words in
        [&["--strict"][..], &["--strict", "--engine", "ort", "--provider", "cpu"], &["--strict", "--engine", "tract"]]
    {
        let command = ["--label", "zebra", "--out", "a.png", "--model", "model.onnx"];
        let output = place.run(&[&command[..], words].concat());
        assert!(error(&output).contains("--strict forbids the CPU"), "{words:?}: {}", error(&output));
        assert_eq!(output.status.code(), Some(2), "{words:?}");
    }
}

#[test]
fn shares_make_the_pictures_of_the_whole() {
    let place = Place::new();
    place.done(&["--label", "all", "--seed", "4", "--count", "5", "--out", "whole/"]);
    for part in ["1/3", "2/3", "3/3"] {
        place.done(&["--label", "all", "--seed", "4", "--count", "5", "--out", "shares", "--shard", part]);
    }
    for (label, index) in LABELS.iter().flat_map(|label| (0..5).map(move |index| (label, index))) {
        let name = |folder: &str| format!("{folder}/{label}/4-{index}.png");
        assert_eq!(place.read(&name("whole")), place.read(&name("shares")));
    }
    place.done(&["--label", "zebra", "--seed", "4", "--count", "2", "--out", "one", "--shard", "2/2"]);
    let names: Vec<_> = fs::read_dir(place.path("one/zebra")).expect("a folder").flatten().collect();
    assert_eq!(names.iter().map(|entry| entry.file_name()).collect::<Vec<_>>(), ["4-1.png"]);
    for (words, expected) in [
        (&["--shard", "1/2"][..], "--shard: give --seed too"),
        (&["--shard", "3/2", "--seed", "1"], "expected I/N with I from 1 to N, found \"3/2\""),
    ] {
        let command = ["--label", "0", "--out", "x/", "--model", "model.onnx"];
        let output = place.run(&[&command[..], words].concat());
        assert!(error(&output).contains(expected), "{}", error(&output));
        assert_eq!(output.status.code(), Some(2));
    }
}

/// Memory held after many timed pictures is what a few need.
#[cfg(target_os = "linux")]
#[test]
fn many_pictures_are_not_kept() {
    let place = Place::new();
    let peak = |count: &str| {
        let run = format!(
            "{} bench --json --runs {count} --threads 1 --model model.onnx",
            env!("CARGO_BIN_EXE_edge-runtime")
        );
        let output = Command::new("sh").args(["-c", &run]).current_dir(place.folder.path()).output().expect("a shell");
        let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        found["peak_rss_mb"].as_f64().expect("a number")
    };
    let (few, many) = (peak("10"), peak("4000"));
    // 4000 pictures of 32 x 32 would be 12 MB as levels and 49 MB as f32.
    assert!(many < few + 6.0, "{few} MB, then {many} MB");
}

#[test]
fn truncation_draws_pictures_together_and_is_said_in_the_file() {
    let place = Place::new();
    let levels = |name: &str, words: &[&str]| {
        place.done(&[&["--label", "zebra", "--out", name][..], words].concat());
        decode::png(&place.read(name)).expect("a PNG")
    };
    let distance = |factor: &str| {
        let [first, second] = ["1", "2"].map(|seed| levels("t.png", &["--seed", seed, "--truncation", factor]));
        assert_eq!(first.texts.get("Truncation").map(String::as_str), Some(factor).filter(|factor| *factor != "1"));
        let pairs = first.picture.levels().iter().zip(second.picture.levels());
        pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>()
    };
    let (whole, half, little) = (distance("1"), distance("0.5"), distance("0.01"));
    assert!(whole > half && half > little, "{whole}, {half}, {little}");
    let plain = levels("a.png", &["--seed", "1"]);
    assert_eq!(plain, levels("b.png", &["--seed", "1", "--truncation", "1.0"]));
    let output = place.run(&["--label", "0", "--out", "c.png", "--truncation", "0"]);
    assert!(error(&output).contains("a number over 0 and at most 2"), "{}", error(&output));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn interpolate_along_the_circle_has_the_ends_of_the_line() {
    let place = Place::new();
    let sheet = |name: &str, curve: &str| {
        let words = ["interpolate", "--from", "1", "--to", "2", "--steps", "3", "--label", "0", "--out", name];
        place.done(&[&words[..], &["--curve", curve]].concat());
        decode::png(&place.read(name)).expect("a PNG")
    };
    let (line, circle) = (sheet("line.png", "linear"), sheet("circle.png", "slerp"));
    let column = |sheet: &decode::Decoded, step: usize| -> Vec<[u8; 3]> {
        (0..32 * 32).map(|pixel| sheet.picture.rgb(2 + step * 34 + pixel % 32, 2 + pixel / 32)).collect()
    };
    for step in [0, 2] {
        assert_eq!(column(&line, step), column(&circle, step), "{step}");
    }
    assert_ne!(column(&line, 1), column(&circle, 1));
    assert_eq!((line.texts.get("Curve"), circle.texts["Curve"].as_str()), (None, "slerp"));
}

#[test]
fn requests_on_standard_input_are_answered_one_by_one() {
    let place = Place::new();
    place.done(&["--label", "ä", "--seed", "7", "--out", "a.png"]);
    let input = concat!(
        "{\"label\": \"ä\", \"seed\": 7, \"out\": \"b.png\"}\n",
        "\n",
        "{\"label\": 2, \"seed\": 7, \"index\": 0}\n",
        "nonsense\n",
        "{\"label\": \"lizard\"}\n",
        "{\"label\": 0, \"sede\": 3}\n",
        "{\"label\": 0, \"seed\": -3}\n",
        "{\"label\": 0, \"index\": 4294967296}\n",
        "{\"seed\": 3}\n",
        "{\"label\": \"all\"}\n",
        "{\"label\": 0, \"out\": \"model.onnx/x.png\"}\n",
        "{\"label\": 1}",
    );
    let output = place.fed(&["--stdin", "--quiet", "--model", "model.onnx"], input.as_bytes());
    assert_eq!((output.status.code(), error(&output)), (Some(0), String::new()));
    let answers: Vec<BTreeMap<String, Value>> =
        text(&output).lines().map(|line| serde_json::from_str(line).expect("a JSON object")).collect();
    assert_eq!(answers.len(), 11);
    assert_eq!((&answers[0]["out"], &answers[0]["label"]), (&Value::from("b.png"), &Value::from("ä")));
    assert_eq!(place.read("a.png"), place.read("b.png"));
    let png = STANDARD.decode(answers[1]["png"].as_str().expect("text")).expect("base64");
    assert_eq!(png, place.read("a.png"));
    for (answer, expected) in answers[2..10].iter().zip([
        "request: expected a JSON object",
        "unknown label \"lizard\"",
        "key: expected label, seed, index, out, found \"sede\"",
        "seed: expected a number from 0",
        "index: expected a number from 0",
        "label: expected one, found none",
        "label \"all\": expected one, not 3 of them",
        "write model.onnx/x.png",
    ]) {
        let found = answer["error"].as_str().expect("an error");
        assert!(found.contains(expected), "{expected}: {found}");
    }
    assert!(answers[10]["seed"].is_u64() && answers[10]["png"].is_string());
    let output = place.run(&["--stdin", "--out", "a.png"]);
    assert_eq!(output.status.code(), Some(2));
}

/// Nothing more comes and the input stays open: only Ctrl-C ends it.
#[cfg(unix)]
#[test]
fn the_first_ctrl_c_ends_the_wait_for_a_request() {
    use std::io::{BufRead, BufReader};
    use std::sync::mpsc::channel;
    use std::time::Duration;

    let place = Place::new();
    let mut command = place.command(&["--stdin", "--quiet", "--model", "model.onnx"]);
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("the command starts");
    let mut requests = child.stdin.take().expect("piped");
    requests.write_all(b"{\"label\": 0, \"out\": \"a.png\"}\n").expect("readable");
    let mut answer = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut answer).expect("an answer");
    assert!(answer.contains("a.png"), "{answer}");
    interrupt(&child);
    let (sender, ended) = channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    let output = ended.recv_timeout(Duration::from_secs(60)).expect("it ends").expect("an output");
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(error(&output), "error: interrupted; a request without an answer was not followed\n");
    drop(requests);
}
