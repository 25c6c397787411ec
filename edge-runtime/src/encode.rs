//! Pictures as file bytes, with text about their origin. The same picture and text make the same bytes.
//!
//! ```
//! use edge_runtime::encode::{self, Format};
//! use edge_runtime::{Picture, decode};
//!
//! let picture = Picture::new(2, 1, 3, vec![0, 0, 255, 255, 0, 0]).expect("2 x 1 pixels of 3 levels");
//! let png = encode::encode(&picture, &vec![("Label", "rock".to_owned())], Format::Png)?;
//! let read = decode::png(&png)?;
//! assert_eq!((read.picture, read.texts["Label"].as_str()), (picture, "rock"));
//! # Ok::<(), edge_runtime::RuntimeError>(())
//! ```

mod exif;
pub mod gif;
mod png;

use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder};

use crate::generator::Origin;
use crate::{Frame, Picture, RuntimeError};

const JPEG_QUALITY: u8 = 95;
/// Bytes of text in a JPEG file: its segments take 65,533, and EXIF has a little before them.
const MOST_IN_SEGMENT: usize = 65_000;

/// A file format for one picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Lossless; carries its texts as `tEXt` or `iTXt` chunks.
    Png,
    /// Lossy, quality 95; carries its texts as the EXIF image description.
    Jpeg,
    /// Lossless; carries its texts as the EXIF image description.
    WebP,
}

impl Format {
    /// The format that a file name's ending stands for.
    ///
    /// # Errors
    /// An ending that stands for none.
    pub fn of_path(path: &Path) -> Result<Self, RuntimeError> {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        match ending.as_deref() {
            Some("png") => Ok(Self::Png),
            Some("jpg" | "jpeg") => Ok(Self::Jpeg),
            Some("webp") => Ok(Self::WebP),
            _ => Err(RuntimeError::Text {
                what: "picture file",
                expected: "a name that ends in .png, .jpg, .jpeg or .webp".to_owned(),
                found: path.display().to_string(),
            }),
        }
    }

    /// Whether the format can hold a picture of so many pixels a side.
    ///
    /// # Errors
    /// Sides over 65,535 pixels, or 16,384 in WebP (RFC 9649, section 3.4).
    pub fn check_size(self, (width, height): (usize, usize)) -> Result<(), RuntimeError> {
        let (name, most) = match self {
            Self::Png => ("PNG", usize::from(u16::MAX)),
            Self::Jpeg => ("JPEG", usize::from(u16::MAX)),
            Self::WebP => ("WebP", 1 << 14),
        };
        if width.max(height) <= most {
            return Ok(());
        }
        Err(RuntimeError::Text {
            what: "picture file",
            expected: format!("at most {most} pixels a side for {name}"),
            found: format!("{width} x {height}"),
        })
    }
}

/// Keyword and text of what a file says about its picture.
pub type Texts = Vec<(&'static str, String)>;

/// What a file says about a frame: label, seed, index, the model's SHA-256, the engine, and truncation where there is one.
pub fn texts(frame: &Frame, origin: &Origin) -> Texts {
    let mut texts =
        vec![("Label", frame.label.clone()), ("Seed", frame.seed.to_string()), ("Index", frame.index.to_string())];
    texts.extend(origin_texts(origin));
    texts
}

/// What every file says: the model's SHA-256, the engine, this program, and the truncation where there is one.
pub fn origin_texts(origin: &Origin) -> Texts {
    let mut texts = vec![
        ("Model", origin.model_sha256.clone()),
        ("Engine", origin.engine.clone()),
        ("Software", concat!("edge-runtime ", env!("CARGO_PKG_VERSION")).to_owned()),
    ];
    if !origin.truncation.is_none() {
        texts.push(("Truncation", origin.truncation.to_string()));
    }
    texts
}

/// The file of one picture.
///
/// # Errors
/// A picture that the format can't hold.
pub fn encode(picture: &Picture, texts: &Texts, format: Format) -> Result<Vec<u8>, RuntimeError> {
    match format {
        Format::Png => png::encode(picture, texts).map_err(|source| failed("PNG", source)),
        Format::Jpeg => {
            let length = lines(texts).len();
            if length > MOST_IN_SEGMENT {
                let problem =
                    format!("expected texts of at most {MOST_IN_SEGMENT} bytes, found {length}; PNG takes more");
                return Err(failed("JPEG", problem));
            }
            let mut bytes = Vec::new();
            let encoder = JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY);
            write(encoder, picture, texts).map_err(|source| failed("JPEG", source))?;
            Ok(bytes)
        }
        Format::WebP => {
            let mut bytes = Vec::new();
            let encoder = WebPEncoder::new_lossless(&mut bytes);
            write(encoder, picture, texts).map_err(|source| failed("WebP", source))?;
            Ok(bytes)
        }
    }
}

fn write(mut encoder: impl ImageEncoder, picture: &Picture, texts: &Texts) -> Result<(), image::ImageError> {
    encoder.set_exif_metadata(exif::image_description(&lines(texts))).map_err(image::ImageError::Unsupported)?;
    let color = if picture.channels() == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
    encoder.write_image(picture.levels(), side(picture.width()), side(picture.height()), color)
}

fn lines(texts: &Texts) -> String {
    texts.iter().map(|(keyword, text)| format!("{keyword}: {text}")).collect::<Vec<_>>().join("\n")
}

fn failed(format: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> RuntimeError {
    RuntimeError::Encode { format, source: source.into() }
}
