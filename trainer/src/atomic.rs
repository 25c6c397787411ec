//! Files that are either whole or not there.

use std::fs::File;
use std::io::{ErrorKind, Write};
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

/// Hands `fill` an empty file of a temporary name to write into, then renames it to `path`.
///
/// # Errors
/// What `fill` fails with, or the file can't be made or renamed; `path` is then as it was.
pub fn file<E: From<TrainError>>(path: &Path, fill: impl FnOnce(&Path) -> Result<(), E>) -> Result<(), E> {
    named(path, fill, |temporary| std::fs::rename(temporary, path))
}

/// The same, but what another process wrote to `path` meanwhile stays.
///
/// # Errors
/// Those of [`file()`].
pub fn first_file<E: From<TrainError>>(path: &Path, fill: impl FnOnce(&Path) -> Result<(), E>) -> Result<(), E> {
    named(path, fill, |temporary| match std::fs::hard_link(temporary, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => std::fs::rename(temporary, path), // without links
        _ => std::fs::remove_file(temporary),
    })
}

fn named<E: From<TrainError>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<(), E>,
    name: impl FnOnce(&Path) -> std::io::Result<()>,
) -> Result<(), E> {
    let temporary = claimed_beside(path).during("create a file beside", path)?;
    let written = fill(&temporary).and_then(|()| name(&temporary).during("rename to", path).map_err(E::from));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary); // the error at hand says more than that of tidying up
    }
    written
}

/// Whether files can be made in a folder: permissions don't tell, as a mount may be read-only and a folder another user's.
pub fn is_writable(folder: &Path) -> bool {
    claimed_beside(&folder.join("probe")).and_then(std::fs::remove_file).is_ok()
}

/// An empty file that is nobody else's: processes in two containers may have the same number, and both find missing what
/// they write, such as the network of a data set.
fn claimed_beside(path: &Path) -> std::io::Result<PathBuf> {
    let mut count = 0;
    loop {
        let temporary = temporary_beside(path, &format!("{}-{count}.part", std::process::id()));
        match File::create_new(&temporary) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => count += 1,
            made => return made.map(|_| temporary),
        }
    }
}

/// Removes what processes that ended within [`file()`] have left beside `path`. Where that can't be told, nothing is removed.
pub fn remove_abandoned(path: &Path) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.parent().and_then(|folder| std::fs::read_dir(folder).ok());
    for left in beside.into_iter().flatten().flatten().map(|entry| entry.path()) {
        let file_name = left.file_name().unwrap_or_default().to_string_lossy();
        let process = file_name.strip_prefix(&format!(".{name}.")).and_then(|rest| rest.strip_suffix(".part"));
        let process = process.and_then(|numbers| numbers.split('-').next()?.parse().ok());
        if process.is_some_and(is_gone) && is_free(&left) {
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

    #[test]
    fn a_process_of_the_same_number_is_not_disturbed() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("a.u8");
        let others = claimed_beside(&path).expect("free");
        std::fs::write(&others, "others").expect("written");
        write(&path, b"own").expect("written");
        assert_eq!(std::fs::read(&path).expect("named"), b"own");
        assert_eq!(std::fs::read(&others).expect("still there"), b"others");

        let keep = |temporary: &Path| std::fs::write(temporary, "late").during("write", temporary);
        first_file(&path, keep).expect("no error");
        assert_eq!(std::fs::read(&path).expect("there"), b"own", "the first one stays");
        first_file::<TrainError>(&folder.path().join("b.u8"), keep).expect("written");
        assert_eq!(std::fs::read(folder.path().join("b.u8")).expect("named"), b"late");
        assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 3);
        assert!(is_writable(folder.path()) && !is_writable(&path));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut child = std::process::Command::new("true").spawn().expect("started");
        let (gone, own) = (child.id(), std::process::id());
        child.wait().expect("waited");
        let left = |name: &str| folder.path().join(name);
        let part = |file: &str, process: u32| format!(".{file}.{process}-0.part");
        let names = [part("a.u8", gone), part("a.u8", own), part("b.u8", gone), "a.u8".into()];
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
