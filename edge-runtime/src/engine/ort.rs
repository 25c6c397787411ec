//! ONNX Runtime, loaded at run time: its CPU kernels, CUDA and TensorRT.

use std::path::PathBuf;

use model_spec::contract;
use ort::ep::{CUDA, ExecutionProviderDispatch, TensorRT};
use ort::session::Session;
use ort::value::TensorRef;

use super::ort_library::{self, Library};
use super::{Batch, Engine, EngineSpec, Opened, Provider, Sizes, threads_text};
use crate::{Model, RuntimeError};

const NAME: &str = "ort";

struct Ort {
    session: Session,
    sizes: Sizes,
}

pub(super) fn open(spec: &EngineSpec, model: &Model) -> Result<Opened, RuntimeError> {
    let library = ort_library::load(spec.ort_library.as_deref())?;
    let threads = spec.thread_count();
    let mut notes = Vec::new();
    if spec.provider == Provider::Auto {
        notes.push("tensorrt passed over: it may prepare a model for minutes; --provider tensorrt asks for it".into());
        match session(&library, Provider::Cuda, threads, model) {
            Ok(session) => return Ok(opened(session, &library, "cuda", threads, model, notes)),
            Err(error) => notes.push(format!("cuda passed over: {}", error.message())),
        }
    }
    let provider = if spec.provider == Provider::Auto { Provider::Cpu } else { spec.provider };
    let session = session(&library, provider, threads, model).map_err(|error| {
        let doing = match provider {
            Provider::Cuda => "start provider cuda",
            Provider::TensorRt => "start provider tensorrt",
            Provider::Auto | Provider::Cpu => "load the model",
        };
        failed(doing, &error)
    })?;
    Ok(opened(session, &library, provider.name(), threads, model, notes))
}

impl Engine for Ort {
    fn run(&mut self, batch: &Batch<'_>) -> Result<Vec<f32>, RuntimeError> {
        let count = self.sizes.check(batch)?;
        if count == 0 {
            return Ok(Vec::new());
        }
        let pictures = self.run_all(batch, count).map_err(|error| failed("run the model", &error))?;
        self.sizes.check_pictures(NAME, count, &pictures)?;
        Ok(pictures)
    }
}

impl Ort {
    fn run_all(&mut self, batch: &Batch<'_>, count: usize) -> ort::Result<Vec<f32>> {
        let latent = TensorRef::from_array_view(([count, self.sizes.latent_dim], batch.latents))?;
        let label = TensorRef::from_array_view(([count], batch.labels))?;
        let outputs = self.session.run(ort::inputs![contract::LATENT => latent, contract::LABEL => label])?;
        let (_, values) = outputs[contract::IMAGE].try_extract_tensor::<f32>()?;
        Ok(values.to_vec())
    }
}

fn session(library: &Library, provider: Provider, threads: usize, model: &Model) -> ort::Result<Session> {
    let mut builder = Session::builder(&library.environment)?.with_intra_threads(threads)?;
    let providers = providers(provider);
    if !providers.is_empty() {
        // A node that the GPU leaves to the CPU is an error, as everything else that would pass unnoticed.
        builder = builder.with_execution_providers(providers)?.with_disable_cpu_fallback()?;
    }
    builder.commit_from_memory(model.bytes())
}

/// None for the CPU, which every session has. TensorRT leaves to CUDA what it doesn't support.
fn providers(provider: Provider) -> Vec<ExecutionProviderDispatch> {
    let cuda = CUDA::default().build().error_on_failure();
    match provider {
        Provider::Auto | Provider::Cpu => Vec::new(),
        Provider::Cuda => vec![cuda],
        Provider::TensorRt => {
            let mut tensorrt = TensorRT::default();
            if let Some(folder) = cache_folder() {
                let folder = folder.display().to_string();
                tensorrt = tensorrt.with_engine_cache(true).with_engine_cache_path(folder);
            }
            vec![tensorrt.build().error_on_failure(), cuda]
        }
    }
}

/// Where TensorRT keeps what it prepared, so that it does so once.
fn cache_folder() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")))?;
    let folder = base.join("edge-runtime").join("tensorrt");
    std::fs::create_dir_all(&folder).ok().map(|()| folder)
}

fn opened(
    session: Session,
    library: &Library,
    provider: &'static str,
    threads: usize,
    model: &Model,
    notes: Vec<String>,
) -> Opened {
    let name = format!("{NAME} {}, {provider}", library.version);
    Opened {
        engine: Box::new(Ort { session, sizes: Sizes::of(model.metadata()) }),
        description: format!("{name}, {}", threads_text(threads)),
        name,
        notes,
    }
}

fn failed(doing: &'static str, error: &ort::Error) -> RuntimeError {
    RuntimeError::Engine { engine: NAME, doing, problem: error.message().to_owned() }
}
