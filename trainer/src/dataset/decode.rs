//! One picture file to square 8-bit planes.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageReader, Limits};
use model_spec::pixels::chw8_from_hwc8;

use super::resize;
use crate::error::DecodeError;

/// The largest file and the largest decoded picture: 179 megapixels of RGB, where Pillow too speaks of a decompression
/// bomb.
const LARGEST_BYTES: u64 = 512 << 20;

/// What the head of a picture file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// The shorter side in pixels, which the square has.
    pub side: usize,
    /// Whether it has no colors.
    pub is_gray: bool,
}

/// The shape of a picture by its content.
pub fn shape(path: &Path) -> Result<Shape, DecodeError> {
    let decoder = ImageReader::new(Cursor::new(content(path)?)).with_guessed_format()?.into_decoder()?;
    let (width, height) = decoder.dimensions();
    Ok(Shape { side: width.min(height) as usize, is_gray: !decoder.color_type().has_color() })
}

/// Decodes, turns as EXIF says, converts to RGB or gray, resizes the shorter side to `size`, cuts the centre square:
/// `[channels, size, size]`.
pub fn square_picture(path: &Path, size: usize, channels: usize) -> Result<Vec<u8>, DecodeError> {
    let square = resize::square(decode(path)?.into_rgb8(), size);
    Ok(planes(square.as_raw(), channels))
}

/// `[channels, size, size]` of interleaved RGB rows. Gray is luma as Pillow's mode L computes it: ITU-R 601-2 in 16-bit
/// fixed point.
pub fn planes(rgb: &[u8], channels: usize) -> Vec<u8> {
    if channels != 1 {
        return chw8_from_hwc8(rgb, channels);
    }
    let luma = |pixel: &[u8]| 19_595 * u32::from(pixel[0]) + 38_470 * u32::from(pixel[1]) + 7_471 * u32::from(pixel[2]);
    rgb.chunks_exact(3).map(|pixel| ((luma(pixel) + 0x8000) >> 16) as u8).collect()
}

/// The content decides the format, not the ending.
fn decode(path: &Path) -> Result<DynamicImage, DecodeError> {
    let bytes = content(path)?;
    if is_cut_jpeg(&bytes) {
        return Err(DecodeError::Cut);
    }
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(LARGEST_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    match decoder.total_bytes() {
        0 => return Err(DecodeError::Empty),
        found if found > LARGEST_BYTES => return Err(DecodeError::TooLarge { max: LARGEST_BYTES, found }),
        _ => {}
    }
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

fn content(path: &Path) -> Result<Vec<u8>, DecodeError> {
    // Asked before opening, which would wait for a writer to a pipe.
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(DecodeError::Kind);
    }
    match metadata.len() {
        0 => return Err(DecodeError::Empty),
        found if found > LARGEST_BYTES => return Err(DecodeError::TooLarge { max: LARGEST_BYTES, found }),
        _ => {}
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether a JPEG ends before its end marker (ITU-T T.81, B.1.1 and B.2.1): the decoder would make up the missing rows.
fn is_cut_jpeg(bytes: &[u8]) -> bool {
    let Some(mut rest) = bytes.strip_prefix(&[0xFF, 0xD8]) else { return false };
    loop {
        rest = match rest {
            [0xFF, 0xD9, ..] => return false,
            [0xFF, 0xDA, scan @ ..] => return !scan.windows(2).any(|marker| marker == [0xFF, 0xD9]),
            [0xFF, 0xFF, ..] => &rest[1..], // fill bytes may come before any marker
            [0xFF, _, segment @ ..] => {
                let length = segment.first_chunk().map_or(usize::MAX, |length| u16::from_be_bytes(*length).into());
                match segment.get(length..) {
                    Some(after) => after,
                    None => return true,
                }
            }
            // Something else than a segment is for the decoder to judge.
            [] | [0xFF] => return true,
            _ => return false,
        }
    }
}
