//! Runs a file that was made and compares its pictures.

use edge_runtime::engine::{self, Batch, EngineKind, EngineSpec};
use edge_runtime::{Engine, Model};

use crate::ExportError;
use crate::checkpoint::Reference;
use crate::source::Source;

/// How far f32 may be from the reference, and f16 storage from f32 with the same rounded weights.
pub const EXACT: f32 = 1e-5;
/// How far rounding weights to f16 may move a pixel: one level of 255, in [-1, 1].
pub const ONE_LEVEL: f32 = 2.0 / 255.0;

/// One comparison that passed.
#[derive(Debug, Clone, PartialEq)]
pub struct Hop {
    /// The two things compared.
    pub name: String,
    /// Largest difference found.
    pub max_error: f32,
    /// Largest difference allowed.
    pub tolerance: f32,
}

/// Opens tract on a file's bytes, which also holds them against the contract.
///
/// # Errors
/// A file outside the contract, or one that tract can't run.
pub fn open(bytes: Vec<u8>) -> Result<Box<dyn Engine>, ExportError> {
    let spec = EngineSpec { kind: EngineKind::Tract, ..Default::default() };
    Ok(engine::open(&spec, &Model::from_bytes(bytes)?)?.engine)
}

/// The pictures of a file's bytes for the latents and labels of a reference.
///
/// # Errors
/// Those of [`open`], or a run that fails.
pub fn pictures(bytes: Vec<u8>, reference: &Reference) -> Result<Vec<f32>, ExportError> {
    Ok(open(bytes)?.run(&Batch { latents: &reference.latents, labels: &reference.labels })?)
}

/// Two sets of pictures `[n, channels, side, side]` for the latents and labels of one source's reference.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison<'a> {
    /// The two things compared.
    pub name: String,
    /// What should be.
    pub expected: &'a [f32],
    /// What is.
    pub found: &'a [f32],
    /// Largest difference allowed.
    pub tolerance: f32,
}

impl Comparison<'_> {
    /// The largest difference between two values.
    ///
    /// # Errors
    /// Where the largest difference is, if it is above the tolerance.
    pub fn check(self, source: &Source) -> Result<Hop, ExportError> {
        let differences = self.expected.iter().zip(self.found).map(|(expected, found)| {
            let difference = (expected - found).abs();
            if difference.is_nan() { f32::INFINITY } else { difference }
        });
        let worst = differences.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
        match worst {
            Some((_, max_error)) if max_error <= self.tolerance && self.expected.len() == self.found.len() => {
                Ok(Hop { name: self.name, max_error, tolerance: self.tolerance })
            }
            worst => Err(self.refusal(source, worst.map_or(0, |(place, _)| place))),
        }
    }

    fn refusal(self, source: &Source, place: usize) -> ExportError {
        let (channels, side) = (source.architecture.channels, source.architecture.image_size);
        let row = place / source.architecture.pixels();
        let label = source.reference.labels.get(row).and_then(|label| usize::try_from(*label).ok());
        let (channel, y, x) = (place / (side * side) % channels, place / side % side, place % side);
        ExportError::Parity {
            hop: self.name,
            row,
            label: label.and_then(|label| source.labels.name(label)).unwrap_or_default().to_owned(),
            place: format!("channel {channel}, row {y}, column {x}"),
            expected: self.expected.get(place).copied().unwrap_or(f32::NAN),
            found: self.found.get(place).copied().unwrap_or(f32::NAN),
            tolerance: self.tolerance,
        }
    }
}
