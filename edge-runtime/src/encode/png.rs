//! PNG with text chunks.

use png::{BitDepth, ColorType, Encoder, EncodingError};

use super::Texts;
use crate::Picture;

pub(super) fn encode(picture: &Picture, texts: &Texts) -> Result<Vec<u8>, EncodingError> {
    let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, side(picture.width()), side(picture.height()));
    encoder.set_color(if picture.channels() == 1 { ColorType::Grayscale } else { ColorType::Rgb });
    encoder.set_depth(BitDepth::Eight);
    for (keyword, text) in texts {
        // tEXt holds Latin-1 only; iTXt holds UTF-8 but fewer programs show it (PNG specification, 11.3.3).
        if text.is_ascii() {
            encoder.add_text_chunk((*keyword).to_owned(), text.clone())?;
        } else {
            encoder.add_itxt_chunk((*keyword).to_owned(), text.clone())?;
        }
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(picture.levels())?;
    writer.finish()?;
    Ok(bytes)
}
