//! Opens a model file in the engine ort and makes a picture.

#![no_main]

use edge_runtime::EngineKind;
use fuzz::{mutated, run};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_target!(|bytes: &[u8]| run(EngineKind::Ort, bytes));
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutated(data, (size, max_size), seed, fuzz::model)
});
