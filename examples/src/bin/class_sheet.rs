//! A sheet with a row for each label; a column has the same latent, so its pictures differ by their label only.
//!
//! `cargo run -p examples --bin class_sheet` writes sheet.png; a model file can be named behind `--`.

use std::path::Path;

use anyhow::Result;
use edge_runtime::encode::{self, Format};
use edge_runtime::output::OutputFile;
use edge_runtime::{EngineSpec, Generator, Model, Picture, Request, sheet};

const SEED: u64 = 1;
const COLUMNS: u32 = 8;

fn main() -> Result<()> {
    let named = std::env::args().nth(1);
    let (model, _) = Model::find(named.as_deref().map(Path::new))?;
    let mut generator = Generator::of(&model, &EngineSpec::default())?;
    let rows: Result<Vec<_>> = (0..model.metadata().labels.len()).map(|label| row(&mut generator, label)).collect();
    let sheet = sheet::sheet(&rows?)?;
    let texts = encode::origin_texts(&generator.origin());
    OutputFile::create(Path::new("sheet.png"))?.commit(&encode::encode(&sheet, &texts, Format::Png)?)?;
    println!("sheet.png: {}", model.metadata().labels.names().join(", "));
    Ok(())
}

fn row(generator: &mut Generator, label: usize) -> Result<Vec<Picture>> {
    let requests: Vec<Request> = (0..COLUMNS).map(|index| Request { label, seed: SEED, index }).collect();
    Ok(generator.frames(&requests)?.into_iter().map(|frame| frame.picture).collect())
}
