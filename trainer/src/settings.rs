//! The resolved options of a run: options.json.

use std::path::{Path, PathBuf};

use model_spec::Architecture;
use serde::{Deserialize, Serialize};

use crate::device::Arithmetic;
use crate::error::{IoContext, TrainError};
use crate::networks::Precision;
use crate::recipe::{Method, Recipe};
use crate::step::GanSpec;

/// File name in the run folder.
pub const OPTIONS: &str = "options.json";
const SCHEMA_VERSION: u32 = 1;
/// Batch normalization and pairs need more than one picture.
pub const LEAST_BATCH: usize = 2;

/// All that decides what a run computes.
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
    /// The recipe's numbers, with what was set by hand.
    #[serde(default)]
    pub method: Method,
    /// What convolutions multiply in.
    #[serde(default)]
    pub precision: Precision,
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
    /// Newest checkpoints that are kept, beside the best one; 0: all.
    #[serde(default)]
    pub keep: usize,
    /// Thousands of images between measurements of quality; 0: none.
    #[serde(default)]
    pub eval_every_kimg: f64,
    /// What it computed on last; other arithmetic rounds otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arithmetic: Option<Arithmetic>,
    /// Where the run was set back once, because a loss was no number any more or a label had collapsed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Rollback>,
}

/// A run that was set back to its last good checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollback {
    /// Images that had been shown when it happened.
    pub images: u64,
    /// Why.
    pub reason: String,
    /// Learning rate from then on.
    pub learning_rate: f64,
}

impl Settings {
    /// A new run of a recipe on the built-in pictures, with its numbers and nothing else asked for.
    pub fn of_recipe(recipe: Recipe, architecture: Architecture) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            trainer_version: env!("CARGO_PKG_VERSION").to_owned(),
            recipe,
            data: None,
            data_sha256: String::new(),
            method: recipe.method(),
            precision: Precision::default(),
            architecture,
            seed: 1,
            epochs: 100,
            batch_size: recipe.batch_size(),
            learning_rate: recipe.learning_rate(),
            checkpoint_every: 10,
            // The reference keeps the weights of every tenth epoch.
            keep: if recipe == Recipe::Reference { 0 } else { 5 },
            eval_every_kimg: 25.0,
            arithmetic: None,
            rollback: None,
        }
    }

    /// The step size in force.
    pub fn current_learning_rate(&self) -> f64 {
        self.rollback.as_ref().map_or(self.learning_rate, |rollback| rollback.learning_rate)
    }

    /// What makes the networks and their training.
    pub fn gan(&self, labels: usize) -> GanSpec<'_> {
        GanSpec {
            architecture: &self.architecture,
            labels,
            method: &self.method,
            learning_rate: self.current_learning_rate(),
            precision: self.precision,
        }
    }

    /// Reads `run/options.json`.
    ///
    /// # Errors
    /// An unreadable or malformed file, one of another schema version, or one with numbers out of range.
    pub fn read(run: &Path) -> Result<Self, TrainError> {
        let path = run.join(OPTIONS);
        let text = std::fs::read(&path).during("read", &path)?;
        let bad = |problem| TrainError::BadFile { path: path.clone(), problem };
        let settings: Self = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
        if settings.schema_version != SCHEMA_VERSION {
            return Err(bad(format!("expected schema version {SCHEMA_VERSION}, found {}", settings.schema_version)));
        }
        settings.check().map_err(|error| bad(error.to_string()))?;
        Ok(settings)
    }

    /// Whether all numbers are in the range that flags have.
    ///
    /// # Errors
    /// One that isn't, by its name in options.json.
    pub fn check(&self) -> Result<(), TrainError> {
        self.architecture.check()?;
        self.method.check()?;
        if self.batch_size < LEAST_BATCH {
            let found = self.batch_size;
            return Err(TrainError::Options(format!("batch_size: expected at least {LEAST_BATCH}, found {found}")));
        }
        for rate in [self.learning_rate, self.current_learning_rate()] {
            if !(rate > 0.0 && rate <= 1.0) {
                let problem = format!("learning_rate: expected a number above 0 and at most 1, found {rate}");
                return Err(TrainError::Options(problem));
            }
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Preset;

    #[test]
    fn numbers_out_of_range_are_refused_with_their_file() {
        let run = tempfile::tempdir().expect("temporary folder");
        let recipe = Recipe::Paired;
        let good = Settings::of_recipe(recipe, recipe.architecture(Preset::Small, 32, 3).expect("valid"));
        good.write(run.path()).expect("written");
        assert_eq!(Settings::read(run.path()).expect("read"), good);
        assert_eq!([good.keep, Settings::of_recipe(Recipe::Reference, good.architecture.clone()).keep], [5, 0]);
        let rollback = Rollback { images: 1, reason: String::new(), learning_rate: 0.0 };
        let cases = [
            (Settings { batch_size: 1, ..good.clone() }, "batch_size: expected at least 2, found 1"),
            (Settings { learning_rate: -1.0, ..good.clone() }, "learning_rate: expected a number above 0"),
            (Settings { rollback: Some(rollback), ..good.clone() }, "found 0"),
            (Settings { method: Method { penalty: -1.0, ..good.method.clone() }, ..good.clone() }, "method.penalty"),
        ];
        for (settings, expected) in cases {
            settings.write(run.path()).expect("written");
            let message = Settings::read(run.path()).expect_err(expected).to_string();
            assert!(message.contains(expected) && message.contains(OPTIONS), "{message}");
        }
    }
}
