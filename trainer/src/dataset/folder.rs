//! Which files make which class.

use std::path::{Path, PathBuf};

use super::DataError;

const ENDINGS: [&str; 5] = ["png", "jpg", "jpeg", "webp", "bmp"];
/// Deeper folders are taken for a loop of links.
const DEEPEST: usize = 32;

/// A sub-folder of pictures.
#[derive(Debug)]
pub struct Class {
    /// The sub-folder's name: the label.
    pub name: String,
    /// The sub-folder.
    pub folder: PathBuf,
    /// Its picture files at any depth, in sorted order.
    pub files: Vec<PathBuf>,
}

/// The sub-folders of a data set in sorted order; hidden ones are ignored.
pub fn classes(folder: &Path) -> Result<Vec<Class>, DataError> {
    sorted_entries(folder)?
        .into_iter()
        .filter(|path| path.is_dir())
        .map(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            let name = name.ok_or_else(|| DataError::Name { path: path.clone() })?.to_owned();
            let mut files = Vec::new();
            collect_pictures(&path, 0, &mut files)?;
            Ok(Class { name, folder: path, files })
        })
        .collect()
}

/// The data set's own name: that of its folder.
pub fn name(folder: &Path) -> String {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    absolute.file_name().map_or_else(|| "data".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn collect_pictures(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), DataError> {
    for path in sorted_entries(folder)? {
        if path.is_dir() {
            if depth < DEEPEST {
                collect_pictures(&path, depth + 1, files)?;
            }
        } else if has_picture_ending(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn has_picture_ending(path: &Path) -> bool {
    path.extension()
        .and_then(|ending| ending.to_str())
        .is_some_and(|ending| ENDINGS.contains(&ending.to_ascii_lowercase().as_str()))
}

fn sorted_entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let list = || -> std::io::Result<Vec<PathBuf>> {
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect()
    };
    let mut paths = list().map_err(|source| DataError::Read { path: folder.to_owned(), source })?;
    paths.retain(|path| !path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")));
    paths.sort();
    Ok(paths)
}
