//! From a source to the bytes of a checked file: fold, build, run, compare.

use model_spec::metadata::{Golden, Metadata};

use crate::fold::fold;
use crate::graph::{Graph, Storage};
use crate::source::Source;
use crate::verify::{self, Comparison, EXACT, Hop, ONE_LEVEL, Table};
use crate::{ExportError, generator_graph, golden, onnx};

/// In how many bits a file stores weights; every engine computes in 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 16 bits.
    F16,
}

impl Precision {
    /// Its name in metadata.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        }
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
}

/// Builds the file of a source and checks it by running it.
///
/// # Errors
/// A weight that f16 can't hold, or a picture of any engine that differs more than is allowed.
pub fn export(source: &Source, precision: Precision) -> Result<Made, ExportError> {
    let folded = fold(&source.weights, &source.architecture);
    let build = |storage| generator_graph::build(&folded, &source.architecture, storage);
    let (reference, by) = (source.reference.images.as_slice(), source.reference_by);
    let compare = |name: String, expected: &[f32], found: &[f32], tolerance| {
        Comparison { name, expected, found, tolerance }.check(source)
    };
    let (made, hops) = match precision {
        Precision::F32 => {
            let made = make(source, &build(Storage::F32)?, precision)?;
            let hops = vec![compare(format!("f32 file and {by}"), reference, &made.pictures, EXACT)?];
            (made, hops)
        }
        Precision::F16 => {
            let exact = pictures(source, &build(Storage::F32)?)?;
            let rounded = pictures(source, &build(Storage::F32Rounded)?)?;
            let made = make(source, &build(Storage::F16)?, precision)?;
            let hops = vec![
                compare(format!("f32 graph and {by}"), reference, &exact, EXACT)?,
                compare("f16 file and f32 graph of its weights".to_owned(), &rounded, &made.pictures, EXACT)?,
                compare(format!("f16 file and {by}, one level of 255"), reference, &made.pictures, ONE_LEVEL)?,
            ];
            (made, hops)
        }
    };
    let tables = verify::tables(&made.bytes, source)?;
    Ok(Made { bytes: made.bytes, hops, tables, golden: made.golden })
}

/// A file and its pictures for the source's reference.
struct Run {
    bytes: Vec<u8>,
    pictures: Vec<f32>,
    golden: usize,
}

/// Golden pictures come from the graph itself, and the file that carries them is what is run again.
fn make(source: &Source, graph: &Graph, precision: Precision) -> Result<Run, ExportError> {
    let bare = file(source, graph, precision, Vec::new());
    let golden = golden::pictures(verify::open(bare)?.as_mut(), &source.architecture, &source.labels)?;
    let count = golden.len();
    let bytes = file(source, graph, precision, golden);
    let pictures = verify::pictures(bytes.clone(), &source.reference)?;
    Ok(Run { bytes, pictures, golden: count })
}

/// The pictures of a graph that is only compared with.
fn pictures(source: &Source, graph: &Graph) -> Result<Vec<f32>, ExportError> {
    verify::pictures(file(source, graph, Precision::F32, Vec::new()), &source.reference)
}

fn file(source: &Source, graph: &Graph, precision: Precision, golden: Vec<Golden>) -> Vec<u8> {
    let metadata = Metadata {
        labels: source.labels.clone(),
        architecture: source.architecture.clone(),
        weights: precision.name().to_owned(),
        recipe: source.recipe.clone(),
        data_set: source.data_set.clone(),
        progress: source.progress,
        scores: source.scores.clone(),
        features: source.features.clone(),
        exporter: format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
        golden,
    };
    onnx::file_bytes(graph, &metadata.to_pairs())
}
