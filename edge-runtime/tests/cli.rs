//! The built command: what a user types and sees.

mod common;
mod place;

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::process::{Command, Output};

use common::{LABELS, Network};
use place::{Place, error, interrupt};

impl Place {
    /// Runs the command with words and the model.
    fn run(&self, words: &[&str]) -> Output {
        let (command, model): (&[&str], &[&str]) = (words, &["--model", "model.onnx"]);
        self.run_bare(&[command, model].concat())
    }

    fn run_bare(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("the command starts")
    }

    /// Every file but the model, sorted.
    fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                let name = path.strip_prefix(self.folder.path()).expect("inside").display().to_string();
                if path.is_dir() { folders.push(path) } else { found.push(name) }
            }
        }
        found.retain(|name| name != "model.onnx");
        found.sort();
        found
    }
}

/// Size, levels and texts of a PNG.
fn decode(bytes: &[u8]) -> ((u32, u32), Vec<u8>, BTreeMap<String, String>) {
    let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info().expect("a PNG");
    let mut levels = vec![0; reader.output_buffer_size().expect("a size")];
    reader.next_frame(&mut levels).expect("a picture");
    let info = reader.info();
    let mut texts = BTreeMap::new();
    for text in &info.uncompressed_latin1_text {
        texts.insert(text.keyword.clone(), text.text.clone());
    }
    for text in &info.utf8_text {
        texts.insert(text.keyword.clone(), text.get_text().expect("text"));
    }
    ((info.width, info.height), levels, texts)
}

fn decode_file(path: &Path) -> ((u32, u32), Vec<u8>, BTreeMap<String, String>) {
    decode(&fs::read(path).expect("written"))
}

#[test]
fn help_names_flags_with_their_values_and_defaults() {
    let place = Place::new();
    let output = place.run_bare(&["--help"]);
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).expect("text");
    for part in [
        "interpolate",
        "--label <NAME|INDEX|all>",
        "--out <FILE|FOLDER/|->",
        "--seed <SEED>",
        "--count <N>",
        "--scale <K>",
        "--model <FILE>",
        "--engine <ENGINE>",
        "[possible values: auto, native, tract, ort]",
        "--provider <PROVIDER>",
        "[possible values: auto, cpu, cuda, tensorrt]",
        "--threads <N>",
        "--ort-lib <FILE>",
        "--grid <FILE>",
        "--display <terminal|fb:PATH>",
        "--quiet",
        "[default: 1]",
        "Exit code 0: done, 1: failed, 2: wrong usage, 130: interrupted.",
    ] {
        assert!(help.contains(part), "{part:?} is missing in\n{help}");
    }
    let output = place.run_bare(&["interpolate", "--help"]);
    let help = String::from_utf8(output.stdout).expect("text");
    for part in ["--from <SEED>", "--to <SEED>", "--steps <N>", "[default: 10]", "[default: all]"] {
        assert!(help.contains(part), "{part:?} is missing in\n{help}");
    }
    assert!(place.run_bare(&["--version"]).status.success());
}

#[cfg(unix)]
#[test]
fn a_hang_up_that_is_ignored_ends_nothing() {
    use std::io::{BufRead, BufReader, Write};
    use std::process::Stdio;

    let place = Place::new();
    let shell = |ignored: &str| {
        let mut command = Command::new("sh");
        let text = format!("{ignored} exec \"$0\" --stdin --model model.onnx --quiet");
        command.args(["-c", &text, env!("CARGO_BIN_EXE_edge-runtime")]).current_dir(place.folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts")
    };
    // Under nohup they are ignored from the start, which no shell takes back.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let is_ignored = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1);
    for (ignored, goes_on) in [("trap '' HUP;", true), ("", is_ignored)] {
        let mut child = shell(ignored);
        let (mut input, output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let mut answers = BufReader::new(output).lines();
        writeln!(input, r#"{{"label":"zebra","seed":1,"out":"a.png"}}"#).expect("it listens");
        assert!(answers.next().is_some(), "it has started");
        let hang_up = format!("kill -HUP {}", child.id());
        assert!(Command::new("sh").args(["-c", &hang_up]).status().expect("a shell").success());
        if goes_on {
            writeln!(input, r#"{{"label":"zebra","seed":2,"out":"b.png"}}"#).expect("it listens");
            assert!(answers.next().is_some_and(|answer| answer.is_ok()), "it goes on");
        } else {
            // It ends by itself, though its input goes on.
            assert_eq!(child.wait().expect("it ends").code(), Some(130));
        }
        drop(input);
        let _ = child.wait();
        assert_eq!(place.path("b.png").is_file(), goes_on);
        let _ = std::fs::remove_file(place.path("b.png"));
    }
}

struct Refused(&'static [&'static str], i32, &'static str);

#[test]
fn every_misuse_is_refused_with_its_reason_and_leaves_no_file() {
    let place = Place::new();
    let cases = [
        Refused(&[], 2, "nothing to do: give --out, --grid, --display or --stdin"),
        Refused(&["--out", "a.png"], 2, "give --label: all, an index from 0 to 2, or one of \"zebra\", \"a b\", \"ä\""),
        Refused(&["-l", "lizard", "-o", "a.png"], 2, "unknown label \"lizard\": expected all, an index from 0 to 2"),
        Refused(&["-l", "3", "-o", "a.png"], 2, "unknown label \"3\""),
        Refused(&["-l", "-1", "-o", "a.png"], 2, "unknown label \"-1\""),
        Refused(&["-l", "0", "-o", "a"], 2, "expected a name that ends in .png, .jpg, .jpeg or .webp"),
        Refused(&["-l", "0", "-o", "a.tiff"], 2, "picture file \"a.tiff\""),
        Refused(&["-l", "all", "-o", "a.png"], 2, "expected a folder for 3 pictures; end its name with a slash"),
        Refused(&["-l", "all", "-o", "-"], 2, "takes one picture, not 3 pictures"),
        Refused(&["-l", "0", "-n", "0", "-o", "a/"], 2, "expected a whole number from 1 to 1000000"),
        Refused(&["-l", "0", "-n", "x", "-o", "a/"], 2, "invalid value 'x' for '--count <N>'"),
        Refused(&["-l", "0", "--scale", "33", "-o", "a.png"], 2, "expected a whole number from 1 to 32"),
        Refused(&["-l", "0", "--threads", "0", "-o", "a.png"], 2, "expected a whole number from 1 to 1024"),
        Refused(&["-l", "0", "--threads", "-1", "-o", "a.png"], 2, "'-1' for '--threads <N>': expected a whole number"),
        Refused(
            &["-l", "0", "--seed", "-5", "-o", "a.png"],
            2,
            "'-5' for '--seed <SEED>': expected a whole number from 0",
        ),
        Refused(&["-l", "0", "--seed", "18446744073709551616", "-o", "a.png"], 2, "from 0 to 2^64 - 1"),
        Refused(&["-l", "0", "-o", "a.png", "--grid", "a.png"], 2, "--grid and --out name the same file"),
        Refused(&["-l", "0", "-o", "a.png", "--seed", "1", "--shard", "2/2"], 2, "expected a folder for a share"),
        Refused(&["-l", "0", "-o", "a.png", "--ort-lib", "b.so"], 2, "--ort-lib b.so: only engine ort loads it"),
        Refused(&["-l", "0", "-o", "a.png", "--strict"], 2, "--strict"),
        Refused(&["-l", "0", "--engine", "fast", "-o", "a.png"], 2, "invalid value 'fast'"),
        Refused(&["-l", "0", "--provider", "tpu", "-o", "a.png"], 2, "invalid value 'tpu'"),
        Refused(&["-l", "0", "-o", "-", "--display", "terminal"], 2, "both write to standard output"),
        #[cfg(target_os = "linux")]
        Refused(&["-l", "0", "--display", "fb:/dev/mudra0@8x8:rgb565"], 1, "no such device; edge-runtime doctor"),
        Refused(&["-l", "0", "--display", "screen"], 2, "display \"screen\": expected terminal, fb:PATH"),
        Refused(&["-l", "0", "--grid", "a.gif"], 2, "--grid: picture file \"a.gif\""),
        Refused(&["-l", "all", "-n", "900000", "--grid", "a.png"], 2, "--grid: sheet"),
        Refused(&["interpolate", "--out", "a.tiff"], 2, "or .gif for an animation"),
        Refused(&["interpolate", "--out", "a.png", "--label", "x"], 2, "unknown label \"x\""),
        Refused(&["interpolate", "--out", "a.png", "--steps", "1"], 2, "expected a whole number from 2 to 10000"),
        Refused(&["interpolate", "--out", "a.png", "--steps", "9999"], 2, "sheet \"339968 x 104\""),
        Refused(&["interpolate", "--out", "a.gif", "--steps", "9999", "--scale", "9"], 2, "animation \"19996 of "),
        Refused(&["interpolate", "--out", "a.webp", "--steps", "600"], 2, "at most 16384 pixels a side for WebP"),
        Refused(&["interpolate"], 2, "--out <FILE>"),
        Refused(&["interpolate", "--out", "a.png", "--between", "0"], 2, "expected two labels"),
        Refused(&["interpolate", "--out", "a.png", "--between", "0,x"], 2, "unknown label \"x\""),
        Refused(&["interpolate", "--out", "a.png", "--between", "0,1", "--label", "0"], 2, "cannot be used with"),
        Refused(&["-l", "0", "interpolate", "--out", "a.png"], 2, "cannot be used with"),
        Refused(
            &["-l", "0", "-o", "model.onnx/a.png"],
            1,
            "write model.onnx/a.png: model.onnx is a file, expected a folder",
        ),
        Refused(&["-l", "0", "-o", "model.onnx/"], 1, "write model.onnx/: model.onnx is a file, expected a folder"),
        Refused(&["-l", "0", "--grid", "model.onnx/a.png"], 1, "write model.onnx/a.png: "),
        Refused(
            &["-l", "0", "-o", "a.png", "--engine", "tract", "--provider", "cuda"],
            2,
            "tract runs on the CPU only",
        ),
    ];
    for Refused(words, code, expected) in cases {
        let output = place.run(words);
        let message = error(&output);
        assert!(message.contains(expected), "{words:?}: {message}");
        assert_eq!(output.status.code(), Some(code), "{words:?}: {message}");
        assert!(message.contains("error: ") && !message.contains("panicked"), "{words:?}: {message}");
        assert_eq!(place.files(), [""; 0], "{words:?}");
    }
}

#[test]
fn model_files_that_are_missing_or_damaged_are_refused_by_path() {
    let place = Place::new();
    let bytes = fs::read(place.path("model.onnx")).expect("written");
    fs::write(place.path("cut.onnx"), &bytes[..bytes.len() / 2]).expect("writable");
    fs::write(place.path("text.onnx"), "not a model").expect("writable");
    for (words, expected) in [
        (&["--model", "gone.onnx"][..], "read gone.onnx: "),
        (&["--model", "cut.onnx"], "model cut.onnx: "),
        (&["--model", "text.onnx"], "model text.onnx: not an ONNX file, or a damaged one"),
        (&["--model", "."], "read .: not a regular file"),
        (&[], "models/gen.onnx; name one with --model, or export one: cargo run -p exporter"),
    ] {
        if words.is_empty() && cfg!(feature = "embed") {
            continue;
        }
        let output = place.run_bare(&[&["--label", "zebra", "--out", "a.png"], words].concat());
        assert!(error(&output).contains(expected), "{words:?}: {}", error(&output));
        assert_eq!(output.status.code(), Some(1), "{words:?}");
    }
    assert!(!place.path("a.png").exists());
}

#[test]
fn a_model_in_the_models_folder_is_found_and_named() {
    let place = Place::new();
    fs::create_dir(place.path("models")).expect("writable");
    fs::rename(place.path("model.onnx"), place.path("models/gen.onnx")).expect("writable");
    let output = place.run_bare(&["--label", "zebra", "--out", "a.png"]);
    assert!(output.status.success() && error(&output).contains("model models/gen.onnx\n"), "{}", error(&output));
    let output = place.run_bare(&["--label", "zebra", "--out", "b.png", "--quiet"]);
    assert_eq!((output.status.code(), error(&output)), (Some(0), String::new()));
}

#[test]
fn one_picture_is_the_named_file_and_the_same_in_every_run() {
    let place = Place::new();
    let output = place.done(&["--label", "a b", "--seed", "9", "--out", "first.png"]);
    assert!(output.stdout.is_empty());
    place.done(&["--label", "1", "--seed", "9", "--out", "new/folder/second.png", "--threads", "1"]);
    let first = fs::read(place.path("first.png")).expect("written");
    assert_eq!(first, fs::read(place.path("new/folder/second.png")).expect("written"));
    let (size, levels, texts) = decode(&first);
    assert_eq!(size, (32, 32));
    let network = Network::new(&LABELS, 3);
    let expected = network.forward(&model_spec::latent::latent(9, 0, 7), 1);
    let expected = model_spec::pixels::hwc8_from_chw_signed(&expected, 3);
    let worst = levels.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(worst <= Some(1), "{worst:?} levels from the plain network");
    assert_eq!((texts["Label"].as_str(), texts["Seed"].as_str(), texts["Index"].as_str()), ("a b", "9", "0"));
    let model = edge_runtime::Model::open(&place.path("model.onnx")).expect("valid");
    assert_eq!(texts["Model"], model.sha256());
    assert!(texts["Engine"].starts_with("native 0."));
}

#[test]
fn a_fresh_seed_is_printed_and_stored_and_makes_the_same_picture_again() {
    let place = Place::new();
    let output = place.done(&["--label", "zebra", "--out", "fresh.png"]);
    let message = error(&output);
    let seed = message.split("--seed ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a seed");
    assert_eq!(decode_file(&place.path("fresh.png")).2["Seed"], seed);
    place.done(&["--label", "zebra", "--seed", seed, "--out", "again.png"]);
    let read = |name| fs::read(place.path(name)).expect("written");
    assert_eq!(read("fresh.png"), read("again.png"));
    place.done(&["--label", "zebra", "--out", "other.png"]);
    assert_ne!(read("fresh.png"), read("other.png"));
}

#[test]
fn several_pictures_fill_a_folder_by_label_seed_and_index() {
    let place = Place::new();
    place.done(&["--label", "all", "--seed", "4", "--count", "2", "--out", "many"]);
    let expected = ["many/a b/4-0.png", "many/a b/4-1.png", "many/zebra/4-0.png", "many/zebra/4-1.png"];
    assert_eq!(place.files(), [&expected[..], &["many/ä/4-0.png", "many/ä/4-1.png"]].concat());
    place.done(&["--label", "ä", "--seed", "4", "--out", "one.png"]);
    assert_eq!(decode_file(&place.path("one.png")), decode_file(&place.path("many/ä/4-0.png")));
    let levels = |name: &str| decode_file(&place.path(name)).1;
    assert_ne!(levels("many/ä/4-0.png"), levels("many/ä/4-1.png"));
    assert_ne!(levels("many/ä/4-0.png"), levels("many/zebra/4-0.png"));
    place.done(&["--label", "zebra", "--seed", "5", "--out", "single/"]);
    assert!(place.path("single/zebra/5-0.png").exists());
}

#[test]
fn an_exact_name_wins_over_all_which_wins_over_an_index() {
    let place = Place::with(&Network::new(&["1", "all", "x"], 3));
    for (text, label) in [("1", "1"), ("all", "all"), ("2", "x")] {
        place.done(&["--label", text, "--seed", "1", "--out", "a.png"]);
        assert_eq!(decode_file(&place.path("a.png")).2["Label"], label, "{text}");
    }
}

#[test]
fn a_model_with_one_label_needs_no_label_and_may_be_gray() {
    let place = Place::with(&Network::new(&["only"], 1));
    place.done(&["--seed", "1", "--out", "a.png"]);
    let (size, levels, texts) = decode_file(&place.path("a.png"));
    assert_eq!((size, levels.len(), texts["Label"].as_str()), ((32, 32), 1024, "only"));
}

#[test]
fn scale_repeats_pixels_and_endings_choose_formats() {
    let place = Place::new();
    place.done(&["--label", "zebra", "--seed", "2", "--out", "one.png"]);
    place.done(&["--label", "zebra", "--seed", "2", "--out", "three.png", "--scale", "3"]);
    place.done(&["--label", "zebra", "--seed", "2", "--out", "one.webp"]);
    place.done(&["--label", "zebra", "--seed", "2", "--out", "one.jpg", "--scale", "8"]);
    let open = |name: &str| image::open(place.path(name)).expect("a picture").to_rgb8();
    let (one, three, jpeg) = (open("one.png"), open("three.png"), open("one.jpg"));
    assert_eq!((three.dimensions(), jpeg.dimensions()), ((96, 96), (256, 256)));
    assert!(three.enumerate_pixels().all(|(x, y, pixel)| pixel == one.get_pixel(x / 3, y / 3)));
    assert_eq!(open("one.webp"), one);
    let middle = |x: u32, y: u32| jpeg.get_pixel(8 * x + 4, 8 * y + 4).0;
    let off = |(x, y, pixel): (u32, u32, &image::Rgb<u8>)| pixel.0[1].abs_diff(middle(x, y)[1]);
    let mean = one.enumerate_pixels().map(|part| f64::from(off(part))).sum::<f64>() / 1024.0;
    assert!(mean < 30.0, "mean difference {mean} levels");
}

#[test]
fn standard_output_takes_one_png_and_nothing_else() {
    let place = Place::new();
    let output = place.done(&["--label", "ä", "--seed", "6", "--out", "-"]);
    place.done(&["--label", "ä", "--seed", "6", "--out", "file.png"]);
    assert_eq!(output.stdout, fs::read(place.path("file.png")).expect("written"));
    let output = place.done(&["--label", "ä", "--out", "-", "--quiet"]);
    assert_eq!(error(&output), "");
}

#[test]
fn a_grid_has_a_row_for_each_label() {
    let place = Place::new();
    place.done(&["--seed", "8", "--count", "4", "--grid", "sheet.png", "--out", "many/", "--scale", "2"]);
    let (size, levels, texts) = decode_file(&place.path("sheet.png"));
    assert_eq!(size, (2 + 4 * 66, 2 + 3 * 66));
    assert_eq!((texts["Labels"].as_str(), texts["Seed"].as_str()), ("zebra, a b, ä", "8"));
    let (_, picture, _) = decode_file(&place.path("many/a b/8-2.png"));
    let (left, top) = (2 + 2 * 66, 2 + 66);
    for row in [0, 31, 63] {
        let start = ((top + row) * size.0 as usize + left) * 3;
        assert_eq!(levels[start..start + 192], picture[row * 192..][..192], "row {row}");
    }
}

#[test]
fn interpolate_draws_the_way_between_two_seeds_with_both_ends() {
    let place = Place::new();
    place.done(&["interpolate", "--from", "1", "--to", "2", "--out", "way.png"]);
    let (size, levels, texts) = decode_file(&place.path("way.png"));
    assert_eq!(size, (2 + 10 * 34, 2 + 3 * 34));
    assert_eq!((texts["From"].as_str(), texts["To"].as_str(), texts["Steps"].as_str()), ("1", "2", "10"));
    for (seed, column) in [("1", 0), ("2", 9)] {
        place.done(&["--label", "ä", "--seed", seed, "--out", "end.png"]);
        let (_, end, _) = decode_file(&place.path("end.png"));
        let start = ((2 + 2 * 34 + 5) * size.0 as usize + 2 + column * 34) * 3;
        assert_eq!(levels[start..start + 96], end[5 * 96..6 * 96], "seed {seed}");
    }
}

#[test]
fn interpolate_between_two_labels_has_their_own_pictures_at_both_ends() {
    let place = Place::new();
    place.done(&["interpolate", "--between", "ä,zebra", "--from", "5", "--steps", "5", "--out", "way.png"]);
    let (size, levels, texts) = decode_file(&place.path("way.png"));
    assert_eq!(size, (2 + 5 * 34, 2 + 34));
    assert_eq!((texts["Between"].as_str(), texts["From"].as_str(), texts["To"].as_str()), ("ä, zebra", "5", "5"));
    let row = |column: usize| &levels[((2 + 9) * size.0 as usize + 2 + column * 34) * 3..][..96];
    for (label, column) in [("ä", 0), ("zebra", 4)] {
        place.done(&["--label", label, "--seed", "5", "--out", "end.png"]);
        assert_eq!(row(column), &decode_file(&place.path("end.png")).1[9 * 96..10 * 96], "{label}");
    }
    assert!(row(2) != row(0) && row(2) != row(4));
}

#[test]
fn interpolate_to_a_gif_goes_there_and_back() {
    let place = Place::new();
    let output = place.done(&["interpolate", "--steps", "4", "--label", "0", "--out", "way.gif"]);
    assert!(error(&output).contains("--from ") && error(&output).contains("--to "));
    let file = fs::File::open(place.path("way.gif")).expect("written");
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(file).expect("a GIF");
    let mut pictures = Vec::new();
    while let Some(frame) = decoder.read_next_frame().expect("readable") {
        assert_eq!((frame.width, frame.height), (36, 36));
        pictures.push(frame.buffer.to_vec());
    }
    assert_eq!(pictures.len(), 6);
    assert_eq!((&pictures[1], &pictures[2]), (&pictures[5], &pictures[4]));
    assert_ne!(pictures[0], pictures[3]);
}

#[test]
fn a_terminal_shows_the_picture_in_half_blocks() {
    let place = Place::new();
    let output = place.done(&["--label", "zebra", "--seed", "3", "--display", "terminal"]);
    let text = String::from_utf8(output.stdout).expect("text");
    place.done(&["--label", "zebra", "--seed", "3", "--out", "a.png"]);
    let [red, green, blue] = decode_file(&place.path("a.png")).1[..3] else { panic!("three levels") };
    // Two columns a pixel: 64 of the 80 that a pipe is taken to have.
    let color = format!("{red};{green};{blue}");
    assert!(text.starts_with(&format!("\x1b[38;2;{color};48;2;{color}m\u{2580}")), "{:?}", &text[..60]);
    assert_eq!(text.lines().count(), 32 + 7);
    assert!(text.lines().all(|line| line.matches('\u{2580}').count() == 64));
}

#[cfg(target_os = "linux")]
#[test]
fn a_frame_buffer_file_holds_the_picture_and_its_caption() {
    let place = Place::new();
    place.done(&["--label", "ä", "--seed", "3", "--display", "fb:screen@40x46:xrgb8888:168"]);
    let bytes = fs::read(place.path("screen")).expect("written");
    assert_eq!(bytes.len(), 46 * 168);
    place.done(&["--label", "ä", "--seed", "3", "--out", "a.png"]);
    let (_, levels, _) = decode_file(&place.path("a.png"));
    for (x, y) in [(0, 0), (31, 0), (0, 31), (17, 5)] {
        let [blue, green, red, _] = bytes[y * 168 + (x + 4) * 4..][..4] else { panic!("four bytes") };
        let start = (y * 32 + x) * 3;
        assert_eq!([red, green, blue], levels[start..start + 3], "{x}, {y}");
    }
    assert!(bytes[33 * 168..].chunks(4).any(|pixel| pixel == [255, 255, 255, 0]));
    let output = place.run(&["--label", "ä", "--display", "fb:screen"]);
    assert!(error(&output).contains("fb:PATH@800x480:rgb565"), "{}", error(&output));
    assert_eq!(output.status.code(), Some(1));
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_cleanly_between_pictures() {
    use std::io::{BufRead, BufReader, Read};

    let place = Place::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_edge-runtime"));
    command.args(["--label", "all", "--count", "1000000", "--out", "many/", "--model", "model.onnx"]);
    let piped = command.current_dir(place.folder.path()).stderr(std::process::Stdio::piped());
    let mut child = piped.spawn().expect("the command starts");
    let mut lines = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    while !line.starts_with("seed ") {
        line.clear();
        assert!(lines.read_line(&mut line).expect("text") > 0, "ended before it began");
    }
    interrupt(&child);
    let mut rest = String::new();
    lines.read_to_string(&mut rest).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{rest}");
    let files = place.files();
    let told = format!("error: interrupted; {} of 3000000 pictures are written, each whole\n", files.len());
    assert!(rest.ends_with(&told), "{rest}");
    files.iter().for_each(|name| _ = decode_file(&place.path(name)));
}

/// A reader of messages that has seen enough, like `head`, ends no work.
#[cfg(unix)]
#[test]
fn pictures_are_made_though_nobody_hears_of_them() {
    let place = Place::new();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = place.command(&["--label", "all", "--out", "three/", "--grid", "a.png", "--model", "model.onnx"]);
    let status = command.stderr(writer).status().expect("the command starts");
    assert_eq!(status.code(), Some(0));
    assert_eq!(place.files().len(), 4);
}

#[cfg(feature = "ort")]
#[test]
fn an_onnx_runtime_library_that_does_not_load_is_named() {
    let place = Place::new();
    fs::write(place.path("fake.so"), "no library").expect("writable");
    let words = ["--label", "zebra", "--out", "a.png", "--engine", "ort", "--ort-lib"];
    for (library, expected) in [("gone.so", "gone.so: no such file"), ("fake.so", "fake.so: failed to load")] {
        let output = place.run(&[&words[..], &[library]].concat());
        let message = error(&output);
        assert!(message.contains("no ONNX Runtime library that can be used; name one with --ort-lib"), "{message}");
        assert!(message.contains(expected) && !message.contains("panicked"), "{message}");
        assert_eq!(output.status.code(), Some(1));
    }
    assert!(!place.path("a.png").exists());
}

#[cfg(not(feature = "ort"))]
#[test]
fn an_engine_that_is_not_built_in_says_how_to_get_it() {
    let output = Place::new().run(&["--label", "zebra", "--out", "a.png", "--engine", "ort"]);
    assert!(error(&output).contains("built without ort; rebuild with --features ort"), "{}", error(&output));
}
