//! The shortest way from a model file to a picture.
//!
//! `cargo run -p examples --bin first_image` writes first.png; a model file can be named behind `--`.

use std::path::Path;

use edge_runtime::sink::files::{Encoding, OneFile};
use edge_runtime::{EngineSpec, Generator, Model, Sink};

fn main() -> anyhow::Result<()> {
    let named = std::env::args().nth(1);
    let (model, _) = Model::find(named.as_deref().map(Path::new))?;
    let mut generator = Generator::open(&model, &EngineSpec::default())?;
    let frame = generator.frame(0, 42, 0)?; // the first label, seed 42
    let encoding = Encoding { origin: generator.origin(), scale: 1 };
    OneFile::create(Path::new("first.png"), encoding)?.show(&frame)?;
    println!("first.png: {}", frame.label);
    Ok(())
}
