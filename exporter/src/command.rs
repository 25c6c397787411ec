//! The command `exporter`: read, fold, build, check, write.

use std::collections::BTreeMap;

use edge_runtime::output::OutputFile;
use model_spec::manifest::DataSet;
use model_spec::metadata::{Golden, Metadata};

use crate::cli::{ExportOptions, WeightPrecision};
use crate::fold::{Folded, fold};
use crate::graph::Storage;
use crate::source::{self, Source};
use crate::verify::{self, Comparison, EXACT, Hop, ONE_LEVEL};
use crate::{ExportError, generator_graph, golden, onnx};

/// Exports and says what was checked.
///
/// # Errors
/// Nothing to export, weights outside the contract, or a file that does not compute what it should; then nothing is
/// written.
pub fn run(options: &ExportOptions) -> Result<(), ExportError> {
    let say = |line: String| {
        if !options.quiet {
            println!("{line}");
        }
    };
    let source = source::open(options.run.as_deref(), options.labels.as_deref())?;
    say(format!("from {}", source.path.display()));
    let output = OutputFile::create(&options.out)?;
    let made = export(&source, options.weights, options.data_licence.as_deref())?;
    for Hop { name, max_error, tolerance } in &made.hops {
        say(format!("check {name}: largest difference {max_error:.1e}, allowed {tolerance:.1e}"));
    }
    let labels = source.labels.len();
    if made.golden < labels {
        say(format!("golden pictures: the first {} of {labels} labels; more would not fit", made.golden));
    }
    output.commit(&made.bytes)?;
    say(format!("wrote {}, {} bytes", options.out.display(), made.bytes.len()));
    Ok(())
}

/// A checked file.
#[derive(Debug)]
pub struct Made {
    /// The ONNX file.
    pub bytes: Vec<u8>,
    /// What was compared.
    pub hops: Vec<Hop>,
    /// How many golden pictures it carries.
    pub golden: usize,
}

/// Builds the file of a source and checks it by running it.
///
/// # Errors
/// A weight that f16 can't hold, or a picture that differs more than is allowed.
pub fn export(source: &Source, weights: WeightPrecision, licence: Option<&str>) -> Result<Made, ExportError> {
    let folded = fold(&source.weights, &source.architecture);
    let mut hops = Vec::new();
    let exact = Check { name: "f32 against the reference", expected: &source.reference.images, tolerance: EXACT };
    let bytes = file(source, &folded, WeightPrecision::F32, licence, &[])?;
    exact.run(source, bytes, &mut hops)?;
    if weights == WeightPrecision::F16 {
        let graph = generator_graph::build(&folded, &source.architecture, Storage::F32Rounded)?;
        let pairs = metadata(source, WeightPrecision::F32, licence, &[]).to_pairs();
        let rounded = verify::pictures(onnx::file_bytes(&graph, &pairs), &source.reference)?;
        let bytes = file(source, &folded, WeightPrecision::F16, licence, &[])?;
        let storage = Check { name: "f16 against f32 of the same rounding", expected: &rounded, tolerance: EXACT };
        let pictures = storage.run(source, bytes, &mut hops)?;
        let level = Comparison {
            name: "f16 against the reference, one level of 255",
            expected: &source.reference.images,
            found: &pictures,
            tolerance: ONE_LEVEL,
        };
        hops.push(compare(&level, source)?);
    }
    let (_, mut engine) = verify::open(file(source, &folded, weights, licence, &[])?)?;
    let golden = golden::pictures(engine.as_mut(), &source.architecture, source.labels.len())?;
    let bytes = file(source, &folded, weights, licence, &golden)?;
    edge_runtime::Model::from_bytes(bytes.clone())?;
    Ok(Made { bytes, hops, golden: golden.len() })
}

/// A file's pictures against expected ones.
struct Check<'a> {
    name: &'static str,
    expected: &'a [f32],
    tolerance: f32,
}

impl Check<'_> {
    fn run(&self, source: &Source, bytes: Vec<u8>, hops: &mut Vec<Hop>) -> Result<Vec<f32>, ExportError> {
        let found = verify::pictures(bytes, &source.reference)?;
        let comparison =
            Comparison { name: self.name, expected: self.expected, found: &found, tolerance: self.tolerance };
        hops.push(compare(&comparison, source)?);
        Ok(found)
    }
}

fn compare(comparison: &Comparison<'_>, source: &Source) -> Result<Hop, ExportError> {
    let shape = [source.architecture.channels, source.architecture.image_size];
    comparison.check(&source.reference, shape, source.labels.names())
}

fn file(
    source: &Source,
    folded: &Folded,
    weights: WeightPrecision,
    licence: Option<&str>,
    golden: &[Golden],
) -> Result<Vec<u8>, ExportError> {
    let storage = match weights {
        WeightPrecision::F32 => Storage::F32,
        WeightPrecision::F16 => Storage::F16,
    };
    let graph = generator_graph::build(folded, &source.architecture, storage)?;
    Ok(onnx::file_bytes(&graph, &metadata(source, weights, licence, golden).to_pairs()))
}

fn metadata(source: &Source, weights: WeightPrecision, licence: Option<&str>, golden: &[Golden]) -> Metadata {
    let data_set = source
        .data_set
        .clone()
        .map(|data_set| DataSet { licence: licence.map(str::to_owned).or(data_set.licence), ..data_set });
    Metadata {
        labels: source.labels.clone(),
        architecture: source.architecture.clone(),
        weights: weights.name().to_owned(),
        recipe: source.recipe.clone(),
        data_set,
        progress: source.progress,
        scores: BTreeMap::clone(&source.scores),
        exporter: format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
        golden: golden.to_vec(),
    }
}
