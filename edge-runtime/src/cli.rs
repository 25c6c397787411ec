//! The command line.

use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use edge_runtime::sink::display::Display;
use edge_runtime::{EngineKind, EngineSpec, Provider};

/// The most pictures of one label.
const MAX_COUNT: u64 = 1_000_000;
const MAX_SCALE: u64 = 32;
const MAX_THREADS: u64 = 1024;
const MAX_STEPS: u64 = 10_000;

/// Makes pictures of a label from a model file; the same label and seed make the same picture, byte for byte
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, max_term_width = 110)]
#[command(after_help = "Exit code 0: done, 1: failed, 2: wrong usage.")]
pub struct Options {
    #[command(flatten)]
    pub generate: Generate,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Draw the way from one seed to another, a row for each label
    Interpolate(Interpolate),
}

#[derive(Debug, Args)]
pub struct Generate {
    /// Label by name or index, or all of them [default for --grid: all]
    #[arg(short, long, value_name = "NAME|INDEX|all", allow_hyphen_values = true)]
    pub label: Option<String>,
    /// PNG, JPEG or WebP file for one picture, folder for several, - for PNG on standard output
    #[arg(short, long, value_name = "FILE|FOLDER/|-")]
    pub out: Option<PathBuf>,
    /// Seed of the pictures [default: a fresh one, which is printed]
    #[arg(short, long, value_name = "S", allow_negative_numbers = true)]
    pub seed: Option<u64>,
    /// Pictures of each label
    #[arg(short = 'n', long, value_name = "N", default_value = "1", value_parser = ranged(1, MAX_COUNT))]
    pub count: usize,
    /// Write pictures this many times larger
    #[arg(long, value_name = "K", default_value = "1", value_parser = ranged(1, MAX_SCALE))]
    pub scale: usize,
    /// Also write a sheet with a row for each label
    #[arg(long, value_name = "FILE")]
    pub grid: Option<PathBuf>,
    /// Show each picture: terminal, fb:/dev/fb0, or fb:PATH@WIDTHxHEIGHT:rgb565|rgb888|xrgb8888[:STRIDE]
    #[arg(long, value_name = "terminal|fb:PATH")]
    pub display: Option<Display>,
    #[command(flatten)]
    pub engine: EngineOptions,
}

#[derive(Debug, Args)]
pub struct Interpolate {
    /// Label by name or index, or all of them
    #[arg(short, long, value_name = "NAME|INDEX|all", default_value = "all", allow_hyphen_values = true)]
    pub label: String,
    /// PNG, JPEG or WebP file for a sheet, GIF file for an animation
    #[arg(short, long, value_name = "FILE")]
    pub out: PathBuf,
    /// Seed of the first picture [default: a fresh one, which is printed]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    pub from: Option<u64>,
    /// Seed of the last picture [default: a fresh one, which is printed]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    pub to: Option<u64>,
    /// Pictures from one to the other, with both
    #[arg(long, value_name = "N", default_value = "10", value_parser = ranged(2, MAX_STEPS))]
    pub steps: usize,
    /// Write pictures this many times larger
    #[arg(long, value_name = "K", default_value = "1", value_parser = ranged(1, MAX_SCALE))]
    pub scale: usize,
    #[command(flatten)]
    pub engine: EngineOptions,
}

/// Which model runs on what.
#[derive(Debug, Args)]
pub struct EngineOptions {
    /// Model file [default: gen.onnx beside this program, models/gen.onnx, the one built in]
    #[arg(short, long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// What runs the model; auto is native, else tract, or ort for a GPU
    #[arg(long, value_name = "ENGINE", value_enum, default_value = "auto")]
    engine: EngineName,
    /// What the engine computes on; a GPU needs engine ort
    #[arg(long, value_name = "PROVIDER", value_enum, default_value = "auto")]
    provider: ProviderName,
    /// CPU threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = ranged(1, MAX_THREADS))]
    threads: Option<usize>,
    /// ONNX Runtime library for engine ort [default: ORT_DYLIB_PATH, then the usual places]
    #[arg(long, value_name = "FILE")]
    ort_lib: Option<PathBuf>,
    /// Print nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
}

impl EngineOptions {
    /// The engine that these options ask for.
    pub fn spec(&self) -> EngineSpec {
        let kind = match self.engine {
            EngineName::Auto => EngineKind::Auto,
            EngineName::Native => EngineKind::Native,
            EngineName::Tract => EngineKind::Tract,
            EngineName::Ort => EngineKind::Ort,
        };
        let provider = match self.provider {
            ProviderName::Auto => Provider::Auto,
            ProviderName::Cpu => Provider::Cpu,
            ProviderName::Cuda => Provider::Cuda,
            ProviderName::Tensorrt => Provider::TensorRt,
        };
        EngineSpec { kind, provider, threads: self.threads, ort_library: self.ort_lib.clone() }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum EngineName {
    Auto,
    Native,
    Tract,
    Ort,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ProviderName {
    Auto,
    Cpu,
    Cuda,
    Tensorrt,
}

fn ranged(least: u64, most: u64) -> impl clap::builder::TypedValueParser<Value = usize> {
    use clap::builder::TypedValueParser;
    // The largest of these limits fits into 32 bits.
    RangedU64ValueParser::<u64>::new().range(least..=most).map(|number| number as usize)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }
}
