//! Runs a file that was made and compares its pictures.

use edge_runtime::engine::{self, Batch, EngineKind, EngineSpec};
use edge_runtime::{Engine, Model};

use crate::ExportError;
use crate::checkpoint::Reference;

/// How far f32 may be from the reference, and f16 storage from f32 with the same rounded weights.
pub const EXACT: f32 = 1e-5;
/// How far rounding weights to f16 may move a pixel: one level of 255, in [-1, 1].
pub const ONE_LEVEL: f32 = 2.0 / 255.0;

/// One comparison that passed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hop {
    /// The two things compared.
    pub name: &'static str,
    /// Largest difference found.
    pub max_error: f32,
    /// Largest difference allowed.
    pub tolerance: f32,
}

/// Opens tract on a file's bytes, which also holds them against the contract.
///
/// # Errors
/// A file outside the contract, or one that tract can't run.
pub fn open(bytes: Vec<u8>) -> Result<(Model, Box<dyn Engine>), ExportError> {
    let model = Model::from_bytes(bytes)?;
    let spec = EngineSpec { kind: EngineKind::Tract, ..Default::default() };
    let opened = engine::open(&spec, &model)?;
    Ok((model, opened.engine))
}

/// The pictures of a file's bytes for the latents and labels of a reference.
///
/// # Errors
/// Those of [`open`], or a run that fails.
pub fn pictures(bytes: Vec<u8>, reference: &Reference) -> Result<Vec<f32>, ExportError> {
    let (_, mut engine) = open(bytes)?;
    Ok(engine.run(&Batch { latents: &reference.latents, labels: &reference.labels })?)
}

/// Compares pictures `[n, channels, side, side]` value by value.
pub struct Comparison<'a> {
    /// The two things compared.
    pub name: &'static str,
    /// What should be.
    pub expected: &'a [f32],
    /// What is.
    pub found: &'a [f32],
    /// Largest difference allowed.
    pub tolerance: f32,
}

impl Comparison<'_> {
    /// The largest difference.
    ///
    /// # Errors
    /// The place of the largest difference, where it is above the tolerance.
    pub fn check(&self, reference: &Reference, shape: [usize; 2], names: &[String]) -> Result<Hop, ExportError> {
        let [channels, side] = shape;
        let difference = |place: usize| {
            let difference = (self.expected[place] - self.found[place]).abs();
            if difference.is_nan() { f32::INFINITY } else { difference }
        };
        let count = self.expected.len().min(self.found.len());
        let worst = (0..count).max_by(|a, b| difference(*a).total_cmp(&difference(*b))).unwrap_or(0);
        let max_error = difference(worst);
        if max_error <= self.tolerance && self.expected.len() == self.found.len() {
            return Ok(Hop { name: self.name, max_error, tolerance: self.tolerance });
        }
        let plane = side * side;
        let row = worst / (channels * plane);
        let label = usize::try_from(reference.labels[row]).ok().and_then(|label| names.get(label));
        Err(ExportError::Parity {
            hop: self.name,
            row,
            label: label.cloned().unwrap_or_default(),
            place: format!(
                "channel {}, row {}, column {}",
                worst / plane % channels,
                worst % plane / side,
                worst % side
            ),
            expected: self.expected[worst],
            found: self.found[worst],
            tolerance: self.tolerance,
        })
    }
}
