//! Golden pictures: what a model must make of given latents and labels, kept in its own file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model_spec::metadata::Golden;
use model_spec::{Metadata, contract};

use crate::encode::{self, Format};
use crate::{Picture, RuntimeError, decode};

/// Keyword of the text in a golden PNG that names its label, so that renamed labels show.
const LABEL: &str = "Label";

/// Stores one picture of a model as its golden one, with the name of its label.
///
/// # Errors
/// A picture that PNG can't hold.
pub fn png_base64(picture: &Picture, label: &str) -> Result<String, RuntimeError> {
    let png = encode::encode(picture, &vec![(LABEL, label.to_owned())], Format::Png)?;
    Ok(STANDARD.encode(png))
}

/// The golden pictures of a model, each of the size that the model makes.
///
/// # Errors
/// None at all, more bytes than the contract allows, text that is no base64 or no PNG of that size, and a picture that
/// names another label than its index does: the labels were renamed or reordered.
pub fn pictures(metadata: &Metadata) -> Result<Vec<Picture>, RuntimeError> {
    let bytes: usize = metadata.golden.iter().map(|golden| golden.png_base64.len()).sum();
    if metadata.golden.is_empty() || bytes > contract::GOLDEN_BYTES {
        let expected = format!("pictures of 1 to {} bytes in base64", contract::GOLDEN_BYTES);
        return Err(problem(expected, bytes.to_string()));
    }
    metadata.golden.iter().map(|golden| picture(golden, metadata)).collect()
}

fn picture(golden: &Golden, metadata: &Metadata) -> Result<Picture, RuntimeError> {
    let png = STANDARD.decode(&golden.png_base64).map_err(|error| problem("base64", error.to_string()))?;
    let (side, channels) = (metadata.architecture.image_size, metadata.architecture.channels);
    let decoded = decode::png_of_size(&png, [side, side, channels])?;
    let label = metadata.labels.name(golden.label).unwrap_or_default();
    match decoded.texts.get(LABEL) {
        Some(named) if named != label => {
            Err(problem(format!("label {} to be {named:?}", golden.label), format!("{label:?}")))
        }
        _ => Ok(decoded.picture),
    }
}

fn problem(expected: impl Into<String>, found: String) -> RuntimeError {
    RuntimeError::Contract { part: "golden pictures".to_owned(), expected: expected.into(), found }
}
