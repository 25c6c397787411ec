//! Times the command as a user runs it, from its start to a PNG, beside Python with ONNX Runtime: medians of alternating
//! runs.
//!
//! `cargo bench -p edge-runtime --bench process -- [--model FILE] [--python PYTHON] [--also NAME=BINARY] [--runs N]`.

mod usage;

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Parser;

use crate::usage::Usage;

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/process/generate.py");
const OUT: &str = "picture.png";

#[derive(Debug, Parser)]
struct Options {
    /// Model file
    #[arg(long, value_name = "FILE", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/gen.onnx"))]
    model: PathBuf,
    /// Python with onnxruntime and numpy, to do the same
    #[arg(long, value_name = "PYTHON")]
    python: Option<PathBuf>,
    /// Another build of edge-runtime
    #[arg(long, value_name = "NAME=BINARY", value_parser = named)]
    also: Vec<(String, PathBuf)>,
    /// Runs of each
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
    /// What cargo bench adds
    #[arg(long, hide = true)]
    bench: bool,
}

/// One row of the table.
struct Entry {
    name: String,
    command: Command,
    runs: Vec<Usage>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let folder = tempfile::tempdir()?;
    let mut entries = entries(&options, folder.path())?;
    // What a first run brings into the file cache is there for all.
    for entry in &mut entries {
        usage::run(&mut entry.command)?;
    }
    for _ in 0..options.runs {
        for entry in &mut entries {
            entry.runs.push(usage::run(&mut entry.command)?);
        }
    }
    println!("{}", table(&entries)?);
    Ok(())
}

fn entries(options: &Options, folder: &Path) -> Result<Vec<Entry>> {
    let model = std::path::absolute(&options.model)?;
    let mut entries = Vec::new();
    let mut add = |name: &str, program: &Path, words: &[&OsStr]| {
        let mut command = Command::new(program);
        command.args(words).current_dir(folder);
        entries.push(Entry { name: name.to_owned(), command, runs: Vec::new() });
    };
    if let Some(python) = &options.python {
        add("Python with ONNX Runtime", python, &[PYTHON.as_ref(), model.as_ref(), OUT.as_ref()]);
    }
    let words = ["--quiet", "--label", "0", "--out", OUT, "--model"].map(OsStr::new);
    let words = [&words[..], &[model.as_ref()]].concat();
    add("edge-runtime", Path::new(env!("CARGO_BIN_EXE_edge-runtime")), &words);
    for (name, binary) in &options.also {
        add(name, &std::path::absolute(binary)?, &words);
    }
    Ok(entries)
}

fn named(text: &str) -> Result<(String, PathBuf)> {
    let (name, binary) = text.split_once('=').context("expected NAME=BINARY")?;
    Ok((name.to_owned(), binary.into()))
}

/// Medians, each also as a ratio to the first entry's.
fn table(entries: &[Entry]) -> Result<String> {
    let mut text = "| command | wall, ms | ratio | processor, ms | ratio | peak memory, MB | ratio |\n".to_owned();
    text += "| --- | --- | --- | --- | --- | --- | --- |\n";
    let medians = |entry: &Entry| {
        [|usage: &Usage| usage.wall, |usage: &Usage| usage.cpu, |usage: &Usage| usage.peak].map(|part| {
            let mut values: Vec<f64> = entry.runs.iter().map(part).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
        })
    };
    let first = entries.first().map_or([f64::NAN; 3], medians);
    for entry in entries {
        write!(text, "| {} |", entry.name)?;
        for (median, first) in medians(entry).iter().zip(first) {
            write!(text, " {median:.1} | {:.2} |", median / first)?;
        }
        text += "\n";
    }
    Ok(text)
}
