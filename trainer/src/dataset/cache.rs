//! Decoded pictures in a file, so that a data set may be larger than memory and is decoded once.
//!
//! Layout: pixels of all pictures, a trailer in JSON, the trailer's length as u64, [`MAGIC`]; numbers little-endian. The
//! file is made anew where it is missing, damaged, or made from other files: their names, lengths and times of change are
//! part of its key.

use std::fs::File;
use std::io::{BufWriter, IntoInnerError, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use memmap2::Mmap;
use model_spec::Labels;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::pictures::Pictures;
use super::{Decoded, FolderOptions, content_sha256, hex};
use crate::atomic;
use crate::error::{DataError, IoContext, TrainError};

const MAGIC: &[u8; 8] = b"mudra-u8";
const VERSION: u32 = 1;
/// Pictures that are decoded before they are written: what memory has to hold.
const PART: usize = 256;

/// What a file says of its pictures.
#[derive(Debug, Serialize, Deserialize)]
struct Trailer {
    key: String,
    sha256: String,
    /// Places of the pictures in the list of files.
    kept: Vec<usize>,
    /// Places and reasons of those left out.
    skipped: Vec<(usize, String)>,
}

/// The pictures of `files`, each with its label, from a file in `cache` that is made where it isn't there; and their hash.
pub(super) fn open(
    cache: &Path,
    folder: &Path,
    labels: &Labels,
    files: &[(i64, &PathBuf)],
    options: &FolderOptions<'_>,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<(Decoded, String), DataError> {
    let key = key(folder, files, options);
    let path = cache.join(file_name(folder, options));
    if let Some(found) = read(&path, &key, files, options)? {
        return Ok(found);
    }
    std::fs::create_dir_all(cache).during("create", cache)?;
    atomic::remove_abandoned(&path); // gigabytes, with a data set that needs this file
    atomic::file(&path, |temporary| write(temporary, &key, labels, files, options, progress))?;
    let found = read(&path, &key, files, options)?;
    let problem = || "expected the pictures that were just written, found something else".to_owned();
    found.ok_or_else(|| TrainError::BadFile { path, problem: problem() }.into())
}

/// One file for a folder, size and number of channels.
fn file_name(folder: &Path, options: &FolderOptions<'_>) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned()); // however it was named
    let place = hex(&Sha256::digest(folder.as_os_str().as_encoded_bytes()));
    format!("pictures-{}x{}-{}.u8", options.channels, options.size, &place[..12])
}

fn key(folder: &Path, files: &[(i64, &PathBuf)], options: &FolderOptions<'_>) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{VERSION} {} {} {}\n", options.channels, options.size, files.len()));
    for (label, path) in files {
        let name = super::folder::name_under(folder, path);
        let (length, changed) = std::fs::metadata(path).map_or((0, 0), |found| {
            let changed = found.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            (found.len(), changed.map_or(0, |time| time.as_nanos()))
        });
        hash.update(format!("{label} {} {name} {length} {changed}\n", name.len()));
    }
    hex(&hash.finalize())
}

/// None where the file is not there, is damaged, was made from other files, or says nothing of why `--strict` would fail.
fn read(
    path: &Path,
    key: &str,
    files: &[(i64, &PathBuf)],
    options: &FolderOptions<'_>,
) -> Result<Option<(Decoded, String)>, TrainError> {
    if !path.is_file() {
        return Ok(None);
    }
    let file = File::open(path).during("open", path)?;
    if file.metadata().during("read", path)?.len() == 0 {
        return Ok(None);
    }
    // SAFETY: the file is renamed into place when it is whole and never written again; only someone who cuts our own file
    // off could end the process.
    let file = unsafe { Mmap::map(&file) }.during("map", path)?;
    let Some((trailer, pixels)) = trailer(&file) else { return Ok(None) };
    let values = options.channels * options.size * options.size;
    let is_whole = trailer.key == key
        && trailer.kept.len().checked_mul(values) == Some(pixels)
        && trailer.kept.len() + trailer.skipped.len() == files.len()
        && trailer.kept.iter().all(|place| *place < files.len())
        && trailer.skipped.iter().all(|(place, _)| *place < files.len());
    if !is_whole || (options.strict && !trailer.skipped.is_empty()) {
        return Ok(None);
    }
    let pictures = Pictures::mapped(file, pixels);
    Ok(Some((Decoded::of(files, pictures, &trailer.kept, trailer.skipped), trailer.sha256)))
}

/// The trailer and the number of bytes before it.
fn trailer(file: &[u8]) -> Option<(Trailer, usize)> {
    let rest = file.strip_suffix(MAGIC)?;
    let (rest, length) = rest.split_last_chunk()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let pixels = rest.len().checked_sub(length)?;
    Some((serde_json::from_slice(&rest[pixels..]).ok()?, pixels))
}

fn write(
    path: &Path,
    key: &str,
    labels: &Labels,
    files: &[(i64, &PathBuf)],
    options: &FolderOptions<'_>,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<(), DataError> {
    let file = File::options().read(true).write(true).create(true).truncate(true).open(path).during("create", path)?;
    let _ = file.try_lock(); // says that it is not abandoned, where the file system has locks
    let mut out = BufWriter::new(file);
    let (mut kept, mut skipped) = (Vec::new(), Vec::new());
    for (index, chunk) in files.chunks(PART).enumerate() {
        let first = index * PART;
        let part = super::decoded(chunk, options, &|done, _| progress(first + done, files.len()))?;
        out.write_all(&part.pixels).during("write", path)?;
        kept.extend(part.kept.into_iter().map(|place| first + place));
        skipped.extend(part.skipped.into_iter().map(|(place, reason)| (first + place, reason)));
    }
    let file = out.into_inner().map_err(IntoInnerError::into_error).during("write", path)?;
    let label_of: Vec<i64> = kept.iter().map(|place| files[*place].0).collect();
    let sha256 = match kept.len() {
        0 => content_sha256(labels, &[], &[]),
        // SAFETY: nobody else knows this temporary file.
        _ => content_sha256(labels, &unsafe { Mmap::map(&file) }.during("map", path)?, &label_of),
    };
    close(&file, &Trailer { key: key.to_owned(), sha256, kept, skipped }).during("write", path)?;
    Ok(())
}

fn close(mut file: &File, trailer: &Trailer) -> std::io::Result<()> {
    let trailer = serde_json::to_vec(trailer)?;
    file.write_all(&trailer)?;
    file.write_all(&(trailer.len() as u64).to_le_bytes())?;
    file.write_all(MAGIC)?;
    file.sync_all()
}
