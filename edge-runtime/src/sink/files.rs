//! Frames as files and as a stream.

use std::io::Write;
use std::path::{Path, PathBuf};

use model_spec::Labels;

use super::Sink;
use crate::encode::{self, Format};
use crate::generator::Origin;
use crate::output::{OutputFile, create_folder};
use crate::{Frame, RuntimeError};

/// How a frame becomes file bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoding {
    /// What the file says about the frame's origin.
    pub origin: Origin,
    /// How many times larger the picture is written, 1 or more.
    pub scale: usize,
}

impl Encoding {
    /// The file of one frame.
    ///
    /// # Errors
    /// A picture that the format can't hold.
    pub fn bytes(&self, frame: &Frame, format: Format) -> Result<Vec<u8>, RuntimeError> {
        let texts = encode::texts(frame, &self.origin);
        encode::encode(&frame.picture.enlarged(self.scale), &texts, format)
    }
}

/// One file, which each frame replaces.
pub struct OneFile {
    path: PathBuf,
    format: Format,
    encoding: Encoding,
    /// Opened before the first frame is made, so that a place that can't be written is known early.
    output: Option<OutputFile>,
}

impl OneFile {
    /// Opens the file under a temporary name; its format follows its ending.
    ///
    /// # Errors
    /// An ending of no picture format, or a place that can't be written.
    pub fn create(path: &Path, encoding: Encoding) -> Result<Self, RuntimeError> {
        let format = Format::of_path(path)?;
        Ok(Self { path: path.to_owned(), format, encoding, output: Some(OutputFile::create(path)?) })
    }
}

impl Sink for OneFile {
    fn show(&mut self, frame: &Frame) -> Result<(), RuntimeError> {
        let bytes = self.encoding.bytes(frame, self.format)?;
        let output = self.output.take().map_or_else(|| OutputFile::create(&self.path), Ok)?;
        output.commit(&bytes)
    }
}

/// `FOLDER/<label>/<seed>-<index>.png` for each frame.
pub struct Folder {
    path: PathBuf,
    encoding: Encoding,
}

impl Folder {
    /// Makes the folder where it is missing.
    ///
    /// # Errors
    /// A place that can't be written.
    pub fn create(path: &Path, encoding: Encoding) -> Result<Self, RuntimeError> {
        let failed = |source| RuntimeError::Write { path: path.to_owned(), source };
        create_folder(path).map_err(failed)?;
        Ok(Self { path: path.to_owned(), encoding })
    }

    /// Where a frame is written, whose label is one of a model.
    pub fn path(&self, frame: &Frame) -> PathBuf {
        let name = format!("{}-{}.png", frame.seed, frame.index);
        // A label is one path part: Labels refuses every other.
        self.path.join(&frame.label).join(name)
    }
}

impl Sink for Folder {
    fn show(&mut self, frame: &Frame) -> Result<(), RuntimeError> {
        // Frames may be the caller's own, and their labels any text.
        Labels::new(vec![frame.label.clone()])?;
        let output = OutputFile::create(&self.path(frame))?;
        output.commit(&self.encoding.bytes(frame, Format::Png)?)
    }
}

/// PNG files one after another on a stream.
pub struct Stream<W> {
    writer: W,
    name: PathBuf,
    encoding: Encoding,
}

impl<W: Write> Stream<W> {
    /// Writes to `writer`, which messages call `name`.
    pub fn new(writer: W, name: &str, encoding: Encoding) -> Self {
        Self { writer, name: PathBuf::from(name), encoding }
    }
}

impl<W: Write> Sink for Stream<W> {
    fn show(&mut self, frame: &Frame) -> Result<(), RuntimeError> {
        let bytes = self.encoding.bytes(frame, Format::Png)?;
        let written = self.writer.write_all(&bytes).and_then(|()| self.writer.flush());
        written.map_err(|source| RuntimeError::Write { path: self.name.clone(), source })
    }
}
