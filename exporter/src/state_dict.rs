//! PyTorch state dicts in zip format (`torch.save` since PyTorch 1.6): tensors only, no code is run.
//!
//! The archive holds `<name>/data.pkl`, a pickle that names storages, and `<name>/data/<key>`, their bytes.

mod pickle;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use model_spec::Architecture;
use model_spec::architecture::{Family, STEM_SIZE};
use model_spec::weights::generator as names;
use zip::ZipArchive;

use crate::ExportError;
use crate::weights::{Weight, Weights};
use pickle::TensorEntry;

const MOST_PICKLE_BYTES: u64 = 16 << 20;
const MOST_STORAGE_BYTES: u64 = 1 << 30;
/// What the discriminator had is not in a generator's state dict; these are the reference's.
const DISCRIMINATOR_WIDTHS: [usize; 4] = [64, 128, 256, 512];

/// Reads the generator of a state dict; its architecture follows from the shapes.
///
/// # Errors
/// Anything but a zip archive with a pickle of plain tensors, sizes beyond the limits, or weights outside the contract.
pub fn read(path: &Path, labels: usize) -> Result<(Architecture, Weights), ExportError> {
    let file = File::open(path).map_err(|source| ExportError::Read { path: path.to_owned(), source })?;
    let mut archive =
        Archive { path, zip: ZipArchive::new(file).map_err(|error| not_pytorch(path, error.to_string()))? };
    let root = archive.root()?;
    archive.check_byte_order(&root)?;
    let program = archive.bytes(&format!("{root}data.pkl"), MOST_PICKLE_BYTES)?;
    let entries = pickle::tensors(&program).map_err(|problem| not_pytorch(path, problem))?;
    let mut found = BTreeMap::new();
    for (name, entry) in entries {
        if let Some(weight) = archive.weight(&root, &name, &entry)? {
            found.insert(name, weight);
        }
    }
    let architecture = architecture(path, &found)?;
    let weights = Weights::check(path, found, &architecture, labels)?;
    Ok((architecture, weights))
}

struct Archive<'a> {
    path: &'a Path,
    zip: ZipArchive<File>,
}

impl Archive<'_> {
    /// The folder in which everything lies, with its slash.
    fn root(&self) -> Result<String, ExportError> {
        let names = self.zip.file_names().filter_map(Result::ok);
        let pickle = names.filter_map(|name| name.strip_suffix("data.pkl").map(str::to_owned)).next();
        pickle.ok_or_else(|| not_pytorch(self.path, "a zip archive without data.pkl".to_owned()))
    }

    fn check_byte_order(&mut self, root: &str) -> Result<(), ExportError> {
        let name = format!("{root}byteorder");
        if self.zip.index_for_name(&name).is_none() {
            return Ok(()); // older than the entry: little-endian
        }
        match self.bytes(&name, 16)?.as_slice() {
            b"little" => Ok(()),
            other => Err(not_pytorch(self.path, format!("byte order {:?}", String::from_utf8_lossy(other)))),
        }
    }

    fn bytes(&mut self, name: &str, most: u64) -> Result<Vec<u8>, ExportError> {
        let path = self.path;
        let entry = self.zip.by_name(name).map_err(|error| not_pytorch(path, format!("{name}: {error}")))?;
        let size = entry.size();
        if size > most {
            return Err(not_pytorch(path, format!("{name} of {size} bytes, over the limit of {most}")));
        }
        let mut bytes = Vec::new();
        entry.take(most).read_to_end(&mut bytes).map_err(|error| not_pytorch(path, format!("{name}: {error}")))?;
        if bytes.len() as u64 != size {
            return Err(not_pytorch(path, format!("{name}: {} bytes of {size}", bytes.len())));
        }
        Ok(bytes)
    }

    /// The numbers of a float tensor, row-major; counters of other types are passed over.
    fn weight(&mut self, root: &str, name: &str, entry: &TensorEntry) -> Result<Option<Weight>, ExportError> {
        match entry.storage_type.as_str() {
            "FloatStorage" => {}
            "LongStorage" => return Ok(None),
            other => return Err(self.bad(name, "FloatStorage", other)),
        }
        if entry.key.is_empty() || !entry.key.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(self.bad(name, "a storage with a number for a key", &format!("{:?}", entry.key)));
        }
        let bytes = self.bytes(&format!("{root}data/{}", entry.key), MOST_STORAGE_BYTES)?;
        let storage: Vec<f32> = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let places = entry.places(storage.len());
        let places = places.ok_or_else(|| {
            let found = format!("shape {:?}, strides {:?}, offset {}", entry.shape, entry.strides, entry.offset);
            self.bad(name, &format!("a view of its storage of {} numbers", storage.len()), &found)
        })?;
        let numbers = places.into_iter().map(|place| storage[place]).collect();
        Ok(Some(Weight { shape: entry.shape.clone(), numbers }))
    }

    fn bad(&self, name: &str, expected: &str, found: &str) -> ExportError {
        ExportError::Weight {
            path: self.path.to_owned(),
            name: name.to_owned(),
            expected: expected.to_owned(),
            found: found.to_owned(),
        }
    }
}

fn architecture(path: &Path, found: &BTreeMap<String, Weight>) -> Result<Architecture, ExportError> {
    let side_of = |name: &str, axis: usize| {
        let side = found.get(name).and_then(|weight| weight.shape.get(axis).copied());
        side.ok_or_else(|| ExportError::Weight {
            path: path.to_owned(),
            name: name.to_owned(),
            expected: format!("a weight with dimension {axis}"),
            found: "none".to_owned(),
        })
    };
    let outputs: Vec<usize> = (0..)
        .map(|block| found.get(&names::deconv(block)).and_then(|weight| weight.shape.get(1).copied()))
        .map_while(|output| output)
        .collect();
    let Some((channels, widths)) = outputs.split_last() else {
        return Err(ExportError::NoSource(format!(
            "{}: no weight {:?}: not the generator of the reference notebook",
            path.display(),
            names::deconv(0)
        )));
    };
    let architecture = Architecture {
        family: Family::Cdcgan,
        image_size: STEM_SIZE.checked_shl(outputs.len() as u32).unwrap_or(0),
        channels: *channels,
        latent_dim: side_of(names::LATENT_WEIGHT, 1)?,
        embedding_dim: side_of(names::LABEL_EMBEDDING, 1)?,
        stem_channels: side_of(&names::deconv(0), 0)?.saturating_sub(1),
        widths: widths.to_vec(),
        discriminator_widths: DISCRIMINATOR_WIDTHS,
    };
    architecture.check()?;
    Ok(architecture)
}

fn not_pytorch(path: &Path, found: String) -> ExportError {
    ExportError::Format { path: path.to_owned(), expected: "a PyTorch state dict in zip format".to_owned(), found }
}
