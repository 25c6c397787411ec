//! A terminal: pixels where it understands a protocol for them, else two pixels a character, one above the other, in 24-bit
//! colors.

mod kitty;
mod live;
mod protocol;
mod sixel;
mod text;

use std::fmt::Write as _;
use std::io::Write;

pub use live::{Cells, LiveTerminal, live};
pub use protocol::Protocol;

use self::text::{CELL, UPPER_HALF, write};
use super::Sink;
use crate::canvas::Canvas;
use crate::drawing::{self, Fit, Style};
use crate::{Frame, Picture, RuntimeError};

/// Narrower ones can't show anything.
const LEAST_COLUMNS: usize = 8;

/// Draws frames below one another.
pub struct Terminal<W> {
    writer: W,
    columns: usize,
    protocol: Protocol,
    style: Style,
}

impl<W: Write> Terminal<W> {
    /// Draws at most `columns` characters wide.
    pub fn new(writer: W, columns: usize) -> Self {
        Self { writer, columns: columns.max(LEAST_COLUMNS), protocol: Protocol::Blocks, style: Style::default() }
    }

    /// The same in a protocol that the terminal is known to understand.
    pub fn speaking(self, protocol: Protocol) -> Self {
        Self { protocol, ..self }
    }

    /// The same in a style. Rows below one another have room for the whole picture, so that none fills and is cut.
    pub fn styled(self, style: Style) -> Self {
        Self { style, ..self }
    }

    /// The picture for a width, as high as it needs to be.
    fn fitted(&self, picture: &Picture, width: usize) -> Picture {
        let fit = if self.style.fit == Fit::Fill { Fit::Fit } else { self.style.fit };
        drawing::fitted(picture, width, usize::MAX / picture.width(), fit)
    }

    fn blocks(&self, frame: &Frame) -> String {
        let picture = self.fitted(&frame.picture, self.columns);
        let caption = if self.style.caption { frame.caption().to_vec() } else { Vec::new() };
        // The caption may be wider than the picture, and its letters are larger on something wider.
        let mut width = picture.width();
        let text = loop {
            let text = drawing::caption_size(&caption, width as u32);
            let wider = width.max(self.columns.min(text.width as usize));
            if wider == width {
                break text.height as usize;
            }
            width = wider;
        };
        // A picture lower than its caption is shown without it.
        let below = if picture.height() < text { 0 } else { text };
        let height = (picture.height() + below).next_multiple_of(2);
        let mut canvas = Canvas::rgb888(width, height, 0);
        // It has its size.
        let style = Style { fit: Fit::Whole, ..self.style };
        drawing::draw(&mut canvas, &picture, &caption, style).unwrap_or_else(|never| match never {});
        half_blocks(&canvas, width, height)
    }

    /// The picture in characters, or in the terminal's protocol with its caption as a line of text.
    fn text(&self, frame: &Frame) -> String {
        let picture = || self.fitted(&frame.picture, self.columns * CELL.0 / 2);
        let pixels = match self.protocol {
            Protocol::Blocks => return self.blocks(frame),
            Protocol::Kitty => kitty::still(&picture()),
            Protocol::Sixel => sixel::encoded(&picture(), self.style.dither),
        };
        let caption = if self.style.caption { frame.caption().join(" ") + "\n" } else { String::new() };
        format!("{pixels}\n{caption}")
    }
}

impl<W: Write> Sink for Terminal<W> {
    fn show(&mut self, frame: &Frame) -> Result<(), RuntimeError> {
        let text = self.text(frame);
        write(&mut self.writer, &text)
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
