//! Folders of PNG files, compared.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::folder::files_below;

/// By how many levels of 255 two folders of pictures differ at most.
///
/// # Errors
/// They have not the same names or sizes, have none, or hold what is no picture.
pub fn difference(left: &Path, right: &Path) -> Result<u8> {
    let (left_pictures, right_pictures) = (pictures(left)?, pictures(right)?);
    ensure!(!left_pictures.is_empty(), "{}: expected pictures, found none", left.display());
    let mut worst = 0;
    for (name, levels) in &left_pictures {
        let other = right_pictures.get(name).map_or(&[][..], Vec::as_slice);
        if levels.len() != other.len() {
            let (name, right) = (name.display(), right.display());
            bail!("{name}: expected {} values in {right}, found {}", levels.len(), other.len());
        }
        worst = levels.iter().zip(other).map(|(a, b)| a.abs_diff(*b)).fold(worst, u8::max);
    }
    ensure!(
        left_pictures.len() == right_pictures.len(),
        "{}: more pictures than in {}",
        right.display(),
        left.display()
    );
    Ok(worst)
}

/// The pictures of a folder and those below it, by their paths from there.
fn pictures(top: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let read = |name: PathBuf| {
        let path = top.join(&name);
        let levels = levels(&path).with_context(|| format!("read {}", path.display()))?;
        Ok((name, levels))
    };
    files_below(top)?.into_iter().map(read).collect()
}

fn levels(path: &Path) -> Result<Vec<u8>> {
    let mut reader = png::Decoder::new(BufReader::new(File::open(path)?)).read_info()?;
    let mut levels = vec![0; reader.output_buffer_size().context("a picture that fits into memory")?];
    let len = reader.next_frame(&mut levels)?.buffer_size();
    levels.truncate(len);
    Ok(levels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, levels: &[u8; 6]) {
        std::fs::create_dir_all(folder.join("below")).expect("made");
        let mut encoder = png::Encoder::new(File::create(folder.join(name)).expect("a file"), 2, 1);
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header().expect("a header").write_image_data(levels).expect("written");
    }

    #[test]
    fn the_worst_of_all_pictures_is_found_and_a_missing_one_is_named() {
        let place = tempfile::tempdir().expect("a folder");
        let [one, two] = ["one", "two"].map(|name| place.path().join(name));
        for (folder, last) in [(&one, 9), (&two, 6)] {
            write(folder, "a.png", &[1, 2, 3, 4, 5, 6]);
            write(folder, "below/b.png", &[0, 0, 0, 0, 0, last]);
        }
        assert_eq!(difference(&one, &two).expect("comparable"), 3);
        assert_eq!(difference(&one, &one).expect("comparable"), 0);
        std::fs::remove_file(two.join("below/b.png")).expect("removed");
        let error = difference(&one, &two).expect_err("one is missing").to_string();
        assert!(error.starts_with("below/b.png: expected 6 values"), "{error}");
        assert!(difference(&two, &one).is_err());
        std::fs::write(two.join("below/b.png"), "no picture").expect("written");
        difference(&one, &two).expect_err("no picture");
    }
}
