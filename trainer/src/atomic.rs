//! Files that are either whole or not there.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::error::{IoContext, TrainError};

/// Writes `bytes` to `path` under a temporary name, then renames.
///
/// # Errors
/// The folder can't be written; `path` is then as it was.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let temporary = temporary_beside(path);
    std::fs::write(&temporary, bytes).during("write", &temporary)?;
    std::fs::rename(&temporary, path).during("rename to", path)
}

/// Lets `fill` write a file under a temporary name, then renames it to `path`.
///
/// # Errors
/// What `fill` fails with, or the file can't be renamed; `path` is then as it was.
pub fn file(path: &Path, fill: impl FnOnce(&Path) -> Result<(), TrainError>) -> Result<(), TrainError> {
    let temporary = temporary_beside(path);
    fill(&temporary)?;
    std::fs::rename(&temporary, path).during("rename to", path)
}

/// Fills a new folder under a temporary name, syncs it, then renames it to `path`.
///
/// # Errors
/// What `fill` fails with, or the folder can't be made; `path` is then as it was.
pub fn folder(path: &Path, fill: impl FnOnce(&Path) -> Result<(), TrainError>) -> Result<(), TrainError> {
    let temporary = temporary_beside(path);
    remove_folder(&temporary)?;
    std::fs::create_dir_all(&temporary).during("create", &temporary)?;
    fill(&temporary)?;
    sync(&temporary)?;
    remove_folder(path)?;
    std::fs::rename(&temporary, path).during("rename to", path)?;
    path.parent().map_or(Ok(()), sync)
}

fn temporary_beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.part"))
}

fn remove_folder(path: &Path) -> Result<(), TrainError> {
    if path.exists() { std::fs::remove_dir_all(path).during("remove", path) } else { Ok(()) }
}

fn sync(folder: &Path) -> Result<(), TrainError> {
    if cfg!(unix) {
        File::open(folder).and_then(|file| file.sync_all()).during("sync", folder)?;
    }
    Ok(())
}
