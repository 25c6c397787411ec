//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::export::Precision;

/// Writes a trained generator to an ONNX file, checked before it is written
#[derive(Debug, Parser)]
#[command(name = "exporter", version, args_conflicts_with_subcommands = true, max_term_width = 110)]
#[command(after_help = "Exit code 0: done, 1: failed, 2: wrong usage.")]
pub struct Cli {
    /// What to do instead of exporting
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Flags of an export
    #[command(flatten)]
    pub export: ExportOptions,
}

/// What the exporter does beside exporting.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print an ONNX file's inputs, outputs, operators, weights and metadata
    Inspect {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Flags of an export.
#[derive(Debug, Args)]
pub struct ExportOptions {
    /// Run folder (its checkpoint of lowest kid, else its latest), checkpoint folder, or PyTorch state dict
    /// [default: the newest run in runs]
    #[arg(long, value_name = "RUN|CHECKPOINT|FILE.pth")]
    pub run: Option<PathBuf>,
    /// ONNX file to write
    #[arg(short, long, value_name = "FILE.onnx", default_value = "models/gen.onnx")]
    pub out: PathBuf,
    /// How weights are stored: f16 is half the size and moves no pixel by more than one level of 255
    #[arg(long, value_enum, value_name = "PRECISION", default_value = "f16")]
    pub weights: Precision,
    /// Label names of a PyTorch state dict, in the order of training
    #[arg(long, value_name = "A,B,C", value_delimiter = ',')]
    pub labels: Option<Vec<String>>,
    /// Credit and licence of the data set, for the file's metadata [default: what the checkpoint says]
    #[arg(long, value_name = "TEXT")]
    pub data_licence: Option<String>,
    /// Print nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
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
