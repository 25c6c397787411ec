//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::dataset::Storage;
use crate::device::DeviceChoice;
use crate::networks::Precision;
use crate::recipe::{Preset, Recipe};

/// Fit a label-conditioned picture generator on a folder of pictures, one sub-folder a label.
#[derive(Debug, Parser)]
#[command(name = "trainer", version, args_conflicts_with_subcommands = true, max_term_width = 110)]
#[command(
    after_help = "Exit code 0: done, or saved after Ctrl-C, 1: failed, 2: wrong usage, 130: interrupted before the first step, or a second time."
)]
pub struct Cli {
    /// What to do instead of training
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Flags of a training run
    #[command(flatten)]
    pub train: TrainOptions,
    /// Let CUDA multiply f32 in TF32, which is faster and less exact
    #[arg(long, global = true)]
    pub tf32: bool,
}

/// What the trainer does beside training.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print both networks: layers, output shapes, parameters, multiplications
    Summary(SummaryOptions),
    /// Time the training step on made-up pictures
    Bench(BenchOptions),
    /// Measure the quality of a run, a model file or a folder of pictures against the data set
    Evaluate(EvaluateOptions),
}

/// Flags of a training run. What is left out takes the recipe's value, or the resumed run's.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub struct TrainOptions {
    /// Folder of pictures, one sub-folder a label [default: data/rps where it exists, else built-in rendered hands]
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// Where run folders go
    #[arg(short, long, value_name = "FOLDER", default_value = "runs")]
    pub out: PathBuf,
    /// How to train: paired has relativistic pairs, gradient penalties and averaged weights, reference is the source
    /// notebook's recipe to the letter [default: paired]
    #[arg(long, value_name = "NAME", value_enum, hide_possible_values = true)]
    pub recipe: Option<Recipe>,
    /// Size of the generator: full, or small (about a quarter of the multiplications) [default: full]
    #[arg(long, value_name = "NAME", value_enum, hide_possible_values = true)]
    pub preset: Option<Preset>,
    /// Change one number of the recipe, as options.json names it: method.penalty=1, method.augment.cutout=0.5
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Passes over the data; a resumed run may be given more [default: 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub epochs: Option<u64>,
    /// Pictures in a step [default: the recipe's, 32 or 128]
    #[arg(long, value_name = "N", value_parser = batch_size)]
    pub batch_size: Option<usize>,
    /// Learning rate of both networks [default: the recipe's, 0.0008 or 0.0002]
    #[arg(long, value_name = "RATE", value_parser = learning_rate, allow_negative_numbers = true)]
    pub lr: Option<f64>,
    /// Side of the pictures in pixels: 32, 64, 128 or 256 [default: 128]
    #[arg(long, value_name = "PIXELS", value_parser = size)]
    pub size: Option<usize>,
    /// Channels of the pictures: 3 for RGB, 1 for gray [default: 3]
    #[arg(long, value_name = "N", value_parser = channels)]
    pub channels: Option<usize>,
    /// What convolutions multiply in: f32 or bf16 [default: f32]
    #[arg(long, value_name = "NAME", value_enum, hide_possible_values = true)]
    pub precision: Option<Precision>,
    /// Epochs between checkpoints [default: 10]
    #[arg(long, value_name = "EPOCHS", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub save_every: Option<u64>,
    /// Keep the newest N checkpoints, and in any case the one of lowest KID; 0: all [default: 5, of the reference all]
    #[arg(long, value_name = "N")]
    pub keep: Option<usize>,
    /// Measure quality each time so many thousand images were shown, and at the end; 0: never [default: 25]
    #[arg(long, value_name = "KIMG", value_parser = kimg, allow_negative_numbers = true)]
    pub eval_every: Option<f64>,
    /// Seed of initial weights, order, latents and dropout [default: 1]
    #[arg(short, long, value_name = "SEED", value_parser = seed)]
    pub seed: Option<u64>,
    /// auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: DeviceChoice,
    /// Go on with a run: its folder, or latest
    #[arg(long, value_name = "RUN|latest")]
    pub resume: Option<String>,
    /// Where decoded pictures are: memory, a file that is mapped, or auto (a file above 2 GiB)
    #[arg(long, value_name = "WHERE", value_enum, default_value = "auto", hide_possible_values = true)]
    pub pictures: Storage,
    /// Make a picture file that can't be read an error instead of skipping it
    #[arg(long)]
    pub strict: bool,
    /// Say what would be done, check the data, and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Print only the run folder and what was left out of the data
    #[arg(short, long)]
    pub quiet: bool,
}

/// Flags of `summary`.
#[derive(Debug, Args)]
pub struct SummaryOptions {
    /// Whose networks: paired or reference
    #[arg(long, value_name = "NAME", value_enum, default_value = "paired", hide_possible_values = true)]
    pub recipe: Recipe,
    /// Size of the generator: full or small
    #[arg(long, value_name = "NAME", value_enum, default_value = "full", hide_possible_values = true)]
    pub preset: Preset,
    /// Side of the pictures in pixels: 32, 64, 128 or 256
    #[arg(long, value_name = "PIXELS", value_parser = size, default_value = "128")]
    pub size: usize,
    /// Number of labels
    #[arg(long, value_name = "N", value_parser = labels, default_value = "3")]
    pub labels: usize,
}

/// Flags of `bench`.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub struct BenchOptions {
    /// Whose step: paired or reference
    #[arg(long, value_name = "NAME", value_enum, default_value = "paired", hide_possible_values = true)]
    pub recipe: Recipe,
    /// Size of the generator: full or small
    #[arg(long, value_name = "NAME", value_enum, default_value = "full", hide_possible_values = true)]
    pub preset: Preset,
    /// What convolutions multiply in: f32 or bf16
    #[arg(long, value_name = "NAME", value_enum, default_value = "f32", hide_possible_values = true)]
    pub precision: Precision,
    /// Steps that are timed, after one that is not; one in eight of the paired recipe has penalties
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000), default_value = "8")]
    pub steps: u32,
    /// Pictures in a step [default: the recipe's]
    #[arg(long, value_name = "N", value_parser = batch_size)]
    pub batch_size: Option<usize>,
    /// Side of the pictures in pixels: 32, 64, 128 or 256
    #[arg(long, value_name = "PIXELS", value_parser = size, default_value = "128")]
    pub size: usize,
    /// auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: DeviceChoice,
}

/// Flags of `evaluate`.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub struct EvaluateOptions {
    /// A run folder (its newest checkpoint) or a checkpoint folder [default: the newest
    /// run in --out that has one]
    #[arg(long, value_name = "RUN|CHECKPOINT", conflicts_with_all = ["model", "fakes"])]
    pub run: Option<PathBuf>,
    /// An ONNX file of ours
    #[arg(long, value_name = "FILE", conflicts_with = "fakes")]
    pub model: Option<PathBuf>,
    /// A folder of generated pictures, one sub-folder a label; compared in gray where all of them are gray
    #[arg(long, value_name = "FOLDER")]
    pub fakes: Option<PathBuf>,
    /// Folder of real pictures [default: what the run was trained on, else data/rps where it exists, else rendered hands]
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// Where run folders are
    #[arg(long, value_name = "FOLDER", default_value = "runs")]
    pub out: PathBuf,
    /// Fakes of each label at most [default, and the most: half of its real pictures, or its share of 5000 of all labels]
    #[arg(long, value_name = "N", value_parser = samples)]
    pub samples: Option<usize>,
    /// Seed of the latents
    #[arg(short, long, value_name = "SEED", value_parser = seed, default_value = "1", conflicts_with = "fakes")]
    pub seed: u64,
    /// What measures instead of the network beside the data: one that was fitted elsewhere (FILE.safetensors), or a
    /// TorchScript extractor of your own, f32 [n, 3, side, side] in [-1, 1] to [n, d]
    #[arg(long, value_name = "FILE")]
    pub features: Option<PathBuf>,
    /// Where report.html and its pictures go [default: the run folder; none for a checkpoint folder, --model
    /// and --fakes]
    #[arg(long, value_name = "FOLDER")]
    pub report: Option<PathBuf>,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
    /// auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: DeviceChoice,
}

fn size(text: &str) -> Result<usize, String> {
    let size: usize = text.parse().map_err(|_| "expected 32, 64, 128 or 256".to_owned())?;
    model_spec::Architecture::reference(size, 3).map(|_| size).map_err(|error| error.to_string())
}

fn batch_size(text: &str) -> Result<usize, String> {
    in_range(text, crate::settings::LEAST_BATCH, 65_536)
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "expected a whole number from 0 to 2^64 - 1".to_owned())
}

fn samples(text: &str) -> Result<usize, String> {
    in_range(text, crate::quality::meter::LEAST_PICTURES / 2, 1_000_000)
}

fn channels(text: &str) -> Result<usize, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        _ => Err("expected 1 or 3".to_owned()),
    }
}

fn kimg(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(kimg) if (0.0..=1e9).contains(&kimg) => Ok(kimg),
        _ => Err("expected a number of thousands of images, 0 or more".to_owned()),
    }
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
