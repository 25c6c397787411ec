//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::device::DeviceChoice;
use crate::settings::Recipe;

/// Fit a label-conditioned picture generator on a folder of pictures, one sub-folder a label.
#[derive(Debug, Parser)]
#[command(name = "trainer", version, args_conflicts_with_subcommands = true, max_term_width = 110)]
#[command(after_help = "Exit code 0: done, 1: failed, 2: wrong usage.")]
pub struct Cli {
    /// What to do instead of training
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Flags of a training run
    #[command(flatten)]
    pub train: TrainOptions,
}

/// What the trainer does beside training.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print both networks: layers, output shapes, parameters, multiplications
    Summary(SummaryOptions),
    /// Time the training step on made-up pictures
    Bench(BenchOptions),
}

/// Flags of a training run. What is left out takes the recipe's value, or the resumed run's.
#[derive(Debug, Args)]
pub struct TrainOptions {
    /// Folder of pictures, one sub-folder a label [default: data/rps where it exists, else built-in rendered hands]
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// Where run folders go
    #[arg(long, value_name = "FOLDER", default_value = "runs")]
    pub out: PathBuf,
    /// How to train: reference is the source notebook's recipe to the letter [default: reference]
    #[arg(long, value_name = "NAME", value_enum, hide_possible_values = true)]
    pub recipe: Option<Recipe>,
    /// Passes over the data; a resumed run may be given more [default: 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub epochs: Option<u64>,
    /// Pictures in a step [default: 128]
    #[arg(long, value_name = "N", value_parser = batch_size)]
    pub batch_size: Option<usize>,
    /// Learning rate of both networks [default: 0.0002]
    #[arg(long, value_name = "RATE", value_parser = learning_rate, allow_negative_numbers = true)]
    pub lr: Option<f64>,
    /// Side of the pictures in pixels: 32, 64, 128 or 256 [default: 128]
    #[arg(long, value_name = "PIXELS", value_parser = size)]
    pub size: Option<usize>,
    /// Seed of initial weights, order, latents and dropout [default: 1]
    #[arg(long, value_name = "SEED", value_parser = clap::value_parser!(u64))]
    pub seed: Option<u64>,
    /// auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: DeviceChoice,
    /// Go on with a run: its folder, or latest
    #[arg(long, value_name = "RUN|latest")]
    pub resume: Option<String>,
    /// Make a picture file that can't be read an error instead of skipping it
    #[arg(long)]
    pub strict: bool,
    /// Say what would be done, check the data, and stop
    #[arg(long)]
    pub dry_run: bool,
    /// No progress, no epochs: only the run folder
    #[arg(long)]
    pub quiet: bool,
}

/// Flags of `summary`.
#[derive(Debug, Args)]
pub struct SummaryOptions {
    /// Side of the pictures in pixels: 32, 64, 128 or 256
    #[arg(long, value_name = "PIXELS", value_parser = size, default_value = "128")]
    pub size: usize,
    /// Number of labels
    #[arg(long, value_name = "N", value_parser = labels, default_value = "3")]
    pub labels: usize,
}

/// Flags of `bench`.
#[derive(Debug, Args)]
pub struct BenchOptions {
    /// Steps that are timed, after one that is not
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000), default_value = "6")]
    pub steps: u32,
    /// Pictures in a step
    #[arg(long, value_name = "N", value_parser = batch_size, default_value = "128")]
    pub batch_size: usize,
    /// Side of the pictures in pixels: 32, 64, 128 or 256
    #[arg(long, value_name = "PIXELS", value_parser = size, default_value = "128")]
    pub size: usize,
    /// auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: DeviceChoice,
}

fn size(text: &str) -> Result<usize, String> {
    let size: usize = text.parse().map_err(|_| "expected 32, 64, 128 or 256".to_owned())?;
    model_spec::Architecture::reference(size, 3).map(|_| size).map_err(|error| error.to_string())
}

fn batch_size(text: &str) -> Result<usize, String> {
    in_range(text, 2, 65_536)
}

fn labels(text: &str) -> Result<usize, String> {
    in_range(text, 1, model_spec::labels::MAX_LABELS)
}

fn in_range(text: &str, least: usize, most: usize) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("expected {least} to {most}")),
    }
}

fn learning_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= 1.0 => Ok(rate),
        _ => Err("expected a number above 0 and at most 1".to_owned()),
    }
}
