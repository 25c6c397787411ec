//! Times the engines on one model, side by side: medians of alternating rounds, as a table.
//!
//! `cargo bench -p edge-runtime -- [--model FILE] [--python PYTHON] [--rounds N] [--all]`. With a Python that has
//! onnxruntime, ONNX Runtime runs the same file beside ours; `--all` adds every kernel level that this CPU has.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use edge_runtime::engine::native::{self, Level};
use edge_runtime::{Batch, Engine, EngineKind, EngineSpec, Model, engine};
use model_spec::latent;
use model_spec::variant::Compute;

/// Batch sizes of the second table.
const BATCHES: [usize; 4] = [1, 4, 9, 16];
/// Time that one engine is given in one round.
const TURN: Duration = Duration::from_millis(250);

/// For each line, which is a time in seconds, runs that long and answers with milliseconds a run: median and least.
const ONNX_RUNTIME: &str = r#"
import sys, time, numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(sys.argv[2])
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
shape = {i.name: i.shape for i in session.get_inputs()}
latent = numpy.random.default_rng(0).standard_normal((1, shape["latent"][1])).astype(numpy.float32)
inputs = {"latent": latent, "label": numpy.zeros(1, numpy.int64)}
for _ in range(5): session.run(None, inputs)
print(onnxruntime.__version__, flush=True)
for line in sys.stdin:
    start, turn, times = time.perf_counter(), float(line), []
    while time.perf_counter() - start < turn:
        begin = time.perf_counter()
        session.run(None, inputs)
        times.append(time.perf_counter() - begin)
    print(sorted(times)[len(times) // 2] * 1e3, min(times) * 1e3, flush=True)
"#;

#[derive(Debug, Parser)]
struct Options {
    /// Model file
    #[arg(long, value_name = "FILE", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/gen.onnx"))]
    model: PathBuf,
    /// Python with onnxruntime and numpy, to run ONNX Runtime beside ours
    #[arg(long, value_name = "PYTHON")]
    python: Option<PathBuf>,
    /// Rounds
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Threads, one table each
    #[arg(long, value_name = "N,...", default_value = "1,2", value_delimiter = ',')]
    threads: Vec<usize>,
    /// Add every kernel level that this CPU has
    #[arg(long)]
    all: bool,
    /// What cargo bench adds
    #[arg(long, hide = true)]
    bench: bool,
}

/// One column of figures.
struct Entry {
    name: String,
    runner: Runner,
    /// Milliseconds an image, one a round.
    rounds: Vec<f64>,
    /// The shortest run of all rounds.
    least: f64,
}

enum Runner {
    Ours { engine: Box<dyn Engine>, latents: Vec<f32>, labels: Vec<i64> },
    Python { child: Child, input: ChildStdin, output: BufReader<ChildStdout> },
}

fn main() -> Result<()> {
    let options = Options::parse();
    let model = Model::open(&options.model)?;
    for threads in &options.threads {
        let mut entries = entries(&options, &model, *threads)?;
        for _ in 0..options.rounds {
            for entry in &mut entries {
                let (median, least) = entry.runner.turn()?;
                entry.rounds.push(median);
                entry.least = entry.least.min(least);
            }
        }
        println!("{}", table(&mut entries, *threads)?);
    }
    Ok(())
}

fn entries(options: &Options, model: &Model, threads: usize) -> Result<Vec<Entry>> {
    let spec = EngineSpec { threads: Some(threads), ..EngineSpec::default() };
    let mut entries = Vec::new();
    if let Some(python) = &options.python {
        entries.push(python_entry(python, &options.model, threads)?);
    }
    if cfg!(feature = "tract") {
        let opened = engine::open(&EngineSpec { kind: EngineKind::Tract, ..spec.clone() }, model)?;
        entries.push(ours(&opened.name, opened.engine, model, 1));
    }
    let levels = if options.all { Level::available() } else { vec![Level::best()] };
    for level in levels {
        let opened = native::open_at(level, &spec, model)?;
        entries.push(ours(&opened.name, opened.engine, model, 1));
    }
    for compute in [Compute::Bf16, Compute::Int8] {
        let spec = EngineSpec { compute: Some(compute), ..spec.clone() };
        for batch in [1, 4, 16] {
            let opened = native::open_at(Level::best(), &spec, model)?;
            entries.push(ours(&format!("{}, batch {batch}", opened.name), opened.engine, model, batch));
        }
    }
    for batch in BATCHES.into_iter().filter(|batch| *batch > 1) {
        let opened = native::open_at(Level::best(), &spec, model)?;
        entries.push(ours(&format!("{}, batch {batch}", opened.name), opened.engine, model, batch));
    }
    Ok(entries)
}

fn ours(name: &str, engine: Box<dyn Engine>, model: &Model, batch: usize) -> Entry {
    let dim = model.metadata().architecture.latent_dim;
    let latents = (0..batch as u32).flat_map(|index| latent::latent(1, index, dim)).collect();
    let labels = (0..batch).map(|index| (index % model.metadata().labels.len()) as i64).collect();
    Entry {
        name: name.to_owned(),
        runner: Runner::Ours { engine, latents, labels },
        rounds: Vec::new(),
        least: f64::INFINITY,
    }
}

fn python_entry(python: &Path, model: &Path, threads: usize) -> Result<Entry> {
    let mut command = Command::new(python);
    command.args(["-c", ONNX_RUNTIME]).arg(model).arg(threads.to_string());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("start python")?;
    let input = child.stdin.take().context("python has no standard input")?;
    let mut output = BufReader::new(child.stdout.take().context("python has no standard output")?);
    let name = format!("ONNX Runtime {}", line(&mut output)?);
    Ok(Entry { name, runner: Runner::Python { child, input, output }, rounds: Vec::new(), least: f64::INFINITY })
}

fn line(output: &mut BufReader<ChildStdout>) -> Result<String> {
    let mut line = String::new();
    if output.read_line(&mut line)? == 0 {
        bail!("python ended early: does it have numpy and onnxruntime?");
    }
    Ok(line.trim().to_owned())
}

impl Runner {
    /// Runs for a while; milliseconds an image, median and least.
    fn turn(&mut self) -> Result<(f64, f64)> {
        match self {
            Self::Ours { engine, latents, labels } => {
                let start = Instant::now();
                let mut times = Vec::new();
                while start.elapsed() < TURN {
                    let begin = Instant::now();
                    engine.run(&Batch::new(latents, labels))?;
                    times.push(begin.elapsed().as_secs_f64() * 1e3 / labels.len() as f64);
                }
                Ok((median(&mut times), times.first().copied().unwrap_or(f64::NAN)))
            }
            Self::Python { input, output, .. } => {
                writeln!(input, "{}", TURN.as_secs_f64())?;
                input.flush()?;
                let answer = line(output)?;
                let (median, least) = answer.split_once(' ').context("two times from python")?;
                Ok((median.parse()?, least.parse()?))
            }
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        if let Self::Python { child, .. } = self {
            // It may have ended by itself.
            child.kill().and_then(|()| child.wait()).ok();
        }
    }
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Medians and shortest runs, each also as a ratio to the first entry's.
fn table(entries: &mut [Entry], threads: usize) -> Result<String> {
    let mut text = format!("{threads} thread(s), milliseconds an image\n\n");
    text += "| engine | median | ratio | least | ratio |\n| --- | --- | --- | --- | --- |\n";
    let mut first = None;
    for Entry { name, rounds, least, .. } in entries {
        let middle = median(rounds);
        let (of_median, of_least) = *first.get_or_insert((middle, *least));
        let ratios = (middle / of_median, *least / of_least);
        writeln!(text, "| {name} | {middle:.2} | {:.2} | {least:.2} | {:.2} |", ratios.0, ratios.1)?;
    }
    Ok(text)
}
