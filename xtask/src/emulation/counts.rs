//! Instructions a picture, and the committed figures that they are held against.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::{CORE, at_once};
use crate::checkout::Checkout;
use crate::command::run_unannounced;
use crate::cross::Cross;

/// Counted with `cargo xtask boards --count`.
const FIGURES: &str = "xtask/src/emulation/counts.json";
const PLUGIN: &str = include_str!("count.c");
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

/// Counts of one compiler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// What `rustc --version` says.
    pub rustc: String,
    #[serde(flatten)]
    pub counts: Counts,
}

/// Counts one picture: the difference between a bench of two pictures and one of one, without what both begin with.
///
/// # Errors
/// No C compiler for the plugin, an emulator without plugins, or a program that fails.
pub fn counted(checkout: &Checkout, cross: &Cross, binary: &Path) -> Result<Counts> {
    let folder = checkout.target().join("ci-arm-counts");
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let (source, plugin) = (folder.join("count.c"), folder.join("count.so"));
    std::fs::write(&source, PLUGIN).with_context(|| format!("write {}", source.display()))?;
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let mut compile = std::process::Command::new(compiler);
    run_unannounced(compile.args(["-O2", "-Wall", "-shared", "-fPIC", "-o"]).arg(&plugin).arg(&source))?;
    let log = |runs: &str| folder.join(format!("{runs}.json"));
    at_once(&["1", "2"], |runs| {
        let options =
            ["-plugin".into(), plugin.clone().into(), "-d".into(), "plugin".into(), "-D".into(), log(runs).into()];
        let mut bench = cross.emulate(CORE, &options, binary);
        bench.args(["bench", "--engine", "native", "--threads", "1", "--json", "--quiet", "--model"]);
        run_unannounced(bench.arg(checkout.path("models/gen.onnx")).args(["--runs", runs]))
    })?;
    let (one, two) = (read(&log("1"))?, read(&log("2"))?);
    Ok(Counts {
        instructions: two.instructions.saturating_sub(one.instructions),
        vector: two.vector.saturating_sub(one.vector),
        memory: two.memory.saturating_sub(one.memory),
    })
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
pub fn record(checkout: &Checkout, rustc: &str, counts: Counts) -> Result<()> {
    let mut figures = recorded(checkout)?;
    figures.retain(|figure| figure.rustc != rustc);
    figures.push(Figures { rustc: rustc.to_owned(), counts });
    let text = serde_json::to_string_pretty(&figures).context("write the counts as JSON")?;
    let path = checkout.path(FIGURES);
    std::fs::write(&path, text + "\n").with_context(|| format!("write {}", path.display()))
}

/// Holds a count against the figure of the same compiler; with another compiler it is only told.
///
/// # Errors
/// It differs by more than the tolerance.
pub fn check(checkout: &Checkout, found: &Counts, rustc: &str) -> Result<()> {
    eprintln!(
        "{} instructions a picture, {} of vectors, {} loads and stores ({rustc})",
        found.instructions, found.vector, found.memory
    );
    match verdict(&recorded(checkout)?, found, rustc)? {
        Some(share) => eprintln!("{:+.2} % to the committed figure", share * 100.0),
        None => eprintln!("no figure of this compiler in {FIGURES}: told only, not compared"),
    }
    Ok(())
}

/// The share by which a count differs from the figure of its compiler.
fn verdict(figures: &[Figures], found: &Counts, rustc: &str) -> Result<Option<f64>> {
    let Some(figure) = figures.iter().find(|figure| figure.rustc == rustc) else { return Ok(None) };
    let expected = figure.counts.instructions;
    let share = found.instructions as f64 / expected as f64 - 1.0;
    ensure!(
        share.abs() <= TOLERANCE,
        "expected {expected} instructions a picture within {} %, found {} ({:+.2} %): where that is meant, \
         `cargo xtask boards --count` records it",
        TOLERANCE * 100.0,
        found.instructions,
        share * 100.0
    );
    Ok(Some(share))
}

fn read(path: &Path) -> Result<Counts> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("read the plugin's count in {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_held_against_the_figure_of_its_compiler_only() {
        let counts = |instructions| Counts { instructions, vector: 1, memory: 1 };
        let figures = [Figures { rustc: "rustc 1".to_owned(), counts: counts(1000) }];
        assert_eq!(verdict(&figures, &counts(5000), "rustc 2").expect("told only"), None);
        for near in [981, 1000, 1019] {
            assert!(verdict(&figures, &counts(near), "rustc 1").expect("near").is_some());
        }
        for far in [979, 1021] {
            let error = verdict(&figures, &counts(far), "rustc 1").expect_err("far").to_string();
            assert!(error.starts_with("expected 1000 instructions a picture within 2 %"), "{error}");
        }
    }

    #[test]
    fn the_committed_figures_are_readable_and_plausible() {
        for figure in recorded(&Checkout::find().expect("a checkout")).expect("readable") {
            let Counts { instructions, vector, memory } = figure.counts;
            assert!(figure.rustc.starts_with("rustc 1.") && instructions > vector + memory, "{figure:?}");
        }
    }
}
