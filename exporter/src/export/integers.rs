//! The file of integer products: calibrated, measured, and run by every engine within the bound that it states.

use model_spec::variant::LabelInput;

use super::{Made, Precision, Settings, file, mixes, storage, unchecked};
use crate::bound::{self, Distance};
use crate::calibrate::calibrated;
use crate::calibration::Calibration;
use crate::fold::Folded;
use crate::generator_graph::{self, Form};
use crate::integers::Runner;
use crate::remedy::Remedy;
use crate::source::Source;
use crate::verify::{self, Comparison, Hop};
use crate::{ExportError, golden};

/// How far evened out channels may move a value: the same products, scaled and rounded in f32.
const SCALED: f32 = 1e-3;

/// Builds the file, checks its parts in f32 against the source, and its pictures in every engine.
pub(super) fn export(source: &Source, settings: &Settings, tick: impl Fn(usize) + Sync) -> Result<Made, ExportError> {
    let folded = calibrated(&source.folded, &source.architecture, settings.seeds, tick);
    let form = Form { storage: storage(settings.precision), variant: settings.variant };
    let graph = generator_graph::build(&folded, &source.architecture, form)?;
    let distance = Distance::measure(&source.folded, &folded, &source.architecture);
    let bound = distance.bound();
    if !bound::is_allowed(bound) {
        return Err(ExportError::Integers { max: distance.all.max(), mean: distance.worst_mean });
    }
    let plain = unchecked(source, &Precision::F32.into())?;
    let golden = match &source.golden {
        Some(golden) => golden.clone(),
        None => golden::pictures(verify::open(plain.clone())?.as_mut(), &source.architecture, &source.labels)?,
    };
    let count = golden.len();
    let bytes = file(source, &graph, settings, (golden, Some(bound)));
    let mut hops = hops(source, settings.atol, &plain, &folded)?;
    if settings.variant.label_input == LabelInput::Mix {
        let weights = mixes(source);
        let expected = verify::mixed(plain, &source.reference, &weights)?;
        let found = verify::mixed(bytes.clone(), &source.reference, &weights)?;
        let name = "int8 file and native in f32, halves of two labels".to_owned();
        let tolerance = 2.0 * f32::from(bound.max) / 255.0;
        let remedy = Remedy::Compute;
        hops.push(Comparison { name, expected: &expected, found: &found, tolerance, remedy }.check(source)?);
    }
    let tables = verify::tables(&bytes, source, (&source.reference.images, source.reference_by))?;
    Ok(Made { bytes, hops, tables, golden: count, distance: Some(distance) })
}

/// The plain graph beside the source, and the evened out network beside both, before anything is rounded.
fn hops(source: &Source, atol: f32, plain: &[u8], folded: &Folded) -> Result<Vec<Hop>, ExportError> {
    let (reference, by) = (&source.reference, source.reference_by);
    let compare = |name: String, found: &[f32], tolerance| {
        Comparison { name, expected: &reference.images, found, tolerance, remedy: Remedy::Atol }.check(source)
    };
    let exact = verify::pictures(plain.to_vec(), reference)?;
    let mut unrounded = folded.clone();
    unrounded.blocks.iter_mut().for_each(|block| block.calibration = None::<Calibration>);
    let runner = Runner::new(&unrounded);
    let rows = reference.latents.chunks_exact(source.architecture.latent_dim).zip(&reference.labels);
    let label = |label: i64| usize::try_from(label).unwrap_or_default();
    let evened: Vec<f32> = rows.flat_map(|(latent, at)| runner.run(latent, label(*at))).collect();
    Ok(vec![
        compare(format!("f32 graph and {by}"), &exact, atol)?,
        compare(format!("evened out channels in f32 and {by}"), &evened, SCALED.max(atol))?,
    ])
}
