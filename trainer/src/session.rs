//! A run: from settings and pictures to checkpoints, resumable at any step.

use std::path::{Path, PathBuf};
use std::time::Instant;

use model_spec::Labels;
use model_spec::manifest::{DataSet as DataSetCard, Progress};
use tch::{Device, Kind, Tensor};

use crate::checkpoint::{self, EpochLosses};
use crate::dataset::DataSet;
use crate::error::TrainError;
use crate::progress::Console;
use crate::quality::Cache;
use crate::quality::classifier::OnDevice;
use crate::quality::fakes::{self, Wanted};
use crate::quality::meter::{Meter, Networks};
use crate::quality::scores::Evaluation;
use crate::recipe::Recipe;
use crate::report::{self, Report};
use crate::run_folder::Claimed;
use crate::settings::{Rollback, Settings};
use crate::stats::EpochStats;
use crate::step::{Batch, Gan, Losses};
use crate::watch::{self, Alarm};
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
    run: Claimed,
    settings: Settings,
    labels: Labels,
    card: DataSetCard,
    images: Tensor, // u8 [n, channels, side, side]; in main memory's reach where it is mapped, else on the device
    label_of: Tensor, // i64 [n], where the pictures are
    count: usize,
    gan: Gan,
    progress: Progress,
    losses: EpochLosses,
    unread: Vec<Losses>,
    report: Report,
    saved: Option<PathBuf>,
    meter: Option<Meter>,
}

/// What a run is opened with beside its settings.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// Its pictures.
    pub data: &'a DataSet,
    /// Where it computes.
    pub device: Device,
    /// Where the data set's measuring network is kept.
    pub cache: &'a Cache,
}

/// How an epoch ended.
enum Turn {
    Done,
    Interrupted,
    /// The run is to be set back.
    Alarm(Alarm),
}

/// The learning rate after a rollback, over the one before.
const ROLLBACK_RATE: f64 = 0.5;
/// Seed of the latents whose pictures are measured.
const QUALITY_SEED: u64 = 1;

impl Session {
    /// Fresh networks, or those of the newest checkpoint where the run folder has one.
    ///
    /// # Errors
    /// The run folder can't be read or written, its checkpoint is not what its manifest says, or the run is complete.
    pub fn open(
        run: Claimed,
        settings: Settings,
        setting: &Setting<'_>,
        console: &Console,
    ) -> Result<Self, TrainError> {
        let Setting { data, device, cache } = *setting;
        tch::manual_seed(settings.seed as i64);
        let mut gan = Gan::initial(&settings.gan(data.labels.len()), device);
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
        let images = data.pictures.tensor(settings.architecture.channels, settings.architecture.image_size, device);
        let label_of = Tensor::from_slice(&data.label_of).to_kind(Kind::Int64).to_device(images.device());
        settings.write(&run)?;
        let report = Report::open(&run, progress.epochs)?;
        if saved.is_none() {
            report.picture("reals.png", &samples::reals(&images, &data.label_of, &data.labels))?;
            let first = &order::epoch_order(settings.seed, 0, data.label_of.len());
            let first = &first[..first.len().min(settings.batch_size)];
            report.picture("batch.png", &samples::draw_pictures(&images, first, 16))?;
            if !settings.method.augment.is_off() {
                report.picture("augmented.png", &samples::augmented(&images, first, &settings.method.augment))?;
            }
        }
        let card = data.card();
        let (labels, count) = (data.labels.clone(), data.label_of.len());
        let unread = Vec::new();
        let meter = if settings.eval_every_kimg > 0.0 {
            open_meter(&OnDevice { images: &images, data }, cache, console)?
        } else {
            None
        };
        console.start(progress.images, settings.epochs * count as u64);
        Ok(Self {
            run,
            settings,
            labels,
            card,
            images,
            label_of,
            count,
            gan,
            progress,
            losses,
            unread,
            report,
            saved,
            meter,
        })
    }

    /// The run folder.
    pub fn run(&self) -> &Path {
        &self.run
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
            match self.epoch(console)? {
                Turn::Done => {}
                Turn::Interrupted => {
                    self.save(None)?;
                    return Ok(Ending::Interrupted);
                }
                Turn::Alarm(alarm) => self.set_back(alarm, console)?,
            }
        }
        let walk = samples::interpolation(self.gan.best_generator(), &self.labels, self.settings.seed);
        self.report.picture("interpolation.png", &walk)?;
        Ok(Ending::Complete)
    }

    /// One epoch, or the rest of one that was interrupted.
    fn epoch(&mut self, console: &Console) -> Result<Turn, TrainError> {
        let order = order::epoch_order(self.settings.seed, self.progress.epochs, self.count);
        let done = (self.losses.discriminator.len() * self.settings.batch_size).min(self.count);
        let started = Instant::now();
        // All at once, since a device is waited for with every copy to it.
        let order = Tensor::from_slice(&order).to_device(self.images.device());
        for first in (done..self.count).step_by(self.settings.batch_size) {
            let asked = interrupt::asked();
            if (asked || self.unread.len() >= UNREAD_STEPS)
                && let Some(alarm) = self.read_losses()
            {
                return Ok(Turn::Alarm(alarm));
            }
            if asked {
                // What the last step did shows in the next one's losses, which there is none of.
                return Ok(self.broken_weights().map_or(Turn::Interrupted, Turn::Alarm));
            }
            let count = self.settings.batch_size.min(self.count - first);
            self.step(&order.narrow(0, first as i64, count as i64));
            console.advance(count as u64);
        }
        if let Some(alarm) = self.read_losses().or_else(|| self.broken_weights()) {
            return Ok(Turn::Alarm(alarm));
        }
        self.progress.epochs += 1;
        let images_per_s = (self.count - done) as f64 / started.elapsed().as_secs_f64();
        self.finish_epoch(images_per_s, console)
    }

    /// A step with the pictures at some places, i64 `[N]`, where the pictures are.
    fn step(&mut self, places: &Tensor) {
        tch::manual_seed(order::step_seed(self.settings.seed, self.progress.steps));
        let rate = self.settings.current_learning_rate() * self.settings.method.rate_after(self.progress.images);
        self.gan.set_learning_rate(rate);
        let batch = self.batch(places);
        self.unread.push(self.gan.step(&batch));
        self.progress.steps += 1;
        self.progress.images += places.size()[0] as u64;
    }

    fn batch(&self, places: &Tensor) -> Batch {
        let device = self.gan.generator.device();
        Batch {
            images: self.images.index_select(0, places).to_device(device),
            labels: self.label_of.index_select(0, places).to_device(device),
            step: self.progress.steps,
            seen: self.progress.images,
        }
    }

    /// Moves the losses of the last steps from the device; says what is wrong with them, if anything is.
    fn read_losses(&mut self) -> Option<Alarm> {
        for losses in self.unread.drain(..) {
            self.losses.discriminator.push(losses.discriminator.double_value(&[]) as f32);
            self.losses.generator.push(losses.generator.double_value(&[]) as f32);
        }
        watch::not_finite(&self.losses.discriminator, &self.losses.generator)
    }

    /// A checkpoint of such weights would be no way back.
    fn broken_weights(&self) -> Option<Alarm> {
        (!self.gan.is_finite()).then(|| Alarm::Broken("a weight is no number".to_owned()))
    }

    fn finish_epoch(&mut self, images_per_s: f64, console: &Console) -> Result<Turn, TrainError> {
        let last = self.progress.epochs == self.settings.epochs;
        let quality = if self.is_measured(last) { self.measure()? } else { None };
        let scores = quality.as_ref().map(Evaluation::named).unwrap_or_default();
        let stats = EpochStats {
            epoch: self.progress.epochs,
            kimg: self.progress.images as f64 / 1000.0,
            d_loss: mean(&self.losses.discriminator),
            g_loss: mean(&self.losses.generator),
            images_per_s,
            unix_time: report::unix_time(),
            scores,
            features: quality.as_ref().map(|quality| quality.features.clone()),
        };
        console.epoch(&stats, self.settings.epochs);
        quality.iter().flat_map(|quality| watch::doubts(&stats, quality)).for_each(|doubt| console.say(&doubt));
        match watch::alarm(self.report.epochs(), &stats, quality.as_ref()) {
            Some(alarm) if self.settings.recipe == Recipe::Reference => {
                console.say(&format!("{alarm}; the reference recipe goes on as it is written"));
            }
            Some(alarm) => return Ok(Turn::Alarm(alarm)),
            None => {}
        }
        self.losses = EpochLosses::default();
        self.report.epoch(stats)?;
        if last || quality.is_some() || self.progress.epochs.is_multiple_of(self.settings.checkpoint_every) {
            let sheet = samples::fixed(self.gan.best_generator(), &self.labels, self.settings.seed);
            self.report.samples(self.progress.epochs, &sheet)?;
            self.save(quality.as_ref())?;
        }
        Ok(Turn::Done)
    }

    /// Whether a multiple of the interval lies within the epoch that just ended.
    fn is_measured(&self, is_last: bool) -> bool {
        let every = self.settings.eval_every_kimg * 1000.0;
        let passed = |images: u64| (images as f64 / every).floor();
        let before = self.progress.images - self.count as u64;
        every > 0.0 && (is_last || passed(self.progress.images) > passed(before))
    }

    fn measure(&self) -> Result<Option<Evaluation>, TrainError> {
        let Some(meter) = &self.meter else { return Ok(None) };
        let architecture = &self.settings.architecture;
        let wanted = Wanted {
            counts: &meter.samples(),
            seed: QUALITY_SEED,
            labels: &self.labels,
            size: architecture.image_size,
            channels: architecture.channels,
            device: meter.device(),
        };
        meter.measure(&fakes::from_generator(self.gan.best_generator(), &wanted)).map(Some)
    }

    /// The last checkpoint that an alarm says nothing against.
    fn last_good(&self, alarm: &Alarm) -> Result<Option<PathBuf>, TrainError> {
        match alarm {
            Alarm::Broken(_) => Ok(self.saved.clone()),
            // Checkpoints since the last measurement may have it too.
            Alarm::Collapsed(_) => run_folder::newest_measured(&self.run),
        }
    }

    /// Goes on from the last good checkpoint with lower rates; once in a run.
    fn set_back(&mut self, alarm: Alarm, console: &Console) -> Result<(), TrainError> {
        let checkpoint = self.last_good(&alarm)?;
        let (images, reason) = (self.progress.images, alarm.to_string());
        let (None, Some(path)) = (&self.settings.rollback, &checkpoint) else {
            return Err(TrainError::Diverged { images, reason, checkpoint });
        };
        let learning_rate = self.settings.current_learning_rate() * ROLLBACK_RATE;
        let (manifest, losses) = checkpoint::read(path, &mut self.gan)?;
        // Before options.json tells of it: a run that is killed in between is set back again, not ended.
        run_folder::remove_after(&self.run, path)?;
        (self.progress, self.losses) = (manifest.progress, losses);
        self.unread.clear();
        console.say(&format!(
            "set back after {images} images: {reason}; going on from {} with learning rate {learning_rate}",
            path.display()
        ));
        self.settings.rollback = Some(Rollback { images, reason, learning_rate });
        self.settings.write(&self.run)?;
        self.saved = checkpoint;
        self.report = Report::open(&self.run, self.progress.epochs)?;
        console.start(self.progress.images, self.settings.epochs * self.count as u64);
        Ok(())
    }

    fn save(&mut self, quality: Option<&Evaluation>) -> Result<(), TrainError> {
        let path = run_folder::checkpoint_path(&self.run, self.progress.images);
        if self.saved.as_ref() == Some(&path) {
            return Ok(());
        }
        let mut scores = quality.map(Evaluation::named).unwrap_or_default();
        if let Some(stats) = self.report.epochs().last() {
            scores.extend([("d_loss".to_owned(), stats.d_loss), ("g_loss".to_owned(), stats.g_loss)]);
        }
        let state = checkpoint::State {
            settings: &self.settings,
            labels: &self.labels,
            data_set: &self.card,
            progress: self.progress,
            losses: &self.losses,
            scores,
            features: quality.map(|quality| quality.features.clone()),
        };
        checkpoint::write(&path, &self.gan, &state)?;
        self.saved = Some(path);
        run_folder::thin_out(&self.run, self.settings.keep)
    }
}

/// Quality goes unmeasured, aloud, where there are too few pictures for it.
fn open_meter(pictures: &OnDevice<'_>, cache: &Cache, console: &Console) -> Result<Option<Meter>, TrainError> {
    let networks = Networks { cache, file: None };
    match Meter::open(pictures, &networks, &|done, total| console.fitting(done, total)) {
        Ok(meter) => Ok(Some(meter)),
        Err(error @ TrainError::TooFewToMeasure { .. }) => {
            console.say(&format!("quality is not measured: {error}"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn mean(losses: &[f32]) -> f64 {
    losses.iter().map(|loss| f64::from(*loss)).sum::<f64>() / losses.len() as f64
}

#[cfg(test)]
mod tests {
    use model_spec::Manifest;

    use super::*;
    use crate::adam::Adam;
    use crate::device::{self, DeviceChoice};
    use crate::hands;
    use crate::recipe::{Preset, Recipe};

    fn settings(data: &DataSet) -> Settings {
        let recipe = Recipe::Paired;
        Settings {
            data_sha256: data.sha256.clone(),
            epochs: 3,
            batch_size: 8,
            learning_rate: 2e-4,
            checkpoint_every: 1,
            eval_every_kimg: 0.0,
            ..Settings::of_recipe(recipe, recipe.architecture(Preset::Small, 32, 3).expect("valid"))
        }
    }

    /// A new run of eight hands a label, in which nothing is measured.
    fn opened(out: &Path, console: &Console) -> Session {
        let data = hands::rendered_hands(8, 32, 3, 1, &|_, _| {});
        let run = run_folder::create(out, "hands", "paired").expect("made");
        let (device, _) = device::open(DeviceChoice::Cpu).expect("the CPU is always there");
        let setting = Setting { data: &data, device, cache: &Cache::of(None, out) };
        Session::open(Claimed::of(run).expect("free"), settings(&data), &setting, console).expect("opened")
    }

    fn rates(session: &Session) -> [f64; 2] {
        [&session.gan.generator_adam, &session.gan.discriminator_adam].map(Adam::learning_rate)
    }

    #[test]
    fn a_step_is_told_its_place_in_the_run() {
        let (out, console) = (tempfile::tempdir().expect("temporary folder"), Console::new(true));
        let mut session = opened(out.path(), &console);
        session.settings.method.steady_kimg = 0.004;
        let batch = |session: &Session| {
            let Batch { images, labels, step, seen } = session.batch(&Tensor::from_slice(&[9i64, 1]));
            let places = Vec::<i64>::try_from(labels).expect("labels");
            (places, Vec::<u8>::try_from(images.flatten(0, -1)).expect("pictures"), (step, seen))
        };
        let (labels, pictures, place) = batch(&session);
        assert_eq!((labels, place), (vec![1, 0], (0, 0)), "eight pictures of each label, in their order");
        let expected = [9, 1].map(|place| session.images.get(place).flatten(0, -1));
        assert_eq!(pictures, Vec::<u8>::try_from(Tensor::cat(&expected, 0)).expect("pictures"));
        assert!(matches!(session.epoch(&console), Ok(Turn::Done)));
        assert_eq!(batch(&session).2, (3, 24));
        assert_eq!(rates(&session), [2e-4 * 4.0 / 16.0; 2], "the last of three steps came after 16 pictures");
    }

    #[test]
    fn a_loss_that_jumps_sets_a_run_back_but_not_the_reference() {
        let (out, console) = (tempfile::tempdir().expect("temporary folder"), Console::new(true));
        let mut session = opened(out.path(), &console);
        (0..3).for_each(|_| assert!(matches!(session.epoch(&console), Ok(Turn::Done))));
        let jump = |session: &mut Session| {
            session.losses = EpochLosses { discriminator: vec![1e4; 3], generator: vec![1.0; 3] };
            session.progress.epochs += 1;
            session.progress.images += 24;
            session.finish_epoch(1.0, &console).expect("reported")
        };
        assert!(matches!(jump(&mut session), Turn::Alarm(Alarm::Broken(_))));
        session.settings.recipe = Recipe::Reference;
        assert!(matches!(jump(&mut session), Turn::Done));
    }

    #[test]
    fn a_run_that_breaks_before_its_first_checkpoint_names_none() {
        let (out, console) = (tempfile::tempdir().expect("temporary folder"), Console::new(true));
        let mut session = opened(out.path(), &console);
        let alarm = Alarm::Broken("the loss is NaN".to_owned());
        let error = session.set_back(alarm, &console).expect_err("nowhere to go").to_string();
        assert!(error.contains("no checkpoint was saved yet; try a lower --lr"), "{error}");
    }

    #[test]
    fn a_collapse_sets_a_run_back_to_the_newest_measured_checkpoint() {
        let (out, console) = (tempfile::tempdir().expect("temporary folder"), Console::new(true));
        let mut session = opened(out.path(), &console);
        let run = session.run().to_owned();
        assert!(matches!(session.epoch(&console), Ok(Turn::Done)));
        let measured = session.saved.clone().expect("saved");
        let mut manifest = Manifest::read(&measured).expect("read");
        manifest.scores.insert("kid".to_owned(), 0.1);
        let text = serde_json::to_string(&manifest).expect("plain data");
        std::fs::write(measured.join("manifest.json"), text).expect("written");
        (0..2).for_each(|_| assert!(matches!(session.epoch(&console), Ok(Turn::Done))));

        session.set_back(Alarm::Collapsed("collapsed".to_owned()), &console).expect("set back");
        assert_eq!(session.progress.epochs, 1);
        assert_eq!(run_folder::latest_checkpoint(&run).expect("listed"), Some(measured), "a resumed run starts there");
        assert_eq!(session.train(&console).expect("goes on"), Ending::Complete);
        assert_eq!(run_folder::latest_checkpoint(&run).expect("listed"), session.saved);
    }

    #[test]
    fn a_run_that_turns_into_nan_is_set_back_once_with_half_the_rate() {
        let (out, console) = (tempfile::tempdir().expect("temporary folder"), Console::new(true));
        let mut session = opened(out.path(), &console);
        let run = session.run().to_owned();
        let poison = |session: &Session| {
            let (_, weight) = session.gan.generator.weights.iter().next().expect("a weight");
            let _ = tch::no_grad(|| weight.shallow_clone().fill_(f64::NAN));
        };
        assert!(matches!(session.epoch(&console), Ok(Turn::Done)));
        assert!(session.broken_weights().is_none());
        poison(&session);
        assert!(session.broken_weights().is_some());
        assert_eq!(session.train(&console).expect("set back"), Ending::Complete);
        let rollback = Settings::read(&run).expect("read").rollback.expect("recorded");
        assert_eq!((rollback.images, rollback.learning_rate), (48, 1e-4));
        assert_eq!(rates(&session), [1e-4; 2]);
        assert!(rollback.reason.contains("loss is NaN"), "{}", rollback.reason);
        let epochs: Vec<u64> = session.report.epochs().iter().map(|stats| stats.epoch).collect();
        assert_eq!(epochs, [1, 2, 3]);
        assert!(session.report.epochs().iter().all(|stats| stats.d_loss.is_finite()));

        session.settings.epochs = 4;
        poison(&session);
        let error = session.train(&console).expect_err("a second time is the end").to_string();
        assert!(error.contains("loss is NaN; the last checkpoint is") && error.contains("000000.072"), "{error}");
    }
}
