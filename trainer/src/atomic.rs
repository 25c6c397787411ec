//! Files that are either whole or not there.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::{IoContext, TrainError};

/// Writes `bytes` to `path` under a temporary name, syncs them, then renames.
///
/// # Errors
/// The folder can't be written; `path` is then as it was.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    file(path, |temporary| {
        let written = File::create(temporary).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
        written.during("write", temporary)
    })
}

/// Lets `fill` write a file under a temporary name, then renames it to `path`.
///
/// # Errors
/// What `fill` fails with, or the file can't be renamed; `path` is then as it was.
pub fn file<E: From<TrainError>>(path: &Path, fill: impl FnOnce(&Path) -> Result<(), E>) -> Result<(), E> {
    // Two processes may write what both find missing, such as the network of a data set.
    let temporary = temporary_beside(path, &format!("{}.part", std::process::id()));
    let renamed = || std::fs::rename(&temporary, path).during("rename to", path).map_err(E::from);
    let written = fill(&temporary).and_then(|()| renamed());
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary); // the error at hand says more than that of tidying up
    }
    written
}

/// Removes what processes that ended within [`file()`] have left beside `path`. Where that can't be told, nothing is removed.
pub fn remove_abandoned(path: &Path) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.parent().and_then(|folder| std::fs::read_dir(folder).ok());
    for left in beside.into_iter().flatten().flatten().map(|entry| entry.path()) {
        let file_name = left.file_name().unwrap_or_default().to_string_lossy();
        let process = file_name.strip_prefix(&format!(".{name}.")).and_then(|rest| rest.strip_suffix(".part"));
        if process.and_then(|id| id.parse().ok()).is_some_and(is_gone) && is_free(&left) {
            let _ = std::fs::remove_file(&left); // it only takes space
        }
    }
}

fn is_gone(process: u32) -> bool {
    let processes = Path::new("/proc");
    processes.join("self").exists() && !processes.join(process.to_string()).exists()
}

/// Whether no process holds its lock: one on another machine or in another container is not in /proc.
fn is_free(file: &Path) -> bool {
    File::open(file).is_ok_and(|file| file.try_lock().is_ok())
}

/// Fills a new folder under a temporary name, syncs it, then renames it to `path`.
///
/// # Errors
/// What `fill` fails with, or the folder can't be made; `path` is then as it was.
pub fn folder(path: &Path, fill: impl FnOnce(&Path) -> Result<(), TrainError>) -> Result<(), TrainError> {
    // A run has one process, and what a killed one left is replaced.
    let temporary = temporary_beside(path, "part");
    remove_folder(&temporary)?;
    let written = std::fs::create_dir_all(&temporary)
        .during("create", &temporary)
        .and_then(|()| fill(&temporary))
        .and_then(|()| sync(&temporary))
        .and_then(|()| remove_folder(path))
        .and_then(|()| std::fs::rename(&temporary, path).during("rename to", path));
    if written.is_err() {
        let _ = std::fs::remove_dir_all(&temporary); // the error at hand says more than that of tidying up
    }
    written?;
    path.parent().map_or(Ok(()), sync)
}

fn temporary_beside(path: &Path, ending: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{ending}"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut child = std::process::Command::new("true").spawn().expect("started");
        let (gone, own) = (child.id(), std::process::id());
        child.wait().expect("waited");
        let left = |name: &str| folder.path().join(name);
        let names =
            [format!(".a.u8.{gone}.part"), format!(".a.u8.{own}.part"), format!(".b.u8.{gone}.part"), "a.u8".into()];
        names.iter().for_each(|name| std::fs::write(left(name), "").expect("written"));
        let held = File::open(left(&names[0])).expect("opened");
        held.try_lock().expect("free");
        remove_abandoned(&left("a.u8"));
        assert!(left(&names[0]).exists(), "a process that is not seen from here holds it");
        drop(held);
        remove_abandoned(&left("a.u8"));
        let there = names.iter().map(|name| left(name).exists()).collect::<Vec<_>>();
        assert_eq!(there, [false, true, true, true]);
    }
}
