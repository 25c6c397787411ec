//! The crate's error.

use std::path::{Path, PathBuf};

use model_spec::SpecError;

/// What can go wrong in a training run, beside libtorch's own errors.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A file or folder that can't be read, written or renamed.
    #[error("{action} {}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A checkpoint or options file that does not say what it should.
    #[error("{}: {problem}", path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A tensor of a checkpoint that is missing or of another shape.
    #[error("{}: tensor {name:?}: expected {expected}, found {found}", path.display())]
    BadTensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Type and shape that were expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// A manifest, label or architecture outside the contract.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// Options that contradict each other or the run that is resumed.
    #[error("{0}")]
    Options(String),
    /// The device that was asked for is not there.
    #[error("device {wanted}: {reason}")]
    Device {
        /// As asked for.
        wanted: String,
        /// Why it can't be had, with the remedy.
        reason: String,
    },
    /// The data set can't be used.
    #[error(transparent)]
    Data(#[from] crate::dataset::DataError),
    /// Ctrl-C before the first step.
    #[error("stopped before training began")]
    Interrupted,
    /// Too few real pictures of a label to measure fakes against.
    #[error("measure quality: expected at least {expected} pictures of {label:?}, found {found}")]
    TooFewToMeasure {
        /// The label.
        label: String,
        /// The fewest that will do.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A model file that can't be run.
    #[error(transparent)]
    Runtime(#[from] edge_runtime::RuntimeError),
    /// A run that went wrong and could not be set back, or had been set back before.
    #[error("after {images} images: {reason}; {}", way_back(checkpoint.as_deref()))]
    Diverged {
        /// Images shown.
        images: u64,
        /// What went wrong.
        reason: String,
        /// The last good checkpoint, where there is one.
        checkpoint: Option<PathBuf>,
    },
}

fn way_back(checkpoint: Option<&Path>) -> String {
    match checkpoint {
        Some(path) => format!("the last checkpoint is {}", path.display()),
        None => "no checkpoint was saved yet; try a lower --lr, or --save-every 1 to have one to go back to".to_owned(),
    }
}

/// Names what was being done to a path when an input or output error came.
pub trait IoContext<T> {
    /// Turns an [`std::io::Error`] into [`TrainError::Io`].
    ///
    /// # Errors
    /// The error itself, with its context.
    fn during(self, action: &'static str, path: impl Into<PathBuf>) -> Result<T, TrainError>;
}

impl<T> IoContext<T> for std::io::Result<T> {
    fn during(self, action: &'static str, path: impl Into<PathBuf>) -> Result<T, TrainError> {
        self.map_err(|source| TrainError::Io { action, path: path.into(), source })
    }
}
