//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Mudra's chores: fetch libtorch, lay out a data set, run everything that CI runs, show the whole chain
#[derive(Debug, Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", version, max_term_width = 110)]
#[command(after_help = "Exit code 0: done, 1: failed, 2: wrong usage.")]
pub struct Cli {
    #[command(subcommand)]
    pub chore: Chore,
}

#[derive(Debug, Subcommand)]
pub enum Chore {
    /// Put the libtorch that the trainer needs into the checkout; a LIBTORCH set in the environment wins
    Setup(SetupOptions),
    /// Lay a downloaded copy of the Rock-Paper-Scissors data set out as data/rps
    Data(DataOptions),
    /// Train shortly, export, and draw pictures: the whole chain
    Demo(DemoOptions),
    /// Run everything that CI runs
    Test(TestOptions),
    /// Build archives to hand out: the binary, the model, an installer, man pages, checksums
    Dist(DistOptions),
    /// Predict times on boards from counted instructions, and write them into docs/boards.md
    Boards(BoardsOptions),
}

#[derive(Debug, Default, Args)]
pub struct SetupOptions {
    /// Fetch the CPU build [default: the CUDA build where an NVIDIA GPU is present, else the CPU build]
    #[arg(long, conflicts_with = "cuda")]
    pub cpu: bool,
    /// Fetch the CUDA build: 2.5 GB to fetch, 3.8 GB to keep, an NVIDIA driver of version 580 or later to run
    #[arg(long)]
    pub cuda: bool,
    /// Fetch again what is there already
    #[arg(long)]
    pub force: bool,
    /// Where to put it; anywhere but the default, set LIBTORCH to it [default: libtorch in the checkout]
    #[arg(long, value_name = "FOLDER")]
    pub into: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct DataOptions {
    /// The downloaded archive, or a folder that holds paper, rock and scissors at some depth
    #[arg(value_name = "ARCHIVE.zip|FOLDER")]
    pub source: PathBuf,
    /// Where to lay it out [default: data/rps in the checkout]
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Replace what is there
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Args)]
pub struct DemoOptions {
    /// Folder of pictures, one sub-folder a label [default: data/rps where it exists, else built-in rendered hands]
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// Passes over the pictures [default: 60 for the built-in hands, which are few, 12 for a folder]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub epochs: Option<u32>,
    /// Side of the pictures in pixels: 32, 64, 128 or 256
    #[arg(long, value_name = "PIXELS", default_value = "64", value_parser = size)]
    pub size: u32,
}

/// A size of the trainer's networks.
fn size(text: &str) -> Result<u32, String> {
    let size = text.parse().ok().filter(|size| [32, 64, 128, 256].contains(size));
    size.ok_or_else(|| "expected 32, 64, 128 or 256".to_owned())
}

#[derive(Debug, Args)]
pub struct TestOptions {
    /// Make a group that can't run here a failure instead of skipping it
    #[arg(long)]
    pub require_all: bool,
    /// Run only the stages whose names contain this
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
}

#[derive(Debug, Args)]
pub struct DistOptions {
    /// What to build for
    #[arg(long, value_name = "TARGET", value_enum, default_value = "aarch64")]
    pub target: Target,
    /// Make one of the two archives: static, or dynamic with ONNX Runtime loaded at run time, which there is none of for 32
    /// bits [default: both]
    #[arg(long, value_name = "KIND", value_enum)]
    pub only: Option<Kind>,
    /// Build the engine tract in, which takes minutes to compile and adds megabytes
    #[arg(long)]
    pub tract: bool,
    /// Where to write the archives [default: dist in cargo's target folder]
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

/// What an archive is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// 64-bit ARM: Raspberry Pi, Jetson
    Aarch64,
    /// 32-bit ARM with hard float: Raspberry Pi OS of 32 bits on a Pi 2 or later
    Armv7,
    /// 64-bit PC
    #[value(name = "x86-64")]
    X86_64,
}

/// How a binary comes to its libraries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// It needs none
    Static,
    /// It loads ONNX Runtime where asked to
    Ort,
}

#[derive(Debug, Args)]
pub struct BoardsOptions {
    /// Count again under emulation, and record the counts in xtask/src/emulation/counts.json
    #[arg(long)]
    pub count: bool,
}
