//! Animated GIF.

use gif::{AnyExtension, Encoder, EncodingError, Extension, Frame, Repeat};

use super::{Texts, failed, lines};
use crate::{Picture, RuntimeError};

/// Time that each picture stands, in hundredths of a second.
const DELAY: u16 = 10;
/// How coarsely colors are chosen, 1 (best) to 30 (fastest).
const QUANTIZER_SPEED: i32 = 10;

/// An animation that repeats for ever; its texts stand in a comment block.
///
/// # Errors
/// No picture, pictures of different sizes, and sides over 65,535 pixels.
pub fn encode(pictures: &[Picture], texts: &Texts) -> Result<Vec<u8>, RuntimeError> {
    let Some(first) = pictures.first() else {
        return Err(failed("GIF", "no picture"));
    };
    let (Ok(width), Ok(height)) = (u16::try_from(first.width()), u16::try_from(first.height())) else {
        return Err(failed("GIF", format!("{} x {} pixels are too many", first.width(), first.height())));
    };
    if pictures.iter().any(|picture| (picture.width(), picture.height()) != (first.width(), first.height())) {
        return Err(failed("GIF", "pictures of different sizes"));
    }
    write(pictures, width, height, texts).map_err(|source| failed("GIF", source))
}

fn write(pictures: &[Picture], width: u16, height: u16, texts: &Texts) -> Result<Vec<u8>, EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, width, height, &[])?;
    encoder.set_repeat(Repeat::Infinite)?;
    let comment = lines(texts);
    let parts: Vec<&[u8]> = comment.as_bytes().chunks(255).collect();
    encoder.write_raw_extension(AnyExtension::from(Extension::Comment), &parts)?;
    for picture in pictures {
        let mut frame = Frame::from_rgb_speed(width, height, &picture.rgb_levels(), QUANTIZER_SPEED);
        frame.delay = DELAY;
        encoder.write_frame(&frame)?;
    }
    drop(encoder);
    Ok(bytes)
}
