//! One picture file to square 8-bit planes.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits, RgbImage};
use model_spec::pixels::chw8_from_hwc8;

use super::resize;

const LARGEST_SIDE: u32 = 20_000;
const LARGEST_BYTES: u64 = 1 << 30;

/// Why a file is no usable picture.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It can't be opened.
    #[error("can't be opened: {0}")]
    Open(#[from] std::io::Error),
    /// It has no content.
    #[error("is empty")]
    Empty,
    /// Its content is broken, of another format, or larger than is accepted.
    #[error("can't be decoded: {0}")]
    Decode(#[from] ImageError),
}

/// Decodes, turns as EXIF says, converts to RGB or gray, resizes the shorter side to `size`, cuts the centre square:
/// `[channels, size, size]`.
pub fn square_picture(path: &Path, size: usize, channels: usize) -> Result<Vec<u8>, DecodeError> {
    let rgb = decode(path)?.into_rgb8();
    let square = resize::square(rgb, size as u32);
    Ok(if channels == 1 { gray(&square) } else { chw8_from_hwc8(square.as_raw(), channels) })
}

/// The content decides the format, not the ending. Sides and memory are limited before anything is allocated.
fn decode(path: &Path) -> Result<DynamicImage, DecodeError> {
    let file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Err(DecodeError::Empty);
    }
    let mut reader = ImageReader::new(BufReader::new(file)).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE);
    limits.max_image_height = Some(LARGEST_SIDE);
    limits.max_alloc = Some(LARGEST_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// Luma as Pillow's mode L computes it: ITU-R 601-2 in 16-bit fixed point.
fn gray(rgb: &RgbImage) -> Vec<u8> {
    let luma =
        |[r, g, b]: [u8; 3]| (19_595 * u32::from(r) + 38_470 * u32::from(g) + 7_471 * u32::from(b) + 0x8000) >> 16;
    rgb.pixels().map(|pixel| luma(pixel.0) as u8).collect()
}
