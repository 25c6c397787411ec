//! Golden pictures: whole 8-bit pictures of the very file, kept in it so that any device can check itself.

use edge_runtime::{Batch, Engine, Picture, golden};
use model_spec::metadata::Golden;
use model_spec::pixels::hwc8_from_chw_signed;
use model_spec::{Architecture, Labels, contract, latent};

use crate::ExportError;

/// Seed and index of every golden latent.
const SEED: u64 = 1;
const INDEX: u32 = 0;

/// One picture a label, first to last, as many as stay under [`contract::GOLDEN_BYTES`] together.
///
/// # Errors
/// The engine fails.
pub fn pictures(
    engine: &mut dyn Engine,
    architecture: &Architecture,
    labels: &Labels,
) -> Result<Vec<Golden>, ExportError> {
    let latent = latent::latent(SEED, INDEX, architecture.latent_dim);
    let (side, channels) = (architecture.image_size, architecture.channels);
    let mut kept = Vec::new();
    let mut bytes = 0;
    for (label, name) in labels.names().iter().enumerate() {
        let chw = engine.run(&Batch::new(&latent, &[label as i64])).map_err(ExportError::Check)?;
        let picture = Picture::new(side, side, channels, hwc8_from_chw_signed(&chw, channels))
            .expect("the engine gives a whole picture");
        let png_base64 = golden::png_base64(&picture, name)?;
        bytes += png_base64.len();
        if bytes > contract::GOLDEN_BYTES {
            break;
        }
        kept.push(Golden { label, seed: SEED, index: INDEX, png_base64 });
    }
    Ok(kept)
}
