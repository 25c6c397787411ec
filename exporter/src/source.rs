//! What is exported: a checkpoint of the trainer, or a PyTorch state dict.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model_spec::manifest::{DataSet, Progress};
use model_spec::{Architecture, Labels, latent};

use crate::checkpoint::{self, Found, Reference};
use crate::weights::Weights;
use crate::{ExportError, state_dict, unfolded};

/// Where runs are looked for without `--run`.
pub const DEFAULT_RUNS: &str = "runs";
/// The most labels of a state dict whose pictures are compared.
const MOST_CHECKED: usize = 4;
/// The only recipe that writes state dicts of these names.
const RECIPE: &str = "reference";

/// What the command line says about the source.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// A run, a checkpoint or a state dict; the newest run where there is none.
    pub run: Option<&'a Path>,
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
    /// Checked.
    pub weights: Weights,
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
}

/// Opens what is wanted.
///
/// # Errors
/// Nothing there, or not what it should be; labels missing for a state dict or given for a checkpoint; a licence for a
/// state dict, which names no data set.
pub fn open(wanted: &Wanted<'_>) -> Result<Source, ExportError> {
    if let Some(path) = wanted.run.filter(|path| path.is_file()) {
        return open_state_dict(path, wanted);
    }
    let found = match wanted.run {
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
    Ok(Source {
        path: found.path,
        reason: found.reason,
        architecture: manifest.architecture,
        labels: manifest.labels,
        weights: checkpoint.weights,
        reference: checkpoint.reference,
        reference_by: "libtorch",
        recipe: manifest.recipe,
        data_set: Some(DataSet { licence, ..manifest.data_set }),
        progress: Some(manifest.progress),
        scores: manifest.scores,
        features: manifest.features,
    })
}

/// A state dict brings no reference pictures: the unfolded network makes them, one a label, each of another latent.
fn from_state_dict(path: &Path, labels: Labels) -> Result<Source, ExportError> {
    let (architecture, weights) = state_dict::read(path, labels.len())?;
    let rows = 0..labels.len().min(MOST_CHECKED);
    let latents: Vec<_> = rows.clone().map(|row| latent::latent(row as u64 + 1, 0, architecture.latent_dim)).collect();
    let pictures = latents.iter().enumerate();
    let reference = Reference {
        labels: rows.map(|label| label as i64).collect(),
        images: pictures.flat_map(|(label, at)| unfolded::forward(&weights, &architecture, at, label)).collect(),
        latents: latents.concat(),
    };
    Ok(Source {
        path: path.to_owned(),
        reason: "a PyTorch state dict".to_owned(),
        architecture,
        labels,
        weights,
        reference,
        reference_by: "the unfolded network",
        recipe: RECIPE.to_owned(),
        data_set: None,
        progress: None,
        scores: BTreeMap::new(),
        features: None,
    })
}
