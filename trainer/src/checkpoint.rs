//! Checkpoints: written whole or not at all, read back to the bit.

use std::collections::BTreeMap;
use std::path::Path;

use edge_runtime::model::sha256_hex;
use model_spec::manifest::{self, DataSet, Manifest, Progress, reference};
use model_spec::{Labels, latent};
use tch::{Device, Kind, Tensor};

use crate::adam::Slot;
use crate::atomic;
use crate::error::{IoContext, TrainError};
use crate::networks::{Generator, Mode};
use crate::settings::Settings;
use crate::step::Gan;
use crate::tensor_file;
use crate::weights::{Convolutions, Weights};

const GENERATOR: &str = "generator";
const DISCRIMINATOR: &str = "discriminator";
const GENERATOR_ADAM: &str = "generator_adam";
const DISCRIMINATOR_ADAM: &str = "discriminator_adam";
const DISCRIMINATOR_LOSSES: &str = "epoch.discriminator_losses";
const GENERATOR_LOSSES: &str = "epoch.generator_losses";
const REFERENCE_ROWS: usize = 16;
const REFERENCE_SEEDS: u64 = 2;

/// Losses of the steps of one epoch, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EpochLosses {
    /// Of the discriminator.
    pub discriminator: Vec<f32>,
    /// Of the generator.
    pub generator: Vec<f32>,
}

/// What a checkpoint says beside the weights.
#[derive(Debug)]
pub struct State<'a> {
    /// The run's options.
    pub settings: &'a Settings,
    /// In label-index order.
    pub labels: &'a Labels,
    /// What it trains on.
    pub data_set: &'a DataSet,
    /// How far it has come.
    pub progress: Progress,
    /// Of the epoch that is under way; empty between epochs.
    pub losses: &'a EpochLosses,
    /// By name.
    pub scores: BTreeMap<String, f64>,
    /// SHA-256 of the network that the scores of quality come from.
    pub features: Option<String>,
}

/// Writes a checkpoint folder.
///
/// # Errors
/// The folder can't be written; no half checkpoint is left under its name.
pub fn write(path: &Path, gan: &Gan, state: &State<'_>) -> Result<(), TrainError> {
    atomic::folder(path, |folder| {
        tensor_file::write(&folder.join(manifest::GENERATOR), named(&gan.best_generator().weights))?;
        write_reference(&folder.join(manifest::REFERENCE), gan, state)?;
        write_state(&folder.join(manifest::STATE), gan, state.losses)?;
        let mut files = BTreeMap::new();
        for name in [manifest::GENERATOR, manifest::REFERENCE, manifest::STATE] {
            let file = folder.join(name);
            files.insert(name.to_owned(), sha256_hex(&std::fs::read(&file).during("read", &file)?));
        }
        let manifest = Manifest {
            schema_version: manifest::SCHEMA_VERSION,
            architecture: state.settings.architecture.clone(),
            labels: state.labels.clone(),
            picture_range: manifest::PICTURE_RANGE,
            recipe: state.settings.recipe.name().to_owned(),
            seed: state.settings.seed,
            data_set: state.data_set.clone(),
            progress: state.progress,
            scores: state.scores.clone(),
            features: state.features.clone(),
            files,
        };
        let text = serde_json::to_string_pretty(&manifest).expect("plain data always serializes");
        atomic::write(&folder.join(manifest::MANIFEST), text.as_bytes())
    })
}

/// Reads a checkpoint folder into networks of the same architecture.
///
/// # Errors
/// A file that is missing, changed since it was written (by SHA-256), or holds other tensors than expected.
pub fn read(path: &Path, gan: &mut Gan) -> Result<(Manifest, EpochLosses), TrainError> {
    let manifest = Manifest::open(path, sha256_hex)?;
    read_generator_weights(path, gan.best_generator())?;
    let file = path.join(manifest::STATE);
    let bytes = std::fs::read(&file).during("read", &file)?;
    let reader = tensor_file::Reader::new(&file, &bytes)?;
    read_weights(&reader, &format!("{DISCRIMINATOR}/"), gan.discriminator.weights())?;
    if gan.average.is_some() {
        read_weights(&reader, &format!("{GENERATOR}/"), &gan.generator.weights)?;
    }
    for (prefix, adam) in [(GENERATOR_ADAM, &mut gan.generator_adam), (DISCRIMINATOR_ADAM, &mut gan.discriminator_adam)]
    {
        for slot in adam.slots() {
            reader.copy_to(&mean_name(prefix, &slot), slot.mean)?;
            reader.copy_to(&square_name(prefix, &slot), slot.square)?;
        }
        adam.steps = manifest.progress.steps;
    }
    let losses = EpochLosses {
        discriminator: reader.numbers(DISCRIMINATOR_LOSSES)?,
        generator: reader.numbers(GENERATOR_LOSSES)?,
    };
    Ok((manifest, losses))
}

/// Reads the generator of a checkpoint folder alone, and what its manifest says.
///
/// # Errors
/// Those of [`read`].
pub fn read_generator(path: &Path, device: Device) -> Result<(Manifest, Generator), TrainError> {
    let manifest = Manifest::open(path, sha256_hex)?;
    let labels = manifest.labels.len();
    let generator = Generator::initial(&manifest.architecture, labels, Convolutions::Small, device);
    read_generator_weights(path, &generator)?;
    Ok((manifest, generator))
}

/// Latents of some seeds under the first labels, and the pictures that libtorch makes of them.
fn write_reference(path: &Path, gan: &Gan, state: &State<'_>) -> Result<(), TrainError> {
    let seeds = 1..=REFERENCE_SEEDS;
    let labels = 0..state.labels.len().min(REFERENCE_ROWS / REFERENCE_SEEDS as usize);
    let rows: Vec<(u64, i64)> = labels.flat_map(|label| seeds.clone().map(move |seed| (seed, label as i64))).collect();
    let dim = state.settings.architecture.latent_dim;
    let numbers: Vec<f32> = rows.iter().flat_map(|(seed, _)| latent::latent(*seed, 0, dim)).collect();
    let generator = gan.best_generator();
    let device = generator.device();
    let latents = Tensor::from_slice(&numbers).view([rows.len() as i64, dim as i64]).to_device(device);
    let labels = Tensor::from_slice(&rows.iter().map(|row| row.1).collect::<Vec<_>>()).to_device(device);
    let seeds = Tensor::from_slice(&rows.iter().map(|row| row.0 as i64).collect::<Vec<_>>());
    let images = tch::no_grad(|| generator.forward(&latents, &labels, Mode::Evaluate));
    let tensors = [
        (reference::LATENT, &latents),
        (reference::LABEL, &labels),
        (reference::SEED, &seeds),
        (reference::IMAGE, &images),
    ];
    tensor_file::write(path, tensors.map(|(name, tensor)| (name.to_owned(), tensor)))
}

fn write_state(path: &Path, gan: &Gan, losses: &EpochLosses) -> Result<(), TrainError> {
    let discriminator_losses = Tensor::from_slice(&losses.discriminator).to_kind(Kind::Float);
    let generator_losses = Tensor::from_slice(&losses.generator).to_kind(Kind::Float);
    let mut tensors: Vec<(String, &Tensor)> =
        named(gan.discriminator.weights()).map(|(name, tensor)| (format!("{DISCRIMINATOR}/{name}"), tensor)).collect();
    if gan.average.is_some() {
        tensors.extend(named(&gan.generator.weights).map(|(name, tensor)| (format!("{GENERATOR}/{name}"), tensor)));
    }
    for (prefix, adam) in [(GENERATOR_ADAM, &gan.generator_adam), (DISCRIMINATOR_ADAM, &gan.discriminator_adam)] {
        for slot in adam.slots() {
            tensors.push((mean_name(prefix, &slot), slot.mean));
            tensors.push((square_name(prefix, &slot), slot.square));
        }
    }
    tensors.push((DISCRIMINATOR_LOSSES.to_owned(), &discriminator_losses));
    tensors.push((GENERATOR_LOSSES.to_owned(), &generator_losses));
    tensor_file::write(path, tensors)
}

fn named(weights: &Weights) -> impl Iterator<Item = (String, &Tensor)> {
    weights.iter().map(|(spec, tensor)| (spec.name.clone(), tensor))
}

fn read_generator_weights(path: &Path, generator: &Generator) -> Result<(), TrainError> {
    let file = path.join(manifest::GENERATOR);
    let bytes = std::fs::read(&file).during("read", &file)?;
    read_weights(&tensor_file::Reader::new(&file, &bytes)?, "", &generator.weights)
}

fn read_weights(reader: &tensor_file::Reader<'_>, prefix: &str, weights: &Weights) -> Result<(), TrainError> {
    weights.iter().try_for_each(|(spec, tensor)| reader.copy_to(&format!("{prefix}{}", spec.name), tensor))
}

fn mean_name(prefix: &str, slot: &Slot<'_>) -> String {
    format!("{prefix}.mean/{}", slot.name)
}

fn square_name(prefix: &str, slot: &Slot<'_>) -> String {
    format!("{prefix}.square/{}", slot.name)
}
