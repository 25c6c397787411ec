//! `cargo xtask test`: everything that CI runs, stage by stage.

mod apt;
mod archives;
mod browser;
mod embedded;
mod model_files;
mod onnx_runtime;
mod packages;
mod python_example;
mod stages;
mod window;

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use self::stages::Stages;
use crate::checkout::Checkout;
use crate::cli::{SetupOptions, TestOptions};
use crate::command::{cargo, output, run as run_command};
use crate::demo::Chain;
use crate::outcome::{Outcome, done};
use crate::{emulation, guard, setup};

/// The default members, then the trainer. Lints and docs choose packages as the tests do: another choice would unify
/// other features of dependencies, and compile them again.
const CHOICES: [&[&str]; 2] = [&[], &["--package", "trainer"]];
/// Real pictures, where they lie beside the checkout.
const REAL_PICTURES: [&str; 2] = ["data/rps", "../shared/data/rps"];
/// What native multiplies in where a processor does.
const FEWER_BITS: [&str; 3] = ["bf16", "f16", "int8"];

/// Runs all stages, and tells at the end which passed, failed and were skipped, with their minutes.
///
/// # Errors
/// None of its own: a failing stage is counted, and makes the exit code 1.
pub fn run(checkout: &Checkout, options: &TestOptions) -> Result<ExitCode> {
    let mut stages = Stages::new(options.require_all, options.only.as_deref().unwrap_or_default());
    stages.run("format", || done(run_command(&mut cargo(checkout, ["fmt", "--all", "--check"]))));
    stages.run("guards", || done(guards(checkout)));
    stages.run("libtorch", || done(libtorch(checkout)));
    stages.run("lints", || done(lints(checkout)));
    stages.run("tests", || tests(checkout));
    stages.run("tests of trainer", || done(run_command(cargo(checkout, ["test"]).args(CHOICES[1]))));
    stages.run("tests of engine ort", || onnx_runtime::test(checkout));
    stages.run("tests of panels", || done(panels(checkout)));
    stages.run("tests of the window", || window::test(checkout));
    stages.run("page in a browser", || browser::test(checkout));
    stages.run("docs", || done(docs(checkout)));
    stages.run("train, export, draw", || done(chain(checkout)));
    stages.run("models in other engines", || model_files::check(checkout));
    stages.run("ten lines of Python", || python_example::test(checkout));
    stages.run("a model built in", || embedded::test(checkout));
    stages.run("the model of the clone", || fresh_clone(checkout));
    stages.run("aarch64 under qemu", || emulation::test(checkout));
    stages.run("archives", || archives::test(checkout));
    Ok(stages.close())
}

fn guards(checkout: &Checkout) -> Result<()> {
    let metadata = guard::dependencies::metadata(checkout)?;
    let mut found = guard::dependencies::violations(&metadata);
    found.extend(guard::dependencies::foreign_terms(&metadata));
    found.extend(guard::devices::violations(checkout)?);
    found.extend(guard::features::violations(checkout)?);
    if !found.is_empty() {
        bail!("{}", found.join("\n"));
    }
    Ok(())
}

fn libtorch(checkout: &Checkout) -> Result<()> {
    if setup::is_done(checkout) {
        return Ok(());
    }
    setup::run(checkout, &SetupOptions { cpu: true, ..SetupOptions::default() })
}

fn lints(checkout: &Checkout) -> Result<()> {
    let without_features: &[&str] = &["--package", "edge-runtime", "--no-default-features"];
    for choice in [CHOICES[0], CHOICES[1], without_features] {
        let mut clippy = cargo(checkout, ["clippy", "--all-targets"]);
        run_command(clippy.args(choice).args(["--", "--deny", "warnings"]))?;
    }
    // A workspace of its own, since its programs link libFuzzer. Without tract, which would be compiled for it once more.
    let fuzz = ["check", "--locked", "--no-default-features", "--manifest-path", "fuzz/Cargo.toml"];
    run_command(cargo(checkout, fuzz).args(["--target-dir"]).arg(checkout.target().join("fuzz")))
}

/// The default members; names what their tests leave out, which cargo doesn't show.
fn tests(checkout: &Checkout) -> Result<Outcome> {
    run_command(cargo(checkout, ["test"]).args(CHOICES[0]))?;
    let has_valgrind = Command::new("valgrind").arg("--version").output().is_ok();
    let valgrind = (!has_valgrind).then(|| "memory of the C interface: no valgrind".to_owned());
    let levels = missing_levels().into_iter().map(|level| format!("kernels of {level}: this processor lacks them"));
    Ok(Outcome::without(valgrind.into_iter().chain(levels).collect()))
}

/// Sets of native kernels that PCs can have and this one does not.
fn missing_levels() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    let levels = [("AVX2", is_x86_feature_detected!("avx2")), ("AVX-512", is_x86_feature_detected!("avx512f"))];
    #[cfg(not(target_arch = "x86_64"))]
    let levels = [];
    levels.into_iter().filter(|(_, is_here)| !is_here).map(|(level, _)| level).collect()
}

/// The feature that the default build leaves out, on buses that record what they are sent.
fn panels(checkout: &Checkout) -> Result<()> {
    let features = ["--package", "edge-runtime", "--no-default-features", "--features", "panels"];
    let mut clippy = cargo(checkout, ["clippy", "--all-targets"]);
    run_command(clippy.args(features).args(["--", "--deny", "warnings"]))?;
    run_command(cargo(checkout, ["test", "--lib", "--test", "live", "panel"]).args(features))
}

fn docs(checkout: &Checkout) -> Result<()> {
    for choice in CHOICES {
        let mut docs = cargo(checkout, ["doc", "--no-deps"]);
        run_command(docs.args(choice).env("RUSTDOCFLAGS", "--deny warnings"))?;
    }
    Ok(())
}

/// The three commands of the README in sequence, small; on real pictures where there are any.
fn chain(checkout: &Checkout) -> Result<()> {
    let data = REAL_PICTURES.iter().map(|relative| checkout.path(relative)).find(|folder| folder.is_dir());
    let folder = checkout.target().join("ci");
    let made = Chain { data, epochs: 1, size: 32, folder: folder.clone() }.run(checkout)?;
    eprintln!("{} pictures, {}", made.pictures.len(), checkout.shown(&made.sheet));
    let mut draw = cargo(checkout, ["run", "--package", "edge-runtime", "--", "--label", "scissors", "--model"]);
    draw.arg(&made.model).arg("--out").arg(folder.join("gesture.png"));
    run_command(&mut draw)
}

/// What README promises of a fresh clone: a picture with nothing but Rust.
fn fresh_clone(checkout: &Checkout) -> Result<Outcome> {
    if !checkout.path("models/gen.onnx").is_file() {
        return Ok(Outcome::skipped(
            1,
            "no models/gen.onnx: export one with `cargo run -p exporter -- --out models/gen.onnx`",
        ));
    }
    let picture = checkout.target().join("ci-gesture.png");
    let mut pictures = Vec::new();
    for _ in 0..2 {
        let words = ["run", "--package", "edge-runtime", "--", "--label", "scissors", "--seed", "1", "--out"];
        run_command(cargo(checkout, words).arg(&picture))?;
        pictures.push(std::fs::read(&picture).with_context(|| format!("read {}", picture.display()))?);
    }
    if pictures[0] != pictures[1] {
        bail!("{}: expected the same bytes for the same label and seed, found others", picture.display());
    }
    let words = ["run", "--quiet", "--package", "edge-runtime", "--", "verify", "--quiet", "--model"];
    run_command(cargo(checkout, words).arg(checkout.path("models/gen-small.onnx")))?;
    // The exporter compares engines in f32, at weights whose numbers are larger than those of its tests.
    let words = ["run", "--quiet", "--package", "exporter", "--", "--quiet", "--label-input", "mix", "--from"];
    let mut mixed = cargo(checkout, words);
    run_command(mixed.arg(checkout.path("models/gen.onnx")).arg("--out").arg(checkout.target().join("ci-mix.onnx")))?;
    let left_out = FEWER_BITS.into_iter().filter_map(|compute| in_fewer_bits(checkout, compute).transpose());
    Ok(Outcome::without(left_out.collect::<Result<_>>()?))
}

/// The trained weights in products of fewer bits, within their bound; returns what is left out, where this processor has none.
fn in_fewer_bits(checkout: &Checkout, compute: &str) -> Result<Option<String>> {
    let words =
        ["run", "--quiet", "--package", "edge-runtime", "--", "verify", "--engine", "native", "--quiet", "--compute"];
    let verified = cargo(checkout, words).arg(compute).output().context("run verify")?;
    let (table, problem) = (String::from_utf8_lossy(&verified.stdout), String::from_utf8_lossy(&verified.stderr));
    match verified.status.success() {
        true => eprint!("{compute}\n{table}"),
        false if problem.contains("which this CPU lacks") => {
            return Ok(Some(format!("products in {compute}: {}", problem.trim())));
        }
        false => bail!("verify --compute {compute}: {table}{problem}"),
    }
    Ok(None)
}

/// Makes words that select a test fail where there is none of that name, with which cargo is content.
fn require_test(checkout: &Checkout, words: &[&str]) -> Result<()> {
    if test_count(checkout, words) == 0 {
        bail!("`cargo {}`: expected a test of this name, found none", words.join(" "));
    }
    Ok(())
}

/// How many tests words of cargo select.
fn test_count(checkout: &Checkout, words: &[&str]) -> usize {
    let list = output(cargo(checkout, words).args(["--", "--list"])).unwrap_or_default();
    list.lines().filter(|line| line.ends_with(": test")).count()
}
