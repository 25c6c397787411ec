//! The built command.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{Checkpoint, LABELS, small_architecture};
use edge_runtime::Model;
use edge_runtime::onnx::ModelProto;
use model_spec::contract;
use model_spec::manifest::reference;
use model_spec::variant::Precision;
use model_spec::weights::generator::{LABEL_EMBEDDING, kernel};
use prost::Message;

fn exporter(folder: &Path, arguments: &[&str]) -> Output {
    let command = Command::new(env!("CARGO_BIN_EXE_exporter")).args(arguments).current_dir(folder).output();
    command.expect("the command starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// A working folder with one run of one checkpoint.
fn with_run() -> (tempfile::TempDir, PathBuf) {
    with_run_of(&Checkpoint::small())
}

fn with_run_of(checkpoint: &Checkpoint) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("runs/00003-rps-reference/checkpoints/000003.000");
    checkpoint.write(&path);
    (folder, path)
}

fn fixture() -> String {
    format!("{}/tests/fixtures/generator_epoch_1.pth", env!("CARGO_MANIFEST_DIR"))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn help_names_every_flag_with_its_default() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = exporter(folder.path(), &["--help"]);
    assert!(output.status.success());
    let text = stdout(&output);
    for part in [
        "--run <RUN|CHECKPOINT|FILE.pth>",
        "--out <FILE.onnx>",
        "[default: models/gen.onnx]",
        "--weights <PRECISION>",
        "[default: f16]",
        "--labels <A,B,C>",
        "--from <FILE.onnx>",
        "--label-input <KIND>",
        "--output <TYPE>",
        "--batch <N|dynamic>",
        "--rewrite <KIND>",
        "--compute <TYPE>",
        "--calibrate <N>",
        "--opset <N>",
        "--atol <X>",
        "--triton <FOLDER>",
        "ladder",
        "--data-licence <TEXT>",
        "--quiet",
        "inspect",
        "Exit code",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let output = exporter(folder.path(), &["inspect", "--help"]);
    assert!(output.status.success() && stdout(&output).contains("FILE"));
}

#[test]
fn the_newest_run_is_exported_and_named_without_any_flag() {
    let (folder, _) = with_run();
    let output = exporter(folder.path(), &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(said.contains("runs/00003-rps-reference/checkpoints/000003.000") && said.contains("latest of 1"), "{said}");
    let table = stdout(&output);
    for part in ["f32 graph and libtorch", "f16 file and f32 graph of its weights", "one level of 255", "1.0e-5"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    for part in ["engine, against libtorch", "engine, against golden pictures", "PSNR dB", "  pass\n"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert!(table.contains("wrote models/gen.onnx") && table.contains("3 golden pictures"), "{table}");
    for named in ["latest", "runs"] {
        let output = exporter(folder.path(), &["--run", named, "--quiet", "--out", "named.onnx"]);
        assert!(output.status.success(), "{named}: {}", stderr(&output));
        let [first, named] =
            ["models/gen.onnx", "named.onnx"].map(|file| std::fs::read(folder.path().join(file)).expect(file));
        assert!(first == named, "the same run");
    }
    let model = Model::open(&folder.path().join("models/gen.onnx")).expect("a model of the contract");
    assert_eq!(model.metadata().labels.names(), LABELS);
    assert_eq!(model.metadata().weights, Precision::F16);
    assert_eq!(names(&folder.path().join("models")), ["gen.onnx"]);
}

#[test]
fn weights_that_f16_is_too_coarse_for_are_stored_in_f32_unless_f16_was_asked_for() {
    let mut steep = Checkpoint::small();
    let last = kernel(steep.manifest.architecture.blocks() - 1);
    steep.weight(&last).iter_mut().for_each(|weight| *weight *= 4.0);
    steep.renew_reference();
    let (folder, _) = with_run_of(&steep);
    let refused = exporter(folder.path(), &["--weights", "f16"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("one level of 255"), "{}", stderr(&refused));
    let quiet = exporter(folder.path(), &["--quiet", "--out", "quiet.onnx"]);
    assert_eq!((quiet.status.code(), stderr(&quiet)), (Some(0), String::new()));
    let output = exporter(folder.path(), &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    let said = stderr(&output);
    for part in
        ["with f16 weights: f16 file and libtorch, one level of 255: picture", "stored in f32, since f16 is too coarse"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(stdout(&output).contains("f32 weights"), "{}", stdout(&output));
    let model = Model::open(&folder.path().join("models/gen.onnx")).expect("a model of the contract");
    assert_eq!(model.metadata().weights, Precision::F32);
}

#[test]
fn weights_that_f16_cannot_hold_are_stored_in_f32_beside_integers_too() {
    let (folder, _) = with_run_of(&Checkpoint::beyond_f16());
    for compute in ["f32", "int8"] {
        let words = ["--compute", compute, "--out", "a.onnx"];
        let refused = exporter(folder.path(), &[&words[..], &["--weights", "f16"]].concat());
        assert_eq!(refused.status.code(), Some(1), "{compute}");
        assert!(stderr(&refused).contains("70000 is outside the range of f16"), "{compute}: {}", stderr(&refused));
        let output = exporter(folder.path(), &words);
        assert!(output.status.success(), "{compute}: {}", stderr(&output));
        assert!(stdout(&output).contains("f32 weights"), "{compute}: {}", stdout(&output));
    }
}

/// Of a model file only the first labels are compared in values, all golden pictures in levels.
#[test]
fn golden_pictures_that_f16_is_too_coarse_for_lead_to_f32_too() {
    let mut steep = Checkpoint::new(&["a", "b", "c", "d", "e"], small_architecture(3));
    let dim = steep.manifest.architecture.embedding_dim;
    steep.weight(LABEL_EMBEDDING)[4 * dim..].iter_mut().for_each(|number| *number *= 20.0);
    steep.renew_reference();
    let (folder, _) = with_run_of(&steep);
    assert!(exporter(folder.path(), &["--weights", "f32", "--out", "a.onnx"]).status.success());
    let refused = exporter(folder.path(), &["--from", "a.onnx", "--weights", "f16", "--out", "b.onnx"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("an engine is further off than the file allows"), "{}", stderr(&refused));
    let output = exporter(folder.path(), &["--from", "a.onnx", "--out", "b.onnx"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let said = stderr(&output);
    for part in
        ["with f16 weights: an engine is further off", "engine, against golden pictures", "  FAIL\n", "stored in f32"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(stdout(&output).contains("f32 weights"), "{}", stdout(&output));
}

/// An engine that is broken fails with f32 weights too, and then nothing says that f16 was the reason.
#[test]
fn an_engine_that_fails_with_either_precision_is_not_blamed_on_f16() {
    let (folder, _) = with_run();
    assert!(exporter(folder.path(), &["--quiet", "--out", "a.onnx", "--weights", "f32"]).status.success());
    let bytes = std::fs::read(folder.path().join("a.onnx")).expect("written");
    let mut model = ModelProto::decode(&*bytes).expect("a file of ours");
    // Golden pictures that no engine makes.
    let golden =
        model.metadata_props.iter_mut().find(|entry| entry.key == contract::GOLDEN_KEY).expect("golden pictures");
    golden.value = golden.value.replacen("\"seed\":1", "\"seed\":2", 1);
    std::fs::write(folder.path().join("b.onnx"), model.encode_to_vec()).expect("writable");
    let output = exporter(folder.path(), &["--from", "b.onnx", "--out", "c.onnx"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.matches("an engine is further off than the file allows").count(), 2, "{said}");
    assert!(!said.contains("too coarse"), "{said}");
}

#[test]
fn a_file_of_integer_products_says_what_they_move_and_allows_it() {
    let (folder, _) = with_run();
    let output = exporter(folder.path(), &["--compute", "int8", "--calibrate", "8", "--out", "a.onnx"]);
    assert!(output.status.success(), "{}", stderr(&output));
    for part in ["calibrating over 24 pictures\n", "24 of 24 pictures of the calibration\n"] {
        assert!(stderr(&output).contains(part), "{part}: {}", stderr(&output));
    }
    let table = stdout(&output);
    for part in ["evened out channels in f32 and libtorch", "products of integers move 96 pictures by", "  pass\n"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert!(table.contains("f16 weights, subpixel, int8 compute, 3 labels"), "{table}");
    let bound = Model::open(&folder.path().join("a.onnx")).expect("a model of the contract").metadata().bound();
    assert!(table.contains(&format!("the file allows {} and {}", bound.max, bound.mean)), "{bound:?}: {table}");
    for (words, expected) in [
        (&["--compute", "int8", "--rewrite", "none"][..], "is written as subpixel convolutions"),
        (&["--calibrate", "8"], "only --compute int8 is calibrated"),
        (&["--compute", "int8", "--calibrate", "0"], "0 is not in 1..=10000"),
        (&["--compute", "bf16"], "possible values: f32, int8"),
    ] {
        let output = exporter(folder.path(), words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(stderr(&output).contains(expected), "{words:?}: {}", stderr(&output));
    }
}

#[test]
fn quiet_says_nothing() {
    let (folder, _) = with_run();
    let output = exporter(folder.path(), &["--quiet", "--out", "new/folder/a.onnx", "--weights", "f32"]);
    assert!(output.status.success());
    assert_eq!((stdout(&output), stderr(&output)), (String::new(), String::new()));
    let model = Model::open(&folder.path().join("new/folder/a.onnx")).expect("a model of the contract");
    assert_eq!(model.metadata().weights, Precision::F32);
}

#[test]
fn a_licence_goes_into_the_file() {
    let (folder, path) = with_run();
    let run = path.to_str().expect("text");
    let output = exporter(folder.path(), &["--run", run, "--out", "a.onnx", "--data-licence", "by A, CC BY 4.0"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&exporter(folder.path(), &["inspect", "a.onnx"]));
    assert!(text.contains("by A, CC BY 4.0"), "{text}");
}

#[test]
fn a_state_dict_is_exported_with_its_labels() {
    let folder = tempfile::tempdir().expect("a folder");
    let labels = "zebra,a b,ä";
    let output = exporter(folder.path(), &["--run", &fixture(), "--labels", labels, "--out", "a.onnx"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("f32 graph and the unfolded network"), "{}", stdout(&output));
    let model = Model::open(&folder.path().join("a.onnx")).expect("a model of the contract");
    assert_eq!(model.metadata().labels.names(), LABELS);
}

#[test]
fn a_file_that_computes_something_else_is_not_written() {
    let (folder, path) = with_run();
    let mut checkpoint = Checkpoint::small();
    checkpoint.reference(reference::IMAGE)[3000] += 0.01;
    checkpoint.write(&path);
    std::fs::write(folder.path().join("a.onnx"), b"old").expect("writable");
    let output = exporter(folder.path(), &["--out", "a.onnx"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("error: f32 graph and libtorch: picture 0 (label \"zebra\")"), "{said}");
    assert_eq!(std::fs::read(folder.path().join("a.onnx")).expect("still there"), b"old");
    let mut left = names(folder.path());
    left.sort();
    assert_eq!(left, ["a.onnx", "runs"]);
}

/// Standard output takes nothing, so that the command can't end by itself.
#[cfg(unix)]
#[test]
fn an_interrupt_ends_it_with_130_and_leaves_nothing_behind() {
    use std::io::{BufRead, BufReader, Write};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::process::Stdio;

    let (folder, _) = with_run();
    let (full, _reader) = UnixStream::pair().expect("a pair");
    full.set_nonblocking(true).expect("set");
    while (&full).write(&[0]).is_ok() {}
    full.set_nonblocking(false).expect("set");
    let mut command = Command::new(env!("CARGO_BIN_EXE_exporter"));
    command.args(["--compute", "int8", "--calibrate", "8", "--out", "a.onnx", "--triton", "repository"]);
    command.current_dir(folder.path()).stdout(OwnedFd::from(full)).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    let mut said = BufReader::new(child.stderr.take().expect("piped")).lines().map(|line| line.expect("text"));
    // When it says this, its files are open.
    assert!(said.any(|line| line.starts_with("calibrating over")), "ended before it began");
    let temporary = |name: &String| name.ends_with(".part");
    assert!(names(folder.path()).iter().any(temporary));
    assert!(names(&folder.path().join("repository/a/1")).iter().any(temporary));
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
    let rest: Vec<String> = said.collect();
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{rest:?}");
    let mut left = names(folder.path());
    left.sort();
    assert_eq!(left, ["repository", "runs"]);
    assert!(names(&folder.path().join("repository")).is_empty());
}

#[test]
fn wrong_usage_ends_with_2_and_failure_with_1() {
    let (folder, path) = with_run();
    let run = path.to_str().expect("text");
    let fixture = fixture();
    std::fs::write(folder.path().join("a.onnx"), "").expect("writable");
    struct Case<'a>(&'a [&'a str], i32, &'a str);
    let cases = [
        Case(&["--weights", "f64"], 2, "f32, f16, int8"),
        Case(&["--opset", "12"], 2, "13..=23"),
        Case(&["--opset", "24"], 2, "13..=23"),
        Case(&["--batch", "0"], 2, "dynamic or 1 to 256"),
        Case(&["--batch", "some"], 2, "dynamic or 1 to 256"),
        Case(&["--atol", "nan"], 2, "0 to 0.0078"),
        Case(&["--atol=-1e-5"], 2, "0 to 0.0078"),
        Case(&["--atol", "0.0079"], 2, "0 to 0.0078"),
        Case(&["--label-input", "one-hot"], 2, "index, mix"),
        Case(&["--from", "a.onnx", "--run", "runs"], 2, "cannot be used with"),
        Case(&["--from", "missing.onnx"], 1, "error: read missing.onnx: "),
        Case(&["ladder", "--samples", "0"], 2, "0"),
        Case(&["ladder", "--data-licence", "X"], 2, "'--data-licence'"),
        Case(&["--nonsense"], 2, "--nonsense"),
        Case(&["inspect"], 2, "<FILE>"),
        Case(&["--run", &fixture], 2, "--labels"),
        Case(&["--run", &fixture, "--labels", "a,b"], 2, "expected 3 names"),
        Case(&["--run", &fixture, "--labels", "a,b,c", "--data-licence", "X"], 2, "--data-licence"),
        Case(&["--run", &fixture, "--labels", "a,b,../c"], 1, "separator"),
        Case(&["--run", &fixture, "--labels", "a, b,c"], 2, "' b' for '--labels <A,B,C>': a name with a blank"),
        Case(&["--run", run, "--labels", "a,b,c"], 2, "--labels"),
        Case(&["--run", "missing"], 1, "--run missing"),
        Case(&["--run", "a.onnx"], 2, "name it with --from a.onnx"),
        Case(&["--run", "."], 1, "expected a run folder with a checkpoint, a folder of runs"),
        Case(&["--out", "runs"], 1, "write runs"),
        Case(&["--triton", "a.onnx"], 1, "write a.onnx/gen/1/model.onnx"),
        Case(&["inspect", "missing.onnx"], 1, "read missing.onnx"),
    ];
    for Case(arguments, code, expected) in cases {
        let output = exporter(folder.path(), arguments);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert!(!folder.path().join("models/gen.onnx").exists(), "{arguments:?}");
    }
}

#[test]
fn no_run_names_the_trainer() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = exporter(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cargo run -p trainer"), "{}", stderr(&output));
    assert!(names(folder.path()).is_empty());
}

#[test]
fn inspect_prints_inputs_outputs_operators_sizes_and_metadata() {
    let (folder, _) = with_run();
    assert!(exporter(folder.path(), &["--out", "a.onnx"]).status.success());
    let output = exporter(folder.path(), &["inspect", "a.onnx"]);
    assert!(output.status.success());
    let text = stdout(&output);
    let size = std::fs::metadata(folder.path().join("a.onnx")).expect("written").len();
    for part in [
        format!("size       {size} bytes"),
        "operator set ai.onnx 17".to_owned(),
        "input      latent f32 [batch, 7]".to_owned(),
        "input      label i64 [batch]".to_owned(),
        "output     image f32 [batch, 3, 32, 32]".to_owned(),
        "3 ConvTranspose".to_owned(),
        "block0.weight.f16        f16 [7, 8, 4, 4], 1792 bytes".to_owned(),
        // 6*16*7 + 6*16 + 3*16 + 7*8*16 + 8 + 8*5*16 + 5 + 5*3*16
        "with 2605 parameters".to_owned(),
        "mudra.labels             [\"zebra\",\"a b\",\"ä\"]".to_owned(),
        "3 pictures, ".to_owned(),
        "label 2 seed 1 index 0".to_owned(),
    ] {
        assert!(text.contains(&part), "{part}: {text}");
    }
    assert!(text.lines().all(|line| line.len() < 400), "{text}");
}

#[test]
fn every_flag_of_a_variant_reaches_the_file() {
    let (folder, _) = with_run();
    let words = ["--label-input", "mix", "--output", "u8", "--batch", "4", "--rewrite", "subpixel", "--opset", "15"];
    let output = exporter(folder.path(), &[&words[..], &["--weights", "int8", "--out", "a b.onnx"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let table = stdout(&output);
    let last = "int8 weights, label mix, u8 output, batch 4, subpixel, 3 labels, 3 golden pictures";
    assert!(table.contains(last) && table.contains("halves of two labels"), "{table}");
    let text = stdout(&exporter(folder.path(), &["inspect", "a b.onnx"]));
    for part in [
        "format     version 8, operator set ai.onnx 15",
        "input      label f32 [4, 3]",
        "output     image u8 [4, 3, 32, 32]",
        "3 Conv, 3 DepthToSpace",
        "mudra.label_input        mix",
        "mudra.batch              4",
        "mudra.rewrite            subpixel",
        "nchw rgb-or-gray u8 [0,255]",
        "block0.weight.int8       i8 [32, 7, 2, 2], 896 bytes",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_file_becomes_a_servers_repository_and_its_ladder_is_printed() {
    let (folder, _) = with_run();
    assert!(exporter(folder.path(), &["--quiet", "--out", "a.onnx"]).status.success());
    let words = ["--from", "a.onnx", "--out", "b.onnx", "--triton", "repository"];
    let output = exporter(folder.path(), &words);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("wrote repository/b\n"), "{}", stdout(&output));
    let served = std::fs::read(folder.path().join("repository/b/1/model.onnx")).expect("written");
    assert_eq!(served, std::fs::read(folder.path().join("b.onnx")).expect("written"));
    let config = std::fs::read_to_string(folder.path().join("repository/b/config.pbtxt")).expect("written");
    assert!(config.starts_with("name: \"b\"\nbackend: \"onnxruntime\"\n"), "{config}");
    let output = exporter(folder.path(), &["ladder", "--from", "a.onnx", "--samples", "6"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let table = stdout(&output);
    assert!(table.contains("| int8 | ") && table.contains("over 6 samples"), "{table}");
    for part in ["192 of 192 pictures of the calibration\n", "6 of 6 pictures with each precision\n"] {
        assert!(stderr(&output).contains(part), "{part}: {}", stderr(&output));
    }
}

#[test]
fn weights_of_16_bits_do_not_take_the_place_of_their_source_of_32() {
    let (folder, _) = with_run();
    assert!(exporter(folder.path(), &["--quiet", "--weights", "f32"]).status.success());
    let content = std::fs::read(folder.path().join("models/gen.onnx")).expect("written");
    let from = ["--from", "models/gen.onnx"];
    for more in [&[][..], &["--weights", "f16"], &["--label-input", "mix"]] {
        let output = exporter(folder.path(), &[&from[..], more].concat());
        assert_eq!(output.status.code(), Some(2), "{more:?}");
        let said = stderr(&output);
        assert!(said.contains(" is the source, and its f32 weights would be gone; name another"), "{more:?}: {said}");
        assert!(std::fs::read(folder.path().join("models/gen.onnx")).expect("still there") == content, "{more:?}");
    }
    for more in [&["--weights", "f32"][..], &["--out", "a.onnx"]] {
        assert!(exporter(folder.path(), &[&from[..], more].concat()).status.success(), "{more:?}");
    }
}

#[test]
fn a_file_of_integers_does_not_take_the_place_of_its_source() {
    let (folder, _) = with_run();
    let at = |path: &str| folder.path().join(path);
    assert!(exporter(folder.path(), &["--quiet", "--triton", "repository"]).status.success());
    let content = std::fs::read(at("models/gen.onnx")).expect("written");
    let served = "repository/gen/1/model.onnx";
    let mut cases = vec![
        vec!["--from", "models/gen.onnx", "--weights", "int8"],
        vec!["--from", "models/gen.onnx", "--compute", "int8", "--out", "models/../models/gen.onnx"],
        vec!["--from", served, "--weights", "int8", "--out", "gen.onnx", "--triton", "repository"],
    ];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("models/gen.onnx", at("link.onnx")).expect("linked");
        cases.push(vec!["--from", "link.onnx", "--weights", "int8"]);
        cases.push(vec!["--from", "models/gen.onnx", "--weights", "int8", "--out", "link.onnx"]);
    }
    for words in cases {
        let output = exporter(folder.path(), &words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        let said = stderr(&output);
        assert!(said.contains(" is the source, and a file of integers is none; name another"), "{words:?}: {said}");
        for path in ["models/gen.onnx", served] {
            assert!(std::fs::read(at(path)).expect("still there") == content, "{words:?}: {path}");
        }
    }
    // Floats can be a source again, and integers may stand elsewhere.
    for words in [&["--from", "models/gen.onnx"][..], &["--from", served, "--weights", "int8", "--out", "a.onnx"]] {
        let output = exporter(folder.path(), words);
        assert!(output.status.success(), "{words:?}: {}", stderr(&output));
    }
}

#[test]
fn inspect_says_what_a_picture_costs_and_which_boards_have_the_memory() {
    let (folder, _) = with_run();
    assert!(exporter(folder.path(), &["--quiet", "--out", "a.onnx"]).status.success());
    let text = stdout(&exporter(folder.path(), &["inspect", "a.onnx"]));
    // 6*16*7 + 5*16, then 16 weights a pixel: 7*8 at 4x4, 8*5 at 8x8, 5*3 at 16x16: 117,424.
    assert!(text.contains("cost       0.1 million multiplications"), "{text}");
    for part in ["Raspberry Pi Zero 2 W      512 MiB", "Jetson Nano               2048 MiB", "Jetson Orin Nano"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(text.matches(": fits\n").count(), 6, "{text}");
}

#[test]
fn inspect_survives_hostile_files() {
    let (folder, _) = with_run();
    assert!(exporter(folder.path(), &["--out", "a.onnx"]).status.success());
    let good = std::fs::read(folder.path().join("a.onnx")).expect("written");
    for (place, byte) in [(10, 0xff), (40, 0x00), (300, 0xff), (900, 0x7f)] {
        let mut damaged = good.clone();
        damaged[place] ^= byte;
        std::fs::write(folder.path().join("b.onnx"), damaged).expect("writable");
        let code = exporter(folder.path(), &["inspect", "b.onnx"]).status.code();
        assert!(matches!(code, Some(0 | 1)), "{place}: {code:?}");
    }
    std::fs::write(folder.path().join("b.onnx"), "no model").expect("writable");
    let output = exporter(folder.path(), &["inspect", "b.onnx"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).starts_with("error: model b.onnx: not an ONNX file, or a damaged one"),
        "{}",
        stderr(&output)
    );
    if cfg!(unix) {
        let output = exporter(folder.path(), &["inspect", "/dev/zero"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("not a regular file"), "{}", stderr(&output));
    }
}

#[test]
fn inspect_says_which_weights_are_elsewhere() {
    let (folder, _) = with_run();
    assert!(exporter(folder.path(), &["--out", "a.onnx", "--weights", "f32"]).status.success());
    let bytes = std::fs::read(folder.path().join("a.onnx")).expect("written");
    let mut model = ModelProto::decode(&*bytes).expect("a file of ours");
    model.graph.as_mut().expect("a graph").initializer.iter_mut().for_each(|weight| weight.raw_data.clear());
    std::fs::write(folder.path().join("b.onnx"), model.encode_to_vec()).expect("writable");
    let text = stdout(&exporter(folder.path(), &["inspect", "b.onnx"]));
    assert!(text.contains("block0.weight            f32 [7, 8, 4, 4], elsewhere"), "{text}");
}

#[test]
fn inspect_prints_no_control_characters_of_a_file() {
    let (folder, _) = with_run();
    assert!(exporter(folder.path(), &["--quiet", "--out", "a.onnx"]).status.success());
    let bytes = std::fs::read(folder.path().join("a.onnx")).expect("written");
    let mut model = ModelProto::decode(&*bytes).expect("a file of ours");
    let latent = &mut model.graph.as_mut().expect("a graph").input[0];
    let tensor = latent.r#type.as_mut().and_then(|kind| kind.tensor_type.as_mut()).expect("a tensor");
    let side = &mut tensor.shape.as_mut().expect("a shape").dim[1];
    (side.dim_value, side.dim_param) = (None, Some("\x1b[31m".to_owned()));
    std::fs::write(folder.path().join("b.onnx"), model.encode_to_vec()).expect("writable");
    let text = stdout(&exporter(folder.path(), &["inspect", "b.onnx"]));
    assert!(text.contains("this is no model of the contract: \"latent\"") && text.contains("[31m"), "{text:?}");
    assert!(!text.contains('\x1b'), "{text:?}");
}
