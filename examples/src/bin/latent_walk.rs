//! A walk through the latents of one label, as an animation that ends where it began; of `all` labels, one walk after the other.
//!
//! `cargo run -p examples --bin latent_walk` writes walk.gif; a model file and a label can be named behind `--`.

use std::path::Path;

use anyhow::Result;
use edge_runtime::encode;
use edge_runtime::interpolation::{self, Curve};
use edge_runtime::output::OutputFile;
use edge_runtime::{EngineSpec, Generator, Picture};

/// The walk goes from seed to seed and back to the first.
const SEEDS: [u64; 3] = [1, 2, 3];
/// Pictures from one seed to the next.
const STEPS: usize = 12;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next().unwrap_or_else(|| "models/gen.onnx".to_owned());
    let label = arguments.next().unwrap_or_else(|| "0".to_owned());
    let mut generator = Generator::open(model, &EngineSpec::default())?;
    let labels = generator.metadata().labels.select(&label)?;

    let mut pictures = Vec::new();
    for label in &labels {
        for (place, from) in SEEDS.into_iter().enumerate() {
            let to = SEEDS[(place + 1) % SEEDS.len()];
            let path = interpolation::Path { from, to, steps: STEPS + 1, curve: Curve::Slerp };
            let row: Vec<Vec<Picture>> = interpolation::row(&mut generator, *label, path).collect::<Result<_, _>>()?;
            // The next stretch begins with the last one.
            pictures.extend(row.concat().into_iter().take(STEPS));
        }
    }
    let count = pictures.len();
    let gif = encode::gif::encode(pictures.into_iter().map(Ok), &encode::origin_texts(&generator.origin()))?;
    OutputFile::create(Path::new("walk.gif"))?.commit(&gif)?;
    println!("walk.gif: {count} pictures");
    Ok(())
}
