//! From flags to a checked plan: which pictures, which settings, a new run or an old one.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use edge_runtime::output;
use model_spec::Architecture;

use crate::cli::TrainOptions;
use crate::dataset::{self, DataSet, FolderOptions, Storage};
use crate::error::{IoContext, TrainError};
use crate::networks::Precision;
use crate::quality::Cache;
use crate::recipe::{Preset, Recipe};
use crate::run_folder::Claimed;
use crate::settings::Settings;
use crate::{hands, overrides, run_folder};

/// Where pictures are looked for without `--data`.
pub const DEFAULT_DATA: &str = "data/rps";
const DEFAULT_SIZE: usize = 128;
const DEFAULT_CHANNELS: usize = 3;
const HANDS_PER_LABEL: usize = 160;
const HANDS_SEED: u64 = 1;

/// A run that can start.
#[derive(Debug)]
pub struct Plan {
    /// All that decides what it computes.
    pub settings: Settings,
    /// Its pictures.
    pub data: DataSet,
    /// The run folder to go on with; none for a new one.
    pub resumed: Option<Claimed>,
    /// Worth telling before it starts.
    pub remarks: Vec<String>,
}

/// Resolves flags and loads the pictures.
///
/// # Errors
/// No such run, flags that contradict it, or an unusable data set.
pub fn resolve(options: &TrainOptions, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<Plan, TrainError> {
    match &options.resume {
        Some(wanted) => {
            let run = run_folder::find(&options.out, wanted)
                .map_err(|error| TrainError::Options(format!("--resume {error}; start one without --resume")))?;
            resume(options, Claimed::of(run)?, progress)
        }
        None => start(options, progress),
    }
}

/// [`DEFAULT_DATA`] where it exists.
pub fn default_data() -> Option<PathBuf> {
    let default = PathBuf::from(DEFAULT_DATA);
    default.is_dir().then_some(default)
}

fn start(options: &TrainOptions, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<Plan, TrainError> {
    let folder = options.data.clone().or_else(default_data);
    let mut remarks = Vec::new();
    if folder.is_none() {
        remarks.push(format!("no --data and no {DEFAULT_DATA}: training on the built-in rendered hands"));
    }
    let recipe = options.recipe.unwrap_or_default();
    let (size, channels) = (options.size.unwrap_or(DEFAULT_SIZE), options.channels.unwrap_or(DEFAULT_CHANNELS));
    let architecture = recipe.architecture(options.preset.unwrap_or(Preset::Full), size, channels)?;
    let usual = Settings::of_recipe(recipe, architecture);
    let settings = Settings {
        data: folder.as_deref().map(recorded).transpose()?,
        precision: options.precision.unwrap_or(usual.precision),
        seed: options.seed.unwrap_or(usual.seed),
        batch_size: options.batch_size.unwrap_or(usual.batch_size),
        learning_rate: options.lr.unwrap_or(usual.learning_rate),
        ..usual
    };
    let settings = with_course(settings, options);
    let settings = options.set.iter().try_fold(settings, |settings, change| overrides::applied(&settings, change))?;
    settings.check().map_err(|error| TrainError::Options(error.to_string()))?;
    output::no_file_in_the_way(&options.out).during("make run folders in", &options.out)?;
    let data = load(folder.as_deref(), &settings.architecture, &reading(options, &options.out), progress)?;
    let settings = Settings { data_sha256: data.sha256.clone(), ..settings };
    Ok(Plan { settings, data, resumed: None, remarks })
}

fn resume(options: &TrainOptions, run: Claimed, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<Plan, TrainError> {
    let settings = Settings::read(&run)?;
    refuse_changes(options, &settings)?;
    let mut settings = with_course(settings, options);
    if let Some(folder) = &options.data {
        settings.data = Some(recorded(folder)?);
    }
    let runs = run_folder::folder_of(&run);
    let data = load(settings.data.as_deref(), &settings.architecture, &reading(options, &runs), progress)?;
    if data.sha256 != settings.data_sha256 {
        return Err(TrainError::Options(format!(
            "--resume {}: the pictures are not those that the run began with: expected sha256 {}, found {}",
            run.display(),
            settings.data_sha256,
            data.sha256
        )));
    }
    Ok(Plan { settings, data, resumed: Some(run), remarks: Vec::new() })
}

/// The path of a folder of pictures as options.json keeps it, which is text.
fn recorded(folder: &Path) -> Result<PathBuf, TrainError> {
    let path = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    match path.to_str() {
        Some(_) => Ok(path),
        None => Err(TrainError::Options(format!("--data {}: expected a path in UTF-8", path.display()))),
    }
}

/// How long a run goes on and what it saves: what a resumed run may change.
fn with_course(settings: Settings, options: &TrainOptions) -> Settings {
    Settings {
        epochs: options.epochs.unwrap_or(settings.epochs),
        checkpoint_every: options.save_every.unwrap_or(settings.checkpoint_every),
        keep: options.keep.unwrap_or(settings.keep),
        eval_every_kimg: options.eval_every.unwrap_or(settings.eval_every_kimg),
        ..settings
    }
}

/// A resumed run keeps what decides its course; how long it goes on, what it saves and where the data is may change.
fn refuse_changes(options: &TrainOptions, settings: &Settings) -> Result<(), TrainError> {
    let architecture = &settings.architecture;
    let preset = options.preset.map(|preset| {
        let stands_for = settings.recipe.architecture(preset, architecture.image_size, architecture.channels);
        stands_for.map(|architecture| generator(&architecture))
    });
    let changes = [
        change("--recipe", settings.recipe.name(), options.recipe.map(Recipe::name)),
        change("--batch-size", settings.batch_size, options.batch_size),
        change("--lr", settings.learning_rate, options.lr),
        change("--size", architecture.image_size, options.size),
        change("--channels", architecture.channels, options.channels),
        change("--precision", settings.precision.name(), options.precision.map(Precision::name)),
        change("--preset", generator(architecture), preset.transpose()?),
        change("--seed", settings.seed, options.seed),
    ];
    let set = options.set.iter().map(|set| {
        let (expected, found) = overrides::standing(settings, set)?;
        Ok(change("--set", expected, Some(found)))
    });
    let set: Vec<_> = set.collect::<Result<_, TrainError>>()?;
    match changes.into_iter().chain(set).flatten().next() {
        Some(change) => Err(TrainError::Options(format!(
            "{change} (the resumed run's options.json); leave it out, or start a new run"
        ))),
        None => Ok(()),
    }
}

/// What is wrong with a flag that says something else than a run's options.
fn change<T: PartialEq + Display>(flag: &str, expected: T, found: Option<T>) -> Option<String> {
    let found = found.filter(|found| *found != expected)?;
    Some(format!("{flag} differs: expected {expected}, found {found}"))
}

/// What a preset decides, as text.
fn generator(architecture: &Architecture) -> String {
    format!("a generator of {} and {:?} channels", architecture.stem_channels, architecture.widths)
}

/// How a folder of pictures is read, beside their size.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// Whether a file that can't be decoded is an error.
    pub strict: bool,
    /// Where decoded pictures are.
    pub storage: Storage,
    /// The folder of runs.
    pub runs: &'a Path,
}

fn reading<'a>(options: &TrainOptions, runs: &'a Path) -> Reading<'a> {
    Reading { strict: options.strict, storage: options.pictures, runs }
}

/// The pictures of a folder, or the built-in ones.
///
/// # Errors
/// The folder is no usable data set.
pub fn load(
    folder: Option<&Path>,
    architecture: &Architecture,
    reading: &Reading<'_>,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<DataSet, TrainError> {
    let (size, channels) = (architecture.image_size, architecture.channels);
    match folder {
        Some(folder) => {
            let cache = Cache::of(Some(folder), reading.runs);
            let cache = Some((&*cache.folder, reading.storage));
            Ok(dataset::load(folder, &FolderOptions { size, channels, strict: reading.strict, cache }, progress)?)
        }
        None => Ok(hands::rendered_hands(HANDS_PER_LABEL, size, channels, HANDS_SEED, progress)),
    }
}
