//! Size and layout of a frame buffer.

use super::settings::{MAX_SIDE, SIZE, Settings, size_from_text};
use crate::RuntimeError;

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
    /// Two bytes, blue in the lowest bits.
    Rgb565,
    /// Two bytes, red in the lowest bits.
    Bgr565,
    /// Three bytes: blue, green, red.
    Rgb888,
    /// Three bytes: red, green, blue.
    Bgr888,
    /// Four bytes: blue, green, red, unused.
    Xrgb8888,
    /// Four bytes: red, green, blue, unused.
    Xbgr8888,
}

/// The part of a frame buffer that is drawn on, and changes to what the kernel says about it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// Left and top side, in pixels.
    pub at: (usize, usize),
    /// Width and height; up to the right and lower side where not given.
    pub size: Option<(usize, usize)>,
    /// Whether red and blue are in each other's place.
    pub is_bgr: bool,
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

    /// `800x480:rgb565` or `800x480:rgb565:1664`.
    pub(super) fn read(text: &str, settings: &Settings<'_>) -> Result<Self, RuntimeError> {
        let mut parts = text.split(':');
        let size = parts.next().unwrap_or_default();
        let (width, height) = size_from_text(size).ok_or_else(|| settings.refused(SIZE, size))?;
        let format = settings.named(&PixelFormat::NAMES, parts.next().unwrap_or_default())?;
        let stride = parts.next();
        let least = width * format.bytes();
        let refused = |found: &str| settings.refused(&format!("a stride of at least {least} bytes"), found);
        let number = stride.map(|text| text.parse().map_err(|_| refused(text))).transpose()?;
        if let Some(more) = parts.next() {
            return Err(settings.refused("nothing behind the stride", more));
        }
        Self::new(width, height, format, number).map_err(|_| refused(stride.unwrap_or_default()))
    }
}

impl PixelFormat {
    /// All of them by name.
    pub const NAMES: [(&'static str, Self); 6] = [
        ("rgb565", Self::Rgb565),
        ("bgr565", Self::Bgr565),
        ("rgb888", Self::Rgb888),
        ("bgr888", Self::Bgr888),
        ("xrgb8888", Self::Xrgb8888),
        ("xbgr8888", Self::Xbgr8888),
    ];

    /// Bytes of a pixel.
    pub fn bytes(self) -> usize {
        match self {
            Self::Rgb565 | Self::Bgr565 => 2,
            Self::Rgb888 | Self::Bgr888 => 3,
            Self::Xrgb8888 | Self::Xbgr8888 => 4,
        }
    }

    /// The format with red and blue in each other's place.
    pub fn swapped(self) -> Self {
        match self {
            Self::Rgb565 => Self::Bgr565,
            Self::Bgr565 => Self::Rgb565,
            Self::Rgb888 => Self::Bgr888,
            Self::Bgr888 => Self::Rgb888,
            Self::Xrgb8888 => Self::Xbgr8888,
            Self::Xbgr8888 => Self::Xrgb8888,
        }
    }
}

impl Window {
    /// From the keys `x`, `y`, `size` and `order`.
    pub(super) fn read(settings: &mut Settings<'_>) -> Result<Self, RuntimeError> {
        let x = settings.number("x", 0..=MAX_SIDE)?.unwrap_or(0);
        let y = settings.number("y", 0..=MAX_SIDE)?.unwrap_or(0);
        let size = settings.value("size", SIZE, size_from_text)?;
        let is_bgr = settings.choice("order", &[("rgb", false), ("bgr", true)])?.unwrap_or(false);
        Ok(Self { at: (x, y), size, is_bgr })
    }

    /// Width and height on a frame buffer, where the window lies inside.
    pub(super) fn size_on(&self, geometry: &Geometry) -> Option<(usize, usize)> {
        let rest = |whole: usize, at: usize| whole.checked_sub(at).filter(|rest| *rest > 0);
        let (width, height) = (rest(geometry.width, self.at.0)?, rest(geometry.height, self.at.1)?);
        let size = self.size.unwrap_or((width, height));
        (size.0 <= width && size.1 <= height).then_some(size)
    }
}
