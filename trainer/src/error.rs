//! The crate's errors.

use std::path::{Path, PathBuf};

use image::ImageError;
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
    /// A run that another trainer writes.
    #[error("{}: another trainer is writing this run", run.display())]
    Taken {
        /// The run.
        run: PathBuf,
    },
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
    Data(#[from] DataError),
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

/// Why a folder can't be used as a data set.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A folder or file that can't be listed or opened.
    #[error("data set: read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A name that is no UTF-8 text.
    #[error("data set {}: expected a folder name in UTF-8", path.display())]
    Name {
        /// The path, as far as it can be shown.
        path: PathBuf,
    },
    /// Not enough classes to condition on.
    #[error("data set {}: expected at least two sub-folders of pictures, one a label; found {found}", folder.display())]
    Classes {
        /// The data set.
        folder: PathBuf,
        /// Which were found.
        found: String,
    },
    /// A class without a usable picture.
    #[error("data set: class folder {} holds no readable picture ({files} picture files, all of them broken or none)", folder.display())]
    EmptyClass {
        /// The class.
        folder: PathBuf,
        /// How many files with a picture's ending it has.
        files: usize,
    },
    /// Ctrl-C while pictures were decoded.
    #[error("data set: stopped while its pictures were decoded")]
    Interrupted,
    /// A file that can't be decoded, where that is an error (`--strict`).
    #[error("picture {}", path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// Why.
        source: DecodeError,
    },
    /// A folder name that can't be a label.
    #[error("data set {}", folder.display())]
    Label {
        /// The data set.
        folder: PathBuf,
        /// Why.
        source: SpecError,
    },
    /// The file of decoded pictures can't be written or read.
    #[error("data set: keep decoded pictures in a file (--pictures memory does without)")]
    Cache(#[source] Box<TrainError>),
}

impl From<TrainError> for DataError {
    fn from(error: TrainError) -> Self {
        Self::Cache(Box::new(error))
    }
}

/// Why a file is no usable picture.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It can't be opened.
    #[error("can't be opened")]
    Open(#[from] std::io::Error),
    /// A device, a pipe or a folder.
    #[error("is no regular file")]
    Kind,
    /// It has no content, or no pixels.
    #[error("is empty")]
    Empty,
    /// Larger than is accepted, seen before memory is taken for it.
    #[error("is too large: expected at most {max} bytes, found {found}")]
    TooLarge {
        /// The limit.
        max: u64,
        /// The size of the file, or of its picture when decoded.
        found: u64,
    },
    /// It ends early.
    #[error("is cut off: the end marker of a JPEG is missing")]
    Cut,
    /// Its content is broken or of another format.
    #[error("can't be decoded")]
    Decode(#[from] ImageError),
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
