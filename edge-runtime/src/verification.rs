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
    let stated = model.metadata().bound();
    // TF32 keeps as many bits as f16 does.
    let name = &generator.opened().name;
    let on_gpu = [" f16", " tf32"].iter().any(|word| name.contains(word)).then_some(Compute::F16);
    let fewer = spec.fewer_bits().or(on_gpu);
    let mut parity = Parity::within(fewer.map_or(stated, |compute| stated.or(Bound::of(compute))));
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
