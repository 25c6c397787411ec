//! `trainer evaluate`: the quality of a run, a model file or a folder of pictures.

use std::path::{Path, PathBuf};

use anyhow::Context;
use edge_runtime::output;
use indicatif::{ProgressBar, ProgressStyle};
use model_spec::{Architecture, Labels, Manifest, Metadata};
use tch::Device;

use crate::cli::EvaluateOptions;
use crate::dataset::{self, DataSet, Storage};
use crate::error::TrainError;
use crate::networks::Generator;
use crate::quality::Cache;
use crate::quality::classifier::OnDevice;
use crate::quality::fakes::{self, Wanted};
use crate::quality::meter::{Fakes, Meter, Networks};
use crate::quality::page::{self, Page};
use crate::quality::scores::Evaluation;
use crate::settings::{OPTIONS, Settings};
use crate::{checkpoint, device, plan, run_folder};

/// Measures and prints; writes a page where there is a folder for it.
///
/// # Errors
/// No such source, pictures that can't be read, or fakes that don't fit them.
pub fn run(options: &EvaluateOptions) -> anyhow::Result<()> {
    let (device, device_line) = device::open(options.device)?;
    output::tell(device_line);
    let source = Source::open(options, device)?;
    output::tell(format_args!("fakes: {}", source.name()));
    if let Some(folder) = &options.report {
        output::create_folder(folder).with_context(|| format!("--report {}", folder.display()))?;
    }
    let folder = source.data_folder(options)?;
    let reading = plan::Reading { strict: false, storage: Storage::Auto, runs: &options.out };
    let data = plan::load(folder.as_deref(), source.architecture(), &reading, &|_, _| {})?;
    output::tell(format_args!("real: {}, {}, labels {}", data.name, data.counts(), data.labels.names().join(", ")));
    data.skipped.iter().for_each(output::tell);
    source.refuse_other_labels(&data)?;
    source.warn_of_other_pictures(&data);
    let Architecture { channels, image_size, .. } = *source.architecture();
    let images = data.pictures.tensor(channels, image_size, device);
    let pictures = OnDevice { images: &images, data: &data };
    let cache = Cache::of(folder.as_deref(), &options.out);
    let networks = Networks { cache: &cache, file: options.features.as_deref() };
    let bar = bar("fitting the network that measures quality");
    let meter = Meter::open(&pictures, &networks, &|done, total| show(&bar, done, total))?;
    bar.finish_and_clear();
    let made = source.fakes(options, &meter, &data)?;
    let evaluation = meter.measure(&made)?;
    output::print(&if options.json {
        serde_json::to_string_pretty(&evaluation)? + "\n"
    } else {
        text(&evaluation, &meter)
    })?;
    if let Some(folder) = options.report.as_deref().or(source.named_run()) {
        let (run, source) = (source.run(), &source.name());
        let page = Page { evaluation: &evaluation, fakes: &made, pictures: &pictures, source, run };
        let path = page::write(folder, &page)?;
        output::tell(format_args!("report: {}", path.display()));
    }
    Ok(())
}

/// Where fakes come from.
enum Source {
    /// The run is that of the checkpoint, where there is one; the report goes there where the run was named.
    Checkpoint {
        path: PathBuf,
        run: Option<PathBuf>,
        is_named: bool,
        manifest: Box<Manifest>,
        generator: Box<Generator>,
    },
    Model {
        path: PathBuf,
        architecture: Architecture,
        labels: Labels,
    },
    Folder {
        path: PathBuf,
        architecture: Architecture,
    },
}

impl Source {
    fn open(options: &EvaluateOptions, device: Device) -> anyhow::Result<Self> {
        if let Some(path) = &options.model {
            let model = edge_runtime::Model::open(path)?;
            let Metadata { architecture, labels, .. } = model.metadata().clone();
            return Ok(Self::Model { path: path.clone(), architecture, labels });
        }
        if let Some(path) = &options.fakes {
            return Ok(Self::Folder { path: path.clone(), architecture: of_pictures(path)? });
        }
        let (path, run) = match &options.run {
            Some(path) if path.join(model_spec::manifest::MANIFEST).is_file() => {
                let above = path.canonicalize().ok().and_then(|path| Some(path.parent()?.parent()?.to_owned()));
                (path.clone(), above.filter(|run| run.join(OPTIONS).is_file()))
            }
            Some(path) => {
                let named = |error| anyhow::anyhow!("--run {error}; train one, or name --model or --fakes");
                let run = run_folder::find(&options.out, &path.display().to_string()).map_err(named)?;
                let newest = run_folder::latest_checkpoint(&run)?;
                (newest.with_context(|| format!("{}: no checkpoint yet", run.display()))?, Some(run))
            }
            None => {
                let newest = run_folder::newest_with_checkpoint(&options.out)?;
                let (run, checkpoint) = newest.with_context(|| {
                    let runs = options.out.display();
                    format!("no run with a checkpoint in {runs}; train one, or name --model or --fakes")
                })?;
                (checkpoint, Some(run))
            }
        };
        let (manifest, generator) = checkpoint::read_generator(&path, device)?;
        let is_named = options.run.as_ref() != Some(&path);
        Ok(Self::Checkpoint { path, run, is_named, manifest: Box::new(manifest), generator: Box::new(generator) })
    }

    fn name(&self) -> String {
        match self {
            Self::Checkpoint { path, manifest, .. } => {
                let kimg = manifest.progress.images as f64 / 1000.0;
                format!("{}, recipe {}, {kimg:.1} kimg", path.display(), manifest.recipe)
            }
            Self::Model { path, .. } | Self::Folder { path, .. } => path.display().to_string(),
        }
    }

    fn architecture(&self) -> &Architecture {
        match self {
            Self::Checkpoint { manifest, .. } => &manifest.architecture,
            Self::Model { architecture, .. } | Self::Folder { architecture, .. } => architecture,
        }
    }

    fn run(&self) -> Option<&Path> {
        match self {
            Self::Checkpoint { run, .. } => run.as_deref(),
            _ => None,
        }
    }

    fn named_run(&self) -> Option<&Path> {
        match self {
            Self::Checkpoint { is_named: true, .. } => self.run(),
            _ => None,
        }
    }

    /// Before a network is fitted for nothing. A folder's labels are compared when its pictures are read.
    fn refuse_other_labels(&self, data: &DataSet) -> anyhow::Result<()> {
        let (path, labels) = match self {
            Self::Checkpoint { path, manifest, .. } => (path, &manifest.labels),
            Self::Model { path, labels, .. } => (path, labels),
            Self::Folder { .. } => return Ok(()),
        };
        anyhow::ensure!(
            *labels == data.labels,
            "{}: expected the data set's labels {:?}, found {:?}",
            path.display(),
            data.labels.names(),
            labels.names()
        );
        Ok(())
    }

    fn warn_of_other_pictures(&self, data: &DataSet) {
        if let Self::Checkpoint { manifest, .. } = self
            && manifest.data_set.sha256 != data.sha256
        {
            let (expected, found) = (&manifest.data_set.sha256, &data.sha256);
            output::tell(format_args!(
                "warning: the run was trained on other pictures: expected sha256 {expected}, found {found}"
            ));
        }
    }

    fn data_folder(&self, options: &EvaluateOptions) -> Result<Option<PathBuf>, TrainError> {
        match (&options.data, self.run()) {
            (Some(named), _) => Ok(Some(named.clone())),
            (None, Some(run)) => Ok(Settings::read(run)?.data),
            (None, None) => Ok(plan::default_data()),
        }
    }

    fn fakes(&self, options: &EvaluateOptions, meter: &Meter, data: &DataSet) -> anyhow::Result<Fakes> {
        let most = options.samples.unwrap_or(usize::MAX);
        let counts: Vec<usize> = meter.samples().into_iter().map(|count| count.min(most)).collect();
        let wanted = Wanted {
            counts: &counts,
            seed: options.seed,
            labels: &data.labels,
            size: self.architecture().image_size,
            channels: self.architecture().channels,
            device: meter.device(),
        };
        Ok(match self {
            Self::Checkpoint { generator, .. } => fakes::from_generator(generator, &wanted),
            Self::Model { path, .. } => {
                let bar = bar("pictures");
                fakes::from_model(path, &wanted, &|done, total| show(&bar, done as u64, total as u64))?
            }
            Self::Folder { path, .. } => fakes::from_folder(path, &wanted)?,
        })
    }
}

/// What makes pictures like those of a folder: as wide as the first one, gray where all of them are.
fn of_pictures(folder: &Path) -> anyhow::Result<Architecture> {
    let files: Vec<PathBuf> = dataset::classes(folder)?.into_iter().flat_map(|class| class.files).collect();
    let first = files.first().with_context(|| format!("--fakes {}: no picture in any sub-folder", folder.display()))?;
    let shape = |path: &Path| dataset::shape(path).with_context(|| format!("picture {}", path.display()));
    let size = shape(first)?.side;
    let gray = |all: bool, path: &PathBuf| anyhow::Ok(all && shape(path)?.is_gray);
    let is_gray = files.iter().try_fold(true, gray)?;
    let channels = if is_gray { 1 } else { 3 };
    Architecture::reference(size, channels).with_context(|| format!("{}: {size} pixels wide", first.display()))
}

fn text(evaluation: &Evaluation, meter: &Meter) -> String {
    let tried = meter.classifier().tried;
    format!(
        "{}\nmeasuring network {}: {} of {} held-out real pictures labelled right ({:.1} %); held out: {}\n",
        evaluation.text(),
        evaluation.short_features(),
        tried.right,
        tried.pictures,
        100.0 * tried.right as f64 / tried.pictures as f64,
        tried.rule.text()
    )
}

fn bar(message: &'static str) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}, {eta} left").expect("the template is valid");
    ProgressBar::new(0).with_style(style).with_message(message)
}

fn show(bar: &ProgressBar, done: u64, total: u64) {
    bar.set_length(total);
    bar.set_position(done);
}
