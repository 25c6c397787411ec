//! What is exported: a checkpoint of the trainer, or a PyTorch state dict.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model_spec::manifest::{DataSet, Progress};
use model_spec::{Architecture, Labels, latent};

use crate::checkpoint::{self, Reference};
use crate::weights::Weights;
use crate::{ExportError, state_dict, unfolded};

/// Where runs are looked for without `--run`.
pub const DEFAULT_RUNS: &str = "runs";
const STATE_DICT_ENDINGS: [&str; 2] = ["pth", "pt"];
const CHECKED_SEED: u64 = 1;

/// A trained generator and all that its file will say.
#[derive(Debug, Clone)]
pub struct Source {
    /// Where it was read.
    pub path: PathBuf,
    /// Its numbers.
    pub architecture: Architecture,
    /// In label-index order.
    pub labels: Labels,
    /// Checked.
    pub weights: Weights,
    /// Pictures that the file must reproduce.
    pub reference: Reference,
    /// Who made the reference pictures.
    pub reference_by: &'static str,
    /// Recipe name.
    pub recipe: String,
    /// What it was trained on, where known.
    pub data_set: Option<DataSet>,
    /// How long, where known.
    pub progress: Option<Progress>,
    /// By name.
    pub scores: BTreeMap<String, f64>,
}

/// Opens what `--run` names, or the newest run.
///
/// # Errors
/// Nothing there, or not what it should be; labels missing for a state dict or given for a checkpoint.
pub fn open(run: Option<&Path>, labels: Option<&[String]>) -> Result<Source, ExportError> {
    let is_state_dict = |path: &&Path| {
        path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| STATE_DICT_ENDINGS.contains(&ending))
    };
    if let Some(path) = run.filter(is_state_dict) {
        let labels = labels.ok_or_else(|| {
            ExportError::NoSource(format!(
                "--run {}: a state dict names no labels; give --labels a,b,c",
                path.display()
            ))
        })?;
        return from_state_dict(path, Labels::new(labels.to_vec())?);
    }
    let folder = match run {
        Some(path) => checkpoint::find(path)?,
        None => checkpoint::find_newest(Path::new(DEFAULT_RUNS))?,
    };
    if labels.is_some() {
        let message = format!("--labels: {} names its labels itself; leave it out", folder.display());
        return Err(ExportError::NoSource(message));
    }
    from_checkpoint(folder)
}

fn from_checkpoint(folder: PathBuf) -> Result<Source, ExportError> {
    let checkpoint = checkpoint::read(&folder)?;
    let manifest = checkpoint.manifest;
    Ok(Source {
        path: folder,
        architecture: manifest.architecture,
        labels: manifest.labels,
        weights: checkpoint.weights,
        reference: checkpoint.reference,
        reference_by: "libtorch",
        recipe: manifest.recipe,
        data_set: Some(manifest.data_set),
        progress: Some(manifest.progress),
        scores: manifest.scores,
    })
}

/// A state dict brings no reference pictures: the unfolded network makes them, one a label.
fn from_state_dict(path: &Path, labels: Labels) -> Result<Source, ExportError> {
    let (architecture, weights) = state_dict::read(path, labels.len())?;
    let latent = latent::latent(CHECKED_SEED, 0, architecture.latent_dim);
    let rows = 0..labels.len().min(4);
    let reference = Reference {
        latents: rows.clone().flat_map(|_| latent.iter().copied()).collect(),
        labels: rows.clone().map(|label| label as i64).collect(),
        images: rows.flat_map(|label| unfolded::forward(&weights, &architecture, &latent, label)).collect(),
    };
    Ok(Source {
        path: path.to_owned(),
        architecture,
        labels,
        weights,
        reference,
        reference_by: "the unfolded network",
        recipe: "reference".to_owned(),
        data_set: None,
        progress: None,
        scores: BTreeMap::new(),
    })
}
