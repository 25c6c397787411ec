//! The generator's weights, held against the contract's names and shapes.

use std::collections::BTreeMap;
use std::path::Path;

use model_spec::Architecture;
use model_spec::weights::{BATCHES_TRACKED, generator_weights};

use crate::ExportError;

/// Numbers of one weight, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Weight {
    /// Outermost dimension first.
    pub shape: Vec<usize>,
    /// As many as the shape says.
    pub numbers: Vec<f32>,
}

/// Every weight of one generator by name: complete, of the right shapes, all numbers finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights(BTreeMap<String, Weight>);

impl Weights {
    /// Checks what the file at `path` holds.
    ///
    /// # Errors
    /// A missing or unknown name, another shape, or a number that is none. BatchNorm's counter may be there.
    pub fn check(
        path: &Path,
        mut found: BTreeMap<String, Weight>,
        architecture: &Architecture,
        labels: usize,
    ) -> Result<Self, ExportError> {
        found.retain(|name, _| !name.ends_with(BATCHES_TRACKED));
        let specs = generator_weights(architecture, labels);
        let problem = |name: &str, expected: String, found: String| ExportError::Weight {
            path: path.to_owned(),
            name: name.to_owned(),
            expected,
            found,
        };
        for spec in &specs {
            let expected = format!("shape {:?}", spec.shape);
            let Some(weight) = found.get(&spec.name) else {
                return Err(problem(&spec.name, expected, "no weight of this name".to_owned()));
            };
            if weight.shape != spec.shape {
                return Err(problem(&spec.name, expected, format!("shape {:?}", weight.shape)));
            }
            if let Some(place) = weight.numbers.iter().position(|number| !number.is_finite()) {
                return Err(problem(&spec.name, "numbers".to_owned(), format!("{} at {place}", weight.numbers[place])));
            }
        }
        match found.keys().find(|name| specs.iter().all(|spec| spec.name != **name)) {
            Some(name) => Err(problem(name, "no weight of this name".to_owned(), "one".to_owned())),
            None => Ok(Self(found)),
        }
    }

    /// The numbers of a name from [`model_spec::weights`].
    pub fn get(&self, name: &str) -> &[f32] {
        &self.0.get(name).expect("checked against the same names").numbers
    }
}
