//! ONNX Runtime, loaded at run time: its CPU kernels, CUDA and TensorRT.

use std::borrow::Cow;

use model_spec::contract;
use model_spec::variant::{Compute, LabelInput, Output};
use ort::ep::{CUDA, ExecutionProviderDispatch, TensorRT};
use ort::session::builder::SessionBuilder;
use ort::session::{Session, SessionInputValue};
use ort::value::TensorRef;

use super::ort_library::{self, Library};
use super::ort_profile::Profile;
use super::tensorrt_cache::Cache;
use super::{
    BATCH, Batch, Engine, EngineSpec, FileLabels, Opened, OrtSettings, Placement, Provider, Sizes, signed_from_levels,
    threads_text,
};
use crate::{Model, RuntimeError, tf32};

const NAME: &str = "ort";
/// The lowest minor version of a library that this build takes.
pub const API: u32 = ort::MINOR_VERSION;

struct Ort {
    session: Session,
    sizes: Sizes,
    label_input: LabelInput,
    /// Pictures of every run, where the file says so.
    batch: Option<usize>,
}

/// What every attempt to start a provider has in common.
struct Attempt<'a> {
    spec: &'a EngineSpec,
    model: &'a Model,
    library: Library,
    cache: Option<Cache>,
}

pub(super) fn open(spec: &EngineSpec, model: &Model) -> Result<Opened, RuntimeError> {
    let library = ort_library::load(spec.ort_library.as_deref())?;
    let cache = Cache::of(model, &library.version, precision_of(&library, spec, Provider::TensorRt).text());
    let attempt = Attempt { spec, model, library, cache };
    match spec.provider {
        Provider::Auto => attempt.open_best(),
        provider => attempt.open(provider, Vec::new()).map_err(|error| attempt.failed(provider, &error)),
    }
}

/// Whether TensorRT has prepared the model before, as `spec` asks for it.
///
/// # Errors
/// No ONNX Runtime library.
pub fn is_prepared(spec: &EngineSpec, model: &Model) -> Result<bool, RuntimeError> {
    let library = ort_library::load(spec.ort_library.as_deref())?;
    let precision = precision_of(&library, spec, Provider::TensorRt).text();
    Ok(Cache::of(model, &library.version, precision).is_some_and(|cache| cache.is_prepared()))
}

/// What a provider may compute in here.
fn precision_of(library: &Library, spec: &EngineSpec, provider: Provider) -> Reduced {
    Reduced::of(spec.ort, provider, library.takes_tf32(), tf32::is_forbidden())
}

/// What a provider may compute in beside f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reduced {
    f16: bool,
    tf32: bool,
}

impl Reduced {
    fn of(settings: OrtSettings, provider: Provider, takes_tf32: bool, is_forbidden: bool) -> Self {
        let tf32 = match provider {
            Provider::Auto | Provider::Cpu => false,
            Provider::Cuda if takes_tf32 => settings.tf32,
            // Nothing but the environment decides.
            Provider::Cuda | Provider::TensorRt => true,
        };
        Self { f16: settings.f16 && provider == Provider::TensorRt, tf32: tf32 && !is_forbidden }
    }

    /// As the name of the engine says it.
    fn text(self) -> &'static str {
        match (self.f16, self.tf32) {
            (false, false) => "",
            (true, false) => " f16",
            (false, true) => " tf32",
            (true, true) => " f16 tf32",
        }
    }

    fn compute(self) -> Compute {
        if self.f16 || self.tf32 { Compute::F16 } else { Compute::F32 }
    }
}

impl Attempt<'_> {
    /// TensorRT where it has prepared the model, else CUDA, else the CPU where that is allowed.
    fn open_best(&self) -> Result<Opened, RuntimeError> {
        let mut notes = Vec::new();
        if self.cache.as_ref().is_some_and(Cache::is_prepared) {
            match self.open(Provider::TensorRt, Vec::new()) {
                Ok(opened) => return Ok(opened),
                Err(error) => notes.push(format!("tensorrt passed over: {}", reason(error.message()))),
            }
        } else {
            notes.push(
                "tensorrt passed over: it has not prepared this model here, which may take minutes; \
                 edge-runtime prepare --provider tensorrt does it once"
                    .to_owned(),
            );
        }
        match self.open(Provider::Cuda, notes.clone()) {
            Ok(opened) => return Ok(opened),
            Err(error) => notes.push(format!("cuda passed over: {}", reason(error.message()))),
        }
        if self.spec.ort.strict {
            return Err(RuntimeError::Engine {
                engine: NAME,
                doing: "find a provider that is not the CPU",
                problem: notes.join("; "),
            });
        }
        self.open(Provider::Cpu, notes).map_err(|error| self.failed(Provider::Cpu, &error))
    }

    /// Starts a provider. While TensorRT prepares, no other process does in the same place, and nothing half-filled is left
    /// there when it fails.
    fn open(&self, provider: Provider, notes: Vec<String>) -> ort::Result<Opened> {
        let unprepared = self.cache.as_ref().filter(|cache| provider == Provider::TensorRt && !cache.is_prepared());
        // A place that can't be written is told when the mark can't be, after the model has run.
        let claimed = unprepared.and_then(|cache| Some((cache, cache.claim().ok()?)));
        let opened = self.start(provider, notes);
        if let (Err(_), Some((cache, _))) = (&opened, &claimed) {
            cache.take_back();
        }
        opened
    }

    fn start(&self, provider: Provider, mut notes: Vec<String>) -> ort::Result<Opened> {
        // A provider may leave nodes to another one, so what ran is read back and not taken for granted.
        let is_gpu = matches!(provider, Provider::Cuda | Provider::TensorRt);
        let mut profile = None;
        if is_gpu || self.spec.ort.read_back {
            match Profile::create() {
                Ok(made) => profile = Some(made),
                Err(error) => notes.push(format!("which provider runs each node can't be read back: {error}")),
            }
        }
        let session = self.session(provider, profile.as_ref())?;
        let mut engine = Ort {
            session,
            sizes: Sizes::of(self.model.metadata()),
            label_input: self.model.metadata().variant.label_input,
            batch: self.model.batch(),
        };
        let placement = match profile {
            Some(profile) => engine.placement(&profile, &mut notes)?,
            None => Vec::new(),
        };
        if provider == Provider::TensorRt {
            self.mark_prepared(&mut notes);
        }
        if is_gpu {
            notes.extend(placement.iter().map(Placement::text));
        }
        let threads = self.spec.thread_count();
        if self.spec.ort.f16 && provider != Provider::TensorRt {
            notes.push(format!("--f16 has no effect on {}: TensorRT alone computes in 16 bits", provider.name()));
        }
        let precision = precision_of(&self.library, self.spec, provider);
        let name = format!("{NAME} {}, {}{}", self.library.version, provider.name(), precision.text());
        Ok(Opened {
            engine: Box::new(engine),
            description: format!("{name}, {}", threads_text(threads)),
            name,
            provider: provider.name(),
            kernels: format!("ONNX Runtime {}", self.library.version),
            compute: precision.compute(),
            can_mix: self.model.metadata().variant.label_input == LabelInput::Mix,
            threads,
            placement,
            notes,
        })
    }

    fn session(&self, provider: Provider, profile: Option<&Profile>) -> ort::Result<Session> {
        let builder = Session::builder(&self.library.environment)?;
        let mut builder = builder.with_intra_threads(self.spec.thread_count())?;
        let providers = self.providers(provider);
        if !providers.is_empty() {
            builder = builder.with_execution_providers(providers)?;
            if self.spec.ort.strict {
                builder = builder.with_disable_cpu_fallback()?;
            }
        }
        if let Some(profile) = profile {
            builder = builder.with_profiling(profile.prefix())?;
        }
        builder.commit_from_memory(self.model.bytes())
    }

    /// None for the CPU, which every session has. TensorRT leaves to CUDA what it doesn't support.
    fn providers(&self, provider: Provider) -> Vec<ExecutionProviderDispatch> {
        let mut cuda = CUDA::default();
        if self.library.takes_tf32() {
            cuda = cuda.with_tf32(self.spec.ort.tf32);
        }
        let cuda = cuda.build().error_on_failure();
        match provider {
            Provider::Auto | Provider::Cpu => Vec::new(),
            Provider::Cuda => vec![cuda],
            Provider::TensorRt => vec![self.tensorrt().build().error_on_failure(), cuda],
        }
    }

    /// One range of batches, since another shape would prepare the model again.
    fn tensorrt(&self) -> TensorRT {
        let dim = self.model.metadata().architecture.latent_dim;
        let label = match self.model.metadata().variant.label_input {
            LabelInput::Index => String::new(),
            LabelInput::Mix => format!("x{}", self.model.metadata().labels.len()),
        };
        let shapes = |batch: usize| format!("{}:{batch}x{dim},{}:{batch}{label}", contract::LATENT, contract::LABEL);
        let mut tensorrt = TensorRT::default().with_fp16(self.spec.ort.f16);
        if self.model.batch().is_none() {
            tensorrt = tensorrt
                .with_profile_min_shapes(shapes(1))
                .with_profile_opt_shapes(shapes(1))
                .with_profile_max_shapes(shapes(BATCH));
        }
        match self.cache.as_ref().filter(|cache| cache.folder().is_dir()) {
            Some(cache) => {
                let folder = cache.folder().display().to_string();
                let caching = tensorrt.with_engine_cache(true).with_engine_cache_path(&folder);
                caching.with_timing_cache(true).with_timing_cache_path(folder)
            }
            None => tensorrt,
        }
    }

    fn mark_prepared(&self, notes: &mut Vec<String>) {
        match &self.cache {
            Some(cache) => {
                if let Err(error) = cache.mark() {
                    let folder = cache.folder().display();
                    notes.push(format!("tensorrt will prepare this model again: write {folder}: {error}"));
                }
            }
            None => {
                notes.push("tensorrt will prepare this model again: no XDG_CACHE_HOME or HOME to keep it in".into())
            }
        }
    }

    fn failed(&self, provider: Provider, error: &ort::Error) -> RuntimeError {
        match provider {
            Provider::Cuda => failed("start provider cuda", error),
            Provider::TensorRt => failed("start provider tensorrt", error),
            Provider::Auto | Provider::Cpu => RuntimeError::Engine {
                engine: NAME,
                doing: "load the model",
                problem: format!("{}; engine native or tract may run it", reason(error.message())),
            },
        }
    }
}

impl Engine for Ort {
    fn run(&mut self, batch: &Batch<'_>) -> Result<Vec<f32>, RuntimeError> {
        let count = self.sizes.check(batch)?;
        if count == 0 {
            return Ok(Vec::new());
        }
        let labels = self.sizes.labels((NAME, self.label_input), batch.labels)?;
        let pictures = self.run_all(batch.latents, &labels, count).map_err(|error| failed("run the model", &error))?;
        self.sizes.check_pictures(NAME, count, &pictures)?;
        Ok(pictures)
    }
}

impl Ort {
    /// All pictures at once, or as many as the file fixes, of which the last ones may be thrown away.
    fn run_all(&mut self, latents: &[f32], labels: &FileLabels<'_>, count: usize) -> ort::Result<Vec<f32>> {
        let batch = self.batch.unwrap_or(count);
        let mut pictures = Vec::with_capacity(count * self.sizes.pixels);
        for first in (0..count).step_by(batch) {
            let latents = padded(latents, first, batch, self.sizes.latent_dim);
            match labels {
                FileLabels::Indices(indices) => {
                    let label = padded(indices, first, batch, 1);
                    let label = TensorRef::from_array_view(([batch], &*label))?;
                    self.run_one(&latents, label.into(), &mut pictures)?;
                }
                FileLabels::Weights(weights) => {
                    let label = padded(weights, first, batch, self.sizes.labels);
                    let label = TensorRef::from_array_view(([batch, self.sizes.labels], &*label))?;
                    self.run_one(&latents, label.into(), &mut pictures)?;
                }
            }
        }
        pictures.truncate(count * self.sizes.pixels);
        Ok(pictures)
    }

    fn run_one(&mut self, latents: &[f32], label: SessionInputValue<'_>, pictures: &mut Vec<f32>) -> ort::Result<()> {
        let rows = latents.len() / self.sizes.latent_dim;
        let latent = TensorRef::from_array_view(([rows, self.sizes.latent_dim], latents))?;
        let outputs = self.session.run(ort::inputs![contract::LATENT => latent, contract::LABEL => label])?;
        let image = &outputs[contract::IMAGE];
        match self.sizes.output {
            Output::Float => pictures.extend_from_slice(image.try_extract_tensor::<f32>()?.1),
            Output::Levels => pictures.extend(signed_from_levels(image.try_extract_tensor::<u8>()?.1)),
        }
        Ok(())
    }

    /// Makes one picture, and reads which provider ran each node.
    fn placement(&mut self, profile: &Profile, notes: &mut Vec<String>) -> ort::Result<Vec<Placement>> {
        let latents = vec![0.0; self.sizes.latent_dim];
        let labels = FileLabels::one(self.label_input, self.sizes);
        self.run_all(&latents, &labels, 1)?;
        let file = self.session.end_profiling()?;
        Ok(profile.placement(&file).unwrap_or_else(|error| {
            notes.push(format!("which provider runs each node can't be read back: {error}"));
            Vec::new()
        }))
    }
}

/// Rows from `first` on, of which those after the last are zeros.
fn padded<T: Copy + Default>(numbers: &[T], first: usize, rows: usize, row: usize) -> Cow<'_, [T]> {
    let rest = numbers.get(first * row..).unwrap_or_default();
    match rest.get(..rows * row) {
        Some(whole) => Cow::Borrowed(whole),
        None => Cow::Owned(rest.iter().copied().chain(std::iter::repeat(T::default())).take(rows * row).collect()),
    }
}

/// A provider of a library, and whether it starts here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderReport {
    /// Its name on the command line.
    pub provider: Provider,
    /// Why it doesn't start, in the library's own words.
    pub problem: Option<String>,
}

/// A library that was found, and what it can do here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryReport {
    /// Where it was found.
    pub path: std::path::PathBuf,
    /// Its version.
    pub version: String,
    /// Each provider but the CPU, which every library has.
    pub providers: Vec<ProviderReport>,
}

/// Finds the library that an engine would take, and starts each of its providers.
///
/// # Errors
/// No ONNX Runtime library.
pub fn report(wanted: Option<&std::path::Path>) -> Result<LibraryReport, RuntimeError> {
    let library = ort_library::load(wanted)?;
    let start = |dispatch: ExecutionProviderDispatch| -> ort::Result<SessionBuilder> {
        Ok(Session::builder(&library.environment)?.with_execution_providers([dispatch.error_on_failure()])?)
    };
    let tried =
        [(Provider::Cuda, start(CUDA::default().build())), (Provider::TensorRt, start(TensorRT::default().build()))];
    let providers = tried.into_iter().map(|(provider, started)| ProviderReport {
        provider,
        problem: started.err().map(|error| reason(error.message())),
    });
    Ok(LibraryReport { path: library.path.clone(), version: library.version.clone(), providers: providers.collect() })
}

/// ONNX Runtime's message without the place in its sources and the code before it, on one line.
fn reason(message: &str) -> String {
    const CODE: &str = "[ONNXRuntimeError] : ";
    let rest = message.rsplit_once(CODE).map_or(message, |(_, rest)| {
        // A number and its name stand before the text.
        rest.splitn(3, " : ").nth(2).unwrap_or(rest)
    });
    rest.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn failed(doing: &'static str, error: &ort::Error) -> RuntimeError {
    RuntimeError::Engine { engine: NAME, doing, problem: reason(error.message()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_what_may_be_less_exact() {
        let [f32, both] = [false, true].map(|asked| OrtSettings { f16: asked, tf32: asked, ..OrtSettings::default() });
        for (provider, takes_tf32, is_forbidden, expected) in [
            (Provider::Cpu, true, false, ["", ""]),
            (Provider::Cuda, true, false, ["", " tf32"]),
            (Provider::Cuda, true, true, ["", ""]),
            // A library that can't be told: the environment alone decides.
            (Provider::Cuda, false, false, [" tf32", " tf32"]),
            (Provider::Cuda, false, true, ["", ""]),
            (Provider::TensorRt, true, false, [" tf32", " f16 tf32"]),
            (Provider::TensorRt, true, true, ["", " f16"]),
        ] {
            let found = [f32, both].map(|settings| Reduced::of(settings, provider, takes_tf32, is_forbidden).text());
            assert_eq!(found, expected, "{provider:?} {takes_tf32} {is_forbidden}");
        }
    }

    #[test]
    fn a_reason_is_the_part_for_people() {
        let long = "/src/bridge.cc:1952 Provider& Get() [ONNXRuntimeError] : 1 : FAIL : Failed to load library /a/b.so with \
                    error: libcublasLt.so.12: cannot open shared object file: No such file or directory\n";
        let short = "Failed to load library /a/b.so with error: libcublasLt.so.12: cannot open shared object file: No such \
                     file or directory";
        for (message, expected) in [
            (long, short),
            (
                "CUDA execution provider is not enabled in this build. ",
                "CUDA execution provider is not enabled in this build.",
            ),
            ("[ONNXRuntimeError] : odd", "odd"),
            ("", ""),
        ] {
            assert_eq!(reason(message), expected, "{message}");
        }
    }
}
