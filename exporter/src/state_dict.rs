//! PyTorch state dicts in zip format (`torch.save` since PyTorch 1.6): tensors only, no code is run.

mod archive;
mod pickle;

use std::collections::BTreeMap;
use std::path::Path;

use model_spec::Architecture;
use model_spec::architecture::{Doubling, Family, Opponent, STEM_SIZE};
use model_spec::weights::{generator as names, generator_weights};

use crate::ExportError;
use crate::weights::{Shapes, Weights};
use archive::Archive;
use pickle::TensorEntry;

/// What the discriminator had is not in a generator's state dict; these are the reference's.
const DISCRIMINATOR_WIDTHS: [usize; 4] = [64, 128, 256, 512];
/// More than any picture of the family needs.
const MOST_BLOCKS: usize = 8;

/// Reads the generator of a state dict; its architecture follows from the shapes.
///
/// # Errors
/// Anything but an uncompressed zip archive with a pickle of plain tensors, sizes beyond the limits, weights outside the
/// contract, or another number of labels than the embedding has.
pub fn read(path: &Path, labels: usize) -> Result<(Architecture, Weights), ExportError> {
    let mut archive = Archive::open(path)?;
    let entries = pickle::tensors(&archive.pickle()?).map_err(|found| archive::not_pytorch(path, found))?;
    let entries: BTreeMap<String, TensorEntry> = entries.into_iter().collect();
    let shapes = entries.iter().map(|(name, entry)| (name.clone(), entry.shape.clone())).collect();
    let (architecture, rows) = architecture(path, &shapes)?;
    if rows != labels {
        return Err(ExportError::Usage(format!(
            "--labels: expected {rows} names, one a row of {:?} in {}, found {labels}",
            names::LABEL_EMBEDDING,
            path.display()
        )));
    }
    let specs = generator_weights(&architecture, labels);
    let weights = Weights::read(path, &shapes, &specs, |name| match entries.get(name) {
        Some(entry) => archive.numbers(name, entry),
        None => Err(missing(path, name)),
    })?;
    Ok((architecture, weights))
}

/// The architecture that the shapes tell, and the number of labels.
fn architecture(path: &Path, shapes: &Shapes) -> Result<(Architecture, usize), ExportError> {
    let side = |name: &str, axis: usize| {
        shapes.get(name).and_then(|shape| shape.get(axis).copied()).ok_or_else(|| missing(path, name))
    };
    let has_kernel = |block: &usize| shapes.contains_key(&names::kernel(*block));
    // Every block but the last is normalized.
    let has_norm_before = |block: &usize| *block > 0 && shapes.contains_key(&names::norm(block - 1).weight);
    let last = (0..MOST_BLOCKS).rev().find(|block| has_kernel(block) || has_norm_before(block)).unwrap_or(0);
    let outputs = (0..=last).map(|block| side(&names::kernel(block), 1)).collect::<Result<Vec<_>, _>>()?;
    let Some((channels, widths)) = outputs.split_last() else {
        return Err(missing(path, &names::kernel(0)));
    };
    let architecture = Architecture {
        family: Family::Cdcgan,
        image_size: STEM_SIZE << outputs.len(),
        channels: *channels,
        latent_dim: side(names::LATENT_WEIGHT, 1)?,
        embedding_dim: side(names::LABEL_EMBEDDING, 1)?,
        stem_channels: side(&names::kernel(0), 0)?.saturating_sub(1),
        widths: widths.to_vec(),
        doubling: Doubling::Transposed,
        discriminator: Opponent::Concatenation,
        discriminator_widths: DISCRIMINATOR_WIDTHS.to_vec(),
    };
    architecture.check().map_err(|error| ExportError::Format {
        path: path.to_owned(),
        expected: "a generator of the reference notebook, of any width".to_owned(),
        found: error.to_string(),
    })?;
    Ok((architecture, side(names::LABEL_EMBEDDING, 0)?))
}

fn missing(path: &Path, name: &str) -> ExportError {
    ExportError::Weight {
        path: path.to_owned(),
        name: name.to_owned(),
        expected: "a weight of the reference notebook's generator".to_owned(),
        found: "none".to_owned(),
    }
}
