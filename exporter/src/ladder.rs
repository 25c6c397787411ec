//! `exporter ladder`: what each stored precision costs in quality, as a table.

use edge_runtime::generator::BATCH;
use edge_runtime::parity::Parity;
use edge_runtime::{EngineSpec, Generator, Model, Picture, Request};

use crate::ExportError;
use crate::export::{Precision, Settings, unchecked};
use crate::source::Source;

/// One precision beside f32.
#[derive(Debug, Clone, PartialEq)]
pub struct Rung {
    /// Which.
    pub precision: Precision,
    /// Of the file, in bytes, without golden pictures.
    pub bytes: usize,
    /// Its pictures beside those of f32, over all labels.
    pub all: Parity,
    /// The same by label.
    pub labels: Vec<Parity>,
}

/// Makes `samples` pictures with each precision, labels in turn, each of another seed, and compares them with those of f32;
/// `tick` is told after each precision's part.
///
/// # Errors
/// A weight that f16 can't hold, or an engine that fails.
pub fn climb(source: &Source, samples: usize, mut tick: impl FnMut(usize)) -> Result<Vec<Rung>, ExportError> {
    let labels = source.labels.len();
    let mut rungs = Vec::new();
    let mut generators = Vec::new();
    for precision in Precision::ALL {
        let bytes = unchecked(source, &Settings::from(precision))?;
        let none = vec![Parity::new(); labels];
        rungs.push(Rung { precision, bytes: bytes.len(), all: Parity::new(), labels: none });
        generators.push(Generator::of(&Model::from_bytes(bytes)?, &EngineSpec::default())?);
    }
    for first in (0..samples).step_by(BATCH) {
        let part = first..samples.min(first + BATCH);
        let requests: Vec<_> =
            part.map(|at| Request { label: at % labels, seed: (at / labels) as u64 + 1, index: 0 }).collect();
        let mut exact: Vec<Picture> = Vec::new();
        for (rung, generator) in rungs.iter_mut().zip(&mut generators) {
            let made: Vec<_> = generator.frames(&requests)?.into_iter().map(|frame| frame.picture).collect();
            if exact.is_empty() {
                exact.clone_from(&made);
            }
            for ((request, expected), found) in requests.iter().zip(&exact).zip(&made) {
                rung.all.add(expected, found);
                rung.labels[request.label].add(expected, found);
            }
        }
        tick(requests.len());
    }
    Ok(rungs)
}

/// The rungs as a Markdown table.
pub fn markdown(rungs: &[Rung], source: &Source) -> String {
    let mut text = "| weights | bytes | of f32 | PSNR dB | largest difference | mean difference |".to_owned();
    let mut line = "\n| --- | --- | --- | --- | --- | --- |".to_owned();
    for name in source.labels.names() {
        text += &format!(" {} dB |", name.replace('|', "\\|"));
        line += " --- |";
    }
    text += &line;
    text += "\n";
    let whole = rungs.first().map_or(1, |rung| rung.bytes).max(1);
    for rung in rungs {
        let share = 100.0 * rung.bytes as f64 / whole as f64;
        let (psnr, max, mean) = (decibels(&rung.all), rung.all.max(), rung.all.mean());
        text += &format!("| {} | {} | {share:.0} % | {psnr} | {max} | {mean:.4} |", rung.precision.name(), rung.bytes);
        rung.labels.iter().for_each(|label| text += &format!(" {} |", decibels(label)));
        text += "\n";
    }
    let pictures = rungs.first().map_or(0, |rung| rung.all.pictures());
    text + &format!(
        "\nDifferences in 8-bit levels to the pictures of f32, over {pictures} samples, labels in turn, seeds from 1.\n"
    )
}

fn decibels(parity: &Parity) -> String {
    match parity.psnr_db() {
        psnr if psnr.is_finite() => format!("{psnr:.1}"),
        _ => "same".to_owned(),
    }
}
