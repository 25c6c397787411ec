//! What lies in folders.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Paths of what a folder holds, sorted.
///
/// # Errors
/// It can't be read.
pub fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let reading = || format!("read {}", folder.display());
    let entries = fs::read_dir(folder).with_context(reading)?;
    let mut paths: Vec<_> = entries.map(|entry| Ok(entry.with_context(reading)?.path())).collect::<Result<_>>()?;
    paths.sort();
    Ok(paths)
}

/// Paths of all files below a folder, relative to it and sorted; links are not followed.
///
/// # Errors
/// A folder can't be read.
pub fn files_below(top: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![top.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder)? {
            let kind = fs::symlink_metadata(&path).with_context(|| format!("read {}", path.display()))?.file_type();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                files.extend(path.strip_prefix(top).map(Path::to_owned));
            }
        }
    }
    files.sort();
    Ok(files)
}
