//! 64-bit ARM without a board: the suites of engine and latents, the model's golden pictures, and pictures beside this
//! machine's, on each core of the boards that the project is for, and a count of instructions on one. And 32-bit ARM: latents,
//! golden pictures, and pictures beside this machine's.

mod cores;
mod counts;
mod pictures;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use self::cores::{CORES, DOT_CORE, at_once};
pub use self::counts::{Counter, Counts, record, recorded};
use crate::checkout::Checkout;
use crate::cli::{Kind, Target};
use crate::command::{cargo, output, run as run_command};
use crate::cross::{AARCH64, ARMV7, Cross};
use crate::dist::Build;
use crate::outcome::Outcome;
use crate::setup::remove;

/// What only [`DOT_CORE`] multiplies in.
const FEWER_BITS: [&str; 2] = ["f16", "int8"];
/// What runs 32-bit programs: Raspberry Pi 2 and later.
const NARROW_CORE: &str = "cortex-a7";
/// Latents: their tests compare with committed bits.
const LATENTS: &[&str] = &["test", "--release", "--package", "model-spec", "--lib"];
/// Kernels, whose tests compare with plain Rust, and latents.
const SUITES: [&[&str]; 2] = [
    &["test", "--release", "--package", "edge-runtime", "--no-default-features", "--lib", "--test", "engines"],
    LATENTS,
];
const PICTURES: [&str; 8] = ["--label", "all", "--seed", "7", "--engine", "native", "--quiet", "--out"];

/// Runs everything, each core on its own.
///
/// # Errors
/// Something differs from this machine, or a build fails.
pub fn test(checkout: &Checkout) -> Result<Outcome> {
    let cross = match Cross::find(checkout, AARCH64) {
        Ok(cross) => cross,
        Err(error) => {
            // Suites and two checks of each core, those in fewer bits, and the count.
            let count = (SUITES.len() + 2) * CORES.len() + FEWER_BITS.len() + 1;
            return Ok(Outcome::skipped(count, &format!("{error:#}")));
        }
    };
    let binary = binary(checkout, &cross)?;
    for suite in SUITES {
        // Compiled once, so that the cores don't wait for each other.
        run_command(cross.cargo(checkout, suite.iter().copied()).arg("--no-run"))?;
        at_once(&CORES, |core| run_command(cross.cargo(checkout, suite.iter().copied()).env("QEMU_CPU", core)))?;
    }
    let folder = checkout.target().join("ci-arm");
    remove(&folder)?;
    let expected = folder.join("host");
    let mut host = cargo(checkout, ["run", "--package", "edge-runtime", "--"]);
    run_command(host.args(PICTURES).arg(&expected))?;
    at_once(&CORES, |core| same_pictures(checkout, &cross, core, &binary, &expected))?;
    at_once(&FEWER_BITS, |compute| in_fewer_bits(checkout, &cross, DOT_CORE, &binary, compute))?;
    let narrow = narrow(checkout, &expected)?;
    let counts = match Counter::new(checkout, &cross, &binary)? {
        Some(counter) => counts::check(checkout, &counter.count()?, &cross.rustc_version()?)?,
        None => Some("counting instructions: this emulator doesn't take our plugin".to_owned()),
    };
    Ok(Outcome::without(narrow.into_iter().chain(counts).collect()))
}

/// A binary as those that are handed out, with our own engine only.
///
/// # Errors
/// The build fails.
pub fn binary(checkout: &Checkout, cross: &Cross) -> Result<PathBuf> {
    Build { target: Target::Aarch64, kind: Kind::Static, tract: false, extras: false }.run(checkout, Some(cross))
}

/// 32 bits; returns what is left out, where this machine lacks Rust's standard library for them.
fn narrow(checkout: &Checkout, expected: &Path) -> Result<Option<String>> {
    if let Err(error) = Cross::standard_library(checkout, ARMV7) {
        return Ok(Some(format!("32-bit ARM: {error:#}")));
    }
    let cross = Cross::find(checkout, ARMV7)?;
    run_command(cross.cargo(checkout, LATENTS.iter().copied()).env("QEMU_CPU", NARROW_CORE))?;
    let build = Build { target: Target::Armv7, kind: Kind::Static, tract: false, extras: true };
    let binary = build.run(checkout, Some(&cross))?;
    in_fewer_bits(checkout, &cross, NARROW_CORE, &binary, "int8")?;
    same_pictures(checkout, &cross, NARROW_CORE, &binary, expected)?;
    Ok(None)
}

/// `verify` with products of fewer bits.
fn in_fewer_bits(checkout: &Checkout, cross: &Cross, core: &str, binary: &Path, compute: &str) -> Result<()> {
    let words = ["verify", "--engine", "native", "--compute", compute, "--quiet"];
    eprint!("{core}\n{}", run_as(checkout, cross, core, binary, &words, None).with_context(|| compute.to_owned())?);
    Ok(())
}

/// What the binary prints in the checkout as a core of this name.
fn run_as(
    checkout: &Checkout,
    cross: &Cross,
    core: &str,
    binary: &Path,
    words: &[&str],
    last: Option<&Path>,
) -> Result<String> {
    let mut command: Command = cross.emulate(core, &[], binary);
    command.args(words).args(last).current_dir(checkout.root());
    output(&mut command).with_context(|| format!("as {core}"))
}

/// `verify`, and a picture of each label within one level of this machine's.
fn same_pictures(checkout: &Checkout, cross: &Cross, core: &str, binary: &Path, expected: &Path) -> Result<()> {
    let run = |words: &[&str], last: Option<&Path>| run_as(checkout, cross, core, binary, words, last);
    eprint!("{core}\n{}", run(&["verify", "--engine", "native", "--quiet"], None)?);
    let folder = expected.with_file_name(core);
    run(&PICTURES, Some(&folder))?;
    let worst = pictures::difference(expected, &folder)?;
    eprintln!("{core}: {} within {worst} of 255 of this machine's", checkout.shown(&folder));
    anyhow::ensure!(worst <= 1, "as {core}: expected pictures within one level of 255, found {worst}");
    Ok(())
}
