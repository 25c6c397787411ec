//! A terminal with 24-bit colors: two pixels a character, one above the other.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;

use super::Sink;
use crate::canvas::Canvas;
use crate::drawing::draw_frame;
use crate::{Frame, RuntimeError};

/// Its upper half has the foreground's color, its lower half the background's.
const UPPER_HALF: char = '\u{2580}';
/// Rows under the picture for two lines of the smallest font.
const CAPTION_ROWS: usize = 14;
/// Narrower ones can't show anything.
const LEAST_COLUMNS: usize = 8;

/// Draws frames below one another.
pub struct Terminal<W> {
    writer: W,
    columns: usize,
}

impl<W: Write> Terminal<W> {
    /// Draws at most `columns` characters wide.
    pub fn new(writer: W, columns: usize) -> Self {
        Self { writer, columns: columns.max(LEAST_COLUMNS) }
    }
}

impl<W: Write> Sink for Terminal<W> {
    fn show(&mut self, frame: &Frame) -> Result<(), RuntimeError> {
        let picture = frame.picture.fitted(self.columns, usize::MAX / frame.picture.width());
        // The caption may be wider than the picture.
        let text = frame.caption().iter().map(|line| line.chars().count() * 4).max().unwrap_or(0);
        let width = picture.width().max(text.min(self.columns));
        // A picture lower than its caption is shown without it.
        let below = if picture.height() < CAPTION_ROWS { 0 } else { CAPTION_ROWS };
        let height = (picture.height() + below).next_multiple_of(2);
        let mut canvas = Canvas::rgb888(width, height, 0);
        draw_frame(&mut canvas, frame).unwrap_or_else(|never| match never {});
        let written = self.writer.write_all(half_blocks(&canvas, width, height).as_bytes());
        let done = written.and_then(|()| self.writer.flush());
        done.map_err(|source| RuntimeError::Write { path: PathBuf::from("terminal"), source })
    }
}

fn half_blocks(canvas: &Canvas<embedded_graphics::pixelcolor::Rgb888>, width: usize, height: usize) -> String {
    let mut text = String::new();
    for y in (0..height).step_by(2) {
        for x in 0..width {
            let ([r, g, b], [lower_r, lower_g, lower_b]) = (canvas.rgb(x, y), canvas.rgb(x, y + 1));
            // Writing to a string cannot fail. SGR 38;2 and 48;2 select 24-bit colors (ISO 8613-6).
            let _ = write!(text, "\x1b[38;2;{r};{g};{b};48;2;{lower_r};{lower_g};{lower_b}m{UPPER_HALF}");
        }
        text.push_str("\x1b[0m\n");
    }
    text
}
