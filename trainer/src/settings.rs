//! The resolved options of a run: options.json.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use model_spec::Architecture;
use serde::{Deserialize, Serialize};

use crate::adam::AdamOptions;
use crate::error::{IoContext, TrainError};

/// File name in the run folder.
pub const OPTIONS: &str = "options.json";
const SCHEMA_VERSION: u32 = 1;

/// A named way to train.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Recipe {
    /// The reference notebook's, to the letter
    Reference,
}

impl Recipe {
    /// The name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
        }
    }

    /// The optimizer's numbers beside the learning rate.
    pub fn adam(self, learning_rate: f64) -> AdamOptions {
        match self {
            Self::Reference => AdamOptions { learning_rate, betas: (0.5, 0.999), eps: 1e-8 },
        }
    }
}

/// All that decides what a run computes, but the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Version of options.json.
    pub schema_version: u32,
    /// Version of the trainer that began the run.
    pub trainer_version: String,
    /// The recipe.
    pub recipe: Recipe,
    /// Folder of pictures; none for the built-in rendered hands.
    pub data: Option<PathBuf>,
    /// SHA-256 of labels and decoded pictures.
    pub data_sha256: String,
    /// Both networks.
    pub architecture: Architecture,
    /// Seed of initial weights, order, latents and dropout.
    pub seed: u64,
    /// Passes over the data.
    pub epochs: u64,
    /// Pictures in a step; the last one of an epoch may have fewer.
    pub batch_size: usize,
    /// Of both networks.
    pub learning_rate: f64,
    /// Epochs between checkpoints and sample sheets.
    pub checkpoint_every: u64,
}

impl Settings {
    /// The version that this build writes.
    pub fn schema() -> u32 {
        SCHEMA_VERSION
    }

    /// Reads `run/options.json`.
    ///
    /// # Errors
    /// An unreadable or malformed file, or one of another schema version.
    pub fn read(run: &Path) -> Result<Self, TrainError> {
        let path = run.join(OPTIONS);
        let text = std::fs::read(&path).during("read", &path)?;
        let bad = |problem| TrainError::BadFile { path: path.clone(), problem };
        let settings: Self = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
        if settings.schema_version != SCHEMA_VERSION {
            return Err(bad(format!("expected schema version {SCHEMA_VERSION}, found {}", settings.schema_version)));
        }
        settings.architecture.check()?;
        Ok(settings)
    }

    /// Writes `run/options.json`.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write(&self, run: &Path) -> Result<(), TrainError> {
        let text = serde_json::to_string_pretty(self).expect("plain data always serializes");
        crate::atomic::write(&run.join(OPTIONS), text.as_bytes())
    }
}
