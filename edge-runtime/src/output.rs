//! Files that appear whole or not at all, and standard output.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::RuntimeError;
use crate::restore::Restored;

/// A file under a temporary name beside its own, which it gets when its content is complete.
///
/// Dropped before that, it leaves nothing behind, nor where [`restore::exit`](crate::restore::exit) ends the program. What is
/// no regular file, like a pipe or a device, is written directly.
#[derive(Debug)]
pub struct OutputFile {
    path: PathBuf,
    file: File,
    temporary: Option<Temporary>,
}

/// A temporary name, until the file gets its own.
type Temporary = Restored<Option<PathBuf>>;

impl OutputFile {
    /// Opens the file, and the folders above it where they are missing.
    ///
    /// # Errors
    /// A place that can't be written.
    pub fn create(path: &Path) -> Result<Self, RuntimeError> {
        Self::try_create(path).map_err(|source| RuntimeError::Write { path: path.to_owned(), source })
    }

    /// Writes the content and gives the file its name. Where the power fails soon after, it may be there and empty.
    ///
    /// # Errors
    /// A write that fails; then no file of that name is made or changed.
    pub fn commit(self, content: &[u8]) -> Result<(), RuntimeError> {
        self.write(content, |_| Ok(()))?.give_name()
    }

    /// As [`Self::commit`], but the content is on the disk before the file gets its name, which can take long.
    ///
    /// # Errors
    /// Those of [`Self::commit`].
    pub fn commit_synced(self, content: &[u8]) -> Result<(), RuntimeError> {
        self.write_synced(content)?.give_name()
    }

    /// The first part of [`Self::commit_synced`]: of several files none gets its name before all are complete.
    ///
    /// # Errors
    /// A write that fails.
    pub fn write_synced(self, content: &[u8]) -> Result<CompleteFile, RuntimeError> {
        self.write(content, File::sync_all)
    }

    fn write(
        mut self,
        content: &[u8],
        sync: impl FnOnce(&File) -> std::io::Result<()>,
    ) -> Result<CompleteFile, RuntimeError> {
        let written = self.file.write_all(content).and_then(|()| match &self.temporary {
            Some(_) => sync(&self.file),
            None => Ok(()),
        });
        match written {
            Ok(()) => Ok(CompleteFile(self)),
            Err(source) => Err(RuntimeError::Write { path: self.path.clone(), source }),
        }
    }

    fn try_create(path: &Path) -> std::io::Result<Self> {
        if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            let file = OpenOptions::new().write(true).open(path)?;
            return Ok(Self { path: path.to_owned(), file, temporary: None });
        }
        let path = behind_links(path)?;
        let temporary = Temporary::new(None, |name| {
            if let Some(name) = name {
                // Nothing more can be done about a temporary file that doesn't go away.
                let _ = fs::remove_file(name);
            }
        });
        let opened = temporary.with(|name| {
            let (opened, file) = open_beside(&path)?;
            *name = Some(opened);
            Ok(file)
        });
        let file = opened.unwrap_or_else(ended)?;
        Ok(Self { path, file, temporary: Some(temporary) })
    }
}

/// Makes a folder and those above it, where they are missing.
///
/// # Errors
/// A place that can't be written, or a file in the way, which is named.
pub fn create_folder(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder).map_err(|error| no_file_in_the_way(folder).err().unwrap_or(error))
}

/// Looks at what there is of a folder and those above it.
///
/// # Errors
/// A file where a folder is needed, which is named.
pub fn no_file_in_the_way(folder: &Path) -> std::io::Result<()> {
    // Without a slash at its end, with which no file is found.
    let folder: PathBuf = folder.components().collect();
    match folder.ancestors().find(|part| part.exists() && !part.is_dir()) {
        Some(file) => Err(std::io::Error::other(format!("{} is a file, expected a folder", file.display()))),
        None => Ok(()),
    }
}

/// Opens a file of a temporary name in the folder of another one.
fn open_beside(path: &Path) -> std::io::Result<(PathBuf, File)> {
    let folder = path.parent().unwrap_or(Path::new(""));
    create_folder(folder)?;
    loop {
        let temporary = folder.join(temporary_name());
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            // What a killed process of the same number left.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            opened => return Ok((temporary, opened?)),
        }
    }
}

/// Nothing is begun or finished any more where the program is about to end.
fn ended<T>() -> std::io::Result<T> {
    Err(std::io::Error::other("the program ends"))
}

/// A file whose content is complete, still under its temporary name. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub struct CompleteFile(OutputFile);

impl CompleteFile {
    /// Gives the file its name.
    ///
    /// # Errors
    /// A name that it can't get; then no file of that name is made or changed.
    pub fn give_name(self) -> Result<(), RuntimeError> {
        let OutputFile { path, temporary, .. } = &self.0;
        let Some(temporary) = temporary else { return Ok(()) };
        let named = temporary.with(|name| match name {
            Some(written) => fs::rename(written, path).map(|()| *name = None),
            None => Ok(()),
        });
        named.unwrap_or_else(ended).map_err(|source| RuntimeError::Write { path: path.clone(), source })
    }
}

/// The file that a link stands for, whether it is there or not: the link stays, and the file is replaced.
fn behind_links(path: &Path) -> std::io::Result<PathBuf> {
    /// As many as Linux follows.
    const MOST: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MOST {
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(std::io::Error::other("links that lead in a circle"))
}

/// Writes a result to standard output; a reader that has seen enough, like `head`, is no error.
///
/// # Errors
/// Any other write that fails, as to a full disk.
pub fn print(text: &str) -> Result<(), RuntimeError> {
    let mut output = std::io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(source) if source.kind() != ErrorKind::BrokenPipe => {
            Err(RuntimeError::Write { path: "standard output".into(), source })
        }
        _ => Ok(()),
    }
}

/// A letter of a text that anyone may have written, as it is shown: one that controls a terminal is replaced.
pub fn shown(letter: char) -> char {
    if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter }
}

/// A line on standard error. Whoever reads it may be gone, like `head`: that must not end the work that it tells of.
pub fn tell(line: impl std::fmt::Display) {
    _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Writes `error: ` and a text to standard error. Of control characters only those stay that end a line or indent: the text
/// may have parts of a file in it, which must not give orders to a terminal.
pub fn complain(problem: impl std::fmt::Display) {
    let plain = |letter: char| if matches!(letter, '\n' | '\t') { letter } else { shown(letter) };
    let text: String = format!("error: {problem}\n").chars().map(plain).collect();
    // Where this fails nobody can be told.
    _ = std::io::stderr().write_all(text.as_bytes());
}

fn temporary_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!(".{}-{}.part", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_file_appears_on_commit_and_not_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new/picture.png");
        let output = OutputFile::create(&path).expect("writable");
        assert!(!path.exists());
        output.commit(b"content").expect("writable");
        assert_eq!(fs::read(&path).expect("written"), b"content");
        OutputFile::create(&path).expect("writable").commit_synced(b"other").expect("writable");
        assert_eq!(fs::read(&path).expect("written"), b"other");
        assert_eq!(names(&folder.path().join("new")), ["picture.png"]);
    }

    #[test]
    fn a_complete_file_waits_for_its_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("picture.png");
        let complete = || OutputFile::create(&path).expect("writable").write_synced(b"content").expect("writable");
        drop(complete());
        assert!(names(folder.path()).is_empty());
        let complete = complete();
        assert!(!path.exists());
        complete.give_name().expect("writable");
        assert_eq!(fs::read(&path).expect("written"), b"content");
        assert_eq!(names(folder.path()), ["picture.png"]);
    }

    #[test]
    fn left_overs_of_a_process_of_the_same_number_are_passed_over() {
        let folder = tempfile::tempdir().expect("a folder");
        // The tests beside this one count too.
        for count in 0..100 {
            let name = format!(".{}-{count}.part", std::process::id());
            fs::write(folder.path().join(name), b"half").expect("writable");
        }
        let path = folder.path().join("picture.png");
        OutputFile::create(&path).expect("writable").commit(b"content").expect("writable");
        assert_eq!(fs::read(&path).expect("written"), b"content");
        assert_eq!(names(folder.path()).len(), 101);
    }

    #[test]
    fn an_abandoned_output_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("picture.png");
        fs::write(&path, b"old").expect("writable");
        drop(OutputFile::create(&path).expect("writable"));
        assert_eq!(fs::read(&path).expect("still there"), b"old");
        assert_eq!(names(folder.path()), ["picture.png"]);
    }

    #[test]
    fn a_folder_is_no_output_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let message = OutputFile::create(folder.path()).expect_err("refused").to_string();
        assert!(message.starts_with("write "), "{message}");
    }

    #[test]
    fn a_file_where_a_folder_is_needed_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("picture.png");
        fs::write(&file, b"a file").expect("writable");
        for below in ["other.png", "more/other.png"] {
            let error = OutputFile::create(&file.join(below)).expect_err("refused");
            let reason = std::error::Error::source(&error).expect("a reason").to_string();
            assert!(reason.ends_with("picture.png is a file, expected a folder"), "{reason}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_and_their_files_are_made_or_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = |name: &str| folder.path().join(name);
        fs::create_dir(place("inner")).expect("made");
        std::os::unix::fs::symlink("inner/second", place("first")).expect("linked");
        std::os::unix::fs::symlink("picture.png", place("inner/second")).expect("linked");
        for content in [b"old", b"new"] {
            OutputFile::create(&place("first")).expect("writable").commit(content).expect("writable");
            assert_eq!(fs::read(place("inner/picture.png")).expect("written"), content);
        }
        assert!(place("first").is_symlink() && place("inner/second").is_symlink());
        std::os::unix::fs::symlink("round", place("round")).expect("linked");
        let message = OutputFile::create(&place("round")).expect_err("refused").to_string();
        assert!(message.contains("round"), "{message}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_pipe_is_written_by_its_name() {
        use std::io::Read;
        use std::os::fd::AsRawFd;

        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        let name = PathBuf::from(format!("/dev/fd/{}", writer.as_raw_fd()));
        OutputFile::create(&name).expect("writable").commit(b"content").expect("writable");
        drop(writer);
        let mut content = Vec::new();
        reader.read_to_end(&mut content).expect("readable");
        assert_eq!(content, b"content");
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_and_stays_a_device() {
        let device = || OutputFile::create(Path::new("/dev/null")).expect("writable");
        device().commit(b"content").expect("writable");
        device().commit_synced(b"content").expect("writable");
        assert!(!Path::new("/dev/null").is_file());
    }
}
