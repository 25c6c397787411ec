//! Numbered run folders: `runs/00003-rps-reference`.

use std::fs::{File, TryLockError};
use std::ops::Deref;
use std::path::{Path, PathBuf};

use model_spec::Manifest;
use model_spec::manifest::{self, CHECKPOINTS, MANIFEST};

use crate::error::{IoContext, TrainError};

/// Folder of sample sheets in a run.
pub const SAMPLES: &str = "samples";

/// A file that is locked while a trainer writes the run.
const LOCK: &str = ".lock";

/// A run folder that no other trainer writes as long as this lives.
#[derive(Debug)]
pub struct Claimed {
    run: PathBuf,
    _lock: File,
}

impl Claimed {
    /// Claims a run folder.
    ///
    /// # Errors
    /// Another trainer writes it, or it can't be written.
    pub fn of(run: PathBuf) -> Result<Self, TrainError> {
        let path = run.join(LOCK);
        let lock = File::options().create(true).append(true).open(&path).during("create", path)?;
        // Where a file system has no locks there is nothing to hold against another trainer.
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            return Err(TrainError::Taken { run });
        }
        Ok(Self { run, _lock: lock })
    }
}

impl Deref for Claimed {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.run
    }
}

/// Makes the next numbered run folder with its sub-folders.
///
/// # Errors
/// `out` can't be read or written.
pub fn create(out: &Path, data_name: &str, recipe: &str) -> Result<PathBuf, TrainError> {
    edge_runtime::output::create_folder(out).during("create", out)?;
    let mut number = runs(out)?.last().map_or(0, |(number, _)| number + 1);
    loop {
        let run = out.join(format!("{number:05}-{}-{recipe}", path_safe(data_name)));
        match std::fs::create_dir(&run) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            made => {
                made.during("create", &run)?;
                for part in [CHECKPOINTS, SAMPLES] {
                    std::fs::create_dir(run.join(part)).during("create", run.join(part))?;
                }
                return Ok(run);
            }
        }
    }
}

/// The run folder that a flag names: a path, or `latest` for the highest number in `out` that began.
///
/// # Errors
/// No such run.
pub fn find(out: &Path, wanted: &str) -> Result<PathBuf, TrainError> {
    if wanted != "latest" {
        let run = PathBuf::from(wanted);
        return if run.join(crate::settings::OPTIONS).is_file() {
            Ok(run)
        } else {
            Err(TrainError::Options(format!("{wanted}: no run folder with options.json")))
        };
    }
    let began = |run: &PathBuf| run.join(crate::settings::OPTIONS).is_file();
    let found = runs(out)?.into_iter().map(|(_, run)| run).rfind(began);
    found.ok_or_else(|| TrainError::Options(format!("{wanted}: no run in {}", out.display())))
}

/// The run of highest number in `out` that has a checkpoint, with its newest one.
///
/// # Errors
/// A folder can't be read.
pub fn newest_with_checkpoint(out: &Path) -> Result<Option<(PathBuf, PathBuf)>, TrainError> {
    for (_, run) in runs(out)?.into_iter().rev().filter(|(_, run)| run.join(CHECKPOINTS).is_dir()) {
        if let Some(checkpoint) = latest_checkpoint(&run)? {
            return Ok(Some((run, checkpoint)));
        }
    }
    Ok(None)
}

/// The folder that a run is in, with what its runs share.
pub fn folder_of(run: &Path) -> PathBuf {
    let real = run.canonicalize().unwrap_or_else(|_| run.to_owned()); // of `.` the path says nothing
    real.parent().unwrap_or(&real).to_owned()
}

/// The newest checkpoint of a run, if it has one. Folder names sort by progress.
///
/// # Errors
/// The folder can't be read.
pub fn latest_checkpoint(run: &Path) -> Result<Option<PathBuf>, TrainError> {
    Ok(checkpoints(run)?.pop())
}

/// The newest checkpoint whose quality was measured, if there is one.
///
/// # Errors
/// The folder can't be read.
pub fn newest_measured(run: &Path) -> Result<Option<PathBuf>, TrainError> {
    let is_measured = |path: &PathBuf| Manifest::read(path).is_ok_and(|manifest| manifest.score().is_some());
    Ok(checkpoints(run)?.into_iter().rfind(is_measured))
}

/// Removes the checkpoints that are newer than one of them.
///
/// # Errors
/// A checkpoint can't be removed.
pub fn remove_after(run: &Path, checkpoint: &Path) -> Result<(), TrainError> {
    checkpoints(run)?.iter().rev().filter(|path| path.as_path() > checkpoint).try_for_each(|path| remove(path))
}

/// Removes all checkpoints but the newest `keep` and the [best](manifest::best); 0 keeps all.
///
/// # Errors
/// A checkpoint can't be read or removed.
pub fn thin_out(run: &Path, keep: usize) -> Result<(), TrainError> {
    let found = checkpoints(run)?;
    if keep == 0 || found.len() <= keep {
        return Ok(());
    }
    let manifests: Vec<_> = found.iter().filter_map(|path| Some((path.clone(), Manifest::read(path).ok()?))).collect();
    let best = manifest::best(&manifests).map(|(path, _)| path);
    for path in found[..found.len() - keep].iter().filter(|path| Some(*path) != best) {
        remove(path)?;
    }
    Ok(())
}

/// The manifest first: without it a folder that is half removed is no checkpoint.
fn remove(checkpoint: &Path) -> Result<(), TrainError> {
    let manifest = checkpoint.join(MANIFEST);
    std::fs::remove_file(&manifest).and_then(|()| std::fs::remove_dir_all(checkpoint)).during("remove", checkpoint)
}

/// In the order of progress.
fn checkpoints(run: &Path) -> Result<Vec<PathBuf>, TrainError> {
    let mut found: Vec<PathBuf> = entries(&run.join(CHECKPOINTS))?
        .into_iter()
        .filter(|path| path.join(MANIFEST).is_file() && !is_hidden(path))
        .collect();
    found.sort();
    Ok(found)
}

/// Where the checkpoint after so many images goes: named by thousands of images, so that names sort by progress.
pub fn checkpoint_path(run: &Path, images: u64) -> PathBuf {
    run.join(CHECKPOINTS).join(format!("{:06}.{:03}", images / 1000, images % 1000))
}

fn runs(out: &Path) -> Result<Vec<(u32, PathBuf)>, TrainError> {
    if !out.is_dir() {
        return Ok(Vec::new());
    }
    let mut runs: Vec<_> =
        entries(out)?.into_iter().filter_map(|path| Some((manifest::run_number(&path)?, path))).collect();
    runs.sort();
    Ok(runs)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, TrainError> {
    let listed = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<_>>>());
    listed.during("list", folder)
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

fn path_safe(name: &str) -> String {
    name.chars().map(|letter| if letter.is_alphanumeric() || letter == '-' { letter } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model_spec::manifest::{DataSet, Progress};
    use model_spec::{Architecture, Labels};

    use super::*;

    #[test]
    fn runs_are_numbered_and_the_latest_is_found() {
        let out = tempfile::tempdir().expect("temporary folder");
        assert!(find(out.path(), "latest").is_err());
        let first = create(out.path(), "rps", "reference").expect("made");
        assert!(first.ends_with("00000-rps-reference"));
        std::fs::create_dir(out.path().join("00041-x-y")).expect("made");
        std::fs::create_dir(out.path().join("notes-9")).expect("made");
        let next = create(out.path(), "my hands/2", "reference").expect("made");
        assert!(next.ends_with("00042-my_hands_2-reference"), "{}", next.display());
        for run in [&first, &next] {
            std::fs::write(run.join(crate::settings::OPTIONS), "{}").expect("written");
        }
        create(out.path(), "ended before it began", "reference").expect("made");
        assert_eq!(find(out.path(), "latest").expect("found"), next);
        let message = find(out.path(), "elsewhere").expect_err("no such run").to_string();
        assert!(message.contains("elsewhere"), "{message}");
    }

    /// A checkpoint of a run after so many images, and its KID where it was measured.
    fn checkpoint(run: &Path, images: u64, kid: Option<f64>) -> PathBuf {
        let manifest = Manifest {
            schema_version: manifest::SCHEMA_VERSION,
            architecture: Architecture::reference(32, 3).expect("in range"),
            labels: Labels::new(["down", "up"].map(str::to_owned).to_vec()).expect("two labels"),
            picture_range: manifest::PICTURE_RANGE,
            recipe: "paired".to_owned(),
            seed: 1,
            data_set: DataSet { name: "d".to_owned(), sha256: String::new(), pictures: 2, licence: None },
            progress: Progress { images, ..Progress::default() },
            scores: kid.map(|kid| (manifest::BEST_BY.to_owned(), kid)).into_iter().collect(),
            features: kid.map(|_| "network".to_owned()),
            files: BTreeMap::new(),
        };
        let path = checkpoint_path(run, images);
        std::fs::create_dir_all(&path).expect("made");
        std::fs::write(path.join(MANIFEST), serde_json::to_string(&manifest).expect("plain data")).expect("written");
        path
    }

    #[test]
    fn the_checkpoint_of_lowest_kid_is_kept_beside_the_newest() {
        let run = tempfile::tempdir().expect("temporary folder");
        let kids = [None, Some(0.3), Some(0.1), Some(0.2), None, None];
        let made: Vec<PathBuf> = (1..).zip(kids).map(|(images, kid)| checkpoint(run.path(), images, kid)).collect();
        thin_out(run.path(), 0).expect("nothing to do");
        assert_eq!(checkpoints(run.path()).expect("listed"), made);
        thin_out(run.path(), 2).expect("removed");
        assert_eq!(checkpoints(run.path()).expect("listed"), [&made[2], &made[4], &made[5]].map(Clone::clone));
    }

    #[test]
    fn a_newer_run_without_a_checkpoint_is_passed_over() {
        let out = tempfile::tempdir().expect("temporary folder");
        assert_eq!(newest_with_checkpoint(out.path()).expect("listed"), None);
        let [older, _] = [(); 2].map(|()| create(out.path(), "rps", "paired").expect("made"));
        let checkpoint = checkpoint(&older, 1_000, None);
        assert_eq!(newest_with_checkpoint(out.path()).expect("listed"), Some((older, checkpoint)));
    }

    #[test]
    fn a_run_has_one_trainer_at_a_time() {
        let run = tempfile::tempdir().expect("temporary folder");
        let first = Claimed::of(run.path().to_owned()).expect("free");
        let message = Claimed::of(run.path().to_owned()).expect_err("taken").to_string();
        assert_eq!(message, format!("{}: another trainer is writing this run", run.path().display()));
        drop(first);
        assert!(Claimed::of(run.path().to_owned()).is_ok());
    }

    #[test]
    fn checkpoint_names_sort_by_progress() {
        let run = tempfile::tempdir().expect("temporary folder");
        assert_eq!(latest_checkpoint(create(run.path(), "a", "b").expect("made").as_path()).expect("read"), None);
        let names: Vec<_> =
            [0, 60, 999, 1_000, 25_200, 1_000_000].map(|images| checkpoint_path(run.path(), images)).into();
        assert!(names.is_sorted());
        assert!(names[4].ends_with("000025.200"));
    }
}
