//! Zip archives from outside: names that leave the folder, links and runaway sizes are refused.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use zip::ZipArchive;

/// An open archive.
pub struct Archive {
    path: PathBuf,
    zip: ZipArchive<BufReader<File>>,
}

/// A file in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    index: usize,
    /// Relative, of plain parts only.
    pub path: PathBuf,
}

impl Archive {
    /// Opens an archive.
    ///
    /// # Errors
    /// The file can't be read or is no zip archive.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
        let zip = ZipArchive::new(BufReader::new(file))
            .with_context(|| format!("{}: not a zip archive, or not a whole one", path.display()))?;
        Ok(Self { path: path.to_owned(), zip })
    }

    /// Its files, without folders.
    ///
    /// # Errors
    /// A name that could leave the folder that is unpacked into, or a link.
    pub fn files(&mut self) -> Result<Vec<Entry>> {
        let mut files = Vec::new();
        for index in 0..self.zip.len() {
            let entry =
                self.zip.by_index_raw(index).with_context(|| format!("{}: entry {index}", self.path.display()))?;
            let name = entry.name().with_context(|| format!("{}: name of entry {index}", self.path.display()))?;
            let Some(path) = plain_path(&name) else {
                bail!("{}: entry {name:?} would leave the folder that is unpacked into", self.path.display());
            };
            if entry.is_symlink() {
                bail!("{}: entry {name:?} is a link, expected a file", self.path.display());
            }
            if entry.is_file() {
                files.push(Entry { index, path });
            }
        }
        Ok(files)
    }

    /// Writes one file, of at most so many bytes; returns how many. Folders above it are made.
    ///
    /// # Errors
    /// Damaged data, more bytes than the limit whatever the archive's table says, a target that is there already.
    pub fn extract(&mut self, entry: &Entry, target: &Path, limit: u64) -> Result<u64> {
        let doing = || format!("{}: unpack {} to {}", self.path.display(), entry.path.display(), target.display());
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent).with_context(doing)?;
        }
        let mut output = File::create_new(target).with_context(doing)?;
        let input = self.zip.by_index(entry.index).with_context(doing)?;
        let written = io::copy(&mut input.take(limit.saturating_add(1)), &mut output).with_context(doing)?;
        if written > limit {
            bail!("{}: expected at most {limit} bytes, found more", doing());
        }
        Ok(written)
    }

    /// One small text file.
    ///
    /// # Errors
    /// It is damaged, over the limit, or not UTF-8.
    pub fn read_text(&mut self, entry: &Entry, limit: u64) -> Result<String> {
        let doing = || format!("{}: read {}", self.path.display(), entry.path.display());
        let mut bytes = Vec::new();
        let input = self.zip.by_index(entry.index).with_context(doing)?;
        let read = input.take(limit.saturating_add(1)).read_to_end(&mut bytes).with_context(doing)?;
        if read as u64 > limit {
            bail!("{}: expected at most {limit} bytes, found more", doing());
        }
        String::from_utf8(bytes).with_context(doing)
    }
}

fn plain_path(name: &str) -> Option<PathBuf> {
    let path = Path::new(name);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let safe = plain && !name.is_empty() && !name.contains(['\\', '\0', ':']);
    safe.then(|| path.components().filter(|part| *part != Component::CurDir).collect())
}

#[cfg(test)]
pub mod tests {
    use std::io::Write;

    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    use super::*;

    /// Writes an archive of (name, content).
    pub fn write_zip(path: &Path, files: &[(&str, &[u8])]) {
        let mut writer = ZipWriter::new(File::create(path).expect("a file"));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        for (name, content) in files {
            writer.start_file(*name, options).expect("an entry");
            writer.write_all(content).expect("written");
        }
        writer.finish().expect("an archive");
    }

    #[test]
    fn names_that_leave_the_folder_are_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("evil.zip");
        for name in ["../rock/a.png", "rps/../../a.png", "/etc/a.png", "rps\\..\\a.png", "c:/a.png"] {
            write_zip(&path, &[("rps/rock/good.png", b"x"), (name, b"x")]);
            let error = Archive::open(&path).expect("a zip").files().expect_err(name).to_string();
            assert!(error.contains("would leave the folder"), "{name}: {error}");
        }
    }

    #[test]
    fn links_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("link.zip");
        let mut writer = ZipWriter::new(File::create(&path).expect("a file"));
        writer.add_symlink("rps/rock/a.png", "/etc/passwd", SimpleFileOptions::default()).expect("an entry");
        writer.finish().expect("an archive");
        let error = Archive::open(&path).expect("a zip").files().expect_err("refused").to_string();
        assert!(error.contains("is a link"), "{error}");
    }

    #[test]
    fn a_file_that_inflates_beyond_the_limit_stops_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bomb.zip");
        write_zip(&path, &[("a/b.bin", &[0; 100_000])]);
        let mut archive = Archive::open(&path).expect("a zip");
        let files = archive.files().expect("plain names");
        let target = folder.path().join("out/b.bin");
        let error = archive.extract(&files[0], &target, 1000).expect_err("too large").to_string();
        assert!(error.contains("expected at most 1000 bytes"), "{error}");
        assert_eq!(std::fs::metadata(&target).expect("cut off").len(), 1001);
        let whole = folder.path().join("whole.bin");
        assert_eq!(archive.extract(&files[0], &whole, 100_000).expect("within the limit"), 100_000);
        let error = archive.read_text(&files[0], 1000).expect_err("too large").to_string();
        assert!(error.ends_with("read a/b.bin: expected at most 1000 bytes, found more"), "{error}");
        assert_eq!(archive.read_text(&files[0], 100_000).expect("within the limit").len(), 100_000);
    }

    #[test]
    fn what_is_no_archive_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rps.zip");
        std::fs::write(&path, b"<html>not found</html>").expect("written");
        let error = Archive::open(&path).err().expect("refused").to_string();
        assert!(error.ends_with("rps.zip: not a zip archive, or not a whole one"), "{error}");
    }
}
