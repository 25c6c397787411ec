//! `exporter ladder`: what each stored precision, and products of integers, cost in quality, as a table.

use edge_runtime::engine::BATCH;
use edge_runtime::parity::Parity;
use edge_runtime::{EngineSpec, Generator, Model, Picture, Request};

use model_spec::Variant;
use model_spec::variant::{Compute, Rewrite};

use crate::ExportError;
use crate::calibrate::{calibrated, in_parallel};
use crate::export::{Precision, Settings, unchecked, unchecked_integers};
use crate::fold::Folded;
use crate::integers::{Integers, Runner};
use crate::source::Source;

/// What the row of integer products is called.
const INT8_COMPUTE: &str = "int8 compute";

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Climb {
    /// Pictures of each file.
    pub samples: usize,
    /// Latents that integer products are calibrated over, each with every label.
    pub seeds: usize,
}

/// One kind of file beside f32.
#[derive(Debug, Clone, PartialEq)]
pub struct Rung {
    /// How it stores weights, or that it computes in integers.
    pub name: &'static str,
    /// Of the file, in bytes, without golden pictures.
    pub bytes: usize,
    /// Its pictures beside those of f32, over all labels.
    pub all: Parity,
    /// The same by label.
    pub labels: Vec<Parity>,
}

/// All kinds of file of one source.
#[derive(Debug, Clone, PartialEq)]
pub struct Ladder {
    /// Those that can be made.
    pub rungs: Vec<Rung>,
    /// Name of each other one, and why not.
    pub left_out: Vec<(&'static str, String)>,
}

/// Makes pictures with each precision, labels in turn, each of the same seeds, and compares them with those of f32.
/// `calibrating` is told how many pictures of the calibration are done, `comparing` how many of these. Integer products are
/// computed as their file defines them, whatever engines are here.
///
/// # Errors
/// An engine that fails.
pub fn climb(
    source: &Source,
    wanted: Climb,
    calibrating: impl Fn(usize) + Sync,
    mut comparing: impl FnMut(usize),
) -> Result<Ladder, ExportError> {
    let (samples, labels) = (wanted.samples, source.labels.len());
    let none = || vec![Parity::new(); labels];
    let (mut rungs, mut left_out) = (Vec::new(), Vec::new());
    let mut generators = Vec::new();
    for precision in Precision::ALL {
        let bytes = match unchecked(source, &Settings::from(precision)) {
            Err(error @ ExportError::HalfRange { .. }) => {
                left_out.push((precision.name(), error.to_string()));
                continue;
            }
            bytes => bytes?,
        };
        rungs.push(Rung { name: precision.name(), bytes: bytes.len(), all: Parity::new(), labels: none() });
        generators.push(Generator::of(&Model::from_bytes(bytes)?, &EngineSpec::default())?);
    }
    let folded = calibrated(&source.folded, &source.architecture, wanted.seeds, calibrating);
    let integers = Integers::of(&folded);
    let runner = integers.runner();
    rungs.push(Rung { name: INT8_COMPUTE, bytes: int8_bytes(source, &folded)?, all: Parity::new(), labels: none() });
    for first in (0..samples).step_by(BATCH) {
        let part = first..samples.min(first + BATCH);
        let requests: Vec<_> =
            part.map(|at| Request { label: at % labels, seed: (at / labels) as u64 + 1, index: 0 }).collect();
        let mut made: Vec<Vec<Picture>> = Vec::new();
        for generator in &mut generators {
            made.push(generator.frames(&requests)?.into_iter().map(|frame| frame.picture).collect());
        }
        made.push(rounded(&runner, source, &requests));
        for (rung, found) in rungs.iter_mut().zip(&made) {
            for ((request, expected), found) in requests.iter().zip(&made[0]).zip(found) {
                rung.all.add(expected, found);
                rung.labels[request.label].add(expected, found);
            }
        }
        comparing(requests.len());
    }
    Ok(Ladder { rungs, left_out })
}

/// Weights of f32 products are stored in 16 bits where these can hold them, as without a flag.
fn int8_bytes(source: &Source, folded: &Folded) -> Result<usize, ExportError> {
    let variant = Variant { rewrite: Rewrite::Subpixel, compute: Compute::Int8, ..Variant::default() };
    let of = |precision| unchecked_integers(source, folded, &Settings { variant, ..Settings::from(precision) });
    let bytes = match of(Precision::F16) {
        Err(ExportError::HalfRange { .. }) => of(Precision::F32)?,
        bytes => bytes?,
    };
    Ok(bytes.len())
}

fn rounded(runner: &Runner<'_>, source: &Source, requests: &[Request]) -> Vec<Picture> {
    let picture = |request: &Request| runner.picture(&source.architecture, (request.seed, request.label));
    in_parallel(requests, |part| part.iter().map(picture).collect::<Vec<_>>()).concat()
}

/// The rungs as a Markdown table, and below it what is left out.
pub fn markdown(ladder: &Ladder, source: &Source) -> String {
    let rungs = &ladder.rungs;
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
        text += &format!("| {} | {} | {share:.0} % | {psnr} | {max} | {mean:.4} |", rung.name, rung.bytes);
        rung.labels.iter().for_each(|label| text += &format!(" {} |", decibels(label)));
        text += "\n";
    }
    let pictures = rungs.first().map_or(0, |rung| rung.all.pictures());
    text += &format!(
        "\nDifferences in 8-bit levels to the pictures of f32, over {pictures} samples, labels in turn, seeds from 1.\n"
    );
    for (name, reason) in &ladder.left_out {
        text += &format!("\nWithout {name}: {reason}\n");
    }
    text
}

fn decibels(parity: &Parity) -> String {
    match parity.psnr_db() {
        _ if parity.pictures() == 0 => "-".to_owned(),
        psnr if psnr.is_finite() => format!("{psnr:.1}"),
        _ => "same".to_owned(),
    }
}
