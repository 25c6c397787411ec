//! stats.jsonl: one line of figures an epoch.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::atomic;
use crate::error::{IoContext, TrainError};

/// File name in the run folder.
pub const STATS: &str = "stats.jsonl";

/// The figures of one epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochStats {
    /// Epochs done, from 1.
    pub epoch: u64,
    /// Thousands of real pictures seen.
    pub kimg: f64,
    /// Mean discriminator loss over the epoch's batches.
    pub d_loss: f64,
    /// Mean generator loss over the epoch's batches.
    pub g_loss: f64,
    /// Real pictures a second.
    pub images_per_s: f64,
    /// Seconds since 1970 at the end of the epoch.
    pub unix_time: f64,
    /// Quality by name, where it was measured after this epoch.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scores: BTreeMap<String, f64>,
    /// SHA-256 of the network that these come from: scores of different networks can't be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<String>,
}

/// The figures of a run so far, in memory and on disk.
#[derive(Debug)]
pub struct StatsFile {
    path: PathBuf,
    /// In order.
    pub epochs: Vec<EpochStats>,
}

impl StatsFile {
    /// Opens a run's figures up to `last_epoch`; lines after it (from steps that a resumed run takes again) and a
    /// half-written last line are dropped from the file.
    ///
    /// # Errors
    /// The file can't be read or written, or a line within the range is malformed.
    pub fn open(run: &Path, last_epoch: u64) -> Result<Self, TrainError> {
        let path = run.join(STATS);
        if !path.exists() {
            return Ok(Self { path, epochs: Vec::new() });
        }
        // The last line may end within a letter of a label.
        let text = String::from_utf8_lossy(&std::fs::read(&path).during("read", &path)?).into_owned();
        let mut epochs: Vec<EpochStats> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let last = epochs.last().map_or(0, |stats| stats.epoch);
            if last >= last_epoch {
                break;
            }
            let stats: EpochStats = match serde_json::from_str(line) {
                Ok(stats) => stats,
                Err(_) if !text.ends_with('\n') && text.ends_with(line) => break,
                Err(error) => {
                    let problem = format!("line {number}: {error}");
                    return Err(TrainError::BadFile { path, problem });
                }
            };
            if (last + 1..=last_epoch).contains(&stats.epoch) {
                epochs.push(stats);
            }
        }
        let kept: String = epochs.iter().map(line).collect();
        if kept != text {
            atomic::write(&path, kept.as_bytes())?;
        }
        Ok(Self { path, epochs })
    }

    /// Adds one epoch.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn push(&mut self, stats: EpochStats) -> Result<(), TrainError> {
        let opened = OpenOptions::new().create(true).append(true).open(&self.path);
        opened.and_then(|mut file| file.write_all(line(&stats).as_bytes())).during("append to", &self.path)?;
        self.epochs.push(stats);
        Ok(())
    }
}

fn line(stats: &EpochStats) -> String {
    format!("{}\n", serde_json::to_string(stats).expect("plain data always serializes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(epoch: u64) -> EpochStats {
        EpochStats {
            epoch,
            kimg: 0.1,
            d_loss: 0.5,
            g_loss: 1.5,
            images_per_s: 20.25,
            unix_time: 1.5,
            scores: BTreeMap::new(),
            features: None,
        }
    }

    #[test]
    fn a_resumed_run_drops_the_lines_it_will_write_again() {
        let run = tempfile::tempdir().expect("temporary folder");
        let mut file = StatsFile::open(run.path(), 0).expect("opened");
        (1..=4).for_each(|epoch| file.push(stats(epoch)).expect("written"));
        let path = run.path().join(STATS);
        let mut text = std::fs::read_to_string(&path).expect("read");
        text.push_str("{\"epoch\": 5, \"km");
        std::fs::write(&path, text).expect("written");
        assert_eq!(StatsFile::open(run.path(), 3).expect("opened").epochs.len(), 3);
        let mut again = StatsFile::open(run.path(), 9).expect("opened");
        again.push(stats(4)).expect("written");
        assert_eq!(StatsFile::open(run.path(), 9).expect("opened").epochs, again.epochs);
        assert_eq!(again.epochs.len(), 4);
        // Checkpoints are synced and these lines are not: power may fail in one that lies within the range.
        let text = std::fs::read_to_string(&path).expect("read");
        std::fs::write(&path, &text[..text.len() - 9]).expect("written");
        assert_eq!(StatsFile::open(run.path(), 4).expect("opened").epochs.len(), 3);
        std::fs::write(&path, text.replacen("{", "", 1)).expect("written");
        let message = StatsFile::open(run.path(), 4).expect_err("refused").to_string();
        assert!(message.contains("line 1"), "{message}");
    }

    #[test]
    fn each_epoch_has_one_line_whoever_wrote_it() {
        let run = tempfile::tempdir().expect("temporary folder");
        let text: String = [1, 2, 2, 3, 1, 4].map(stats).iter().map(line).collect();
        std::fs::write(run.path().join(STATS), text).expect("written");
        let epochs = |last| -> Vec<u64> {
            StatsFile::open(run.path(), last).expect("opened").epochs.iter().map(|stats| stats.epoch).collect()
        };
        assert_eq!(epochs(4), [1, 2, 3, 4]);
        assert_eq!(epochs(2), [1, 2]);
    }
}
