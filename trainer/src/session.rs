//! A run: from settings and pictures to checkpoints, resumable at any step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use model_spec::Labels;
use model_spec::manifest::{DataSet as DataSetCard, Progress};
use tch::{Device, Kind, Tensor};

use crate::checkpoint::{self, EpochLosses};
use crate::dataset::DataSet;
use crate::error::TrainError;
use crate::progress::Console;
use crate::report::{self, Report};
use crate::settings::Settings;
use crate::stats::EpochStats;
use crate::step::{Batch, Gan, Losses};
use crate::{interrupt, order, run_folder, samples};

/// Steps whose losses stay on the device before they are read, so that a GPU is not waited for at each step.
const UNREAD_STEPS: usize = 16;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All epochs are done.
    Complete,
    /// Ctrl-C: the state is saved and can be resumed.
    Interrupted,
}

/// A run under way.
pub struct Session {
    run: PathBuf,
    settings: Settings,
    labels: Labels,
    card: DataSetCard,
    images: Tensor,   // u8 [n, channels, side, side]
    label_of: Tensor, // i64 [n]
    count: usize,
    gan: Gan,
    progress: Progress,
    losses: EpochLosses,
    unread: Vec<Losses>,
    report: Report,
    saved: Option<PathBuf>,
}

impl Session {
    /// Fresh networks, or those of the newest checkpoint where the run folder has one.
    ///
    /// # Errors
    /// The run folder can't be read or written, its checkpoint is not what its manifest says, or the run is complete.
    pub fn open(run: PathBuf, settings: Settings, data: &DataSet, device: Device) -> Result<Self, TrainError> {
        tch::manual_seed(settings.seed as i64);
        let options = settings.recipe.adam(settings.learning_rate);
        let mut gan = Gan::initial(&settings.architecture, data.labels.len(), options, device);
        let saved = run_folder::latest_checkpoint(&run)?;
        let (progress, losses) = match &saved {
            Some(path) => checkpoint::read(path, &mut gan).map(|(manifest, losses)| (manifest.progress, losses))?,
            None => Default::default(),
        };
        if progress.epochs >= settings.epochs {
            return Err(TrainError::Options(format!(
                "--resume {}: {} epochs of {} are done; give more with --epochs",
                run.display(),
                progress.epochs,
                settings.epochs
            )));
        }
        let side = settings.architecture.image_size as i64;
        let shape = [-1, settings.architecture.channels as i64, side, side];
        let images = Tensor::from_slice(&data.pictures).view(shape).to_device(device);
        let label_of = Tensor::from_slice(&data.label_of).to_kind(Kind::Int64).to_device(device);
        settings.write(&run)?;
        let report = Report::open(&run, progress.epochs)?;
        if saved.is_none() {
            report.picture("reals.png", &samples::reals(&images, &data.label_of, &data.labels))?;
            let first = &order::epoch_order(settings.seed, 0, data.label_of.len());
            let first = &first[..first.len().min(settings.batch_size)];
            report.picture("batch.png", &samples::draw_pictures(&images, first, 16))?;
        }
        let card = data.card();
        let (labels, count) = (data.labels.clone(), data.label_of.len());
        let unread = Vec::new();
        Ok(Self { run, settings, labels, card, images, label_of, count, gan, progress, losses, unread, report, saved })
    }

    /// The run folder.
    pub fn run(&self) -> &Path {
        &self.run
    }

    /// Images that the run will have shown when it is complete.
    pub fn total_images(&self) -> u64 {
        self.settings.epochs * self.count as u64
    }

    /// How far the run has come.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Trains until all epochs are done or Ctrl-C, and saves.
    ///
    /// # Errors
    /// A file can't be written, or a loss is no number any more.
    pub fn train(&mut self, console: &Console) -> Result<Ending, TrainError> {
        while self.progress.epochs < self.settings.epochs {
            if self.epoch(console)? == Ending::Interrupted {
                self.save()?;
                return Ok(Ending::Interrupted);
            }
        }
        let walk = samples::interpolation(&self.gan.generator, &self.labels, self.settings.seed);
        self.report.picture("interpolation.png", &walk)?;
        Ok(Ending::Complete)
    }

    /// One epoch, or the rest of one that was interrupted.
    fn epoch(&mut self, console: &Console) -> Result<Ending, TrainError> {
        let order = order::epoch_order(self.settings.seed, self.progress.epochs, self.count);
        let done = (self.losses.discriminator.len() * self.settings.batch_size).min(self.count);
        let started = Instant::now();
        for places in order[done..].chunks(self.settings.batch_size) {
            if interrupt::asked() {
                self.read_losses();
                return Ok(Ending::Interrupted);
            }
            self.step(places);
            console.advance(places.len() as u64);
        }
        self.read_losses();
        self.progress.epochs += 1;
        let images_per_s = (self.count - done) as f64 / started.elapsed().as_secs_f64();
        self.finish_epoch(images_per_s, console)?;
        Ok(Ending::Complete)
    }

    fn step(&mut self, places: &[i64]) {
        tch::manual_seed(order::step_seed(self.settings.seed, self.progress.steps));
        let places_on_device = Tensor::from_slice(places).to_device(self.images.device());
        let batch = Batch {
            images: self.images.index_select(0, &places_on_device),
            labels: self.label_of.index_select(0, &places_on_device),
        };
        self.unread.push(self.gan.step(&batch));
        self.progress.steps += 1;
        self.progress.images += places.len() as u64;
        if self.unread.len() >= UNREAD_STEPS {
            self.read_losses();
        }
    }

    /// Moves the losses of the last steps from the device.
    fn read_losses(&mut self) {
        for losses in self.unread.drain(..) {
            self.losses.discriminator.push(losses.discriminator.double_value(&[]) as f32);
            self.losses.generator.push(losses.generator.double_value(&[]) as f32);
        }
    }

    fn finish_epoch(&mut self, images_per_s: f64, console: &Console) -> Result<(), TrainError> {
        let stats = EpochStats {
            epoch: self.progress.epochs,
            kimg: self.progress.images as f64 / 1000.0,
            d_loss: mean(&self.losses.discriminator),
            g_loss: mean(&self.losses.generator),
            images_per_s,
            unix_time: report::unix_time(),
        };
        for (network, value) in [("discriminator", stats.d_loss), ("generator", stats.g_loss)] {
            if !value.is_finite() {
                let checkpoint = self.saved.clone().unwrap_or_else(|| self.run.clone());
                return Err(TrainError::NotFinite { epoch: stats.epoch, network, value, checkpoint });
            }
        }
        self.losses = EpochLosses::default();
        console.epoch(&stats, self.settings.epochs);
        self.report.epoch(stats)?;
        let last = self.progress.epochs == self.settings.epochs;
        if last || self.progress.epochs.is_multiple_of(self.settings.checkpoint_every) {
            let sheet = samples::fixed(&self.gan.generator, &self.labels, self.settings.seed);
            self.report.samples(self.progress.epochs, &sheet)?;
            self.save()?;
        }
        Ok(())
    }

    fn save(&mut self) -> Result<(), TrainError> {
        let path = run_folder::checkpoint_path(&self.run, self.progress.images);
        if self.saved.as_ref() == Some(&path) {
            return Ok(());
        }
        let last = self.report.epochs().last();
        let scores = last.map(|stats| [("d_loss".to_owned(), stats.d_loss), ("g_loss".to_owned(), stats.g_loss)]);
        let state = checkpoint::State {
            settings: &self.settings,
            labels: &self.labels,
            data_set: &self.card,
            progress: self.progress,
            losses: &self.losses,
            scores: scores.map(BTreeMap::from).unwrap_or_default(),
        };
        checkpoint::write(&path, &self.gan, &state)?;
        self.saved = Some(path);
        Ok(())
    }
}

fn mean(losses: &[f32]) -> f64 {
    losses.iter().map(|loss| f64::from(*loss)).sum::<f64>() / losses.len() as f64
}
