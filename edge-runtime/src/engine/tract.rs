//! tract: pure Rust, any CPU.

use std::io::Cursor;
use std::sync::Arc;

use model_spec::contract;
use model_spec::variant::{Compute, LabelInput, Output};
use rayon::ThreadPoolBuilder;
use tract_linalg::multithread::{Executor, multithread_tract_scope};
use tract_onnx::prelude::*;

use super::{
    Batch, Engine, EngineSpec, FileLabels, Opened, Provider, Sizes, signed_from_levels, threads_text, tract_rewrite,
};
use crate::{Model, RuntimeError};

const NAME: &str = "tract";
/// Version of the crate, which has no constant of its own.
const VERSION: &str = "0.23.9";

struct Tract {
    /// For a batch of one: per picture that is faster than any larger plan.
    plan: Arc<TypedSimplePlan>,
    latent_first: bool,
    label_input: LabelInput,
    executor: Executor,
    sizes: Sizes,
}

pub(super) fn open(spec: &EngineSpec, model: &Model) -> Result<Opened, RuntimeError> {
    let threads = spec.thread_count();
    let executor = executor(threads)?;
    let (plan, latent_first) = plan(model).map_err(|error| RuntimeError::Engine {
        engine: NAME,
        doing: "load the model",
        problem: format!("{error:#}; engine native or ort may run it"),
    })?;
    let name = format!("{NAME} {VERSION}");
    Ok(Opened {
        description: format!("{name}, {}", threads_text(threads)),
        name,
        engine: Box::new(Tract {
            plan,
            latent_first,
            label_input: model.metadata().variant.label_input,
            executor,
            sizes: Sizes::of(model.metadata()),
        }),
        provider: Provider::Cpu.name(),
        kernels: kernels(),
        compute: Compute::F32,
        can_mix: model.metadata().variant.label_input == LabelInput::Mix,
        threads,
        placement: Vec::new(),
        notes: Vec::new(),
    })
}

/// Threads of its own, where more than the caller's is asked for.
fn executor(threads: usize) -> Result<Executor, RuntimeError> {
    if threads == 1 {
        return Ok(Executor::SingleThread);
    }
    let named = |index| format!("tract-{index}");
    let pool = ThreadPoolBuilder::new().num_threads(threads).thread_name(named).build();
    let pool = pool.map_err(|error| RuntimeError::Engine {
        engine: NAME,
        doing: "start threads",
        problem: error.to_string(),
    })?;
    Ok(Executor::MultiThread(Arc::new(pool)))
}

/// Architecture and instruction set whose kernels it takes on this processor, in tract's words.
pub(crate) fn kernels() -> String {
    format!("{} {}", std::env::consts::ARCH, tract_linalg::isa::native().nickname())
}

impl Engine for Tract {
    fn run(&mut self, batch: &Batch<'_>) -> Result<Vec<f32>, RuntimeError> {
        let count = self.sizes.check(batch)?;
        let labels = self.sizes.labels((NAME, self.label_input), batch.labels)?;
        let mut pictures = Vec::with_capacity(count * self.sizes.pixels);
        for (index, latent) in batch.latents.chunks_exact(self.sizes.latent_dim).enumerate() {
            let label = match &labels {
                FileLabels::Indices(indices) => Tensor::from_shape(&[1], &indices[index..=index]),
                FileLabels::Weights(weights) => {
                    let row = &weights[index * self.sizes.labels..][..self.sizes.labels];
                    Tensor::from_shape(&[1, row.len()], row)
                }
            };
            let run = label.and_then(|label| self.run_one(latent, label, &mut pictures));
            run.map_err(|error| failed("run the model", &error))?;
        }
        self.sizes.check_pictures(NAME, count, &pictures)?;
        Ok(pictures)
    }
}

impl Tract {
    fn run_one(&self, latent: &[f32], label: Tensor, pictures: &mut Vec<f32>) -> TractResult<()> {
        let latent: TValue = Tensor::from_shape(&[1, latent.len()], latent)?.into();
        let label: TValue = label.into();
        let inputs = if self.latent_first { tvec!(latent, label) } else { tvec!(label, latent) };
        let outputs = multithread_tract_scope(self.executor.clone(), || self.plan.run(inputs))?;
        for output in &outputs {
            match self.sizes.output {
                Output::Float => {
                    pictures.extend_from_slice(output.to_plain_array_view::<f32>()?.as_slice().unwrap_or_default());
                }
                Output::Levels => {
                    let levels = output.to_plain_array_view::<u8>()?;
                    pictures.extend(signed_from_levels(levels.as_slice().unwrap_or_default()));
                }
            }
        }
        Ok(())
    }
}

/// The plan, and whether its first input is the latent.
fn plan(model: &Model) -> TractResult<(Arc<TypedSimplePlan>, bool)> {
    let mut graph = onnx()
        .with_ignore_value_info(true)
        .with_ignore_output_shapes(true)
        .model_for_read(&mut Cursor::new(model.bytes()))?;
    let latent_first = graph.node(graph.input_outlets()?[0].node).name == contract::LATENT;
    let (latent, label) = if latent_first { (0, 1) } else { (1, 0) };
    graph.set_input_fact(latent, f32::fact([1, model.metadata().architecture.latent_dim]).into())?;
    let metadata = model.metadata();
    graph.set_input_fact(
        label,
        match metadata.variant.label_input {
            LabelInput::Index => i64::fact([1]).into(),
            LabelInput::Mix => f32::fact([1, metadata.labels.len()]).into(),
        },
    )?;
    let mut graph = graph.into_typed()?.into_decluttered()?;
    tract_rewrite::rewrite(&mut graph)?;
    Ok((graph.into_optimized()?.into_runnable()?, latent_first))
}

fn failed(doing: &'static str, error: &TractError) -> RuntimeError {
    RuntimeError::Engine { engine: NAME, doing, problem: format!("{error:#}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_one_that_is_linked() {
        let lock = include_str!("../../../Cargo.lock");
        assert!(lock.contains(&format!("name = \"tract-core\"\nversion = \"{VERSION}\"")), "tract is not {VERSION}");
    }
}
