//! Checkpoint folders of the trainer: finding one, and reading its weights and reference pictures.

use std::path::{Path, PathBuf};

use edge_runtime::model::sha256_hex;
use model_spec::Manifest;
use model_spec::manifest::{self, BEST_BY, CHECKPOINTS, reference};
use model_spec::weights::generator_weights;
use safetensors::{Dtype, SafeTensors};

use crate::ExportError;
use crate::weights::Weights;

/// Latents, labels and the pictures that libtorch makes of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// `[n, latent_dim]`
    pub latents: Vec<f32>,
    /// `[n]`
    pub labels: Vec<i64>,
    /// `[n, channels, side, side]` in [-1, 1]
    pub images: Vec<f32>,
}

/// A checkpoint in memory.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// What it says of itself.
    pub manifest: Manifest,
    /// The weights to export.
    pub weights: Weights,
    /// What they must reproduce.
    pub reference: Reference,
}

/// A checkpoint folder, and why it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The folder.
    pub path: PathBuf,
    /// For people: `latest of 10`.
    pub reason: String,
}

/// The newest run's best checkpoint in `runs`, or its latest where there are no scores.
///
/// # Errors
/// No run with a checkpoint.
pub fn find_newest(runs: &Path) -> Result<Found, ExportError> {
    for run in runs_in(runs)?.iter().rev() {
        if let Some(found) = best_of_run(run)? {
            return Ok(Found { reason: format!("newest run, {}", found.reason), ..found });
        }
    }
    Err(ExportError::NoSource(format!(
        "no run with a checkpoint in {}: train one with cargo run -p trainer, or name one with --run",
        runs.display()
    )))
}

/// The run folders in a folder, the newest last.
fn runs_in(runs: &Path) -> Result<Vec<PathBuf>, ExportError> {
    let mut folders = if runs.is_dir() { folders(runs)? } else { Vec::new() };
    folders.retain(|path| path.join(CHECKPOINTS).is_dir());
    folders.sort();
    folders.sort_by_key(|run| manifest::run_number(run));
    Ok(folders)
}

/// The checkpoint that a path names: itself, the best of a run folder, or that of the newest run in a folder of runs.
///
/// # Errors
/// A folder that is none of these.
pub fn find(path: &Path) -> Result<Found, ExportError> {
    if path.join(manifest::MANIFEST).is_file() {
        return Ok(Found { path: path.to_owned(), reason: "as named".to_owned() });
    }
    let is_run = path.join(CHECKPOINTS).is_dir();
    if is_run && let Some(found) = best_of_run(path)? {
        return Ok(found);
    }
    if !runs_in(path)?.is_empty() {
        return find_newest(path);
    }
    let found = match (is_run, path.exists()) {
        (true, _) => "a run without one yet",
        (false, true) => "none of these",
        (false, false) => "nothing there",
    };
    Err(ExportError::NoSource(format!(
        "--run {}: expected a run folder with a checkpoint, a folder of runs, a checkpoint folder with {}, latest, or a .pth \
         file; found {found}",
        path.display(),
        manifest::MANIFEST
    )))
}

/// Reads a checkpoint folder.
///
/// # Errors
/// A file that is missing, changed since it was written, or holds other tensors than the manifest's architecture has.
pub fn read(folder: &Path) -> Result<Checkpoint, ExportError> {
    let manifest = Manifest::open(folder, sha256_hex)?;
    for name in [manifest::GENERATOR, manifest::REFERENCE] {
        if !manifest.files.contains_key(name) {
            let expected = format!("the sha256 of {name}");
            return Err(ExportError::Format {
                path: folder.join(manifest::MANIFEST),
                expected,
                found: "none".to_owned(),
            });
        }
    }
    let path = folder.join(manifest::GENERATOR);
    let bytes = read_file(&path)?;
    let tensors = tensors(&path, &bytes)?;
    let shapes = tensors.tensors().into_iter().map(|(name, view)| (name, view.shape().to_vec())).collect();
    let specs = generator_weights(&manifest.architecture, manifest.labels.len());
    let weights = Weights::read(&path, &shapes, &specs, |name| Ok(floats(&path, &tensors, name)?.1))?;
    let reference = read_reference(folder, &manifest)?;
    Ok(Checkpoint { manifest, weights, reference })
}

fn read_reference(folder: &Path, manifest: &Manifest) -> Result<Reference, ExportError> {
    let path = folder.join(manifest::REFERENCE);
    let bytes = read_file(&path)?;
    let tensors = tensors(&path, &bytes)?;
    let architecture = &manifest.architecture;
    let labels = integers(&path, &tensors, reference::LABEL)?;
    let (latent_shape, latents) = floats(&path, &tensors, reference::LATENT)?;
    let (image_shape, images) = floats(&path, &tensors, reference::IMAGE)?;
    let side = architecture.image_size;
    for (name, expected, found) in [
        (reference::LATENT, vec![labels.len(), architecture.latent_dim], latent_shape),
        (reference::IMAGE, vec![labels.len(), architecture.channels, side, side], image_shape),
    ] {
        if found != expected || labels.is_empty() {
            return Err(bad_tensor(&path, name, format!("shape {expected:?}, at least one row"), format!("{found:?}")));
        }
    }
    if let Some(value) = latents.iter().chain(&images).find(|value| !value.is_finite()) {
        return Err(bad_tensor(&path, "latent or image", "numbers".to_owned(), value.to_string()));
    }
    let known = 0..manifest.labels.len() as i64;
    if let Some(label) = labels.iter().find(|label| !known.contains(label)) {
        return Err(bad_tensor(&path, reference::LABEL, format!("labels in {known:?}"), label.to_string()));
    }
    Ok(Reference { latents, labels, images })
}

/// [`manifest::best`] of a run.
fn best_of_run(run: &Path) -> Result<Option<Found>, ExportError> {
    let mut paths = folders(&run.join(CHECKPOINTS))?;
    paths.retain(|path| path.join(manifest::MANIFEST).is_file());
    let read = |path: PathBuf| Manifest::read(&path).map(|manifest| (path, manifest));
    let checkpoints = paths.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(manifest::best(&checkpoints).map(|(path, manifest)| {
        let reason = manifest.score().map_or("latest".to_owned(), |score| format!("best {BEST_BY} ({score:.3})"));
        Found { path: path.clone(), reason: format!("{reason} of {}", checkpoints.len()) }
    }))
}

fn folders(parent: &Path) -> Result<Vec<PathBuf>, ExportError> {
    let list = || -> std::io::Result<Vec<PathBuf>> {
        std::fs::read_dir(parent)?.map(|entry| entry.map(|entry| entry.path())).collect()
    };
    let mut paths = list().map_err(|source| ExportError::Read { path: parent.to_owned(), source })?;
    let is_hidden = |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    paths.retain(|path| path.is_dir() && !is_hidden(path));
    Ok(paths)
}

fn tensors<'a>(path: &Path, bytes: &'a [u8]) -> Result<SafeTensors<'a>, ExportError> {
    SafeTensors::deserialize(bytes).map_err(|error| ExportError::Format {
        path: path.to_owned(),
        expected: "a safetensors file".to_owned(),
        found: error.to_string(),
    })
}

fn floats(path: &Path, tensors: &SafeTensors<'_>, name: &str) -> Result<(Vec<usize>, Vec<f32>), ExportError> {
    let view = tensors.tensor(name).map_err(|_| bad_tensor(path, name, "one".into(), "none".into()))?;
    if view.dtype() != Dtype::F32 {
        return Err(bad_tensor(path, name, "f32".into(), format!("{:?}", view.dtype())));
    }
    let numbers = view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Ok((view.shape().to_vec(), numbers))
}

fn integers(path: &Path, tensors: &SafeTensors<'_>, name: &str) -> Result<Vec<i64>, ExportError> {
    let view = tensors.tensor(name).map_err(|_| bad_tensor(path, name, "one".into(), "none".into()))?;
    if view.dtype() != Dtype::I64 || view.shape().len() != 1 {
        return Err(bad_tensor(path, name, "i64 [n]".into(), format!("{:?} {:?}", view.dtype(), view.shape())));
    }
    Ok(view.data().as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect())
}

fn bad_tensor(path: &Path, name: &str, expected: String, found: String) -> ExportError {
    ExportError::Weight { path: path.to_owned(), name: name.to_owned(), expected, found }
}

fn read_file(path: &Path) -> Result<Vec<u8>, ExportError> {
    std::fs::read(path).map_err(|source| ExportError::Read { path: path.to_owned(), source })
}
