//! `edge-runtime prepare`: has TensorRT prepare a model once, on purpose.

use anyhow::Result;

use crate::cli::Prepare;
#[cfg(feature = "ort")]
use crate::setup::{self, usage};

/// Runs the command.
#[cfg(feature = "ort")]
pub fn run(options: &Prepare) -> Result<()> {
    use edge_runtime::engine::ort;
    use edge_runtime::{EngineKind, Provider, output};

    let mut spec = options.engine.spec();
    if spec.provider != Provider::TensorRt {
        return Err(usage("only --provider tensorrt prepares a model; every other one is ready at once"));
    }
    spec.kind = EngineKind::Ort;
    let model = setup::model(&options.engine)?;
    if ort::is_prepared(&spec, &model)? {
        return Ok(output::print("prepared already\n")?);
    }
    let generator = setup::generator_of(&model, &spec, options.engine.quiet)?;
    Ok(output::print(&format!("prepared for {}\n", generator.engine()))?)
}

/// Says what is missing.
#[cfg(not(feature = "ort"))]
pub fn run(_options: &Prepare) -> Result<()> {
    Err(edge_runtime::RuntimeError::BuiltWithout("ort").into())
}
