//! A model on a Jetson's GPU through TensorRT, and proof that it was the GPU.
//!
//! `cargo run --release -p examples --bin jetson_tensorrt`; a model file can be named behind `--`. ONNX Runtime is found as
//! docs/jetson.md says, by ORT_DYLIB_PATH first. TensorRT prepares the model when it is first opened, which takes minutes, and
//! keeps what it made in the user's cache folder.

use std::time::Instant;

use anyhow::Result;
use edge_runtime::{EngineKind, EngineSpec, Generator, OrtSettings, Provider};

/// Pictures that are timed.
const COUNT: u32 = 100;

fn main() -> Result<()> {
    let model = std::env::args().nth(1).unwrap_or_else(|| "models/gen.onnx".to_owned());
    let spec = EngineSpec {
        kind: EngineKind::Ort,
        provider: Provider::TensorRt,
        // With `strict` no node may run on the CPU; without it the placement below would say which one did.
        ort: OrtSettings { strict: true, f16: true, ..OrtSettings::default() },
        ..EngineSpec::default()
    };
    let began = Instant::now();
    let mut generator = Generator::open(model, &spec)?;
    println!("{}, open after {:.1} s", generator.engine(), began.elapsed().as_secs_f64());
    for placement in &generator.opened().placement {
        println!("{}", placement.text());
    }
    let began = Instant::now();
    for index in 0..COUNT {
        generator.frame(0, 42, index)?;
    }
    println!("{:.2} ms a picture", began.elapsed().as_secs_f64() * 1e3 / f64::from(COUNT));
    Ok(())
}
