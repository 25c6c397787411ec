//! A terminal that is drawn on again and again, and left as it was.

use std::fmt::Write as _;
use std::io::Write;

use embedded_graphics::pixelcolor::Rgb888;

use super::protocol::Protocol;
use super::text::{CELL, UPPER_HALF, write};
use super::{kitty, sixel};
use crate::canvas::Canvas;
use crate::drawing::{self, Fit, Style};
use crate::restore::Restored;
use crate::sink::screen::Screen;
use crate::{Picture, RuntimeError};

/// Another screen, no cursor, nothing on it (xterm's ctlseqs: DEC private modes 1049 and 25).
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE: &str = "\x1b[0m\x1b[?25h\x1b[?1049l";

/// The size of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cells {
    /// Characters in a row.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
    /// Width and height of a character in pixels.
    pub pixels: (usize, usize),
}

/// Where a terminal doesn't tell its size.
const USUAL: Cells = Cells { columns: 80, rows: 24, pixels: CELL };

/// Draws on a screen of its own, as large as the terminal is at that moment.
pub struct LiveTerminal<W, S> {
    terminal: Restored<Entered<W>>,
    size: S,
    protocol: Protocol,
    style: Style,
    /// What stands on the screen, line by line, and for which size.
    lines: Vec<String>,
    shown: Option<Cells>,
    /// Where its pixels are, and how many lines stand below.
    pixels: Option<(Place, usize)>,
}

/// Characters that a picture in pixels lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    left: usize,
    top: usize,
    columns: usize,
    rows: usize,
}

/// A terminal, and whether its other screen is shown.
struct Entered<W> {
    writer: W,
    is_entered: bool,
}

/// The terminal on standard output.
pub fn live(protocol: Protocol, style: Style) -> Box<dyn Screen> {
    Box::new(LiveTerminal::new(std::io::stdout(), size, protocol, style))
}

/// The size that the terminal on standard output has now.
fn size() -> Cells {
    let Some((width, height)) = terminal_size::terminal_size() else { return USUAL };
    let (columns, rows) = (usize::from(width.0), usize::from(height.0));
    let (wide, high) = size_in_pixels();
    // Not all terminals tell it (they leave 0), and some that speak of pixels have smaller characters than most.
    let told = (wide / columns.max(1), high / rows.max(1));
    Cells { columns, rows, pixels: if told.0 > 0 && told.1 > 0 { told } else { CELL } }
}

/// `ws_xpixel` and `ws_ypixel` of TIOCGWINSZ.
#[cfg(unix)]
fn size_in_pixels() -> (usize, usize) {
    let told = rustix::termios::tcgetwinsize(std::io::stdout());
    told.map_or((0, 0), |size| (usize::from(size.ws_xpixel), usize::from(size.ws_ypixel)))
}

#[cfg(not(unix))]
fn size_in_pixels() -> (usize, usize) {
    (0, 0)
}

impl<W: Write + Send + 'static, S: FnMut() -> Cells> LiveTerminal<W, S> {
    /// Takes over a terminal with the first picture; `size` is asked before each.
    pub fn new(writer: W, size: S, protocol: Protocol, style: Style) -> Self {
        let terminal = Restored::new(Entered { writer, is_entered: false }, move |mut terminal| {
            let removed = if protocol == Protocol::Kitty { kitty::removed() } else { String::new() };
            if terminal.is_entered {
                // The terminal is gone where this fails.
                let _ = write(&mut terminal.writer, &(removed + LEAVE));
            }
        });
        Self { terminal, size, protocol, style, lines: Vec::new(), shown: None, pixels: None }
    }

    /// What has to be written to have a picture and its caption on a terminal of some size.
    fn update(&mut self, picture: &Picture, caption: &[String], cells: Cells) -> String {
        let mut text = String::new();
        if self.shown != Some(cells) {
            text += if self.shown.is_none() { ENTER } else { "\x1b[0m\x1b[2J" };
            self.lines.clear();
            self.pixels = None;
            self.shown = Some(cells);
        }
        let with_caption = self.style.caption && caption.len() * 2 < cells.rows;
        let below = if with_caption { caption.len() } else { 0 };
        let space = Cells { rows: cells.rows - below, ..cells };
        let mut lines = match self.protocol {
            Protocol::Blocks => half_blocks(picture, space, self.style),
            Protocol::Kitty | Protocol::Sixel => {
                let place = self.place(picture, space);
                // What stood elsewhere is not covered.
                if self.pixels.replace((place, below)).is_some_and(|before| before != (place, below)) {
                    text += "\x1b[0m\x1b[2J";
                    self.lines.clear();
                }
                text += &self.pixels(picture, space, place);
                vec![String::new(); space.rows]
            }
        };
        lines.extend(caption.iter().take(below).map(|line| centered(line, cells.columns)));
        for (row, line) in lines.iter().enumerate() {
            if !line.is_empty() && self.lines.get(row) != Some(line) {
                // Writing to a string cannot fail.
                let _ = write!(text, "\x1b[{};1H{line}", row + 1);
            }
        }
        self.lines = lines;
        text
    }

    /// Pixels stay sharp in any size: a terminal scales, or has many.
    fn fit(&self) -> Fit {
        if self.style.fit == Fit::Whole { Fit::Fit } else { self.style.fit }
    }

    fn place(&self, picture: &Picture, space: Cells) -> Place {
        let (cell_width, cell_height) = space.pixels;
        let (width, height) = (space.columns * cell_width, space.rows * cell_height);
        let (shown_width, shown_height) = match self.fit() {
            Fit::Fill => (width, height),
            fit => drawing::resampled_size(picture, width, height, fit),
        };
        let (columns, rows) = (shown_width.div_ceil(cell_width), shown_height.div_ceil(cell_height));
        Place { left: (space.columns - columns) / 2, top: (space.rows - rows) / 2, columns, rows }
    }

    /// The picture at its place, in pixels.
    fn pixels(&self, picture: &Picture, space: Cells, place: Place) -> String {
        let Place { left, top, columns, rows } = place;
        let (width, height) = (space.columns * space.pixels.0, space.rows * space.pixels.1);
        let fitted = || drawing::fitted(picture, width, height, self.fit());
        let picture = match self.protocol {
            // The terminal scales what it gets.
            Protocol::Kitty if self.fit() == Fit::Fit => kitty::replacing(picture, columns, rows),
            Protocol::Kitty => kitty::replacing(&fitted(), columns, rows),
            _ => sixel::encoded(&fitted(), self.style.dither),
        };
        format!("\x1b[{};{}H{picture}", top + 1, left + 1)
    }
}

impl<W: Write + Send + 'static, S: FnMut() -> Cells> Screen for LiveTerminal<W, S> {
    fn draw(&mut self, picture: &Picture, caption: &[String]) -> Result<(), RuntimeError> {
        let Cells { columns, rows, pixels } = (self.size)();
        let text = self.update(picture, caption, Cells { columns: columns.max(1), rows: rows.max(1), pixels });
        let written = self.terminal.with(|terminal| {
            terminal.is_entered = true;
            write(&mut terminal.writer, &text)
        });
        written.unwrap_or(Ok(()))
    }
}

/// A line for each row; a color is said where it changes.
fn half_blocks(picture: &Picture, space: Cells, style: Style) -> Vec<String> {
    let (width, height) = (space.columns, space.rows * 2);
    let mut canvas = Canvas::<Rgb888>::rgb888(width, height, 0);
    drawing::draw(&mut canvas, picture, &[], style).unwrap_or_else(|never| match never {});
    let line = |row: usize| {
        let mut line = String::new();
        let mut before = None;
        for x in 0..width {
            let colors = (canvas.rgb(x, row * 2), canvas.rgb(x, row * 2 + 1));
            if before != Some(colors) {
                let ([r, g, b], [lower_r, lower_g, lower_b]) = colors;
                let _ = write!(line, "\x1b[38;2;{r};{g};{b};48;2;{lower_r};{lower_g};{lower_b}m");
                before = Some(colors);
            }
            line.push(UPPER_HALF);
        }
        line + "\x1b[0m"
    };
    (0..space.rows).map(line).collect()
}

/// A line of text in the middle of a row.
fn centered(text: &str, columns: usize) -> String {
    let text: String = text.chars().take(columns).map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("\x1b[0m{text:^columns$}")
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Shared {
        fn taken(&self) -> String {
            String::from_utf8(std::mem::take(&mut *self.0.lock().expect("whole"))).expect("text")
        }
    }

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("whole").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn picture(level: u8) -> Picture {
        Picture::new(2, 2, 3, vec![255, 0, 0, 0, 255, 0, 0, 0, 255, level, level, level]).expect("2 x 2")
    }

    #[test]
    fn only_lines_that_change_are_written_and_the_screen_is_left() {
        let out = Shared::default();
        let size = Rc::new(RefCell::new(Cells { columns: 4, rows: 3, pixels: CELL }));
        let asked = Rc::clone(&size);
        let mut screen = LiveTerminal::new(out.clone(), move || *asked.borrow(), Protocol::Blocks, Style::default());
        let caption = |text: &str| vec![text.to_owned()];
        screen.draw(&picture(9), &caption("a")).expect("writable");
        // Four rows of pixels: twice as large.
        let upper = "\x1b[38;2;255;0;0;48;2;255;0;0m▀▀\x1b[38;2;0;255;0;48;2;0;255;0m▀▀\x1b[0m";
        let lower = |level| {
            format!(
                "\x1b[38;2;0;0;255;48;2;0;0;255m▀▀\x1b[38;2;{level};{level};{level};48;2;{level};{level};{level}m▀▀\x1b[0m"
            )
        };
        let expected = format!("{ENTER}\x1b[1;1H{upper}\x1b[2;1H{}\x1b[3;1H\x1b[0m a  ", lower(9));
        assert_eq!(out.taken(), expected);
        screen.draw(&picture(9), &caption("a")).expect("writable");
        assert_eq!(out.taken(), "");
        screen.draw(&picture(10), &caption("b")).expect("writable");
        assert_eq!(out.taken(), format!("\x1b[2;1H{}\x1b[3;1H\x1b[0m b  ", lower(10)));
        // A terminal that became another size is drawn anew.
        *size.borrow_mut() = Cells { columns: 2, rows: 1, pixels: CELL };
        screen.draw(&picture(10), &caption("b")).expect("writable");
        let all = "\x1b[38;2;255;0;0;48;2;0;0;255m▀\x1b[38;2;0;255;0;48;2;10;10;10m▀\x1b[0m";
        assert_eq!(out.taken(), format!("\x1b[0m\x1b[2J\x1b[1;1H{all}"));
        drop(screen);
        assert_eq!(out.taken(), LEAVE);
    }

    #[test]
    fn a_screen_that_was_never_drawn_on_writes_nothing() {
        let out = Shared::default();
        drop(LiveTerminal::new(out.clone(), || USUAL, Protocol::Kitty, Style::default()));
        assert_eq!(out.taken(), "");
    }

    #[test]
    fn pixels_go_to_the_middle_and_are_taken_away() {
        let out = Shared::default();
        let cells = Cells { columns: 12, rows: 5, pixels: CELL };
        let mut screen = LiveTerminal::new(out.clone(), move || cells, Protocol::Kitty, Style::default());
        screen.draw(&picture(9), &["a".to_owned()]).expect("writable");
        // Four rows of 16 pixels: a square of 64, eight columns of the twelve.
        let text = out.taken();
        assert!(text.starts_with(&format!("{ENTER}\x1b[1;3H\x1b_Ga=T,i=1,p=1,c=8,r=4,C=1")), "{text:?}");
        assert!(text.ends_with("\x1b[5;1H\x1b[0m     a      "), "{text:?}");
        drop(screen);
        assert_eq!(out.taken(), kitty::removed() + LEAVE);
        let mut screen = LiveTerminal::new(out.clone(), move || cells, Protocol::Sixel, Style::default());
        screen.draw(&picture(9), &[]).expect("writable");
        assert!(out.taken().contains("\x1bP0;1;0q\"1;1;80;80#"));
        drop(screen);
        out.taken();
        // A caption makes the picture smaller: what it leaves is taken away, but not before the same again.
        let caption = ["a".to_owned()];
        let mut screen = LiveTerminal::new(out.clone(), move || cells, Protocol::Sixel, Style::default());
        let cleared = [&[][..], &caption, &caption, &[]].map(|caption| {
            screen.draw(&picture(9), caption).expect("writable");
            out.taken().trim_start_matches(ENTER).contains("\x1b[2J")
        });
        assert_eq!(cleared, [false, true, false, true]);
        drop(screen);
        out.taken();
        // Smaller characters, as xterm's: as many pixels as they have, so that nothing scrolls.
        let small = Cells { pixels: (6, 13), ..cells };
        let mut screen = LiveTerminal::new(out.clone(), move || small, Protocol::Sixel, Style::default());
        screen.draw(&picture(9), &[]).expect("writable");
        let text = out.taken();
        assert!(text.contains("\x1b[1;1H\x1bP0;1;0q\"1;1;65;65#"), "{text:?}");
    }
}
