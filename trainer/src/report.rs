//! What a run writes beside its checkpoints: figures, plots and pictures.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::atomic;
use crate::error::{IoContext, TrainError};
use crate::plot::{self, Curve};
use crate::run_folder::SAMPLES;
use crate::sheet::Sheet;
use crate::stats::{EpochStats, StatsFile};
use crate::tensorboard::{At, EventFile};

const DISCRIMINATOR_COLOR: [u8; 3] = [214, 96, 36];
const GENERATOR_COLOR: [u8; 3] = [38, 104, 176];

/// The files of one run folder.
pub struct Report {
    run: PathBuf,
    stats: StatsFile,
    events: EventFile,
}

impl Report {
    /// Opens a run's figures up to `last_epoch`, the one that its checkpoint holds, and a new event file.
    ///
    /// # Errors
    /// The run folder can't be read or written.
    pub fn open(run: &Path, last_epoch: u64) -> Result<Self, TrainError> {
        let events = EventFile::create(run, unix_time()).during("write events in", run)?;
        Ok(Self { run: run.to_owned(), stats: StatsFile::open(run, last_epoch)?, events })
    }

    /// The epochs so far.
    pub fn epochs(&self) -> &[EpochStats] {
        &self.stats.epochs
    }

    /// Adds an epoch to stats.jsonl, the event file and losses.png.
    ///
    /// # Errors
    /// A file can't be written.
    pub fn epoch(&mut self, stats: EpochStats) -> Result<(), TrainError> {
        let at = At { step: stats.epoch, unix_time: stats.unix_time };
        let scalars = [
            ("loss/discriminator", stats.d_loss),
            ("loss/generator", stats.g_loss),
            ("progress/kimg", stats.kimg),
            ("progress/images_per_s", stats.images_per_s),
        ];
        let quality: Vec<_> = stats.scores.iter().map(|(name, value)| (format!("quality/{name}"), *value)).collect();
        self.stats.push(stats)?;
        let mut write = || -> std::io::Result<()> {
            scalars.iter().try_for_each(|(tag, value)| self.events.scalar(tag, at, *value))?;
            quality.iter().try_for_each(|(tag, value)| self.events.scalar(tag, at, *value))?;
            self.events.flush()
        };
        write().during("write events in", &self.run)?;
        atomic::write(&self.run.join("losses.png"), &self.losses_png())?;
        if self.epochs().last().is_some_and(|stats| !stats.scores.is_empty()) {
            atomic::write(&self.run.join("kid.png"), &self.kid_png())?;
            atomic::write(&self.run.join("quality.png"), &self.quality_png())?;
        }
        Ok(())
    }

    /// Writes the sample sheet of an epoch.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn samples(&mut self, epoch: u64, sheet: &Sheet) -> Result<(), TrainError> {
        let at = At { step: epoch, unix_time: unix_time() };
        let size = (sheet.width, sheet.height);
        let written = self.events.picture("samples", at, &sheet.png, size).and_then(|()| self.events.flush());
        written.during("write events in", &self.run)?;
        self.picture(&format!("{SAMPLES}/epoch-{epoch:05}.png"), sheet)
    }

    /// Writes a sheet into the run folder.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn picture(&self, name: &str, sheet: &Sheet) -> Result<(), TrainError> {
        atomic::write(&self.run.join(name), &sheet.png)
    }

    fn kid_png(&self) -> Vec<u8> {
        let curves =
            [self.score("generated", [38, 104, 176], "kid"), self.score("floor", [140, 140, 140], "kid_floor")];
        plot::png(&curves, "Kernel inception distance to the real pictures", "kimg")
    }

    fn quality_png(&self) -> Vec<u8> {
        let curves = [
            self.score("label accuracy", [38, 104, 176], "accuracy"),
            self.score("least diversity", [214, 96, 36], "diversity"),
            self.score("precision", [58, 148, 72], "precision"),
            self.score("recall", [140, 86, 170], "recall"),
            self.score("coverage", [90, 90, 90], "coverage"),
        ];
        plot::png(&curves, "Shares, 1 at best", "kimg")
    }

    /// A score over the epochs in which it was measured.
    fn score<'a>(&self, name: &'a str, color: [u8; 3], key: &str) -> Curve<'a> {
        let points = self.epochs().iter().filter_map(|stats| Some((stats.kimg, *stats.scores.get(key)?))).collect();
        Curve { name, color, points }
    }

    fn losses_png(&self) -> Vec<u8> {
        let curve = |name, color, loss: fn(&EpochStats) -> f64| Curve {
            name,
            color,
            points: self.epochs().iter().map(|stats| (stats.epoch as f64, loss(stats))).collect(),
        };
        let curves = [
            curve("discriminator", DISCRIMINATOR_COLOR, |stats| stats.d_loss),
            curve("generator", GENERATOR_COLOR, |stats| stats.g_loss),
        ];
        plot::png(&curves, "Losses, mean over the batches of an epoch", "epoch")
    }
}

/// Seconds since 1970; 0 where the clock stands before that.
pub fn unix_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64())
}
