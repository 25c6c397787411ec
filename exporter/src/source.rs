//! What is exported: a checkpoint of the trainer, a PyTorch state dict, or a model file of ours.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model_spec::architecture::Doubling;
use model_spec::manifest::{DataSet, Progress};
use model_spec::metadata::Golden;
use model_spec::{Architecture, Labels, latent};

use crate::checkpoint::{self, Found, Reference};
use crate::fold::{Folded, fold};
use crate::{ExportError, model_file, state_dict, unfolded};

/// Where runs are looked for without `--run`.
pub const DEFAULT_RUNS: &str = "runs";
/// What the trainer calls the newest of these.
const LATEST: &str = "latest";
/// The most labels of a state dict or model file whose pictures are compared.
const MOST_CHECKED: usize = 4;
/// The only recipe that writes state dicts of these names.
const RECIPE: &str = "reference";

/// What the command line says about the source.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// A run, a folder of runs, a checkpoint or a state dict; the newest run where there is none, or `latest`.
    pub run: Option<&'a Path>,
    /// A model file of ours, in place of a run.
    pub from: Option<&'a Path>,
    /// Names for the labels of a state dict.
    pub labels: Option<&'a [String]>,
    /// Credit and licence of the data set, where the checkpoint states none or another.
    pub data_licence: Option<&'a str>,
}

/// A trained generator and all that its file will say.
#[derive(Debug, Clone)]
pub struct Source {
    /// Where it was read.
    pub path: PathBuf,
    /// Why it was read there.
    pub reason: String,
    /// Its numbers.
    pub architecture: Architecture,
    /// In label-index order.
    pub labels: Labels,
    /// What is written.
    pub folded: Folded,
    /// Pictures that the file must reproduce.
    pub reference: Reference,
    /// What made the reference pictures.
    pub reference_by: &'static str,
    /// Recipe name.
    pub recipe: String,
    /// What it was trained on, where known.
    pub data_set: Option<DataSet>,
    /// How long, where known.
    pub progress: Option<Progress>,
    /// By name.
    pub scores: BTreeMap<String, f64>,
    /// SHA-256 of the network that gave the features of the quality scores.
    pub features: Option<String>,
    /// Golden pictures that travel on, where the source is a model file.
    pub golden: Option<Vec<Golden>>,
}

/// Opens what is wanted.
///
/// # Errors
/// Nothing there, or not what it should be; labels missing for a state dict or given for a checkpoint; a licence for a
/// state dict, which names no data set.
pub fn open(wanted: &Wanted<'_>) -> Result<Source, ExportError> {
    if let Some(path) = wanted.from {
        return from_model(path, wanted.data_licence);
    }
    if let Some(path) = wanted.run.filter(|path| path.extension().is_some_and(|ending| ending == "onnx")) {
        let shown = path.display();
        return Err(ExportError::Usage(format!("--run {shown}: a model file is no run; name it with --from {shown}")));
    }
    if let Some(path) = wanted.run.filter(|path| path.is_file()) {
        return open_state_dict(path, wanted);
    }
    let is_latest = |path: &&Path| *path == Path::new(LATEST) && !path.exists();
    let found = match wanted.run.filter(|path| !is_latest(path)) {
        Some(path) => checkpoint::find(path)?,
        None => checkpoint::find_newest(Path::new(DEFAULT_RUNS))?,
    };
    if wanted.labels.is_some() {
        let path = found.path.display();
        return Err(ExportError::Usage(format!("--labels: {path} names its labels itself; leave it out")));
    }
    from_checkpoint(found, wanted.data_licence)
}

fn open_state_dict(path: &Path, wanted: &Wanted<'_>) -> Result<Source, ExportError> {
    let shown = path.display();
    if wanted.data_licence.is_some() {
        return Err(ExportError::Usage(format!("--data-licence: {shown} names no data set; leave it out")));
    }
    match wanted.labels {
        Some(labels) => from_state_dict(path, Labels::new(labels.to_vec())?),
        None => Err(ExportError::Usage(format!(
            "--run {shown}: a state dict names no labels; give them with --labels a,b,c in the order of training"
        ))),
    }
}

fn from_checkpoint(found: Found, data_licence: Option<&str>) -> Result<Source, ExportError> {
    let checkpoint = checkpoint::read(&found.path)?;
    let manifest = checkpoint.manifest;
    let licence = data_licence.map(str::to_owned).or(manifest.data_set.licence);
    let folded = fold(&checkpoint.weights, &manifest.architecture);
    Ok(Source {
        path: found.path,
        reason: found.reason,
        // Of what the file will hold.
        architecture: Architecture { doubling: Doubling::Transposed, ..manifest.architecture },
        labels: manifest.labels,
        folded,
        reference: checkpoint.reference,
        reference_by: "libtorch",
        recipe: manifest.recipe,
        data_set: Some(DataSet { licence, ..manifest.data_set }),
        progress: Some(manifest.progress),
        scores: manifest.scores,
        features: manifest.features,
        golden: None,
    })
}

/// A model file of ours, whose weights are folded already; plain f64 makes its reference, one picture a label.
fn from_model(path: &Path, data_licence: Option<&str>) -> Result<Source, ExportError> {
    let (metadata, folded) = model_file::read(path)?;
    let architecture = metadata.architecture;
    let licence = |data_set: DataSet| {
        let licence = data_licence.map(str::to_owned).or(data_set.licence);
        DataSet { licence, ..data_set }
    };
    if data_licence.is_some() && metadata.data_set.is_none() {
        let shown = path.display();
        return Err(ExportError::Usage(format!("--data-licence: {shown} names no data set; leave it out")));
    }
    let picture = |latent: &[f32], label| unfolded::forward_folded(&folded, &architecture, latent, label);
    let reference = reference(&architecture, metadata.labels.len(), picture);
    Ok(Source {
        path: path.to_owned(),
        reason: format!("a model file, {} weights", metadata.weights.name()),
        reference,
        reference_by: "its weights in f64",
        labels: metadata.labels,
        recipe: metadata.recipe,
        data_set: metadata.data_set.map(licence),
        progress: metadata.progress,
        scores: metadata.scores,
        features: metadata.features,
        golden: Some(metadata.golden).filter(|golden| !golden.is_empty()),
        folded,
        architecture,
    })
}

/// Pictures for labels from the first on, each of another latent.
fn reference(architecture: &Architecture, labels: usize, picture: impl Fn(&[f32], usize) -> Vec<f32>) -> Reference {
    let rows = 0..labels.min(MOST_CHECKED);
    let latents: Vec<_> = rows.clone().map(|row| latent::latent(row as u64 + 1, 0, architecture.latent_dim)).collect();
    Reference {
        labels: rows.map(|label| label as i64).collect(),
        images: latents.iter().enumerate().flat_map(|(label, at)| picture(at, label)).collect(),
        latents: latents.concat(),
    }
}

/// A state dict brings no reference pictures: the unfolded network makes them, one a label, each of another latent.
fn from_state_dict(path: &Path, labels: Labels) -> Result<Source, ExportError> {
    let (architecture, weights) = state_dict::read(path, labels.len())?;
    let picture = |latent: &[f32], label| unfolded::forward(&weights, &architecture, latent, label);
    let reference = reference(&architecture, labels.len(), picture);
    let folded = fold(&weights, &architecture);
    Ok(Source {
        path: path.to_owned(),
        reason: "a PyTorch state dict".to_owned(),
        architecture,
        labels,
        folded,
        reference,
        reference_by: "the unfolded network",
        recipe: RECIPE.to_owned(),
        data_set: None,
        progress: None,
        scores: BTreeMap::new(),
        features: None,
        golden: None,
    })
}
