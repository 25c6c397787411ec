//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Write a trained generator to ONNX, checked before it is written.
#[derive(Debug, Parser)]
#[command(name = "exporter", version, args_conflicts_with_subcommands = true)]
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

/// Precision in which weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WeightPrecision {
    /// 32 bits
    F32,
    /// 16 bits, cast once to 32 when the file is loaded
    F16,
}

impl WeightPrecision {
    /// Its name in metadata.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        }
    }
}

/// Flags of an export.
#[derive(Debug, Args)]
pub struct ExportOptions {
    /// A run, a checkpoint folder, or a PyTorch state dict (.pth) [default: the newest run in runs]
    #[arg(long, value_name = "RUN|CHECKPOINT|FILE.pth")]
    pub run: Option<PathBuf>,
    /// The ONNX file to write
    #[arg(long, value_name = "FILE.onnx", default_value = "models/gen.onnx")]
    pub out: PathBuf,
    /// How weights are stored
    #[arg(long, value_enum, value_name = "PRECISION", default_value = "f16")]
    pub weights: WeightPrecision,
    /// Label names in index order, for a state dict, which has none
    #[arg(long, value_name = "A,B,C", value_delimiter = ',')]
    pub labels: Option<Vec<String>>,
    /// Credit and licence of the data set, for the file's metadata [default: what the run says]
    #[arg(long, value_name = "TEXT")]
    pub data_licence: Option<String>,
    /// Print nothing but errors
    #[arg(long)]
    pub quiet: bool,
}
