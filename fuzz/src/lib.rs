//! What the fuzz targets share: the attempts, the damage and the good files of edge-runtime's own hostile tests.

#[path = "../../edge-runtime/tests/hostile/attempts.rs"]
pub mod attempts;
#[path = "../../edge-runtime/tests/common/mod.rs"]
mod common;
#[path = "../../edge-runtime/tests/hostile/damage.rs"]
mod damage;
#[path = "../../edge-runtime/tests/hostile/mutations.rs"]
mod mutations;

use edge_runtime::EngineKind;
use model_spec::Labels;

pub use mutations::{model, picture, requests};

/// The labels of the good models.
pub fn labels() -> Labels {
    common::Network::new(&common::LABELS, 3).metadata().labels
}

/// Reads a model and makes a picture with an engine.
pub fn run(kind: EngineKind, bytes: &[u8]) {
    if let Some(model) = attempts::model(bytes) {
        attempts::picture(kind, &model);
    }
}

/// A mutation, in place: what `next` makes of the first `size` bytes and a seed, else libFuzzer's own.
pub fn mutated(
    data: &mut [u8],
    (size, max_size): (usize, usize),
    seed: u32,
    next: fn(&[u8], u32) -> Option<Vec<u8>>,
) -> usize {
    match next(data.get(..size).unwrap_or_default(), seed) {
        None => libfuzzer_sys::fuzzer_mutate(data, size, max_size),
        Some(new) => {
            let size = new.len().min(max_size).min(data.len());
            data[..size].copy_from_slice(&new[..size]);
            size
        }
    }
}
