//! Finds the three classes among the paths of a download.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// Folders of the data set, in label order.
pub const CLASSES: [&str; 3] = ["paper", "rock", "scissors"];
const ENDINGS: [&str; 5] = ["png", "jpg", "jpeg", "webp", "bmp"];

/// A picture of a class.
#[derive(Debug, PartialEq, Eq)]
pub struct Picture {
    /// Its position in the paths that were searched.
    pub index: usize,
    /// Its class.
    pub class: &'static str,
    file_name: String,
}

impl Picture {
    /// Where it goes, from the data set's folder.
    pub fn target(&self) -> PathBuf {
        [self.class, &self.file_name].iter().collect()
    }
}

/// The pictures of the one folder that has all three classes.
///
/// # Errors
/// No such folder, or more than one; two pictures of one name.
pub fn find(paths: &[PathBuf], source: &Path) -> Result<Vec<Picture>> {
    let mut by_folder: BTreeMap<PathBuf, Vec<Picture>> = BTreeMap::new();
    for (index, path) in paths.iter().enumerate() {
        if let Some((folder, class, file_name)) = picture_parts(path) {
            by_folder.entry(folder).or_default().push(Picture { index, class, file_name });
        }
    }
    by_folder.retain(|_, pictures| CLASSES.iter().all(|class| pictures.iter().any(|picture| picture.class == *class)));
    let mut found = by_folder.into_iter();
    match (found.next(), found.next()) {
        (Some((_, pictures)), None) => {
            check_names(&pictures, source)?;
            Ok(pictures)
        }
        (Some((first, _)), Some((second, _))) => bail!(
            "{}: expected one folder with paper, rock and scissors, found {:?} and {:?}; unpack it and name one of them",
            source.display(),
            first.display().to_string(),
            second.display().to_string()
        ),
        (None, _) => bail!(
            "{}: expected a folder with pictures in paper, rock and scissors at some depth, found none among {} files",
            source.display(),
            paths.len()
        ),
    }
}

/// Folder, class and file name of `FOLDER/class/name.png`; hidden files and macOS's extra entries are none.
fn picture_parts(path: &Path) -> Option<(PathBuf, &'static str, String)> {
    let hidden = |part: &std::ffi::OsStr| part.to_string_lossy().starts_with(['.', '_']);
    if path.iter().any(hidden) {
        return None;
    }
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    let parent = path.parent()?;
    let class_name = parent.file_name()?.to_str()?.to_ascii_lowercase();
    let class = CLASSES.into_iter().find(|class| *class == class_name)?;
    let file_name = path.file_name()?.to_str()?.to_owned();
    ENDINGS.contains(&ending.as_str()).then(|| (parent.parent().unwrap_or(Path::new("")).to_owned(), class, file_name))
}

fn check_names(pictures: &[Picture], source: &Path) -> Result<()> {
    let mut seen = HashSet::new();
    match pictures.iter().find(|picture| !seen.insert(picture.target())) {
        Some(twice) => bail!("{}: {} is there twice", source.display(), twice.target().display()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(paths: &[&str]) -> Result<Vec<String>> {
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        let pictures = find(&paths, Path::new("rps.zip"))?;
        Ok(pictures.iter().map(|picture| picture.target().display().to_string()).collect())
    }

    #[test]
    fn classes_are_found_at_any_depth_and_other_files_are_left() {
        struct Case(&'static str, [&'static str; 3]);
        let cases = [
            Case("at the top", ["rock/1.png", "paper/1.png", "scissors/1.png"]),
            Case("below", ["a/b/rps/rock/1.png", "a/b/rps/paper/1.png", "a/b/rps/scissors/1.png"]),
            Case("capitals", ["Rps/Rock/1.png", "Rps/PAPER/1.png", "Rps/Scissors/1.png"]),
        ];
        for Case(name, paths) in cases {
            let extra = ["rps/rock/notes.txt", "__MACOSX/rock/1.png", "rock/._1.png", "lizard/1.png"];
            let all = [&paths[..], &extra].concat();
            let targets = found(&all).expect(name);
            assert_eq!(targets, ["rock/1.png", "paper/1.png", "scissors/1.png"], "{name}");
        }
    }

    #[test]
    fn a_missing_class_two_data_sets_and_a_repeated_name_are_told() {
        struct Case(&'static [&'static str], &'static str);
        let cases = [
            Case(&["rps/rock/1.png", "rps/paper/1.png"], "found none among 2 files"),
            Case(&["a/rock/1.png", "b/paper/1.png", "c/scissors/1.png"], "found none among 3 files"),
            Case(
                &[
                    "a/rock/1.png",
                    "a/paper/1.png",
                    "a/scissors/1.png",
                    "b/rock/1.png",
                    "b/paper/1.png",
                    "b/scissors/1.png",
                ],
                "found \"a\" and \"b\"",
            ),
            Case(&["rock/1.png", "Rock/1.png", "paper/1.png", "scissors/1.png"], "rock/1.png is there twice"),
        ];
        for Case(paths, expected) in cases {
            let error = found(paths).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
