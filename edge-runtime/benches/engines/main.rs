//! Times the engines on one model beside other runtimes: medians of alternating rounds, as a table.
//!
//! `cargo bench -p edge-runtime --bench engines -- [--model FILE] [--python PYTHON] [--rounds N] [--all]`. With a Python,
//! every peer that it has packages for runs the same network beside ours, and a product of matrices tells the time that the
//! network's multiplications would take at this machine's rate; `--all` adds every kernel level that this CPU has.

mod ours;
mod peer;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use edge_runtime::engine::native::{self, Level};
use edge_runtime::{Batch, EngineKind, EngineSpec, Model, Opened, engine};
use model_spec::latent;
use model_spec::variant::Compute;

use crate::ours::Ours;
use crate::peer::Peer;
use crate::table::{Entry, Error, table};

/// Sizes of batches beside one picture.
const BATCHES: [usize; 3] = [4, 9, 16];
/// Time that one engine is given in one round.
const TURN: Duration = Duration::from_millis(250);
/// Other runtimes, by their names in `peers.py`; the first is what others are compared with.
const PEERS: [&str; 5] = ["onnx-runtime", "openvino", "openvino-int8", "ncnn", "pytorch"];
/// The product of two matrices, by its name in `peers.py`.
const GEMM: &str = "gemm";
/// Multiplications in it.
const GEMM_MACS: f64 = (1u64 << 30) as f64;

#[derive(Debug, Parser)]
struct Options {
    /// Model file
    #[arg(long, value_name = "FILE", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/gen.onnx"))]
    model: PathBuf,
    /// Python with numpy and some of onnxruntime, openvino, nncf, ncnn, pnnx, torch and onnx, to run these beside ours
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

fn main() -> Result<()> {
    let options = Options::parse();
    let model = Model::open(&options.model)?;
    for threads in &options.threads {
        let mut entries = entries(&options, &model, *threads)?;
        for _ in 0..options.rounds {
            entries.iter_mut().try_for_each(|entry| entry.turn(TURN))?;
        }
        println!("{}", table(&mut entries, *threads)?);
    }
    Ok(())
}

fn entries(options: &Options, model: &Model, threads: usize) -> Result<Vec<Entry>> {
    let spec = EngineSpec { threads: Some(threads), compute: Some(Compute::F32), ..EngineSpec::default() };
    let latent = latent::latent(1, 0, model.metadata().architecture.latent_dim);
    let expected = native::open_at(Level::Plain, &spec, model)?.engine.run(&Batch::new(&latent, &[0]))?;
    let mut entries = Vec::new();
    if let Some(python) = &options.python {
        let start = |name: &str| Peer::start(python, name, (&options.model, &latent), threads);
        for name in PEERS {
            if let Some((name, picture, peer)) = start(name)? {
                entries.push(Entry::new(name, peer).with_error(Error::of(&picture, &expected)?));
            }
        }
        if let Some((name, _, peer)) = start(GEMM)? {
            let scale = model.metadata().architecture.generator_macs() as f64 / GEMM_MACS;
            entries.push(Entry::new(format!("f32 GEMM floor, {name}"), peer).scaled(scale));
        }
    }
    let mut ours = |opened: Opened, batch: usize| -> Result<()> {
        let name = if batch == 1 { opened.name } else { format!("{}, batch {batch}", opened.name) };
        let mut engine = Ours::new(opened.engine, model, batch);
        let error = Error::of(&engine.first()?, &expected)?;
        entries.push(Entry::new(name, engine).with_error(error));
        Ok(())
    };
    let levels = if options.all { Level::available() } else { vec![Level::best()] };
    for level in levels.into_iter().rev() {
        ours(native::open_at(level, &spec, model)?, 1)?;
    }
    for batch in BATCHES {
        ours(native::open_at(Level::best(), &spec, model)?, batch)?;
    }
    for compute in [Compute::Bf16, Compute::Int8] {
        let spec = EngineSpec { compute: Some(compute), ..spec.clone() };
        for batch in [1, 16] {
            match native::open_at(Level::best(), &spec, model) {
                Ok(opened) => ours(opened, batch)?,
                Err(error) => eprintln!("native {} is absent: {error}", compute.name()),
            }
        }
    }
    if cfg!(feature = "tract") {
        ours(engine::open(&EngineSpec { kind: EngineKind::Tract, ..spec }, model)?, 1)?;
    }
    Ok(entries)
}
