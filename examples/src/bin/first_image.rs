//! The shortest way from a model file to a picture.
//!
//! `cargo run -p examples --bin first_image` writes first.png; a model file can be named behind `--`.

use std::path::Path;

use edge_runtime::sink::files::{Encoding, OneFile};
use edge_runtime::{EngineSpec, Generator, Sink};

fn main() -> anyhow::Result<()> {
    let model = std::env::args().nth(1).unwrap_or_else(|| "models/gen.onnx".to_owned());
    let mut generator = Generator::open(model, &EngineSpec::default())?;
    let frame = generator.generate("0", 42)?; // the first label, seed 42
    let encoding = Encoding { origin: generator.origin(), scale: 1 };
    OneFile::create(Path::new("first.png"), encoding)?.show(&frame)?;
    println!("first.png: {}", frame.label);
    Ok(())
}
