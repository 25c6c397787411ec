//! A tar.gz whose bytes follow from its content alone.

use std::path::Path;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

/// The time of every file, 1 January 2000: none of the build, and none that tar warns of.
const TIME: u64 = 946_684_800;

/// A file of an archive.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Below the archive's top folder.
    pub path: String,
    pub content: Vec<u8>,
    pub mode: u32,
}

impl Entry {
    /// A file from the disk.
    ///
    /// # Errors
    /// It can't be read.
    pub fn file(path: &str, from: &Path, mode: u32) -> Result<Self> {
        let content = std::fs::read(from).with_context(|| format!("read {}", from.display()))?;
        Ok(Self { path: path.to_owned(), content, mode })
    }

    /// A file of text.
    pub fn text(path: &str, text: &str, mode: u32) -> Self {
        Self { path: path.to_owned(), content: text.as_bytes().to_vec(), mode }
    }
}

/// Packs files in the order given, below one folder.
///
/// # Errors
/// A path that tar can't hold.
pub fn pack(top: &str, entries: &[Entry]) -> Result<Vec<u8>> {
    // flate2 writes no time and no name into the header.
    let mut tar = Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    for entry in entries {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_size(entry.content.len() as u64);
        header.set_mode(entry.mode);
        header.set_mtime(TIME);
        header.set_uid(0);
        header.set_gid(0);
        let path = format!("{top}/{}", entry.path);
        tar.append_data(&mut header, &path, &entry.content[..]).with_context(|| format!("pack {path}"))?;
    }
    let encoder = tar.into_inner().context("end the archive")?;
    encoder.finish().context("compress the archive")
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn the_same_files_make_the_same_bytes_which_unpack_to_them() {
        let entries = [Entry::text("a", "one\n", 0o644), Entry::text("man/b.1", "two\n", 0o755)];
        let bytes = pack("top", &entries).expect("packed");
        assert_eq!(bytes, pack("top", &entries).expect("packed"));
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&bytes[..]));
        let found: Vec<_> = archive
            .entries()
            .expect("an archive")
            .map(|entry| {
                let mut entry = entry.expect("an entry");
                let mut text = String::new();
                entry.read_to_string(&mut text).expect("text");
                let path = entry.path().expect("a path").display().to_string();
                (path, text, entry.header().mode().expect("a mode"), entry.header().mtime().expect("a time"))
            })
            .collect();
        assert_eq!(
            found,
            [
                ("top/a".to_owned(), "one\n".to_owned(), 0o644, TIME),
                ("top/man/b.1".to_owned(), "two\n".to_owned(), 0o755, TIME)
            ]
        );
    }
}
