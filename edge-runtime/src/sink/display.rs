//! Which display to open, from the text that names it.

use std::io::Write;
use std::path::PathBuf;
use std::str::FromStr;

use super::Sink;
use super::terminal::Terminal;
use crate::RuntimeError;

/// The most pixels on a side of a display.
const MAX_SIDE: usize = 1 << 14;

/// A display: `terminal`, `fb:PATH` or `fb:PATH@WIDTHxHEIGHT:FORMAT[:STRIDE]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Display {
    /// The terminal on standard output.
    Terminal,
    /// A frame buffer, with its geometry where the kernel doesn't know it.
    Framebuffer(PathBuf, Option<Geometry>),
}

/// Size and layout of a frame buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Bytes of a pixel.
    pub format: PixelFormat,
    /// Bytes from one row to the next.
    pub stride: usize,
}

/// Bytes of a pixel, little-endian, under the names of Linux's `drm_fourcc.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PixelFormat {
    /// Two bytes.
    Rgb565,
    /// Three bytes.
    Rgb888,
    /// Four bytes, the last unused.
    Xrgb8888,
}

impl Display {
    /// Opens the display; a terminal is `writer` with a number of columns.
    ///
    /// # Errors
    /// A frame buffer that can't be used, or any on a system other than Linux.
    pub fn open<W: Write + 'static>(&self, writer: W, columns: usize) -> Result<Box<dyn Sink>, RuntimeError> {
        match self {
            Self::Terminal => Ok(Box::new(Terminal::new(writer, columns))),
            #[cfg(target_os = "linux")]
            Self::Framebuffer(path, geometry) => Ok(Box::new(super::framebuffer::Framebuffer::open(path, *geometry)?)),
            #[cfg(not(target_os = "linux"))]
            Self::Framebuffer(path, _) => {
                Err(RuntimeError::Display { path: path.clone(), problem: "frame buffers need Linux".to_owned() })
            }
        }
    }
}

impl FromStr for Display {
    type Err = RuntimeError;

    fn from_str(text: &str) -> Result<Self, RuntimeError> {
        if text == "terminal" {
            return Ok(Self::Terminal);
        }
        let refused = || RuntimeError::Text {
            what: "display",
            expected: "terminal, fb:PATH or fb:PATH@WIDTHxHEIGHT:rgb565|rgb888|xrgb8888[:STRIDE]".to_owned(),
            found: text.to_owned(),
        };
        let place = text.strip_prefix("fb:").filter(|path| !path.is_empty()).ok_or_else(refused)?;
        match place.rsplit_once('@') {
            Some((path, geometry)) if !path.is_empty() => {
                Ok(Self::Framebuffer(path.into(), Some(geometry_from_text(geometry).ok_or_else(refused)?)))
            }
            _ => Ok(Self::Framebuffer(place.into(), None)),
        }
    }
}

impl Geometry {
    /// Checks sizes; without a stride rows follow each other closely.
    ///
    /// # Errors
    /// A side of 0 or over 16,384 pixels, or a stride that is too small or over 16 bytes a pixel of the longest row.
    pub fn new(width: usize, height: usize, format: PixelFormat, stride: Option<usize>) -> Result<Self, RuntimeError> {
        let refused =
            |what, expected: String, found: usize| RuntimeError::Text { what, expected, found: found.to_string() };
        for (what, side) in [("width", width), ("height", height)] {
            if !(1..=MAX_SIDE).contains(&side) {
                return Err(refused(what, format!("1 to {MAX_SIDE}"), side));
            }
        }
        let least = width * format.bytes();
        let stride = stride.unwrap_or(least);
        if !(least..=MAX_SIDE * 16).contains(&stride) {
            return Err(refused("stride", format!("{least} to {}", MAX_SIDE * 16), stride));
        }
        Ok(Self { width, height, format, stride })
    }
}

impl PixelFormat {
    /// Bytes of a pixel.
    pub fn bytes(self) -> usize {
        match self {
            Self::Rgb565 => 2,
            Self::Rgb888 => 3,
            Self::Xrgb8888 => 4,
        }
    }
}

/// `800x480:rgb565` or `800x480:rgb565:1664`.
fn geometry_from_text(text: &str) -> Option<Geometry> {
    let mut parts = text.split(':');
    let (width, height) = parts.next()?.split_once('x')?;
    let format = match parts.next()? {
        "rgb565" => PixelFormat::Rgb565,
        "rgb888" => PixelFormat::Rgb888,
        "xrgb8888" => PixelFormat::Xrgb8888,
        _ => return None,
    };
    let stride = parts.next().map(str::parse).transpose().ok()?;
    let made = Geometry::new(width.parse().ok()?, height.parse().ok()?, format, stride).ok()?;
    parts.next().is_none().then_some(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_name_displays() {
        let geometry = |stride| Geometry { width: 80, height: 48, format: PixelFormat::Rgb565, stride };
        struct Case(&'static str, Option<Display>);
        let cases = [
            Case("terminal", Some(Display::Terminal)),
            Case("fb:/dev/fb0", Some(Display::Framebuffer("/dev/fb0".into(), None))),
            Case("fb:a:b@80x48:rgb565", Some(Display::Framebuffer("a:b".into(), Some(geometry(160))))),
            Case("fb:a@b@80x48:rgb565:168", Some(Display::Framebuffer("a@b".into(), Some(geometry(168))))),
            Case("fb:a@80x48:rgb565:159", None),
            Case("fb:a@80x48:rgb565:160:1", None),
            Case("fb:a@0x48:rgb565", None),
            Case("fb:a@80x99999999999:rgb565", None),
            Case("fb:a@80x48:rgb999", None),
            Case("fb:", None),
            Case("window", None),
        ];
        for Case(text, expected) in cases {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
        let message = "window".parse::<Display>().expect_err("refused").to_string();
        assert!(message.starts_with("display \"window\": expected terminal, fb:PATH"), "{message}");
    }
}
