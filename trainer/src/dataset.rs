//! Labelled pictures, decoded once and kept as u8.

mod cache;
mod decode;
mod folder;
mod pictures;
mod resize;

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::ValueEnum;
use model_spec::{Labels, manifest};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::error::{DataError, DecodeError};
use crate::interrupt;

pub(crate) use decode::{planes, shape};
pub use folder::Others;
pub(crate) use folder::classes;
pub use pictures::Pictures;

const LICENCE_FILES: [&str; 4] = ["LICENCE.txt", "LICENSE.txt", "LICENCE", "LICENSE"];
/// Bytes of decoded pictures from which they are kept in a file where nothing else is asked for.
const MOST_IN_MEMORY: u64 = 2 << 30;
const LICENCE_CHARS: usize = 500;
/// More than enough for that many characters and the space between them.
const LICENCE_BYTES: u64 = 64 << 10;

/// A picture file that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// Why it can't be used.
    pub reason: String,
}

impl fmt::Display for Skipped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "skipped {}: {}", self.path.display(), self.reason)
    }
}

/// How a folder is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FolderOptions<'a> {
    /// Side of the square pictures in pixels.
    pub size: usize,
    /// 3 for RGB, 1 for gray.
    pub channels: usize,
    /// Whether a file that can't be decoded is an error; otherwise it is skipped.
    pub strict: bool,
    /// Where decoded pictures are kept in a file, and which then are; `None`: all in memory.
    pub cache: Option<(&'a Path, Storage)>,
}

/// Where decoded pictures are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Storage {
    /// In a file where they would take more than 2 GiB
    Auto,
    /// In memory
    Memory,
    /// In a file that is mapped
    File,
}

/// Labelled pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSet {
    /// Class names in sorted order.
    pub labels: Labels,
    /// `[n, channels, size, size]`
    pub pictures: Pictures,
    /// Label index of each picture, `[n]`; pictures of a label are neighbors.
    pub label_of: Vec<i64>,
    /// File of each picture under the folder, with `/`, `[n]`.
    pub names: Vec<String>,
    /// The folder's name.
    pub name: String,
    /// SHA-256 over labels and pictures, in hexadecimal.
    pub sha256: String,
    /// Credit and licence, from LICENCE.txt in the folder.
    pub licence: Option<String>,
    /// Picture files that were left out.
    pub skipped: Vec<Skipped>,
    /// Other files in the folders of labels.
    pub others: Others,
}

impl DataSet {
    /// A data set with its hash; `pictures` is `[n, channels, size, size]`.
    pub fn new(name: String, labels: Labels, pictures: Vec<u8>, label_of: Vec<i64>, names: Vec<String>) -> Self {
        let sha256 = content_sha256(&labels, &pictures, &label_of);
        let (pictures, licence, skipped, others) = (pictures.into(), None, Vec::new(), Others::default());
        Self { labels, pictures, label_of, names, name, sha256, licence, skipped, others }
    }

    /// `520 pictures, 1 skipped, 3 left out by ending (.gif, .heic)`, for people.
    pub fn counts(&self) -> String {
        let others = self.others.text().map_or(String::new(), |text| format!(", {text}"));
        format!("{} pictures, {} skipped{others}", self.label_of.len(), self.skipped.len())
    }

    /// What manifests say of it.
    pub fn card(&self) -> manifest::DataSet {
        manifest::DataSet {
            name: self.name.clone(),
            sha256: self.sha256.clone(),
            pictures: self.label_of.len(),
            licence: self.licence.clone(),
        }
    }
}

/// Reads `folder/<label>/**/*.{png,jpg,jpeg,webp,bmp}`: labels and files in sorted order, decoded in parallel, each
/// picture brought to `size` as the reference recipe says. `progress` is called with (done, total) pictures.
///
/// # Errors
/// See [`DataError`].
pub fn load(
    folder: &Path,
    options: &FolderOptions<'_>,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<DataSet, DataError> {
    let classes = folder::classes(folder)?;
    if classes.len() < 2 {
        let names: Vec<_> = classes.iter().map(|class| class.name.as_str()).collect();
        let found = if names.is_empty() { "none".to_owned() } else { format!("only {:?}", names[0]) };
        return Err(DataError::Classes { folder: folder.to_owned(), found });
    }
    let labels = Labels::new(classes.iter().map(|class| class.name.clone()).collect())
        .map_err(|source| DataError::Label { folder: folder.to_owned(), source })?;
    let files: Vec<(i64, &PathBuf)> =
        (0..).zip(&classes).flat_map(|(label, class)| class.files.iter().map(move |file| (label, file))).collect();
    let bytes = (files.len() * options.channels * options.size * options.size) as u64;
    let (decoded, sha256) = match options.cache {
        Some((cache, storage)) if storage == Storage::File || (storage == Storage::Auto && bytes > MOST_IN_MEMORY) => {
            cache::open(cache, folder, &labels, &files, options, progress)?
        }
        _ => {
            let Part { pixels, kept, skipped } = decoded(&files, options, progress)?;
            let decoded = Decoded::of(&files, pixels.into(), &kept, skipped);
            let sha256 = content_sha256(&labels, &decoded.pictures, &decoded.label_of);
            (decoded, sha256)
        }
    };
    let Decoded { pictures, label_of, kept, skipped } = decoded;
    for (label, class) in (0..).zip(&classes) {
        if label_of.binary_search(&label).is_err() {
            return Err(DataError::EmptyClass { folder: class.folder.clone(), files: class.files.len() });
        }
    }
    let names = kept.iter().map(|path| folder::name_under(folder, path)).collect();
    let (name, licence) = (folder::name(folder), licence(folder)?);
    let others = Others::joined(classes.into_iter().map(|class| class.others));
    Ok(DataSet { labels, pictures, label_of, names, name, sha256, licence, skipped, others })
}

/// The places of each of `labels` labels in `label_of`, in order.
pub fn places_by_label(label_of: &[i64], labels: usize) -> Vec<Vec<i64>> {
    let mut places = vec![Vec::new(); labels];
    for (place, label) in (0..).zip(label_of) {
        places[*label as usize].push(place);
    }
    places
}

struct Decoded {
    pictures: Pictures,
    label_of: Vec<i64>,
    kept: Vec<PathBuf>,
    skipped: Vec<Skipped>,
}

impl Decoded {
    /// Pictures of places in a list of files, and the places that were left out with their reasons.
    fn of(files: &[(i64, &PathBuf)], pictures: Pictures, kept: &[usize], skipped: Vec<(usize, String)>) -> Self {
        let path = |place: usize| files[place].1.clone();
        Self {
            pictures,
            label_of: kept.iter().map(|place| files[*place].0).collect(),
            kept: kept.iter().map(|place| path(*place)).collect(),
            skipped: skipped.into_iter().map(|(place, reason)| Skipped { path: path(place), reason }).collect(),
        }
    }
}

/// The pictures of some files, and which of them these are.
struct Part {
    pixels: Vec<u8>,
    /// Places in the list of files.
    kept: Vec<usize>,
    /// Places and reasons of those left out.
    skipped: Vec<(usize, String)>,
}

/// Each picture is decoded into its place; those behind a skipped one move up, so that memory holds the pictures once.
fn decoded(
    files: &[(i64, &PathBuf)],
    options: &FolderOptions<'_>,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Part, DataError> {
    let values = options.channels * options.size * options.size;
    let mut pixels = vec![0; files.len() * values];
    let done = AtomicUsize::new(0);
    let results: Vec<Result<(), DecodeError>> = pixels
        .par_chunks_exact_mut(values)
        .zip(files)
        .map(|(place, (_, path))| {
            if interrupt::asked() {
                return Ok(());
            }
            let picture = decode::square_picture(path, options.size, options.channels);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, files.len());
            picture.map(|picture| place.copy_from_slice(&picture))
        })
        .collect();
    if interrupt::asked() {
        return Err(DataError::Interrupted);
    }
    let (mut kept, mut skipped) = (Vec::new(), Vec::new());
    for (place, ((_, path), result)) in files.iter().zip(results).enumerate() {
        match result {
            Ok(()) => {
                pixels.copy_within(place * values..(place + 1) * values, kept.len() * values);
                kept.push(place);
            }
            Err(source) if options.strict => return Err(DataError::Picture { path: (*path).clone(), source }),
            Err(error) => skipped.push((place, format!("{:#}", anyhow::Error::from(error)))),
        }
    }
    pixels.truncate(kept.len() * values);
    Ok(Part { pixels, kept, skipped })
}

/// The start of the data set's own licence file, on one line.
fn licence(folder: &Path) -> Result<Option<String>, DataError> {
    let Some(path) = LICENCE_FILES.iter().map(|name| folder.join(name)).find(|path| path.is_file()) else {
        return Ok(None);
    };
    let mut text = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(LICENCE_BYTES).read_to_end(&mut text));
    read.map_err(|source| DataError::Read { path, source })?;
    let text = String::from_utf8_lossy(&text);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(Some(line.chars().take(LICENCE_CHARS).collect()))
}

fn content_sha256(labels: &Labels, pictures: &[u8], label_of: &[i64]) -> String {
    let mut hash = Sha256::new();
    for name in labels.names() {
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
    }
    for label in label_of {
        hash.update(label.to_le_bytes());
    }
    hash.update(pictures);
    hex(&hash.finalize())
}

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
