//! The zip archive: `<name>/data.pkl`, a pickle that names storages, and `<name>/data/<key>`, their bytes.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use zip::{CompressionMethod, ZipArchive};

use super::pickle::TensorEntry;
use crate::ExportError;

const MOST_PICKLE_BYTES: u64 = 1 << 20;
const PICKLE: &str = "data.pkl";
const FLOATS: &str = "FloatStorage";

/// An opened archive, known to be little-endian.
pub(super) struct Archive<'a> {
    path: &'a Path,
    zip: ZipArchive<File>,
    /// The folder in which everything lies, with its slash.
    root: String,
}

impl<'a> Archive<'a> {
    pub fn open(path: &'a Path) -> Result<Self, ExportError> {
        let file = File::open(path).map_err(|source| ExportError::Read { path: path.to_owned(), source })?;
        let zip = ZipArchive::new(file).map_err(|error| not_pytorch(path, error.to_string()))?;
        let mut pickles = zip.file_names().filter_map(|name| {
            let root = name.ok()?.strip_suffix(PICKLE)?.to_owned();
            root.ends_with('/').then_some(root)
        });
        let root = pickles.next().ok_or_else(|| not_pytorch(path, format!("a zip archive without {PICKLE}")))?;
        drop(pickles);
        let mut archive = Self { path, zip, root };
        archive.check_byte_order()?;
        Ok(archive)
    }

    pub fn pickle(&mut self) -> Result<Vec<u8>, ExportError> {
        self.bytes(PICKLE, MOST_PICKLE_BYTES)
    }

    /// The numbers of a float tensor, row-major.
    pub fn numbers(&mut self, name: &str, entry: &TensorEntry) -> Result<Vec<f32>, ExportError> {
        let bad = |path: &Path, expected: String, found: String| {
            Err(ExportError::Weight { path: path.to_owned(), name: name.to_owned(), expected, found })
        };
        if entry.storage_type != FLOATS {
            return bad(self.path, FLOATS.to_owned(), entry.storage_type.clone());
        }
        if entry.key.is_empty() || !entry.key.bytes().all(|byte| byte.is_ascii_digit()) {
            return bad(self.path, "a storage with a number for a key".to_owned(), format!("{:?}", entry.key));
        }
        let file = format!("data/{}", entry.key);
        let size = (entry.storage_count as u64).saturating_mul(size_of::<f32>() as u64);
        let bytes = self.bytes(&file, size)?;
        if bytes.len() as u64 != size {
            return bad(self.path, format!("{size} bytes in {file}"), bytes.len().to_string());
        }
        match entry.gathered(bytes.as_chunks().0) {
            Some(numbers) => Ok(numbers.into_iter().map(f32::from_le_bytes).collect()),
            None => {
                let found = format!("shape {:?}, strides {:?}, offset {}", entry.shape, entry.strides, entry.offset);
                bad(self.path, format!("a view of its {} numbers", entry.storage_count), found)
            }
        }
    }

    fn check_byte_order(&mut self) -> Result<(), ExportError> {
        let name = "byteorder";
        if self.zip.index_for_name(&format!("{}{name}", self.root)).is_none() {
            return Ok(()); // PyTorch before 2.1 writes none and means little-endian.
        }
        match self.bytes(name, 16)?.as_slice() {
            b"little" => Ok(()),
            other => Err(not_pytorch(self.path, format!("byte order {:?}", String::from_utf8_lossy(other)))),
        }
    }

    /// A file of at most so many bytes.
    fn bytes(&mut self, name: &str, most: u64) -> Result<Vec<u8>, ExportError> {
        let path = self.path;
        let name = format!("{}{name}", self.root);
        let failed = |problem: &str| not_pytorch(path, format!("{name:?}: {problem}"));
        let mut entry = self.zip.by_name(&name).map_err(|error| failed(&error.to_string()))?;
        if entry.compression() != CompressionMethod::Stored {
            return Err(failed("compressed"));
        }
        let size = entry.size();
        if size > most {
            return Err(failed(&format!("{size} bytes, over the limit of {most}")));
        }
        let mut bytes = Vec::new();
        entry.by_ref().take(most).read_to_end(&mut bytes).map_err(|error| failed(&error.to_string()))?;
        Ok(bytes)
    }
}

pub(super) fn not_pytorch(path: &Path, found: String) -> ExportError {
    ExportError::Format {
        path: path.to_owned(),
        expected: "an uncompressed zip archive with a PyTorch state dict".to_owned(),
        found,
    }
}
