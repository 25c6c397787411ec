//! A terminal: pixels where it understands a protocol for them, else two pixels a character, one above the other, in 24-bit
//! colors.

mod kitty;
mod live;
mod protocol;
mod sixel;

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;

pub use live::{Cells, LiveTerminal, live};
pub use protocol::Protocol;

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

/// Pixels of a character's width that pictures are sized by where a protocol takes pixels: most are about that wide.
const CELL_WIDTH: usize = 8;

/// Draws frames below one another.
pub struct Terminal<W> {
    writer: W,
    columns: usize,
    protocol: Protocol,
}

impl<W: Write> Terminal<W> {
    /// Draws at most `columns` characters wide.
    pub fn new(writer: W, columns: usize) -> Self {
        Self { writer, columns: columns.max(LEAST_COLUMNS), protocol: Protocol::Blocks }
    }

    /// The same in a protocol that the terminal is known to understand.
    pub fn speaking(self, protocol: Protocol) -> Self {
        Self { protocol, ..self }
    }

    fn blocks(&self, frame: &Frame) -> String {
        let picture = frame.picture.fitted(self.columns, usize::MAX / frame.picture.width());
        // The caption may be wider than the picture.
        let text = frame.caption().iter().map(|line| line.chars().count() * 4).max().unwrap_or(0);
        let width = picture.width().max(text.min(self.columns));
        // A picture lower than its caption is shown without it.
        let below = if picture.height() < CAPTION_ROWS { 0 } else { CAPTION_ROWS };
        let height = (picture.height() + below).next_multiple_of(2);
        let mut canvas = Canvas::rgb888(width, height, 0);
        draw_frame(&mut canvas, frame).unwrap_or_else(|never| match never {});
        half_blocks(&canvas, width, height)
    }

    /// The picture in characters, or in the terminal's protocol with its caption as a line of text.
    fn text(&self, frame: &Frame) -> String {
        let picture = || frame.picture.fitted(self.columns * CELL_WIDTH / 2, usize::MAX / frame.picture.width());
        let [label, seed] = frame.caption();
        match self.protocol {
            Protocol::Blocks => self.blocks(frame),
            Protocol::Kitty => kitty::still(&picture()) + &format!("\n{label} {seed}\n"),
            Protocol::Sixel => sixel::encoded(&picture()) + &format!("\n{label} {seed}\n"),
        }
    }
}

impl<W: Write> Sink for Terminal<W> {
    fn show(&mut self, frame: &Frame) -> Result<(), RuntimeError> {
        let text = self.text(frame);
        write(&mut self.writer, &text)
    }
}

fn write(writer: &mut impl Write, text: &str) -> Result<(), RuntimeError> {
    let done = writer.write_all(text.as_bytes()).and_then(|()| writer.flush());
    done.map_err(|source| RuntimeError::Write { path: PathBuf::from("terminal"), source })
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
