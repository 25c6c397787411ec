//! Measured quality on the command line: in training, of a run, of a model file, of a folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use exporter::export::{Precision, export};
use exporter::source::{self, Wanted};
use image::{Rgb, RgbImage};
use serde_json::Value;
use tempfile::TempDir;

const COUNT: u32 = 26;

fn trainer(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trainer"));
    command.args(arguments).env("OMP_NUM_THREADS", "1").output().expect("the binary starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("a UTF-8 path")
}

/// Bars that lie or stand, at different places and in different colors.
fn write_pictures(folder: &Path, count: u32, phase: u32) {
    for (label, is_lying) in [("lying", true), ("standing", false)] {
        std::fs::create_dir_all(folder.join(label)).expect("made");
        for index in 0..count {
            let (place, color) = ((index * 7 + phase) % 20 + 4, (index * 37 + phase) as u8);
            let picture = RgbImage::from_fn(32, 32, |x, y| {
                let across = if is_lying { y } else { x };
                if across.abs_diff(place) < 3 { Rgb([color, 200, 255 - color]) } else { Rgb([20, 30, (x * 3) as u8]) }
            });
            picture.save(folder.join(label).join(format!("{index:03}.png"))).expect("saved");
        }
    }
}

struct World {
    folder: TempDir,
    data: PathBuf,
    runs: PathBuf,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (data, runs) = (folder.path().join("bars"), folder.path().join("runs"));
        write_pictures(&data, COUNT, 0);
        Self { folder, data, runs }
    }

    fn evaluate(&self, more: &[&str]) -> Output {
        let place = ["evaluate", "--data", shown(&self.data), "--out", shown(&self.runs), "--device", "cpu"];
        trainer(&[&place[..], more].concat())
    }

    fn json(&self, more: &[&str]) -> Value {
        let output = self.evaluate(&[more, &["--json"]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON and nothing else")
    }
}

#[test]
fn quality_is_measured_in_training_and_the_same_afterwards() {
    let world = World::new();
    let place = ["--data", shown(&world.data), "--out", shown(&world.runs), "--size", "32", "--device", "cpu"];
    let flags = ["--recipe", "paired", "--preset", "small", "--epochs", "2", "--eval-every", "0.05"];
    let output = trainer(&[&place[..], &flags].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).matches("quality: KID").count(), 2, "{}", text(&output.stdout));
    let cached: Vec<_> = std::fs::read_dir(world.data.join(".mudra")).expect("kept beside the data set").collect();
    assert_eq!(cached.len(), 1);

    let run = trainer::run_folder::find(&world.runs, "latest").expect("the run");
    let stats = std::fs::read_to_string(run.join("stats.jsonl")).expect("read");
    let last: Value = serde_json::from_str(stats.lines().last().expect("a line")).expect("JSON");
    let measured = world.json(&["--run", shown(&run)]);
    assert_eq!(measured["samples"], COUNT);
    assert_eq!(measured["fakes"]["kid"], last["scores"]["kid"], "the same pictures, the same network");
    let checkpoint = trainer::run_folder::latest_checkpoint(&run).expect("listed").expect("a checkpoint");
    let (manifest, _) = trainer::checkpoint::read_generator(&checkpoint, cpu()).expect("read");
    assert_eq!(manifest.scores["kid"], measured["fakes"]["kid"].as_f64().expect("a number"));
    assert_eq!(manifest.features.as_deref(), measured["features"].as_str());
    assert_eq!(last["features"], measured["features"], "the network is named beside the scores");
    let files = std::fs::read_dir(&run).expect("listed").map(|entry| entry.expect("readable").path());
    let events = files.into_iter().find(|path| shown(path).contains("events.out")).expect("TensorBoard's file");
    let events = std::fs::read(events).expect("read");
    for tag in ["quality/kid_floor/lying", "quality/accuracy/lying", "quality/samples/standing"] {
        let found = events.windows(tag.len()).filter(|bytes| *bytes == tag.as_bytes()).count();
        assert_eq!(found, 2, "{tag}: once for each time that quality was measured");
    }
    // A checkpoint alone is measured against the pictures of its run.
    let alone = ["evaluate", "--run", shown(&checkpoint), "--out", shown(&world.runs), "--device", "cpu", "--json"];
    let alone = trainer(&alone);
    assert!(text(&alone.stderr).contains("real: bars, 52 pictures"), "{}", text(&alone.stderr));
    let scores: Value = serde_json::from_slice(&alone.stdout).expect("JSON and nothing else");
    assert_eq!(scores["fakes"]["kid"], measured["fakes"]["kid"]);
    // A file that is no picture is named, and pictures that the run did not see are told of.
    let other = world.data.join("lying/other.png");
    std::fs::write(&other, b"no picture").expect("written");
    let told = text(&world.evaluate(&["--run", shown(&run)]).stderr);
    assert!(told.contains("skipped") && told.contains("other.png") && !told.contains("warning"), "{told}");
    std::fs::copy(world.data.join("lying/000.png"), &other).expect("copied");
    let told = text(&world.evaluate(&["--run", shown(&run)]).stderr);
    assert!(told.contains("warning: the run was trained on other pictures: expected sha256"), "{told}");
    std::fs::remove_file(&other).expect("removed");
    let options = std::fs::read(run.join("options.json")).expect("read");
    std::fs::write(run.join("options.json"), b"{}").expect("written");
    let told = trainer(&["evaluate", "--run", shown(&run), "--out", shown(&world.runs), "--device", "cpu"]);
    assert!(!told.status.success() && text(&told.stderr).contains("options.json"), "{}", text(&told.stderr));
    std::fs::write(run.join("options.json"), options).expect("written");
    let elsewhere = world.folder.path().join("elsewhere");
    world.json(&["--run", shown(&run), "--report", shown(&elsewhere)]);
    let report = std::fs::read_to_string(elsewhere.join("report.html")).expect("written where it was asked for");
    assert!(report.contains("Quality over the run"), "the run's curves are on the page, wherever it is");
    assert!(run.join("quality.png").is_file());
    let page = std::fs::read_to_string(run.join("report.html")).expect("written beside the run");
    assert!(page.contains("Nearest training pictures") && page.contains("standing") && !page.contains("://"));
    assert!(image::open(run.join("neighbors.png")).is_ok());

    // The exported file makes the same pictures in another engine, but for a level here and there.
    let source = source::open(&Wanted { run: Some(&run), ..Wanted::default() }).expect("the run");
    let file = world.folder.path().join("gen.onnx");
    std::fs::write(&file, export(&source, Precision::F32).expect("exported").bytes).expect("written");
    let of_file = world.json(&["--model", shown(&file)]);
    let [of_run, of_file] = [&measured, &of_file].map(|scores| scores["fakes"]["kid"].as_f64().expect("a number"));
    assert!((of_run - of_file).abs() < 0.01 * of_run.abs(), "{of_run} and {of_file}");
}

#[test]
fn a_run_that_is_not_there_is_named_with_its_flag() {
    let world = World::new();
    for (flags, expected) in
        [(&["--run", "nowhere"][..], "--run nowhere: no run folder"), (&[], "no run with a checkpoint in")]
    {
        let output = world.evaluate(flags);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains(expected), "{}", text(&output.stderr));
    }
}

#[test]
fn a_folder_of_pictures_is_measured_as_a_table() {
    let world = World::new();
    let fakes = world.folder.path().join("fakes");
    write_pictures(&fakes, 12, 3);
    let output = world.evaluate(&["--fakes", shown(&fakes)]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    for word in
        ["KID", " ± ", "precision", "coverage", "accuracy", "lying", "standing", "the last pictures of each label"]
    {
        assert!(table.contains(word), "{word} is missing:\n{table}");
    }
    // The first of each label, as if the folder had no more.
    let few = world.folder.path().join("few");
    write_pictures(&few, 12, 3);
    write_pictures(&fakes, 20, 3);
    let [some, all] = [&fakes, &few].map(|folder| world.json(&["--fakes", shown(folder), "--samples", "12"]));
    assert_eq!(some, all);
    std::fs::rename(fakes.join("lying"), fakes.join("leaning")).expect("renamed");
    let output = world.evaluate(&["--fakes", shown(&fakes)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("leaning"), "{}", text(&output.stderr));
}

#[test]
fn fakes_are_taken_by_their_content_and_in_gray_where_they_are_gray() {
    let world = World::new();
    let fakes = world.folder.path().join("fakes");
    write_pictures(&fakes, 12, 3);
    let png = fakes.join("lying/000.png");
    std::fs::rename(&png, png.with_extension("jpg")).expect("renamed");
    world.json(&["--fakes", shown(&fakes)]);
    for label in ["lying", "standing"] {
        for entry in std::fs::read_dir(fakes.join(label)).expect("listed") {
            let path = entry.expect("readable").path();
            let picture = image::load_from_memory(&std::fs::read(&path).expect("read")).expect("decoded");
            picture.to_luma8().save_with_format(&path, image::ImageFormat::Png).expect("saved");
        }
    }
    world.json(&["--fakes", shown(&fakes)]);
    let kept = std::fs::read_dir(world.data.join(".mudra")).expect("kept beside the data set");
    let mut kept: Vec<_> = kept.map(|entry| text(entry.expect("readable").file_name().as_encoded_bytes())).collect();
    kept.sort();
    assert!(kept[0].starts_with("features-1x32-") && kept[1].starts_with("features-3x32-"), "{kept:?}");
}

#[test]
fn an_extractor_of_ones_own_gives_the_features() {
    let world = World::new();
    let fakes = world.folder.path().join("fakes");
    write_pictures(&fakes, 12, 3);
    let module = world.folder.path().join("extractor.pt");
    let example = tch::Tensor::zeros([1, 3, 32, 32], (tch::Kind::Float, cpu()));
    let mut features = |inputs: &[tch::Tensor]| vec![inputs[0].adaptive_avg_pool2d([4, 4]).flatten(1, -1)];
    let traced = tch::CModule::create_by_tracing("extractor", "forward", &[example], &mut features).expect("traced");
    traced.save(&module).expect("saved");
    let own = world.json(&["--fakes", shown(&fakes), "--features", shown(&module)]);
    let usual = world.json(&["--fakes", shown(&fakes)]);
    assert_ne!(own["features"], usual["features"]);
    assert_ne!(own["fakes"]["frechet"], usual["fakes"]["frechet"]);
    assert_eq!(own["accuracy"], usual["accuracy"], "labels come from the classifier in any case");
    let output = world.evaluate(&["--fakes", shown(&fakes), "--features", shown(&fakes.join("lying/000.png"))]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("000.png: TorchScript:"), "{}", text(&output.stderr));
}

#[test]
fn a_network_that_was_fitted_elsewhere_gives_the_scores_that_it_gave_there() {
    let (there, here) = (World::new(), World::new());
    let fakes = there.folder.path().join("fakes");
    write_pictures(&fakes, 12, 3);
    let first = there.json(&["--fakes", shown(&fakes)]);
    let kept = std::fs::read_dir(there.data.join(".mudra")).expect("kept beside the data set").next();
    let network = kept.expect("one network").expect("readable").path();
    let again = here.json(&["--fakes", shown(&fakes), "--features", shown(&network)]);
    assert_eq!(again, first);
    assert!(!here.data.join(".mudra").exists(), "nothing was fitted");

    let other = here.folder.path().join("other.safetensors");
    std::fs::write(&other, b"no network").expect("written");
    let output = here.evaluate(&["--fakes", shown(&fakes), "--features", shown(&other)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("other.safetensors"), "{}", text(&output.stderr));

    // The same pictures, but their labels in another order.
    for folder in [&fakes, &here.data] {
        std::fs::rename(folder.join("lying"), folder.join("toppled")).expect("renamed");
    }
    let output = here.evaluate(&["--fakes", shown(&fakes), "--features", shown(&network)]);
    assert_eq!(output.status.code(), Some(1));
    let message = text(&output.stderr);
    assert!(message.contains("expected a network of these pictures") && message.contains(shown(&network)), "{message}");
}

#[test]
fn too_few_pictures_to_measure_are_an_error_here_and_a_remark_in_training() {
    let world = World::new();
    std::fs::remove_dir_all(&world.data).expect("removed");
    write_pictures(&world.data, 8, 0);
    let place = ["--data", shown(&world.data), "--out", shown(&world.runs), "--size", "32", "--device", "cpu"];
    let output = trainer(&[&place[..], &["--epochs", "1", "--batch-size", "8"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("quality is not measured"), "{}", text(&output.stdout));
    let output = world.evaluate(&[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("expected at least 24 pictures of \"lying\", found 8"));
}

fn cpu() -> tch::Device {
    trainer::device::open(trainer::device::DeviceChoice::Cpu).expect("the CPU is always there").0
}
