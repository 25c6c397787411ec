//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use exporter::export::Precision;

/// Writes a trained generator to an ONNX file, checked before it is written
#[derive(Debug, Parser)]
#[command(name = "exporter", version, args_conflicts_with_subcommands = true, max_term_width = 110)]
#[command(after_help = "Exit code 0: done, 1: failed, 2: wrong usage.")]
pub struct Cli {
    #[command(flatten)]
    pub export: ExportOptions,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print an ONNX file's inputs, outputs, operators, weights and metadata
    Inspect {
        /// ONNX file, of any writer
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub struct ExportOptions {
    /// Run (its best checkpoint, else its latest), checkpoint or state dict [default: newest in runs]
    #[arg(long, value_name = "RUN|CHECKPOINT|FILE.pth")]
    pub run: Option<PathBuf>,
    /// ONNX file to write
    #[arg(short, long, value_name = "FILE.onnx", default_value = "models/gen.onnx")]
    pub out: PathBuf,
    /// How weights are stored; f16 is half the size, moves no pixel by more than 1 of 255
    #[arg(long, value_enum, value_name = "PRECISION", default_value = "f16")]
    weights: PrecisionName,
    /// Label names of a PyTorch state dict, in the order of training
    #[arg(long, value_name = "A,B,C", value_delimiter = ',')]
    pub labels: Option<Vec<String>>,
    /// Credit and licence of the data set, for the metadata [default: what the checkpoint says]
    #[arg(long, value_name = "TEXT")]
    pub data_licence: Option<String>,
    /// Print nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
}

impl ExportOptions {
    /// The precision asked for.
    pub fn precision(&self) -> Precision {
        match self.weights {
            PrecisionName::F32 => Precision::F32,
            PrecisionName::F16 => Precision::F16,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PrecisionName {
    F32,
    F16,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
