//! Every example runs on a model file and does what its first line says.

#[path = "../../edge-runtime/tests/common/mod.rs"]
mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::{LABELS, Network};

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
