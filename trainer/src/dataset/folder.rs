//! Which files make which class.

use std::path::{Path, PathBuf};

use super::DataError;

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
}

/// The sub-folders of a data set in sorted order; hidden ones are ignored.
pub fn classes(folder: &Path) -> Result<Vec<Class>, DataError> {
    sorted_entries(folder)?
        .into_iter()
        .filter(|path| path.is_dir())
        .map(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            let name = name.ok_or_else(|| DataError::Name { path: path.clone() })?.to_owned();
            Ok(Class { name, files: pictures_under(&path)?, folder: path })
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
fn pictures_under(class: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut by_folder = Vec::new();
    walk(class, &mut Vec::new(), &mut by_folder)?;
    by_folder
        .sort_by(|(left, _), (right, _)| left.as_os_str().as_encoded_bytes().cmp(right.as_os_str().as_encoded_bytes()));
    Ok(by_folder.into_iter().flat_map(|(_, files)| files).collect())
}

/// `above` holds the real paths of the folders that led here: a link back to one of them is not followed again.
fn walk(
    folder: &Path,
    above: &mut Vec<PathBuf>,
    by_folder: &mut Vec<(PathBuf, Vec<PathBuf>)>,
) -> Result<(), DataError> {
    let real = folder.canonicalize().map_err(|source| DataError::Read { path: folder.to_owned(), source })?;
    if above.contains(&real) {
        return Ok(());
    }
    let (folders, files): (Vec<_>, Vec<_>) = sorted_entries(folder)?.into_iter().partition(|path| path.is_dir());
    by_folder.push((folder.to_owned(), files.into_iter().filter(|path| has_picture_ending(path)).collect()));
    above.push(real);
    folders.iter().try_for_each(|folder| walk(folder, above, by_folder))?;
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
