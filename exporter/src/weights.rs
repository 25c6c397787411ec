//! The generator's weights, held against the contract's names and shapes.

use std::collections::BTreeMap;
use std::path::Path;

use model_spec::weights::{BATCHES_TRACKED, Role, WeightSpec};

use crate::ExportError;

/// The most numbers in one generator: as f32, what edge-runtime accepts as a model file.
const MOST_NUMBERS: usize = 1 << 28;

/// Shapes by weight name, outermost dimension first.
pub type Shapes = BTreeMap<String, Vec<usize>>;

/// The numbers of every weight of one generator by name, row-major: complete, of the right shapes, all finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights(BTreeMap<String, Vec<f32>>);

impl Weights {
    /// Takes weights from the file at `path`, whose tensors have `shapes`; `read` gives one tensor's numbers and is
    /// called only when every name and shape is as `specs` say. BatchNorm's counters may be there.
    ///
    /// # Errors
    /// A missing or unknown name, another shape, a number that is none, or a negative variance, by the weight's name.
    pub fn read(
        path: &Path,
        shapes: &Shapes,
        specs: &[WeightSpec],
        mut read: impl FnMut(&str) -> Result<Vec<f32>, ExportError>,
    ) -> Result<Self, ExportError> {
        check_shapes(path, shapes, specs)?;
        let mut weights = BTreeMap::new();
        for spec in specs {
            let numbers = read(&spec.name)?;
            check_numbers(path, spec, &numbers)?;
            weights.insert(spec.name.clone(), numbers);
        }
        Ok(Self(weights))
    }

    /// The numbers of a name from [`model_spec::weights`].
    pub fn get(&self, name: &str) -> &[f32] {
        self.0.get(name).expect("every weight of the specs was read")
    }
}

fn check_shapes(path: &Path, shapes: &Shapes, specs: &[WeightSpec]) -> Result<(), ExportError> {
    for spec in specs {
        let expected = format!("shape {:?}", spec.shape);
        match shapes.get(&spec.name) {
            None => return Err(problem(path, &spec.name, expected, "no weight of this name".to_owned())),
            Some(shape) if *shape != spec.shape => {
                return Err(problem(path, &spec.name, expected, format!("shape {shape:?}")));
            }
            Some(_) => {}
        }
    }
    let is_known = |name: &&String| specs.iter().any(|spec| spec.name == **name) || is_counter(name, specs);
    if let Some(name) = shapes.keys().find(|name| !is_known(name)) {
        return Err(problem(path, name, "no weight of this name".to_owned(), "one".to_owned()));
    }
    let sizes = specs.iter().map(|spec| spec.shape.iter().product::<usize>());
    match sizes.fold(0, usize::saturating_add) {
        0..=MOST_NUMBERS => Ok(()),
        numbers => Err(ExportError::Format {
            path: path.to_owned(),
            expected: format!("at most {MOST_NUMBERS} numbers"),
            found: numbers.to_string(),
        }),
    }
}

/// Whether a name is that of a batch normalization's counter, which nothing uses.
fn is_counter(name: &str, specs: &[WeightSpec]) -> bool {
    let Some((layer, BATCHES_TRACKED)) = name.rsplit_once('.') else {
        return false;
    };
    let is_norm = |spec: &WeightSpec| spec.role == Role::RunningMean;
    specs.iter().filter(|spec| is_norm(spec)).any(|spec| spec.name.rsplit_once('.').is_some_and(|(at, _)| at == layer))
}

fn check_numbers(path: &Path, spec: &WeightSpec, numbers: &[f32]) -> Result<(), ExportError> {
    let (expected, is_good): (_, fn(f32) -> bool) = match spec.role {
        Role::RunningVar => ("numbers of 0 or more", |number| number.is_finite() && number >= 0.0),
        _ => ("numbers", f32::is_finite),
    };
    match numbers.iter().enumerate().find(|(_, number)| !is_good(**number)) {
        Some((place, number)) => Err(problem(path, &spec.name, expected.to_owned(), format!("{number} at {place}"))),
        None => Ok(()),
    }
}

fn problem(path: &Path, name: &str, expected: String, found: String) -> ExportError {
    ExportError::Weight { path: path.to_owned(), name: name.to_owned(), expected, found }
}
