//! Every example runs on a model file and does what its first line says.

#[path = "../../edge-runtime/tests/common/mod.rs"]
mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use common::{LABELS, Network};
use edge_runtime::{EngineSpec, Generator};

fn run(program: &str, folder: &Path) -> Output {
    Network::new(&LABELS, 3).write(folder);
    let output = Command::new(program).arg("model.onnx").current_dir(folder).output().expect("it starts");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn first_image_writes_a_picture_of_the_first_label() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run(env!("CARGO_BIN_EXE_first_image"), folder.path());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "first.png: zebra\n");
    let picture = image::open(folder.path().join("first.png")).expect("a PNG").to_rgb8();
    assert_eq!(picture.dimensions(), (32, 32));
}

#[test]
fn class_sheet_writes_a_row_for_each_label() {
    let folder = tempfile::tempdir().expect("a folder");
    run(env!("CARGO_BIN_EXE_class_sheet"), folder.path());
    let sheet = image::open(folder.path().join("sheet.png")).expect("a PNG").to_rgb8();
    assert_eq!(sheet.dimensions(), (2 + 8 * 34, 2 + 3 * 34));
    let pixels = |row: u32| (0..32).map(|x| *sheet.get_pixel(2 + x, 2 + row * 34 + 16)).collect::<Vec<_>>();
    assert_ne!(pixels(0), pixels(1));
}

#[test]
fn own_sink_prints_the_picture_and_its_caption() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run(env!("CARGO_BIN_EXE_own_sink"), folder.path());
    let text = String::from_utf8(output.stdout).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 39);
    assert!(lines.iter().all(|line| line.len() == 64));
    assert!(lines[..32].iter().all(|line| !line.trim().is_empty()), "{text}");
    assert!(lines[32..].iter().any(|line| line.contains("@@@")), "{text}");
}

#[test]
fn latent_walk_ends_where_it_began() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run(env!("CARGO_BIN_EXE_latent_walk"), folder.path());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "walk.gif: 36 pictures\n");
    let file = std::fs::File::open(folder.path().join("walk.gif")).expect("written");
    let decoder = image::codecs::gif::GifDecoder::new(std::io::BufReader::new(file)).expect("a GIF");
    let frames = image::AnimationDecoder::into_frames(decoder).collect_frames().expect("frames");
    assert!(frames.len() == 36 && frames.iter().all(|frame| frame.buffer().dimensions() == (32, 32)));
    let distance = |first: usize, second: usize| -> u64 {
        let pairs = frames[first].buffer().iter().zip(frames[second].buffer().iter());
        pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum()
    };
    // The step from the last picture to the first is one like the others; the way to the next seed is far.
    assert!(2 * distance(35, 0) < distance(0, 12), "{} {}", distance(35, 0), distance(0, 12));
}

#[test]
fn own_engine_makes_a_picture_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run(env!("CARGO_BIN_EXE_own_engine"), folder.path());
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(
        text.starts_with("remembering native ") && text.ends_with(": 3 pictures, 2 made\nthe same again: true\n"),
        "{text}"
    );
}

/// Skipped aloud where Python lacks what it needs, a failure where `MUDRA_REQUIRE_PYTHON` is set.
#[test]
fn ten_lines_of_python_make_the_same_picture() {
    let python = || Command::new(std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned()));
    let imported = python().args(["-c", "import numpy, onnxruntime"]).output();
    if !imported.as_ref().is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("MUDRA_REQUIRE_PYTHON").is_none(), "{imported:?}");
        eprintln!("SKIPPED: python3 with onnxruntime and numpy: pip install onnxruntime");
        return;
    }
    let script = include_str!("../onnxruntime_10_lines.py");
    assert_eq!(script.lines().count(), 10);
    for (channels, kind) in [(1, 5), (3, 6)] {
        let folder = tempfile::tempdir().expect("a folder");
        let model = Network::new(&LABELS, channels).write(folder.path());
        let frame =
            Generator::open(&model, &EngineSpec::default()).and_then(|mut generator| generator.generate("a b", 42));
        let frame = frame.expect("runs");
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/onnxruntime_10_lines.py");
        let mut command = python();
        command.args(["-B", program, "model.onnx", "a b", "42", "out.ppm"]).current_dir(folder.path());
        let output = command.output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let written = std::fs::read(folder.path().join("out.ppm")).expect("written");
        let levels = written.strip_prefix(format!("P{kind} 32 32 255\n").as_bytes()).expect("a header");
        assert_eq!(levels.len(), frame.picture.levels().len());
        let largest = levels.iter().zip(frame.picture.levels()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(largest <= Some(1), "{largest:?}");
    }
}

#[test]
fn rock_paper_scissors_keeps_score_and_plays_the_same_moves_for_the_same_seed() {
    let folder = tempfile::tempdir().expect("a folder");
    Network::new(&["paper", "rock", "scissors"], 3).write(folder.path());
    let play = |seed: &str, moves: &str| {
        let words = ["--model", "model.onnx", "--seed", seed, "--display", "png:stage.png@64x80:gray2"];
        let mut child = Command::new(env!("CARGO_BIN_EXE_rock_paper_scissors"))
            .args(words)
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        child.stdin.take().expect("a pipe").write_all(moves.as_bytes()).expect("it listens");
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("text")
    };
    let text = play("7", "r\nwell\npaper\ns\nr\np\ns\nq\n");
    assert_eq!(play("7", "r\nwell\npaper\ns\nr\np\ns\n"), text, "the end of the input is an end too");
    assert!(text.contains("r for rock, p for paper, s for scissors, q to end"), "{text}");
    // Every round follows the rules, and the score adds up.
    let beats = [("rock", "scissors"), ("scissors", "paper"), ("paper", "rock")];
    let (mut player, mut machine, mut rounds) = (0, 0, 0);
    for (gestures, rest) in text.lines().filter_map(|line| line.strip_prefix("> you ")?.split_once(": ")) {
        let (mine, yours) = gestures.split_once(", I ").expect("two gestures");
        let expected = if mine == yours {
            "a draw"
        } else if beats.contains(&(mine, yours)) {
            player += 1;
            "you win"
        } else {
            machine += 1;
            "I win"
        };
        assert_eq!(rest, format!("{expected}; you {player}, I {machine}"), "{gestures}");
        rounds += 1;
    }
    assert_eq!(rounds, 6, "{text}");
    assert!(text.ends_with(&format!("> you {player}, I {machine}\n")), "{text}");
    let stage = image::open(folder.path().join("stage.png")).expect("a PNG").to_rgb8();
    assert_eq!(stage.dimensions(), (64, 80));
    assert!(stage.pixels().all(|pixel| pixel.0[0].is_multiple_of(85)));
}

fn interrupt(child: &Child) {
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("there is a kill").success());
}

#[test]
fn rock_paper_scissors_leaves_a_screen_as_it_was_when_it_is_interrupted() {
    let folder = tempfile::tempdir().expect("a folder");
    Network::new(&["paper", "rock", "scissors"], 3).write(folder.path());
    let screen = folder.path().join("screen");
    let before = vec![7; 40 * 50 * 2];
    std::fs::write(&screen, &before).expect("writable");
    let mut child = Command::new(env!("CARGO_BIN_EXE_rock_paper_scissors"))
        .args(["--model", "model.onnx", "--display", "fb:screen@40x50:rgb565"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    // Open until the end: waiting for a child closes its input, which ends the game too.
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(b"r\n").expect("it listens");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("you rock, I ")), "the first round");
    assert_ne!(std::fs::read(&screen).expect("there"), before);
    interrupt(&child);
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert_eq!(std::fs::read(&screen).expect("there"), before);
}

#[test]
fn st7789_shows_label_after_label_until_it_is_interrupted() {
    let folder = tempfile::tempdir().expect("a folder");
    Network::new(&LABELS, 3).write(folder.path());
    let program = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_st7789"));
        command.arg("model.onnx").current_dir(folder.path());
        command
    };
    let output = program().output().expect("it starts");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "a panel on this machine?");
    assert!(message.contains("panels") || message.contains("st7789 on spi0.0"), "{message}");

    let stage = folder.path().join("stage.png");
    let mut child = program().arg("png:stage.png@240x240:rgb565").spawn().expect("it starts");
    let shown = || std::fs::read(&stage).unwrap_or_default();
    let mut changed = |before: &[u8]| loop {
        let now = shown();
        if !now.is_empty() && now != before {
            return now;
        }
        assert!(child.try_wait().expect("a child").is_none(), "it ended without another picture");
        std::thread::sleep(Duration::from_millis(50));
    };
    let first = changed(&[]);
    changed(&first);
    interrupt(&child);
    assert!(child.wait().expect("it ends").success());
}

/// Without a GPU or without a library it says so, and never makes pictures elsewhere.
#[test]
fn jetson_tensorrt_runs_on_a_gpu_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    Network::new(&LABELS, 3).write(folder.path());
    let run = |library: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jetson_tensorrt"));
        command.arg("model.onnx").current_dir(folder.path()).env("ORT_DYLIB_PATH", library);
        command.output().expect("it starts")
    };
    let message = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let missing = run("nowhere/libonnxruntime.so");
    assert!(!missing.status.success() && message(&missing).contains("nowhere/libonnxruntime.so"), "{missing:?}");
    if let Ok(library) = std::env::var("ORT_DYLIB_PATH") {
        let output = run(&library);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let refused = !output.status.success() && message(&output).to_lowercase().contains("tensorrt");
        assert!(refused || text.contains("tensorrt ran "), "{text}{}", message(&output));
    }
}

#[test]
fn rock_paper_scissors_takes_a_button_for_each_gesture() {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/gen.onnx");
    let refused = |buttons: &str| {
        let words = ["--model", model, "--buttons", buttons];
        let output = Command::new(env!("CARGO_BIN_EXE_rock_paper_scissors")).args(words).output().expect("it starts");
        assert!(!output.status.success(), "{buttons}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let two = refused("17,27");
    assert!(two.contains("--buttons: expected a line each for rock, paper, scissors, found 2"), "{two}");
    assert!(refused("17,27,x").contains("expected LINE or CHIP:LINE"));
    let built = if cfg!(feature = "panels") { "/dev/gpiochip99" } else { "built without panels" };
    let missing = refused("99:17,99:27,99:22");
    assert!(missing.contains(built), "{missing}");
}

#[test]
fn rock_paper_scissors_needs_a_model_of_its_gestures() {
    let folder = tempfile::tempdir().expect("a folder");
    Network::new(&LABELS, 3).write(folder.path());
    let program = env!("CARGO_BIN_EXE_rock_paper_scissors");
    let output = Command::new(program).args(["--model", "model.onnx"]).current_dir(folder.path()).output();
    let message = String::from_utf8_lossy(&output.expect("it starts").stderr).into_owned();
    assert!(message.contains("the model has no label \"rock\", only zebra, a b, ä"), "{message}");
}

#[test]
fn renderings_show_two_labels_on_five_displays() {
    let folder = tempfile::tempdir().expect("a folder");
    Network::new(&LABELS, 3).write(folder.path());
    let program = env!("CARGO_BIN_EXE_renderings");
    let output = Command::new(program).args(["all.png", "model.onnx"]).current_dir(folder.path()).output();
    assert!(output.expect("it starts").status.success());
    let sheet = image::open(folder.path().join("all.png")).expect("a PNG").to_rgb8();
    assert_eq!(sheet.dimensions(), (2 + 5 * 258, 2 + 2 * 306));
    // The third and the fourth column are black and white, and not the same.
    let column = |left: u32| (0..256).map(|y| sheet.get_pixel(2 + left * 258 + y, 2 + y).0).collect::<Vec<_>>();
    assert!([2, 3].iter().all(|left| column(*left).iter().all(|rgb| *rgb == [0; 3] || *rgb == [255; 3])));
    assert!(column(0).iter().any(|rgb| rgb[0] != rgb[1]) && column(2) != column(3));
}
