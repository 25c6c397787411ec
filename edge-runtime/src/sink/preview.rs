//! What a panel would show, as a PNG file.

use std::path::{Path, PathBuf};

use embedded_graphics::pixelcolor::{BinaryColor, Gray2, Gray4, Gray8, PixelColor, Rgb565, Rgb888};

use super::screen::Screen;
use crate::canvas::Canvas;
use crate::drawing::{self, Style};
use crate::encode::{self, Format};
use crate::output::OutputFile;
use crate::{Picture, RuntimeError};

/// The colors of a panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// 16 bits.
    Rgb565,
    /// 24 bits.
    Rgb888,
    /// 256 grays.
    Gray8,
    /// 16 grays.
    Gray4,
    /// 4 grays.
    Gray2,
    /// Black and white.
    Mono,
}

impl Depth {
    /// All of them by name.
    pub const NAMES: [(&'static str, Self); 6] = [
        ("rgb565", Self::Rgb565),
        ("rgb888", Self::Rgb888),
        ("gray8", Self::Gray8),
        ("gray4", Self::Gray4),
        ("gray2", Self::Gray2),
        ("mono", Self::Mono),
    ];

    /// Whether levels are so few that pictures need dithering.
    pub fn is_shallow(self) -> bool {
        matches!(self, Self::Gray4 | Self::Gray2 | Self::Mono)
    }
}

/// A PNG file that each picture replaces.
pub struct Preview {
    path: PathBuf,
    size: (usize, usize),
    depth: Depth,
    style: Style,
}

impl Preview {
    /// Writes to a path what a panel of a size and a color would show.
    pub fn new(path: &Path, size: (usize, usize), depth: Depth, style: Style) -> Self {
        Self { path: path.to_owned(), size, depth, style }
    }

    fn drawn<C>(&self, picture: &Picture, caption: &[String]) -> Option<Picture>
    where
        C: PixelColor + From<Rgb888> + Into<Rgb888>,
    {
        Canvas::<C>::picture(self.size.0, self.size.1, |canvas| {
            drawing::draw(canvas, picture, caption, self.style).unwrap_or_else(|never| match never {});
        })
    }
}

impl Screen for Preview {
    fn draw(&mut self, picture: &Picture, caption: &[String]) -> Result<(), RuntimeError> {
        let shown = match self.depth {
            Depth::Rgb565 => self.drawn::<Rgb565>(picture, caption),
            Depth::Rgb888 => self.drawn::<Rgb888>(picture, caption),
            Depth::Gray8 => self.drawn::<Gray8>(picture, caption),
            Depth::Gray4 => self.drawn::<Gray4>(picture, caption),
            Depth::Gray2 => self.drawn::<Gray2>(picture, caption),
            Depth::Mono => self.drawn::<BinaryColor>(picture, caption),
        };
        let shown = shown.ok_or_else(|| RuntimeError::Display {
            path: self.path.clone(),
            problem: "expected a size over 0".to_owned(),
        })?;
        OutputFile::create(&self.path)?.commit(&encode::encode(&shown, &Vec::new(), Format::Png)?)
    }
}
