//! From a source to the bytes of a checked file: build, run, compare.

mod integers;

use model_spec::metadata::{Bound, Golden, Metadata};
use model_spec::pixels;
pub use model_spec::variant::Precision;
use model_spec::variant::{Compute, LabelInput, Output, Rewrite};
use model_spec::{Variant, contract};

use crate::bound::Distance;
use crate::calibrate::{self, calibrated};
use crate::fold::Folded;
use crate::generator_graph::Form;
use crate::graph::{Graph, Storage};
use crate::remedy::Remedy;
use crate::source::Source;
use crate::verify::{self, Comparison, EXACT, Hop, ONE_LEVEL, Table};
use crate::{ExportError, generator_graph, golden, onnx};

/// How far rounding weights to 8 bits may move a pixel: 64 levels of 255, in [-1, 1]. More is another picture.
const COARSE: f32 = 128.0 / 255.0;

/// What kind of file is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// How weights are stored.
    pub precision: Precision,
    /// How the file differs from the plain one.
    pub variant: Variant,
    /// Latents that integer products are calibrated over, each with every label.
    pub seeds: usize,
    /// ONNX operator set, from [`onnx::OLDEST_OPSET`] to [`onnx::NEWEST_OPSET`].
    pub opset: i64,
    /// How far a value in [-1, 1] may be from the source's reference in f32, up to [`ONE_LEVEL`].
    pub atol: f32,
}

/// How far our kernels may be from tract, both in f32: a label taken for another is off by far more.
const NATIVE: f32 = 1e-4;

impl From<Precision> for Settings {
    /// The plain file.
    fn from(precision: Precision) -> Self {
        Self { precision, variant: Variant::default(), seeds: calibrate::SEEDS, opset: onnx::OPSET, atol: EXACT }
    }
}

/// A checked file.
#[derive(Debug)]
pub struct Made {
    /// The ONNX file.
    pub bytes: Vec<u8>,
    /// What was compared.
    pub hops: Vec<Hop>,
    /// What every engine that is here makes of the file, in 8-bit levels.
    pub tables: Vec<Table>,
    /// How many golden pictures it carries.
    pub golden: usize,
    /// How far its pictures are from the source's in f32, where its products are of integers.
    pub distance: Option<Distance>,
}

/// Builds the file of a source and checks it by running it.
///
/// # Errors
/// A weight that f16 can't hold, integers that make other pictures than floats, or a picture of any engine that differs more
/// than is allowed.
pub fn export(source: &Source, settings: impl Into<Settings>) -> Result<Made, ExportError> {
    export_with_ticks(source, settings.into(), |_| {})
}

/// The same; `tick` is told how many pictures of a calibration are done.
///
/// # Errors
/// Those of [`export`].
pub fn export_with_ticks(
    source: &Source,
    settings: Settings,
    tick: impl Fn(usize) + Sync,
) -> Result<Made, ExportError> {
    if settings.variant.compute == Compute::Int8 {
        return integers::export(source, &settings, tick);
    }
    let made = make(source, &settings)?;
    let (hops, same) = hops(source, &settings, &made)?;
    let (expected, by) = match settings.precision {
        // More than a level from the source, which the comparison of values allows.
        Precision::Int8 => (same, "the f32 graph of its weights"),
        Precision::F32 | Precision::F16 => (source.reference.images.clone(), source.reference_by),
    };
    let tables = verify::tables(&made.bytes, source, (&expected, by))?;
    Ok(Made { bytes: made.bytes, hops, tables, golden: made.golden, distance: None })
}

/// Compares values, each step with the one before it; and the pictures of the f32 graph of the rounded weights, none for the
/// plain f32 file, which is that graph itself.
fn hops(source: &Source, settings: &Settings, made: &Run) -> Result<(Vec<Hop>, Vec<f32>), ExportError> {
    let Settings { precision, variant, atol, .. } = *settings;
    let (reference, by, name) = (source.reference.images.as_slice(), source.reference_by, precision.name());
    let has_levels = variant.output == Output::Levels;
    let seen = |pictures: &[f32]| -> Vec<f32> {
        let level = |x: &f32| pixels::signed_from_u8(pixels::u8_from_signed(*x));
        if has_levels { pictures.iter().map(level).collect() } else { pictures.to_vec() }
    };
    let compare = |name: String, expected: &[f32], found: &[f32], (tolerance, remedy)| {
        Comparison { name, expected, found, tolerance, remedy }.check(source)
    };
    if precision == Precision::F32 && !has_levels && variant.label_input == LabelInput::Index {
        let hop = compare(format!("f32 file and {by}"), reference, &made.pictures, (atol, Remedy::Atol))?;
        return Ok((vec![hop], Vec::new()));
    }
    let rounded = rounded(source, settings)?;
    let same = verify::pictures(rounded.clone(), &source.reference)?;
    let exact = match precision {
        // Nothing is rounded.
        Precision::F32 => same.clone(),
        Precision::F16 | Precision::Int8 => {
            verify::pictures(unchecked(source, &Precision::F32.into())?, &source.reference)?
        }
    };
    let within = match variant.rewrite {
        // Where two numbers lie at a boundary between levels, the smallest difference is a whole level.
        _ if has_levels => (ONE_LEVEL, Remedy::None),
        Rewrite::None => (EXACT, Remedy::None),
        // The same products, added in another order.
        Rewrite::Subpixel => (EXACT.max(atol), Remedy::Atol),
    };
    let (coarse, words) = tolerance(precision);
    let remedy = if precision == Precision::F32 { Remedy::None } else { Remedy::Weights };
    let mut hops = vec![
        compare(format!("f32 graph and {by}"), reference, &exact, (atol, Remedy::Atol))?,
        compare(format!("{name} file and f32 graph of its weights"), &seen(&same), &made.pictures, within)?,
        compare(format!("{name} file and {by}, {words}"), &seen(reference), &made.pictures, (coarse, remedy))?,
    ];
    if variant.label_input == LabelInput::Mix {
        let weights = mixes(source);
        let expected = verify::mixed(rounded, &source.reference, &weights)?;
        let found = verify::mixed(made.bytes.clone(), &source.reference, &weights)?;
        let within = (within.0.max(NATIVE), within.1);
        hops.push(compare(format!("{name} file and native, halves of two labels"), &seen(&expected), &found, within)?);
    }
    Ok((hops, same))
}

/// How a file stores its weights.
fn storage(precision: Precision) -> Storage {
    match precision {
        Precision::F32 => Storage::F32,
        Precision::F16 => Storage::F16,
        Precision::Int8 => Storage::Int8,
    }
}

/// The same weights, stored as f32.
fn widened(precision: Precision) -> Storage {
    match precision {
        Precision::F32 => Storage::F32,
        Precision::F16 => Storage::F32Rounded,
        Precision::Int8 => Storage::F32FromInt8,
    }
}

/// How far a precision may move a pixel, and that in words.
fn tolerance(precision: Precision) -> (f32, &'static str) {
    match precision {
        Precision::F32 | Precision::F16 => (ONE_LEVEL, "one level of 255"),
        Precision::Int8 => (COARSE, "64 levels of 255"),
    }
}

/// Half of each picture's label and half of the next, `[n, n_labels]`.
fn mixes(source: &Source) -> Vec<f32> {
    let labels = source.labels.len();
    let half = |label: i64| {
        let (one, next) = (label as usize % labels, (label as usize + 1) % labels);
        (0..labels).map(move |at| 0.5 * f32::from(u8::from(at == one)) + 0.5 * f32::from(u8::from(at == next)))
    };
    source.reference.labels.iter().flat_map(|label| half(*label)).collect()
}

/// A file and its pictures for the source's reference.
struct Run {
    bytes: Vec<u8>,
    pictures: Vec<f32>,
    golden: usize,
}

/// Golden pictures are the source's where it has some and weights are good to a level, else from the graph itself; the file
/// that carries them is what is run.
fn make(source: &Source, settings: &Settings) -> Result<Run, ExportError> {
    let form = Form { storage: storage(settings.precision), variant: settings.variant };
    let graph = generator_graph::build(&source.folded, &source.architecture, form)?;
    let golden = match &source.golden {
        Some(golden) if settings.precision != Precision::Int8 => golden.clone(),
        _ => {
            let bare = file(source, &graph, settings, (Vec::new(), None));
            golden::pictures(verify::open(bare)?.as_mut(), &source.architecture, &source.labels)?
        }
    };
    let count = golden.len();
    let bytes = file(source, &graph, settings, (golden, None));
    let pictures = verify::pictures(bytes.clone(), &source.reference)?;
    Ok(Run { bytes, pictures, golden: count })
}

/// The f32 file of the weights as they are rounded: plain, but for integers laid out as they are, since the channels that
/// share a factor depend on it.
fn rounded(source: &Source, settings: &Settings) -> Result<Vec<u8>, ExportError> {
    let rewrite = match settings.precision {
        Precision::Int8 => settings.variant.rewrite,
        Precision::F32 | Precision::F16 => Rewrite::None,
    };
    let variant = Variant { rewrite, ..Variant::default() };
    let form = Form { storage: widened(settings.precision), variant };
    let graph = generator_graph::build(&source.folded, &source.architecture, form)?;
    Ok(file(source, &graph, &Settings { variant, ..Precision::F32.into() }, (Vec::new(), None)))
}

/// The unchecked file of a source, without golden pictures.
///
/// # Errors
/// A weight that f16 can't hold.
pub fn unchecked(source: &Source, settings: &Settings) -> Result<Vec<u8>, ExportError> {
    match settings.variant.compute {
        Compute::Int8 => {
            let folded = calibrated(&source.folded, &source.architecture, settings.seeds, |_| {});
            unchecked_integers(source, &folded, settings)
        }
        Compute::F32 | Compute::Bf16 | Compute::F16 => laid_out(source, &source.folded, settings, None),
    }
}

/// The same of a network that is calibrated already, which allows itself the widest bound.
///
/// # Errors
/// A weight that f16 can't hold.
pub fn unchecked_integers(source: &Source, folded: &Folded, settings: &Settings) -> Result<Vec<u8>, ExportError> {
    laid_out(source, folded, settings, Some(Bound::WIDEST))
}

fn laid_out(
    source: &Source,
    folded: &Folded,
    settings: &Settings,
    bound: Option<Bound>,
) -> Result<Vec<u8>, ExportError> {
    let form = Form { storage: storage(settings.precision), variant: settings.variant };
    let graph = generator_graph::build(folded, &source.architecture, form)?;
    Ok(file(source, &graph, settings, (Vec::new(), bound)))
}

fn file(
    source: &Source,
    graph: &Graph,
    settings: &Settings,
    (golden, stated_bound): (Vec<Golden>, Option<Bound>),
) -> Vec<u8> {
    debug_assert!(settings.variant.batch.is_none_or(|batch| batch <= contract::MOST_BATCH));
    let metadata = Metadata {
        labels: source.labels.clone(),
        architecture: source.architecture.clone(),
        weights: settings.precision,
        variant: settings.variant,
        stated_bound,
        recipe: source.recipe.clone(),
        data_set: source.data_set.clone(),
        progress: source.progress,
        scores: source.scores.clone(),
        features: source.features.clone(),
        exporter: format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
        golden,
    };
    onnx::file_bytes(graph, settings.opset, &metadata.to_pairs())
}
