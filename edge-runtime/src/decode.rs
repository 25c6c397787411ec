//! PNG files from outside, back into a picture and its texts.

use std::collections::BTreeMap;
use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, DecodingError, Info, Limits, Reader};

use crate::{Picture, RuntimeError};

/// The most memory that decoding may take; the largest picture of a model, enlarged 32 times, is 192 MiB.
const MAX_MEMORY: usize = 256 << 20;
/// The most bytes of one text, and of all of them.
const MAX_TEXT: usize = 1 << 16;
const MAX_TEXTS: usize = 1 << 20;

/// A picture with what its file says about it, by keyword.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// Its levels.
    pub picture: Picture,
    /// The last text of each keyword.
    pub texts: BTreeMap<String, String>,
}

/// Reads a PNG of 8-bit gray or RGB, the kinds that [`crate::encode`] writes.
///
/// # Errors
/// No PNG, a damaged one, another kind of pixels, or one that needs over 256 MiB or has over 1 MiB of text.
pub fn png(bytes: &[u8]) -> Result<Decoded, RuntimeError> {
    let mut reader = open(bytes)?;
    let picture = picture(&mut reader)?;
    // Texts may stand behind the picture.
    reader.finish().map_err(failed)?;
    Ok(Decoded { picture, texts: texts(reader.info())? })
}

/// Reads a PNG that must have a size, width x height x channels, before anything is allocated for it.
///
/// # Errors
/// Those of [`png()`], or another size.
pub fn png_of_size(bytes: &[u8], expected: [usize; 3]) -> Result<Decoded, RuntimeError> {
    let info = open(bytes)?;
    let channels = info.info().color_type.samples();
    let found = [info.info().width as usize, info.info().height as usize, channels];
    if found != expected {
        let text = |[width, height, channels]: [usize; 3]| format!("{width} x {height}, channels {channels}");
        return Err(RuntimeError::Text { what: "PNG", expected: text(expected), found: text(found) });
    }
    png(bytes)
}

fn open(bytes: &[u8]) -> Result<Reader<Cursor<&[u8]>>, RuntimeError> {
    Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: MAX_MEMORY }).read_info().map_err(failed)
}

fn picture(reader: &mut Reader<Cursor<&[u8]>>) -> Result<Picture, RuntimeError> {
    let (color, depth) = reader.output_color_type();
    let channels = match (color, depth) {
        (ColorType::Grayscale, BitDepth::Eight) => 1,
        (ColorType::Rgb, BitDepth::Eight) => 3,
        _ => return Err(other("8-bit gray or RGB", &format!("{color:?}, {depth:?}"))),
    };
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    let size = reader.output_buffer_size().filter(|size| *size <= MAX_MEMORY);
    let size = size.ok_or_else(|| other("at most 256 MiB", &format!("{width} x {height} pixels")))?;
    let mut levels = vec![0; size];
    reader.next_frame(&mut levels).map_err(failed)?;
    Picture::new(width, height, channels, levels).ok_or_else(|| other("as many levels as pixels", "others"))
}

fn texts(info: &Info<'_>) -> Result<BTreeMap<String, String>, RuntimeError> {
    let latin = info.uncompressed_latin1_text.iter().map(|chunk| (chunk.keyword.clone(), chunk.text.clone()));
    let packed = info.compressed_latin1_text.iter().filter_map(|chunk| {
        let mut chunk = chunk.clone();
        chunk.decompress_text_with_limit(MAX_TEXT).ok()?;
        Some((chunk.keyword.clone(), chunk.get_text().ok()?))
    });
    let wide = info.utf8_text.iter().filter_map(|chunk| {
        let mut chunk = chunk.clone();
        chunk.decompress_text_with_limit(MAX_TEXT).ok()?;
        Some((chunk.keyword.clone(), chunk.get_text().ok()?))
    });
    let mut left = MAX_TEXTS;
    let taken = latin.chain(packed).chain(wide).filter(|(_, text)| text.len() <= MAX_TEXT).map(|(keyword, text)| {
        left = left.checked_sub(keyword.len() + text.len()).ok_or_else(|| other("at most 1 MiB of text", "more"))?;
        Ok((keyword, text))
    });
    taken.collect()
}

fn other(expected: &str, found: &str) -> RuntimeError {
    RuntimeError::Text { what: "PNG", expected: expected.to_owned(), found: found.to_owned() }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: DecodingError) -> RuntimeError {
    RuntimeError::Decode { format: "PNG", problem: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::{self, Format};

    fn file() -> Vec<u8> {
        let picture = Picture::new(3, 2, 3, (0..18).collect()).expect("3 x 2 x 3");
        let texts = vec![("Label", "ä".to_owned()), ("Seed", "7".to_owned())];
        encode::encode(&picture, &texts, Format::Png).expect("a PNG")
    }

    #[test]
    fn what_was_encoded_comes_back() {
        let decoded = png(&file()).expect("a PNG");
        assert_eq!(decoded.picture, Picture::new(3, 2, 3, (0..18).collect()).expect("3 x 2 x 3"));
        assert_eq!((decoded.texts["Label"].as_str(), decoded.texts["Seed"].as_str()), ("ä", "7"));
        png_of_size(&file(), [3, 2, 3]).expect("that size");
    }

    #[test]
    fn texts_that_would_fill_the_memory_are_refused() {
        let with = |count: usize| {
            let mut file = Vec::new();
            let mut encoder = png::Encoder::new(&mut file, 1, 1);
            for index in 0..count {
                let text = "0".repeat(MAX_TEXT - 10);
                encoder.add_ztxt_chunk(format!("k{index}"), text).expect("a text");
            }
            let mut writer = encoder.write_header().expect("written");
            writer.write_image_data(&[7]).expect("written");
            writer.finish().expect("written");
            file
        };
        assert_eq!(png(&with(15)).expect("a PNG").texts.len(), 15);
        let message = png(&with(17)).expect_err("refused").to_string();
        assert_eq!(message, "PNG \"more\": expected at most 1 MiB of text");
    }

    #[test]
    fn another_size_is_named() {
        let message = png_of_size(&file(), [2, 3, 3]).expect_err("refused").to_string();
        assert_eq!(message, "PNG \"3 x 2, channels 3\": expected 2 x 3, channels 3");
    }

    #[test]
    fn a_truncated_or_flipped_file_is_an_error_or_a_picture_but_no_panic() {
        let file = file();
        for length in 0..file.len() {
            // Only the end marker's last bytes may be missing.
            assert!(length + 12 >= file.len() || png(&file[..length]).is_err(), "{length} bytes");
        }
        for place in 0..file.len() * 8 {
            let mut flipped = file.clone();
            flipped[place / 8] ^= 1 << (place % 8);
            let _ = png(&flipped);
        }
    }

    #[test]
    fn huge_dimensions_are_refused_before_memory_is_taken() {
        let mut file = file();
        file[16..24].copy_from_slice(&[0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF]);
        let checksum = crc32(&file[12..29]);
        file[29..33].copy_from_slice(&checksum.to_be_bytes());
        let message = png(&file).expect_err("refused").to_string();
        assert_eq!(message, "decode PNG: limits are exceeded");
    }

    /// CRC-32 of a chunk's type and data (PNG specification, annex D).
    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
        })
    }
}
