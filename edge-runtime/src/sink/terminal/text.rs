//! Characters of a terminal, and how they get there.

use std::io::Write;
use std::path::PathBuf;

use crate::RuntimeError;

/// Its upper half has the foreground's color, its lower half the background's.
pub(super) const UPPER_HALF: char = '\u{2580}';

/// Pixels of a character where a protocol takes pixels: most are about that large, and terminals need not tell.
pub(super) const CELL: (usize, usize) = (8, 16);

/// Writes all of it, at once.
pub(super) fn write(writer: &mut impl Write, text: &str) -> Result<(), RuntimeError> {
    let done = writer.write_all(text.as_bytes()).and_then(|()| writer.flush());
    done.map_err(|source| RuntimeError::Write { path: PathBuf::from("terminal"), source })
}
