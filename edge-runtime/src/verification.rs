//! Whether engines make the pictures that a model should make, within one level of 255, or the bound of its file or of what it
//! multiplies in.

use model_spec::metadata::Bound;
use model_spec::variant::Compute;
use model_spec::{Metadata, latent};

use crate::engine::{self, EngineSpec};
use crate::parity::{Parity, Row};
use crate::{Generator, Model, Picture, RuntimeError, golden};

/// A picture that a model must make.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Index into the model's labels.
    pub label: usize,
    /// `[latent_dim]`
    pub latent: Vec<f32>,
    /// What must come out.
    pub expected: Picture,
}

/// The golden pictures of a model.
///
/// # Errors
/// Those of [`golden::pictures`].
pub fn golden_cases(metadata: &Metadata) -> Result<Vec<Case>, RuntimeError> {
    let expected = golden::pictures(metadata)?;
    let dim = metadata.architecture.latent_dim;
    let cases = metadata.golden.iter().zip(expected).map(|(golden, expected)| Case {
        label: golden.label,
        latent: latent::latent(golden.seed, golden.index, dim),
        expected,
    });
    Ok(cases.collect())
}

/// A copy of `spec` for each engine that is built in.
pub fn all_engines(spec: &EngineSpec) -> Vec<EngineSpec> {
    engine::built_in().iter().map(|kind| EngineSpec { kind: *kind, ..spec.clone() }).collect()
}

/// Makes the pictures with each engine and compares; an engine that this machine lacks, or that doesn't have the
/// provider asked for, is a row that says why.
///
/// # Errors
/// An engine that is there and can't run the model.
pub fn rows(model: &Model, specs: &[EngineSpec], cases: &[Case]) -> Result<Vec<Row>, RuntimeError> {
    specs.iter().map(|spec| row(model, spec, cases)).collect()
}

fn row(model: &Model, spec: &EngineSpec, cases: &[Case]) -> Result<Row, RuntimeError> {
    let mut generator = match Generator::of(model, spec) {
        Ok(generator) => generator,
        Err(error) if is_absence(&error) => {
            return Ok(Row { name: spec.kind.name().to_owned(), outcome: Err(error.to_string()), notes: Vec::new() });
        }
        Err(error) => return Err(error),
    };
    let inputs: Vec<(usize, &[f32])> = cases.iter().map(|case| (case.label, &*case.latent)).collect();
    let mut parity = Parity::within(bound(model.metadata(), generator.opened().compute));
    for (case, found) in cases.iter().zip(generator.pictures(&inputs)?) {
        parity.add(&case.expected, &found);
    }
    Ok(Row { name: generator.engine().to_owned(), outcome: Ok(parity), notes: generator.notes().to_vec() })
}

/// Whether an error is about this machine or about what the engine is for, and not about the model.
fn is_absence(error: &RuntimeError) -> bool {
    matches!(
        error,
        RuntimeError::OrtLibrary { .. }
            | RuntimeError::Provider { .. }
            | RuntimeError::Compute { .. }
            | RuntimeError::Strict
            | RuntimeError::Unsupported { .. }
    )
}

/// How far pictures may be off that were multiplied in such numbers: in f32, and in what the file is made for, as far as it
/// says; in fewer bits as far as those need.
fn bound(metadata: &Metadata, compute: Compute) -> Bound {
    if [Compute::F32, metadata.variant.compute].contains(&compute) {
        return metadata.bound();
    }
    let needed = Bound::of(compute);
    metadata.stated_bound.map_or(needed, |stated| stated.or(needed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_fewer_bits_widen_what_a_file_states_and_no_more() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/gen-small.onnx");
        let float = Model::open(std::path::Path::new(path)).expect("a model").metadata().clone();
        let stated = Bound { max: 20, mean: 0.3 };
        let mut integers = float.clone();
        integers.variant.compute = Compute::Int8;
        integers.stated_bound = Some(stated);
        let of = |metadata: &Metadata| Compute::ALL.map(|compute| bound(metadata, compute));
        let [f32, bf16, f16, int8] = Compute::ALL.map(Bound::of);
        assert_eq!(of(&float), [f32, bf16, f16, int8]);
        assert_eq!(of(&integers), [stated, stated.or(bf16), stated.or(f16), stated]);
        assert_eq!((f16.max, f16.mean), (12, 0.1));
    }
}
