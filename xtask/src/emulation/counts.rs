//! Instructions a picture, and the committed figures that they are held against.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::cores::{CORES, DOT_CORE, at_once};
use crate::checkout::Checkout;
use crate::command::{output, run_unannounced};
use crate::cross::Cross;

/// Counted with `cargo xtask boards --count`.
const FIGURES: &str = "xtask/src/emulation/counts.json";
const PLUGIN: &str = include_str!("count.c");
/// The core that f32 is counted on.
const CORE: &str = CORES[1];
/// What QEMU says where it has no plugins (Debian 13's), or takes those of another interface only (9 and later).
const REFUSALS: [&str; 2] = ["unknown option", "API version"];
/// By how much a count may differ from the figure of the same compiler.
const TOLERANCE: f64 = 0.02;

/// What one thread executes for one picture of models/gen.onnx.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All instructions.
    pub instructions: u64,
    /// Those of the vector and floating-point unit.
    pub vector: u64,
    /// Loads and stores.
    pub memory: u64,
}

/// What one picture takes, by what it is multiplied in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// As any core computes it.
    pub f32: Counts,
    /// As a core with products of f16 computes it.
    pub f16: Counts,
    /// As a core with dot products computes it.
    pub int8: Counts,
}

impl Picture {
    /// Each count with its name on the command line.
    pub fn kinds(&self) -> [(&'static str, Counts); 3] {
        [("f32", self.f32), ("f16", self.f16), ("int8", self.int8)]
    }
}

/// Counts of one compiler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// What `rustc --version` says.
    pub rustc: String,
    #[serde(flatten)]
    pub picture: Picture,
}

/// A plugin of the emulator that counts instructions.
#[derive(Debug)]
pub struct Counter<'a> {
    checkout: &'a Checkout,
    cross: &'a Cross,
    binary: &'a Path,
    folder: PathBuf,
}

impl<'a> Counter<'a> {
    /// Compiles the plugin, and lets the emulator take it while the binary tells its version; `None`, and a line that says
    /// why, where this emulator doesn't take it.
    ///
    /// # Errors
    /// No C compiler, or a plugin that doesn't compile or doesn't work.
    pub fn new(checkout: &'a Checkout, cross: &'a Cross, binary: &'a Path) -> Result<Option<Self>> {
        let folder = checkout.target().join("ci-arm-counts");
        std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        let counter = Self { checkout, cross, binary, folder };
        let source = counter.folder.join("count.c");
        std::fs::write(&source, PLUGIN).with_context(|| format!("write {}", source.display()))?;
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let mut compile = Command::new(compiler);
        output(compile.args(["-O2", "-Wall", "-shared", "-fPIC", "-o"]).arg(counter.plugin()).arg(&source))?;
        match output(counter.emulate(CORE, &counter.folder.join("version.json")).arg("--version")) {
            Ok(_) => Ok(Some(counter)),
            Err(error) if REFUSALS.iter().any(|refusal| error.to_string().contains(refusal)) => {
                eprintln!("{error}");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Counts one picture of each kind: the difference between a bench of two pictures and one of one, without what both
    /// begin with.
    ///
    /// # Errors
    /// A program that fails.
    pub fn count(&self) -> Result<Picture> {
        let log = |compute: &str, runs: &str| self.folder.join(format!("{compute}-{runs}.json"));
        let kinds = ["f32", "f16", "int8"].map(|compute| [(compute, "1"), (compute, "2")]);
        at_once(kinds.as_flattened(), |(compute, runs)| {
            let core = if compute == "f32" { CORE } else { DOT_CORE };
            let mut bench = self.emulate(core, &log(compute, runs));
            bench.args(["bench", "--engine", "native", "--threads", "1", "--json", "--quiet", "--compute", compute]);
            run_unannounced(bench.args(["--runs", runs, "--model"]).arg(self.checkout.path("models/gen.onnx")))
        })?;
        let counts = |compute| -> Result<Counts> {
            let (one, two) = (read(&log(compute, "1"))?, read(&log(compute, "2"))?);
            Ok(Counts {
                instructions: two.instructions.saturating_sub(one.instructions),
                vector: two.vector.saturating_sub(one.vector),
                memory: two.memory.saturating_sub(one.memory),
            })
        };
        Ok(Picture { f32: counts("f32")?, f16: counts("f16")?, int8: counts("int8")? })
    }

    fn plugin(&self) -> PathBuf {
        self.folder.join("count.so")
    }

    /// The binary as a core of this name, its count in a file.
    fn emulate(&self, core: &str, log: &Path) -> Command {
        let options = ["-plugin".into(), self.plugin().into(), "-d".into(), "plugin".into(), "-D".into(), log.into()];
        self.cross.emulate(core, &options, self.binary)
    }
}

/// The committed figures.
///
/// # Errors
/// The file can't be read.
pub fn recorded(checkout: &Checkout) -> Result<Vec<Figures>> {
    let path = checkout.path(FIGURES);
    let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("read {}", path.display()))
}

/// Puts a compiler's counts at the end of the committed figures, in place of older ones of the same compiler.
///
/// # Errors
/// The file can't be read or written.
pub fn record(checkout: &Checkout, rustc: &str, picture: Picture) -> Result<()> {
    let mut figures = recorded(checkout)?;
    figures.retain(|figure| figure.rustc != rustc);
    figures.push(Figures { rustc: rustc.to_owned(), picture });
    let text = serde_json::to_string_pretty(&figures).context("write the counts as JSON")?;
    let path = checkout.path(FIGURES);
    std::fs::write(&path, text + "\n").with_context(|| format!("write {}", path.display()))
}

/// Holds counts against the figures of the same compiler. With another compiler they are only told, and the comparison is
/// returned as what is left out.
///
/// # Errors
/// One differs by more than the tolerance.
pub fn check(checkout: &Checkout, found: &Picture, rustc: &str) -> Result<Option<String>> {
    let figures = recorded(checkout)?;
    let figure = figures.iter().find(|figure| figure.rustc == rustc).map(|figure| figure.picture);
    for (index, (name, found)) in found.kinds().into_iter().enumerate() {
        let figure = figure.map(|picture| picture.kinds()[index].1);
        let Counts { instructions, vector, memory } = found;
        eprintln!("{name}: {instructions} instructions a picture, {vector} of vectors, {memory} loads and stores");
        if let Some(figure) = figure {
            eprintln!("{:+.2} % to the committed figure", difference(&figure, &found)? * 100.0);
        }
    }
    let is_known = figure.is_some();
    Ok((!is_known).then(|| format!("comparing counted instructions: no figure of {rustc} in {FIGURES}")))
}

/// The share by which a count differs from the figure of its compiler.
fn difference(figure: &Counts, found: &Counts) -> Result<f64> {
    let expected = figure.instructions;
    let share = found.instructions as f64 / expected as f64 - 1.0;
    ensure!(
        share.abs() <= TOLERANCE,
        "expected {expected} instructions a picture within {} %, found {} ({:+.2} %): where that is meant, \
         `cargo xtask boards --count` records it",
        TOLERANCE * 100.0,
        found.instructions,
        share * 100.0
    );
    Ok(share)
}

fn read(path: &Path) -> Result<Counts> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("read the plugin's count in {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_held_against_its_figure() {
        let counts = |instructions| Counts { instructions, vector: 1, memory: 1 };
        for near in [981, 1000, 1019] {
            difference(&counts(1000), &counts(near)).expect("near");
        }
        for far in [979, 1021] {
            let error = difference(&counts(1000), &counts(far)).expect_err("far").to_string();
            assert!(error.starts_with("expected 1000 instructions a picture within 2 %"), "{error}");
        }
    }

    #[test]
    fn the_committed_figures_are_readable_and_plausible() {
        for figure in recorded(&Checkout::find().expect("a checkout")).expect("readable") {
            for (_, Counts { instructions, vector, memory }) in figure.picture.kinds() {
                assert!(figure.rustc.starts_with("rustc 1.") && instructions > vector + memory, "{figure:?}");
            }
        }
    }
}
