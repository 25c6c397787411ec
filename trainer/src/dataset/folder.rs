//! Which files make which class.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::DataError;

const ENDINGS: [&str; 5] = ["png", "jpg", "jpeg", "webp", "bmp"];

/// A sub-folder of pictures.
#[derive(Debug)]
pub struct Class {
    /// The sub-folder's name: the label.
    pub name: String,
    /// The sub-folder.
    pub folder: PathBuf,
    /// Its picture files at any depth, in sorted order, folder by folder.
    pub files: Vec<PathBuf>,
    /// Files that are left out by their ending.
    pub others: Others,
}

/// Files that no picture's ending has, by their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Others(BTreeMap<String, usize>);

impl Others {
    fn push(&mut self, path: &Path) {
        let ending = path.extension().map(|ending| format!(".{}", ending.to_string_lossy().to_lowercase()));
        *self.0.entry(ending.unwrap_or_else(|| "no ending".to_owned())).or_default() += 1;
    }

    /// Those of several classes.
    pub(super) fn joined(all: impl IntoIterator<Item = Self>) -> Self {
        let mut joined = Self::default();
        for (ending, count) in all.into_iter().flat_map(|others| others.0) {
            *joined.0.entry(ending).or_default() += count;
        }
        joined
    }

    /// `3 left out by ending (.gif, .heic)`, where there are any.
    pub fn text(&self) -> Option<String> {
        let endings: Vec<&str> = self.0.keys().map(String::as_str).collect();
        let count: usize = self.0.values().sum();
        (count > 0).then(|| format!("{count} left out by ending ({})", endings.join(", ")))
    }
}

/// The sub-folders of a data set in sorted order; hidden ones are ignored.
pub fn classes(folder: &Path) -> Result<Vec<Class>, DataError> {
    sorted_entries(folder)?
        .into_iter()
        .filter(|path| path.is_dir())
        .map(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            let name = name.ok_or_else(|| DataError::Name { path: path.clone() })?.to_owned();
            let (files, others) = pictures_under(&path)?;
            Ok(Class { name, files, others, folder: path })
        })
        .collect()
}

/// The data set's own name: that of its folder.
pub fn name(folder: &Path) -> String {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    absolute.file_name().map_or_else(|| "data".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The path of a picture under the data set, with `/` between its parts.
pub fn name_under(folder: &Path, picture: &Path) -> String {
    let under = picture.strip_prefix(folder).unwrap_or(picture);
    under.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// In the order of torchvision's `ImageFolder`: the files of each folder together, folders sorted by their path as text,
/// in which `a-b` comes before `a/b`.
fn pictures_under(class: &Path) -> Result<(Vec<PathBuf>, Others), DataError> {
    let mut found = Found::default();
    walk(class, &mut Vec::new(), &mut found)?;
    let Found { mut by_folder, others } = found;
    by_folder
        .sort_by(|(left, _), (right, _)| left.as_os_str().as_encoded_bytes().cmp(right.as_os_str().as_encoded_bytes()));
    Ok((by_folder.into_iter().flat_map(|(_, files)| files).collect(), others))
}

/// The files of a class.
#[derive(Default)]
struct Found {
    by_folder: Vec<(PathBuf, Vec<PathBuf>)>,
    others: Others,
}

/// `above` holds the real paths of the folders that led here: a link back to one of them is not followed again.
fn walk(folder: &Path, above: &mut Vec<PathBuf>, found: &mut Found) -> Result<(), DataError> {
    let real = folder.canonicalize().map_err(|source| DataError::Read { path: folder.to_owned(), source })?;
    if above.contains(&real) {
        return Ok(());
    }
    let (folders, files): (Vec<_>, Vec<_>) = sorted_entries(folder)?.into_iter().partition(|path| path.is_dir());
    let (pictures, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|path| has_picture_ending(path));
    found.by_folder.push((folder.to_owned(), pictures));
    others.iter().for_each(|path| found.others.push(path));
    above.push(real);
    folders.iter().try_for_each(|folder| walk(folder, above, found))?;
    above.pop();
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
