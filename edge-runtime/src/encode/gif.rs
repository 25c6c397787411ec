//! Animated GIF.

use gif::{AnyExtension, Encoder, EncodingError, Extension, Frame, Repeat};

use super::{Texts, failed, lines};
use crate::{Picture, RuntimeError};

/// Time that each picture stands, in hundredths of a second.
const DELAY: u16 = 10;
/// How coarsely colors are chosen, 1 (best) to 30 (fastest).
const QUANTIZER_SPEED: i32 = 10;

/// An animation that repeats for ever, a tenth of a second a picture; its texts stand in a comment block. Of its pictures one
/// is held at a time.
///
/// # Errors
/// No picture, one that can't be made, pictures of different sizes, and sides over 65,535 pixels.
pub fn encode(
    pictures: impl IntoIterator<Item = Result<Picture, RuntimeError>>,
    texts: &Texts,
) -> Result<Vec<u8>, RuntimeError> {
    let mut pictures = pictures.into_iter();
    let first = pictures.next().ok_or_else(|| failed("GIF", "no picture"))??;
    let size = (first.width(), first.height());
    let (Ok(width), Ok(height)) = (u16::try_from(size.0), u16::try_from(size.1)) else {
        return Err(failed("GIF", format!("{} x {} pixels are too many", size.0, size.1)));
    };
    let written = |source: EncodingError| failed("GIF", source);
    let mut bytes = Vec::new();
    let mut encoder = begin(&mut bytes, (width, height), texts).map_err(written)?;
    for picture in std::iter::once(Ok(first)).chain(pictures) {
        let picture = picture?;
        if (picture.width(), picture.height()) != size {
            return Err(failed("GIF", "pictures of different sizes"));
        }
        let mut frame = Frame::from_rgb_speed(width, height, &picture.rgb_levels(), QUANTIZER_SPEED);
        frame.delay = DELAY;
        encoder.write_frame(&frame).map_err(written)?;
    }
    drop(encoder);
    Ok(bytes)
}

fn begin<'a>(
    bytes: &'a mut Vec<u8>,
    (width, height): (u16, u16),
    texts: &Texts,
) -> Result<Encoder<&'a mut Vec<u8>>, EncodingError> {
    let mut encoder = Encoder::new(bytes, width, height, &[])?;
    encoder.set_repeat(Repeat::Infinite)?;
    let comment = lines(texts);
    let parts: Vec<&[u8]> = comment.as_bytes().chunks(255).collect();
    encoder.write_raw_extension(AnyExtension::from(Extension::Comment), &parts)?;
    Ok(encoder)
}
