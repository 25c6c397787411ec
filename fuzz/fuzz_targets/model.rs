//! Reads a model file: messages, contract, metadata, golden pictures.

#![no_main]

use fuzz::{attempts, mutated};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_target!(|bytes: &[u8]| {
    attempts::model(bytes);
});
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutated(data, (size, max_size), seed, fuzz::model)
});
