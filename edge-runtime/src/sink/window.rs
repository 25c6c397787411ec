//! A window on a desktop, which shows what a panel of a size and a color would.

#[cfg(feature = "window")]
mod simulator;

#[cfg(feature = "window")]
pub(super) use simulator::open;

use super::preview::Depth;
#[cfg(not(feature = "window"))]
use super::screen::Screen;
use super::settings::{Settings, size_from_text};
use crate::RuntimeError;
#[cfg(not(feature = "window"))]
use crate::drawing::Style;

const MAX_SCALE: u32 = 16;
/// Of the desktop: what GPUs take in one piece.
const MAX_SIDE: usize = 16_384;

/// What a window shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSpec {
    /// Width and height of the panel.
    pub size: (usize, usize),
    /// Its colors.
    pub depth: Depth,
    /// Pixels of the desktop on a side of each of its pixels.
    pub scale: u32,
}

impl Default for WindowSpec {
    /// A color panel of 240x240, twice as large.
    fn default() -> Self {
        Self { size: (240, 240), depth: Depth::Rgb888, scale: 2 }
    }
}

impl WindowSpec {
    /// Reads what stands behind `window:`, and the setting `scale`.
    pub(super) fn read(form: Option<&str>, settings: &mut Settings<'_>) -> Result<Self, RuntimeError> {
        const FORM: &str = "window:WIDTHxHEIGHT[:FORMAT], each side from 1 to 16384";
        let usual = Self::default();
        let (size, depth) = match form {
            None => (usual.size, usual.depth),
            Some(form) => {
                let (size, depth) = form.split_once(':').map_or((form, None), |(size, depth)| (size, Some(depth)));
                let depth = depth.map(|depth| settings.named(&Depth::NAMES, depth)).transpose()?;
                (size_from_text(size).ok_or_else(|| settings.refused(FORM, size))?, depth.unwrap_or(usual.depth))
            }
        };
        let scale = settings.number("scale", 1..=MAX_SCALE)?.unwrap_or(usual.scale);
        let side = size.0.max(size.1) * scale as usize;
        if side > MAX_SIDE {
            let expected = format!("a window of at most {MAX_SIDE} pixels on a side");
            return Err(settings.refused(&expected, &format!("{side}, scale={scale}")));
        }
        Ok(Self { size, depth, scale })
    }
}

/// Opens a window.
///
/// # Errors
/// A build without the feature `window`.
#[cfg(not(feature = "window"))]
pub(super) fn open(_spec: WindowSpec, _style: Style) -> Result<Box<dyn Screen>, RuntimeError> {
    Err(RuntimeError::BuiltWithout("window"))
}
