//! Times native on generators of other picture sizes and widths than the ones that come with the repository: medians of
//! alternating rounds of `edge-runtime bench`, and the most memory that it held.
//!
//! `cargo bench -p edge-runtime --bench sizes -- [--rounds N] [--runs N] [--threads N,...]`. Weights are made up and stored in
//! f16; time doesn't depend on them.

#[path = "../tests/common/mod.rs"]
mod common;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use common::{LABELS, Network};
use model_spec::Architecture;

/// Sides of pictures, and the part of the reference generator's channels that a generator has.
const SIZES: [(usize, usize); 10] =
    [(128, 1), (32, 1), (64, 1), (256, 1), (128, 2), (128, 4), (32, 2), (64, 2), (256, 2), (256, 4)];

#[derive(Debug, Parser)]
struct Options {
    /// Rounds
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Pictures of each generator in a round
    #[arg(long, value_name = "N", default_value = "60", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    runs: u32,
    /// Threads, one column each
    #[arg(long, value_name = "N,...", default_value = "1,2", value_delimiter = ',')]
    threads: Vec<usize>,
    /// What cargo bench adds
    #[arg(long, hide = true)]
    bench: bool,
}

/// One row of the table.
struct Entry {
    name: String,
    model: PathBuf,
    macs: usize,
    bytes: u64,
    /// Milliseconds a picture, for each number of threads.
    times: Vec<Vec<f64>>,
    /// MB, with the first number of threads.
    peak: f64,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let folder = tempfile::tempdir()?;
    let mut entries = SIZES
        .into_iter()
        .map(|(size, part)| Entry::new(folder.path(), size, part, options.threads.len()))
        .collect::<Result<Vec<_>>>()?;
    for _ in 0..options.rounds {
        for entry in &mut entries {
            for (column, threads) in options.threads.iter().enumerate() {
                let [median, peak] = bench(&entry.model, *threads, options.runs)?;
                entry.times[column].push(median);
                entry.peak = if column == 0 { peak } else { entry.peak };
            }
        }
    }
    println!("{}", table(&options.threads, &mut entries)?);
    Ok(())
}

impl Entry {
    fn new(folder: &Path, size: usize, part: usize, columns: usize) -> Result<Self> {
        let whole = Architecture::reference(size, 3)?;
        let widths: Vec<usize> = whole.widths.iter().map(|width| width / part).collect();
        let network = Network::sized(&LABELS, 3, size, whole.stem_channels / part, &widths).rounded();
        let model = folder.join(format!("{size}-{part}.onnx"));
        std::fs::write(&model, network.bytes())?;
        let name = match part {
            1 => format!("{size} pixels"),
            part => format!("{size} pixels, 1/{part} of the channels"),
        };
        let bytes = std::fs::metadata(&model)?.len();
        let macs = network.architecture.generator_macs();
        Ok(Self { name, model, macs, bytes, times: vec![Vec::new(); columns], peak: f64::NAN })
    }
}

/// The median of so many pictures, in milliseconds, and the most memory, in MB.
fn bench(model: &Path, threads: usize, runs: u32) -> Result<[f64; 2]> {
    let mut bench = Command::new(env!("CARGO_BIN_EXE_edge-runtime"));
    bench.args(["bench", "--json", "--engine", "native", "--model"]).arg(model);
    bench.args(["--threads", &threads.to_string(), "--runs", &runs.to_string()]).stderr(Stdio::null());
    let output = bench.output()?;
    ensure!(output.status.success(), "{bench:?} failed");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let number = |key: &str| report[key].as_f64().with_context(|| format!("no {key} in the report"));
    Ok([number("median_ms")?, number("peak_rss_mb")?])
}

fn table(threads: &[usize], entries: &mut [Entry]) -> Result<String> {
    let mut text = "| generator | MMAC | file, MB |".to_owned();
    for threads in threads {
        write!(text, " {threads} thread{}, ms | ratio |", if *threads == 1 { "" } else { "s" })?;
    }
    text += " peak memory, MB |\n| --- | --- | --- |";
    text += &" --- | --- |".repeat(threads.len());
    text += " --- |\n";
    let mut first: Option<Vec<f64>> = None;
    for entry in entries {
        let medians: Vec<f64> = entry.times.iter_mut().map(|times| median(times)).collect();
        let first = first.get_or_insert_with(|| medians.clone());
        write!(text, "| {} | {:.1} | {:.1} |", entry.name, entry.macs as f64 / 1e6, entry.bytes as f64 / 1e6)?;
        for (median, first) in medians.iter().zip(first.iter()) {
            write!(text, " {median:.2} | {:.3} |", median / first)?;
        }
        writeln!(text, " {:.1} |", entry.peak)?;
    }
    Ok(text)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
