//! Reads JSON requests, as `--stdin` does.

#![no_main]

use std::sync::LazyLock;

use fuzz::{attempts, labels, mutated};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use model_spec::Labels;

static LABELS: LazyLock<Labels> = LazyLock::new(labels);

fuzz_target!(|bytes: &[u8]| {
    attempts::requests(bytes, &LABELS);
});
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutated(data, (size, max_size), seed, fuzz::requests)
});
