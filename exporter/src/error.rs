//! The crate's error.

use std::path::PathBuf;

use edge_runtime::RuntimeError;
use model_spec::SpecError;
use model_spec::metadata::Bound;
use model_spec::variant::Compute;

use crate::remedy::Remedy;

/// What can fail between a checkpoint and an ONNX file.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A file or folder that can't be read.
    #[error("read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Nothing to export where it was looked for.
    #[error("{0}")]
    NoSource(String),
    /// A command line that can't be followed.
    #[error("{0}")]
    Usage(String),
    /// A file that is not of the format that it should be.
    #[error("{}: expected {expected}, found {found}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A weight that is missing, of another shape, or no number.
    #[error("{}: weight {name:?}: expected {expected}, found {found}", path.display())]
    Weight {
        /// The file.
        path: PathBuf,
        /// The weight.
        name: String,
        /// What the contract says.
        expected: String,
        /// What was found.
        found: String,
    },
    /// A weight that 16 bits can't hold.
    #[error("weight {name:?}: {value} is outside the range of f16 (+-65504); export with --weights f32")]
    HalfRange {
        /// The weight.
        name: String,
        /// The value.
        value: f32,
    },
    /// A file that does not compute what it should; nothing was written.
    #[error(
        "{hop}: picture {row} (label {label:?}), value {place}: expected {expected}, found {found}, which differs by \
         more than {tolerance}; nothing was written{remedy}"
    )]
    Parity {
        /// Which two things were compared.
        hop: String,
        /// Row of the reference.
        row: usize,
        /// The label's name.
        label: String,
        /// Channel, row and column.
        place: String,
        /// The reference's value.
        expected: f32,
        /// The file's value.
        found: f32,
        /// How far they may differ.
        tolerance: f32,
        /// What allows a larger difference.
        remedy: Remedy,
    },
    /// Integers that make other pictures than floats.
    #[error(
        "products of integers move a level by up to {max} of 255 and a picture's by up to {mean:.2} on average, expected at \
         most {} and {} with a margin; nothing was written: export with --compute f32",
        Bound::WIDEST.max, Bound::WIDEST.mean
    )]
    Integers {
        /// The most that a level is moved.
        max: u8,
        /// The most that the levels of one picture are moved, on average.
        mean: f64,
    },
    /// An engine that makes other pictures of the file than it should.
    #[error("an engine is further off than the file allows; nothing was written\n{}", table.trim_end())]
    Engines {
        /// What every engine made.
        table: String,
    },
    /// A manifest, label or architecture outside the contract.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A file that was made and can't be run.
    #[error("check the file that was made")]
    Check(#[source] RuntimeError),
    /// A model file that can't be read, or a place that can't be written.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

impl ExportError {
    /// Whether weights of f16 may be what failed, where they are of f16. Engines are held to pictures of more latents and labels
    /// than values are; what they make of integer products is another matter.
    pub fn is_rounding(&self, compute: Compute) -> bool {
        match self {
            Self::HalfRange { .. } => true,
            Self::Engines { .. } => compute == Compute::F32,
            Self::Parity { remedy, .. } => *remedy == Remedy::Weights,
            _ => false,
        }
    }
}
