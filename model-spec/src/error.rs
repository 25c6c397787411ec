//! The crate's error.

use std::path::PathBuf;

/// What can be wrong with a description that comes from outside.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// A label that can't be shown, used as a folder name, or told from another.
    #[error("label {index} ({label:?}): {problem}")]
    BadLabel {
        /// Position in the list.
        index: usize,
        /// The label as found.
        label: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Too few or too many labels.
    #[error("labels: expected 1 to {max}, found {found}")]
    LabelCount {
        /// The most that is accepted.
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// A label selection that names nothing.
    #[error("unknown label {wanted:?}: expected all, an index from 0 to {last}, or one of {known}")]
    UnknownLabel {
        /// What was asked for.
        wanted: String,
        /// The last valid index.
        last: usize,
        /// The known labels, quoted.
        known: String,
    },
    /// An architecture outside the family of networks.
    #[error("architecture: {field}: expected {expected}, found {found}")]
    Architecture {
        /// Which number.
        field: &'static str,
        /// What is accepted.
        expected: String,
        /// What was found.
        found: String,
    },
    /// A schema version that this build does not know.
    #[error("{what}: expected schema version {expected}, found {found}")]
    SchemaVersion {
        /// Manifest or metadata.
        what: &'static str,
        /// The version of this build.
        expected: u32,
        /// The version found.
        found: u32,
    },
    /// A metadata key that a model of the contract must carry.
    #[error("metadata {key:?}: {problem}")]
    MetadataKey {
        /// The full key.
        key: String,
        /// What is wrong.
        problem: String,
    },
    /// A checkpoint file that is not what the manifest says.
    #[error("{}: expected sha256 {expected}, found {found}", path.display())]
    Sha256 {
        /// The file.
        path: PathBuf,
        /// The manifest's hash.
        expected: String,
        /// The file's hash.
        found: String,
    },
    /// A manifest that is not the JSON that it should be.
    #[error("{}: not a manifest", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Where the JSON fails.
        source: serde_json::Error,
    },
    /// A part of a manifest that is not as a checkpoint has it.
    #[error("{}: {part}: expected {expected}, found {found}", path.display())]
    ManifestPart {
        /// The file.
        path: PathBuf,
        /// Which part of it.
        part: &'static str,
        /// What is accepted.
        expected: String,
        /// What it says.
        found: String,
    },
    /// A file that can't be read.
    #[error("read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
