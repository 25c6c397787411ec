//! What both commands start with: a model, an engine, labels, seeds.

use std::fmt;
use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Error, Result, bail};
use edge_runtime::{EngineKind, EngineSpec, Generator, Model, Provider, output};

use crate::cli::EngineOptions;
use crate::progress;

/// An error in how the command was used, for exit code 2.
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// An error that says how the command should have been used.
pub fn usage(message: impl fmt::Display) -> Error {
    Usage(message.to_string()).into()
}

/// The most bytes of a picture file.
const MAX_PICTURE: u64 = 1 << 28;

/// Whether a file begins with some bytes; a missing file doesn't.
pub fn starts_with(path: &Path, start: &[u8]) -> Result<bool> {
    let mut found = Vec::new();
    let read = File::open(path).and_then(|file| file.take(start.len() as u64).read_to_end(&mut found));
    read.with_context(|| format!("read {}", path.display()))?;
    Ok(found == start)
}

/// A picture's file.
pub fn read_picture(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_PICTURE + 1).read_to_end(&mut bytes));
    read.with_context(|| format!("read {}", path.display()))?;
    if bytes.len() as u64 > MAX_PICTURE {
        bail!("{}: expected at most {MAX_PICTURE} bytes", path.display());
    }
    Ok(bytes)
}

/// Text from a file on one line, without control characters.
pub fn plain(text: &str) -> String {
    text.chars().map(output::shown).collect()
}

/// Finds the model.
pub fn model(options: &EngineOptions) -> Result<Model> {
    let (model, place) = Model::find(options.model.as_deref())?;
    if !options.quiet && options.model.is_none() {
        output::tell(format_args!("model {place}"));
    }
    Ok(model)
}

/// What the options ask for.
///
/// # Errors
/// A library that nothing will load.
pub fn spec(options: &EngineOptions) -> Result<EngineSpec> {
    let spec = options.spec();
    let loads_ort = spec.kind == EngineKind::Ort || matches!(spec.provider, Provider::Cuda | Provider::TensorRt);
    match spec.ort_library.as_ref().filter(|_| !loads_ort) {
        Some(library) => {
            Err(usage(format!("--ort-lib {}: only engine ort loads it; add --engine ort", library.display())))
        }
        None => Ok(spec),
    }
}

/// Opens the engine and says once what runs and why. The model's file is not held any longer: an engine has its own copy.
pub fn generator(model: Model, options: &EngineOptions) -> Result<Generator> {
    generator_of(&model, &spec(options)?, options.quiet)
}

/// Opens any engine and says once what runs and why.
pub fn generator_of(model: &Model, spec: &EngineSpec, quiet: bool) -> Result<Generator> {
    // TensorRT may prepare a model for minutes.
    let generator = progress::waiting("starting the engine", quiet, || Generator::of(model, spec))?;
    if !quiet {
        tell_notes(&generator);
        output::tell(format_args!("engine {}", generator.engine()));
    }
    Ok(generator)
}

/// Says why providers were passed over, and what else the engine said when it started.
pub fn tell_notes(generator: &Generator) {
    generator.notes().iter().for_each(output::tell);
}

/// The labels that a text selects.
pub fn labels(model: &Model, text: &str) -> Result<Vec<usize>> {
    model.metadata().labels.select(text).map_err(usage)
}

/// The seed that is given, or a fresh one, which is printed.
pub fn seed(given: Option<u64>, flag: &str, quiet: bool) -> u64 {
    given.unwrap_or_else(|| {
        // Short enough to be typed again.
        let fresh = u64::from(RandomState::new().build_hasher().finish() as u32);
        if !quiet {
            output::tell(format_args!("seed {fresh} (a fresh one; {flag} {fresh} repeats it)"));
        }
        fresh
    })
}
