//! The crate's error.

use std::path::PathBuf;

use edge_runtime::RuntimeError;
use model_spec::SpecError;
use model_spec::metadata::Bound;

use crate::verify::ONE_LEVEL;

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
         more than {tolerance}; nothing was written{}",
        remedy(hop, *tolerance)
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
    /// The file that was made can't be run.
    #[error("check the file that was made")]
    Runtime(#[from] RuntimeError),
}

impl ExportError {
    /// Whether weights that are stored in more bits may help.
    pub fn is_rounding(&self) -> bool {
        match self {
            Self::HalfRange { .. } => true,
            Self::Parity { tolerance, .. } => *tolerance == ONE_LEVEL,
            _ => false,
        }
    }
}

/// What allows a larger difference, where something does.
fn remedy(hop: &str, tolerance: f32) -> &'static str {
    if tolerance >= ONE_LEVEL {
        ": export with --weights f32"
    } else if hop.starts_with("f32") {
        ": --atol allows more"
    } else {
        ""
    }
}
