//! Runs a file that was made and compares its pictures.

use edge_runtime::engine::{self, Batch, EngineKind, EngineSpec};
use edge_runtime::parity::{self, Row};
use edge_runtime::verification::{self, Case};
use edge_runtime::{Engine, Model, Picture};
use model_spec::pixels::hwc8_from_chw_signed;
use model_spec::variant::LabelInput;

use crate::ExportError;
use crate::checkpoint::Reference;
use crate::remedy::Remedy;
use crate::source::Source;

/// How far f32 may be from the reference, and f16 storage from f32 with the same rounded weights.
pub const EXACT: f32 = 1e-5;
/// How far rounding weights to f16 may move a pixel, and the most that `--atol` allows: one level of 255, in [-1, 1], and
/// what f32 rounds.
pub const ONE_LEVEL: f32 = 2.0 / 255.0 + 1e-6;

/// One comparison that passed.
#[derive(Debug, Clone, PartialEq)]
pub struct Hop {
    /// The two things compared.
    pub name: String,
    /// Largest difference found.
    pub max_error: f32,
    /// Largest difference allowed.
    pub tolerance: f32,
}

/// Opens tract on a file's bytes, which also holds them against the contract.
///
/// # Errors
/// A file outside the contract, or one that tract can't run.
pub fn open(bytes: Vec<u8>) -> Result<Box<dyn Engine>, ExportError> {
    let spec = EngineSpec { kind: EngineKind::Tract, ..Default::default() };
    let opened = Model::from_bytes(bytes).and_then(|model| engine::open(&spec, &model));
    opened.map(|opened| opened.engine).map_err(ExportError::Check)
}

/// The pictures of a file's bytes for the latents and labels of a reference.
///
/// # Errors
/// Those of [`open`], or a run that fails.
pub fn pictures(bytes: Vec<u8>, reference: &Reference) -> Result<Vec<f32>, ExportError> {
    open(bytes)?.run(&Batch::new(&reference.latents, &reference.labels)).map_err(ExportError::Check)
}

/// The pictures of a file's bytes for the latents of a reference and label weights `[n, n_labels]`: of tract where the file
/// takes weights, else of native, which mixes labels of any file.
///
/// # Errors
/// A file outside the contract, or a run that fails.
pub fn mixed(bytes: Vec<u8>, reference: &Reference, weights: &[f32]) -> Result<Vec<f32>, ExportError> {
    let model = Model::from_bytes(bytes).map_err(ExportError::Check)?;
    let kind = match model.metadata().variant.label_input {
        LabelInput::Mix => EngineKind::Tract,
        LabelInput::Index => EngineKind::Native,
    };
    let opened = engine::open(&EngineSpec { kind, ..Default::default() }, &model);
    let run = opened.and_then(|mut opened| opened.engine.run(&Batch::mixed(&reference.latents, weights)));
    run.map_err(ExportError::Check)
}

/// What engines make of one set of pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What the engines are compared with.
    pub title: String,
    /// One an engine.
    pub rows: Vec<Row>,
}

impl Table {
    /// The same text as `edge-runtime verify` prints.
    pub fn text(&self) -> String {
        parity::table(&self.title, &self.rows)
    }
}

/// Runs a file in every engine that is built in and here: on the latents of the source's reference, whose pictures are
/// expected from something named, and of the file's golden pictures.
///
/// # Errors
/// An engine that is further off than the file allows, or that can't run the file.
pub fn tables(bytes: &[u8], source: &Source, (expected, by): (&[f32], &str)) -> Result<Vec<Table>, ExportError> {
    let model = Model::from_bytes(bytes.to_vec()).map_err(ExportError::Check)?;
    let engines = verification::all_engines(&EngineSpec::default());
    // The pictures of a large network may not fit into the file at all.
    let golden = match model.metadata().golden.as_slice() {
        [] => Vec::new(),
        _ => verification::golden_cases(model.metadata()).map_err(ExportError::Check)?,
    };
    let mut tables = Vec::new();
    for (title, cases) in [
        (format!("engine, against {by}"), reference_cases(source, expected)),
        ("engine, against golden pictures".to_owned(), golden),
    ] {
        if cases.is_empty() {
            continue;
        }
        let rows = verification::rows(&model, &engines, &cases).map_err(ExportError::Check)?;
        let table = Table { title, rows };
        if !parity::all_pass(&table.rows) {
            return Err(ExportError::Engines { table: table.text() });
        }
        tables.push(table);
    }
    Ok(tables)
}

/// The reference's latents and labels, with pictures in 8-bit levels.
fn reference_cases(source: &Source, expected: &[f32]) -> Vec<Case> {
    let (architecture, reference) = (&source.architecture, &source.reference);
    let (side, channels) = (architecture.image_size, architecture.channels);
    let rows = reference.latents.chunks_exact(architecture.latent_dim).zip(&reference.labels);
    let case = |((latent, label), chw): ((&[f32], &i64), &[f32])| {
        let expected = Picture::new(side, side, channels, hwc8_from_chw_signed(chw, channels))?;
        Some(Case { label: usize::try_from(*label).ok()?, latent: latent.to_vec(), expected })
    };
    rows.zip(expected.chunks_exact(architecture.pixels())).filter_map(case).collect()
}

/// Two sets of pictures `[n, channels, side, side]` for the latents and labels of one source's reference.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison<'a> {
    /// The two things compared.
    pub name: String,
    /// What should be.
    pub expected: &'a [f32],
    /// What is.
    pub found: &'a [f32],
    /// Largest difference allowed.
    pub tolerance: f32,
    /// What allows a larger one.
    pub remedy: Remedy,
}

impl Comparison<'_> {
    /// The largest difference between two values.
    ///
    /// # Errors
    /// Where the largest difference is, if it is above the tolerance.
    pub fn check(self, source: &Source) -> Result<Hop, ExportError> {
        let differences = self.expected.iter().zip(self.found).map(|(expected, found)| {
            let difference = (expected - found).abs();
            if difference.is_nan() { f32::INFINITY } else { difference }
        });
        let worst = differences.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
        match worst {
            Some((_, max_error)) if max_error <= self.tolerance && self.expected.len() == self.found.len() => {
                Ok(Hop { name: self.name, max_error, tolerance: self.tolerance })
            }
            worst => Err(self.refusal(source, worst.map_or(0, |(place, _)| place))),
        }
    }

    fn refusal(self, source: &Source, place: usize) -> ExportError {
        let (channels, side) = (source.architecture.channels, source.architecture.image_size);
        let row = place / source.architecture.pixels();
        let label = source.reference.labels.get(row).and_then(|label| usize::try_from(*label).ok());
        let (channel, y, x) = (place / (side * side) % channels, place / side % side, place % side);
        let [expected, found] = [self.expected, self.found].map(|all| all.get(place).copied().unwrap_or(f32::NAN));
        let is_slight = (expected - found).abs() <= ONE_LEVEL;
        ExportError::Parity {
            hop: self.name,
            row,
            label: label.and_then(|label| source.labels.name(label)).unwrap_or_default().to_owned(),
            place: format!("channel {channel}, row {y}, column {x}"),
            expected,
            found,
            tolerance: self.tolerance,
            remedy: if self.remedy == Remedy::Atol && !is_slight { Remedy::None } else { self.remedy },
        }
    }
}
