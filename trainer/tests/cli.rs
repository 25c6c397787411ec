//! The command line of the built binary.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use edge_runtime::model::sha256_hex;
use image::{Rgb, RgbImage};
use model_spec::Manifest;
use tempfile::TempDir;

fn trainer(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trainer"));
    command.args(arguments).env("OMP_NUM_THREADS", "1");
    command
}

fn run(arguments: &[&str]) -> Output {
    trainer(arguments).output().expect("the binary starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Two labels with six pictures each.
fn data() -> TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    for (label, red) in [("down", 40), ("up", 220)] {
        std::fs::create_dir(folder.path().join(label)).expect("made");
        for index in 0..6u8 {
            let picture = RgbImage::from_fn(40, 32, |x, y| Rgb([red, (x * 5) as u8, (y * 7) as u8 ^ index]));
            picture.save(folder.path().join(label).join(format!("{index}.png"))).expect("saved");
        }
    }
    folder
}

fn path(folder: &TempDir) -> &str {
    folder.path().to_str().expect("a UTF-8 path")
}

/// A small run: 32 pixels, batches of 4, so that an epoch has three steps.
fn train(data: &TempDir, out: &TempDir, more: &[&str]) -> Output {
    let small = ["--data", path(data), "--out", path(out), "--size", "32", "--batch-size", "4", "--device", "cpu"];
    run(&[&small[..], more].concat())
}

fn resume(out: &TempDir, more: &[&str]) -> Output {
    run(&[&["--out", path(out), "--resume", "latest", "--device", "cpu"], more].concat())
}

fn only_run(out: &TempDir) -> PathBuf {
    let mut runs: Vec<_> =
        std::fs::read_dir(out.path()).expect("listed").map(|entry| entry.expect("entry").path()).collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs.remove(0)
}

fn newest_manifest(run: &Path) -> Manifest {
    let checkpoint = trainer::run_folder::latest_checkpoint(run).expect("listed").expect("a checkpoint");
    Manifest::open(&checkpoint, sha256_hex).expect("a whole checkpoint")
}

#[test]
fn help_names_every_flag() {
    let help = text(&run(&["--help"]).stdout);
    for flag in [
        "--data",
        "--out",
        "--recipe",
        "--epochs",
        "--batch-size",
        "--lr",
        "--size",
        "--seed",
        "--device",
        "--resume",
        "--strict",
        "--dry-run",
        "--quiet",
        "--preset",
        "--set",
        "--channels",
        "--precision",
        "--eval-every",
        "--save-every",
        "--keep",
        "--pictures",
        "--tf32",
        "summary",
        "bench",
        "evaluate",
    ] {
        assert!(help.contains(flag), "{flag} is missing:\n{help}");
    }
    assert!(help.contains("[default: 100]") && help.contains("[default: paired]"), "{help}");
    assert!(help.contains("[default: runs]"), "{help}");
    for command in ["summary", "bench", "evaluate"] {
        assert!(run(&[command, "--help"]).status.success());
    }
}

#[test]
fn wrong_flags_are_usage_errors_that_say_what_is_expected() {
    struct Case(&'static [&'static str], &'static str);
    let cases = [
        Case(&["--size", "96"], "32, 64, 128 or 256"),
        Case(&["--device", "gpu"], "expected auto, cpu, cuda or cuda:NUMBER"),
        Case(&["--epochs", "0"], "1..=1000000"),
        Case(&["--batch-size", "1"], "expected 2 to 65536"),
        Case(&["--lr", "-1"], "expected a number above 0 and at most 1"),
        Case(&["--recipe", "best"], "reference"),
        Case(&["--nonsense"], "--nonsense"),
        Case(&["--channels", "2"], "expected 1 or 3"),
        Case(&["--precision", "f16"], "f32, bf16"),
        Case(&["--eval-every", "-1"], "--eval-every"),
        Case(&["evaluate", "--samples", "3"], "expected 12 to 1000000"),
        Case(&["evaluate", "--run", "a", "--model", "b"], "cannot be used with"),
        Case(&["evaluate", "--fakes", "a", "--seed", "2"], "cannot be used with"),
    ];
    for Case(arguments, expected) in cases {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(expected), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn what_can_not_start_fails_with_its_reason() {
    let (data, out) = (data(), tempfile::tempdir().expect("temporary folder"));
    let missing = run(&["--data", "no/such/folder", "--out", path(&out)]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("no/such/folder"));
    let nothing = resume(&out, &[]);
    assert!(text(&nothing.stderr).contains("--resume latest: no run in"), "{}", text(&nothing.stderr));
    let file = out.path().join("file");
    std::fs::write(&file, "").expect("written");
    let small = ["--data", path(&data), "--size", "32", "--out", file.to_str().expect("UTF-8")];
    let unwritable = run(&small);
    assert_eq!(unwritable.status.code(), Some(1));
    assert!(text(&unwritable.stderr).contains("file"), "{}", text(&unwritable.stderr));
}

#[cfg(target_os = "linux")]
#[test]
fn a_data_path_that_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStrExt;

    let out = tempfile::tempdir().expect("temporary folder");
    let folder = out.path().join(std::ffi::OsStr::from_bytes(b"pictures-\xff"));
    std::fs::rename(data().keep(), &folder).expect("renamed");
    let output = trainer(&["--dry-run", "--size", "32", "--device", "cpu", "--set", "method.penalty=1"])
        .arg("--data")
        .arg(&folder)
        .output()
        .expect("the binary starts");
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(message.contains("pictures-\u{fffd}: expected a path in UTF-8"), "{message}");
}

#[test]
fn cuda_that_is_not_there_is_an_error_that_names_the_cause() {
    if tch::Cuda::is_available() {
        return; // the other branch is for machines with a GPU
    }
    let (data, out) = (data(), tempfile::tempdir().expect("temporary folder"));
    let output = train(&data, &out, &["--dry-run"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let output = run(&["--data", path(&data), "--out", path(&out), "--device", "cuda"]);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(
        message.contains("cuda:0") && (message.contains("driver") || message.contains("setup --cuda")),
        "{message}"
    );
}

#[test]
fn a_dry_run_writes_nothing() {
    let (data, out) = (data(), tempfile::tempdir().expect("temporary folder"));
    let output = train(&data, &out, &["--dry-run"]);
    let said = text(&output.stdout);
    assert!(said.contains("12 pictures, 0 skipped, labels down, up"), "{said}");
    assert!(said.contains("device: cpu, 1 thread") && said.contains("ConvTranspose2d"), "{said}");
    assert_eq!(std::fs::read_dir(out.path()).expect("listed").count(), 0);
    for name in ["a.HEIC", "b.heic", "c.gif", "d", ".hidden"] {
        std::fs::write(data.path().join("up").join(name), "").expect("written");
    }
    let said = text(&train(&data, &out, &["--dry-run"]).stdout);
    assert!(said.contains("0 skipped, 4 left out by ending (.gif, .heic, no ending), labels down, up"), "{said}");
}

#[test]
fn a_run_leaves_figures_pictures_and_a_checkpoint() {
    let (data, out) = (data(), tempfile::tempdir().expect("temporary folder"));
    let output = train(&data, &out, &["--epochs", "2"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("epoch 2/2: d_loss 0."), "{}", text(&output.stdout));
    let run = only_run(&out);
    for file in
        ["reals.png", "batch.png", "augmented.png", "interpolation.png", "losses.png", "samples/epoch-00002.png"]
    {
        assert!(image::open(run.join(file)).is_ok(), "{file} is no picture");
    }
    let stats = std::fs::read_to_string(run.join("stats.jsonl")).expect("read");
    assert_eq!(stats.lines().count(), 2);
    assert!(stats.lines().all(|line| line.contains("\"d_loss\":") && line.contains("\"images_per_s\":")), "{stats}");
    let events = std::fs::read_dir(&run).expect("listed").filter_map(Result::ok);
    let events = events.filter(|entry| entry.file_name().to_string_lossy().starts_with("events.out.tfevents."));
    assert_eq!(events.count(), 1);
    let manifest = newest_manifest(&run);
    assert_eq!(manifest.labels.names(), ["down", "up"]);
    assert_eq!((manifest.progress.images, manifest.progress.epochs, manifest.progress.steps), (24, 2, 6));
    assert_eq!(manifest.files.len(), 3);
}

#[test]
fn a_resumed_run_goes_on_to_the_bit() {
    let (data, whole, halves) = (data(), tempfile::tempdir().expect("made"), tempfile::tempdir().expect("made"));
    assert!(train(&data, &whole, &["--epochs", "3", "--quiet"]).status.success());
    assert!(train(&data, &halves, &["--epochs", "2", "--quiet", "--pictures", "file"]).status.success());
    let changed = resume(&halves, &["--seed", "9"]);
    assert_eq!(changed.status.code(), Some(2));
    assert!(text(&changed.stderr).contains("--seed differs: expected 1, found 9"), "{}", text(&changed.stderr));
    let changed = resume(&halves, &["--set", "method.penalty=2"]);
    let message = text(&changed.stderr);
    assert!(message.contains("--set differs: expected method.penalty=0.5, found method.penalty=2.0"), "{message}");
    let changed = resume(&halves, &["--preset", "small"]);
    let message = text(&changed.stderr);
    assert!(message.contains("--preset differs: expected a generator of") && message.contains("[64"), "{message}");
    let complete = resume(&halves, &[]);
    assert_eq!(complete.status.code(), Some(2));
    assert!(text(&complete.stderr).contains("2 epochs of 2 are done"), "{}", text(&complete.stderr));
    let same = ["--preset", "full", "--set", "method.penalty=0.50", "--lr", "8e-4"];
    let resumed = resume(&halves, &[&["--epochs", "3", "--pictures", "file"][..], &same].concat());
    assert!(resumed.status.success(), "{}", text(&resumed.stderr));
    let said = text(&resumed.stdout);
    assert!(said.contains("after epoch 2") && !said.contains("bits will differ"), "{said}");
    let (whole, halves) = (only_run(&whole), only_run(&halves));
    assert_eq!(newest_manifest(&whole).files, newest_manifest(&halves).files);
    let epochs = std::fs::read_to_string(halves.join("stats.jsonl")).expect("read").lines().count();
    assert_eq!(epochs, 3);
    let place = halves.parent().expect("a folder of runs").to_str().expect("UTF-8");
    let mut two = trainer(&["--out", place, "--resume", "latest", "--device", "cpu", "--epochs", "4"]);
    let said = text(&two.env("OMP_NUM_THREADS", "2").output().expect("the binary starts").stdout);
    let expected = "bits will differ from image 36 on: the run was on cpu, 1 thread, and is now on cpu, 2 threads";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn a_run_resumed_by_its_path_takes_what_its_neighbors_share() {
    let (out, elsewhere) = (tempfile::tempdir().expect("made"), tempfile::tempdir().expect("made"));
    let begun = run(&["--out", path(&out), "--size", "32", "--epochs", "1", "--eval-every", "0", "--device", "cpu"]);
    assert!(begun.status.success(), "{}", text(&begun.stderr));
    let resumed = trainer(&["--resume", only_run(&out).to_str().expect("UTF-8"), "--epochs", "2", "--eval-every", "1"])
        .current_dir(&elsewhere)
        .output()
        .expect("the binary starts");
    assert!(resumed.status.success(), "{}", text(&resumed.stderr));
    assert!(out.path().join(".mudra").is_dir(), "the measuring network");
    assert_eq!(std::fs::read_dir(elsewhere.path()).expect("listed").count(), 0);
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_in_the_middle_of_an_epoch_and_the_run_goes_on_to_the_bit() {
    let (data, whole, stopped) = (data(), tempfile::tempdir().expect("made"), tempfile::tempdir().expect("made"));
    let small =
        ["--data", path(&data), "--out", path(&stopped), "--size", "32", "--batch-size", "4", "--device", "cpu"];
    let mut child = trainer(&[&small[..], &["--epochs", "1000000"]].concat())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map(|line| line.expect("UTF-8"));
    assert!(lines.any(|line| line.starts_with("epoch 1/")), "no epoch was printed");
    // SAFETY: kill only sends a signal to the child that was just started.
    unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
    let last = lines.last().expect("a line after the interruption");
    assert!(last.starts_with("stopped and saved; go on with --resume"), "{last}");
    assert!(child.wait().expect("waited").success());

    let run_folder = only_run(&stopped);
    let done = newest_manifest(&run_folder).progress.epochs;
    let target = (done + 1).to_string();
    let resumed = resume(&stopped, &["--epochs", &target, "--quiet"]);
    assert!(resumed.status.success(), "{}", text(&resumed.stderr));
    assert!(train(&data, &whole, &["--epochs", &target, "--quiet"]).status.success());
    assert_eq!(newest_manifest(&run_folder).files, newest_manifest(&only_run(&whole)).files);
}

/// As after Ctrl-C in `trainer | tee log`, which ends tee too.
#[test]
fn a_run_whose_output_nobody_reads_still_saves() {
    let (data, out) = (data(), tempfile::tempdir().expect("made"));
    let small = ["--data", path(&data), "--out", path(&out), "--size", "32", "--batch-size", "4", "--device", "cpu"];
    let mut child = trainer(&[&small[..], &["--epochs", "1"]].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("waited");
    assert!(output.status.success() && !text(&output.stderr).contains("panicked"), "{}", text(&output.stderr));
    assert_eq!(newest_manifest(&only_run(&out)).progress.epochs, 1);
}

/// Kills runs at random moments, which may lie within the writing of a checkpoint.
#[cfg(unix)]
#[test]
fn a_run_that_is_killed_again_and_again_goes_on_to_the_bit() {
    let (data, whole, killed) = (data(), tempfile::tempdir().expect("made"), tempfile::tempdir().expect("made"));
    for recipe in ["reference", "paired"] {
        let common = ["--recipe", recipe, "--save-every", "1", "--quiet"];
        let mut lives = 0;
        let run_folder = loop {
            let more: &[&str] = if lives == 0 {
                &["--data", path(&data), "--size", "32", "--batch-size", "4", "--epochs", "1000000"]
            } else {
                &["--resume", "latest"]
            };
            let common = if lives == 0 { &common[..] } else { &["--quiet"] };
            let place = ["--out", path(&killed), "--device", "cpu"];
            let mut child = trainer(&[&place[..], common, more].concat()).spawn().expect("the binary starts");
            let run = wait_for_checkpoints(&killed, &mut child, recipe, lives + 1);
            let moment = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.subsec_nanos());
            for _ in 0..moment % 1000 {
                std::thread::yield_now();
            }
            child.kill().expect("killed by SIGKILL");
            child.wait().expect("waited");
            lives += 1;
            if lives == 3 {
                break run;
            }
        };
        let target = newest_manifest(&run_folder).progress.epochs + 7; // 21 steps more
        let target = target.to_string();
        let resumed = run(&["--out", path(&killed), "--resume", "latest", "--device", "cpu", "--epochs", &target]);
        assert!(resumed.status.success(), "{}", text(&resumed.stderr));
        assert!(train(&data, &whole, &["--recipe", recipe, "--quiet", "--epochs", &target]).status.success());
        let uninterrupted = trainer::run_folder::find(whole.path(), "latest").expect("the run");
        assert_eq!(newest_manifest(&run_folder).files, newest_manifest(&uninterrupted).files, "{recipe}");
    }
}

/// The newest run once it is of `recipe` and has at least so many checkpoints.
#[cfg(unix)]
fn wait_for_checkpoints(out: &TempDir, child: &mut std::process::Child, recipe: &str, count: usize) -> PathBuf {
    loop {
        if let Ok(run) = trainer::run_folder::find(out.path(), "latest")
            && run.to_string_lossy().ends_with(recipe)
            && std::fs::read_dir(run.join("checkpoints")).is_ok_and(|entries| entries.count() > count)
        {
            return run;
        }
        assert!(child.try_wait().expect("asked").is_none(), "the run ended by itself");
        std::thread::yield_now();
    }
}

/// A limit on the size of files stands for a disk that is full: the generator still fits, the state does not.
#[cfg(unix)]
#[test]
fn a_full_disk_costs_nothing_but_the_steps_since_the_last_checkpoint() {
    use std::os::unix::process::CommandExt;

    let (data, whole, full) = (data(), tempfile::tempdir().expect("made"), tempfile::tempdir().expect("made"));
    assert!(train(&data, &full, &["--epochs", "1", "--quiet"]).status.success());
    let run_folder = only_run(&full);
    let mut command = trainer(&["--out", path(&full), "--resume", "latest", "--device", "cpu", "--epochs", "2"]);
    let limited = || {
        let limit = libc::rlimit { rlim_cur: 8 << 20, rlim_max: 8 << 20 };
        // SAFETY: both calls only change this process, between fork and exec, and are async-signal-safe.
        unsafe {
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit);
        }
        Ok(())
    };
    // SAFETY: the closure calls nothing but the two functions above.
    let output = unsafe { command.pre_exec(limited) }.output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(1));
    let message = text(&output.stderr);
    assert!(message.contains("state.safetensors") && message.contains("File too large"), "{message}");
    let left: Vec<_> = std::fs::read_dir(run_folder.join("checkpoints"))
        .expect("listed")
        .map(|entry| entry.expect("entry").file_name())
        .collect();
    assert_eq!(left, ["000000.012"], "the good checkpoint and nothing half-written");
    assert!(resume(&full, &["--epochs", "2", "--quiet"]).status.success());
    assert!(train(&data, &whole, &["--epochs", "2", "--quiet"]).status.success());
    assert_eq!(newest_manifest(&run_folder).files, newest_manifest(&only_run(&whole)).files);
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_can_not_be_written_is_named() {
    let data = data();
    let output = run(&["--data", path(&data), "--size", "32", "--out", "/sys/runs", "--device", "cpu"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("create /sys/runs"), "{}", text(&output.stderr));
}

#[test]
fn only_the_newest_checkpoints_are_kept_unless_all_are_asked_for() {
    let all = ["000000.012", "000000.024", "000000.036", "000000.048", "000000.060", "000000.072"];
    for (keep, expected) in [(&["--keep", "2"][..], &all[4..]), (&["--keep", "0"], &all[..]), (&[], &all[1..])] {
        let (data, out) = (data(), tempfile::tempdir().expect("made"));
        let often = ["--preset", "small", "--epochs", "6", "--save-every", "1", "--quiet"];
        assert!(train(&data, &out, &[&often[..], keep].concat()).status.success());
        let mut left: Vec<_> = std::fs::read_dir(only_run(&out).join("checkpoints"))
            .expect("listed")
            .map(|entry| entry.expect("entry").file_name())
            .collect();
        left.sort();
        assert_eq!(left, expected, "{keep:?}");
    }
}

#[test]
fn a_changed_checkpoint_is_refused_by_file() {
    let (data, out) = (data(), tempfile::tempdir().expect("temporary folder"));
    assert!(train(&data, &out, &["--epochs", "1", "--quiet"]).status.success());
    let checkpoint = trainer::run_folder::latest_checkpoint(&only_run(&out)).expect("listed").expect("a checkpoint");
    let file = checkpoint.join("state.safetensors");
    let mut bytes = std::fs::read(&file).expect("read");
    *bytes.last_mut().expect("not empty") ^= 1;
    std::fs::write(&file, bytes).expect("written");
    let resumed = resume(&out, &["--epochs", "2"]);
    assert_eq!(resumed.status.code(), Some(1));
    assert!(text(&resumed.stderr).contains("state.safetensors: expected sha256"), "{}", text(&resumed.stderr));
}

#[test]
fn other_pictures_than_the_run_began_with_are_refused() {
    let (data, out) = (data(), tempfile::tempdir().expect("temporary folder"));
    assert!(train(&data, &out, &["--epochs", "1", "--quiet"]).status.success());
    std::fs::remove_file(data.path().join("up/0.png")).expect("removed");
    let resumed = resume(&out, &["--epochs", "2"]);
    assert!(text(&resumed.stderr).contains("not those that the run began with"), "{}", text(&resumed.stderr));
}

#[test]
fn the_summary_has_the_references_numbers() {
    let summary = text(&run(&["summary", "--recipe", "reference"]).stdout);
    for number in ["7789308", "483296832", "7729709", "145953280", "[512, 8, 8]", "[3, 128, 128]"] {
        assert!(summary.contains(number), "{number} is missing:\n{summary}");
    }
    assert!(text(&run(&["summary", "--size", "64", "--labels", "10"]).stdout).contains("Embedding(10, 100)"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_reader_that_has_seen_enough_is_no_error_and_a_full_disk_is_one() {
    let (reader, nobody_reads) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = trainer(&["summary"]).stdout(nobody_reads).output().expect("the binary starts");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
    let full = std::fs::File::options().write(true).open("/dev/full").expect("it is always there");
    let output = trainer(&["summary"]).stdout(full).output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("error: write standard output: "), "{}", text(&output.stderr));
}
