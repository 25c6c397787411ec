//! What runs a model: one trait, an implementation a file, and [`open`] that picks among them.

pub mod native;
#[cfg(feature = "ort")]
pub mod ort;
#[cfg(feature = "ort")]
mod ort_library;
#[cfg(feature = "ort")]
mod ort_profile;
#[cfg(feature = "ort")]
mod tensorrt_cache;
#[cfg(feature = "tract")]
pub mod tract;
#[cfg(feature = "tract")]
mod tract_rewrite;

#[cfg(any(feature = "tract", feature = "ort"))]
use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use model_spec::Metadata;
#[cfg(any(feature = "tract", feature = "ort"))]
use model_spec::variant::LabelInput;
use model_spec::variant::{Compute, Output};

use crate::{Model, RuntimeError};

/// Pictures that go through an engine at once; more would only hold memory.
pub const BATCH: usize = 16;

/// Latents and the label of each.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// `[n, latent_dim]`
    pub latents: &'a [f32],
    /// Of each latent.
    pub labels: BatchLabels<'a>,
}

/// The labels of a batch, or mixes of them.
#[derive(Debug, Clone, Copy)]
pub enum BatchLabels<'a> {
    /// `[n]`, indices into the model's labels.
    Indices(&'a [i64]),
    /// `[n, n_labels]`: how much of each label, adding up to 1. A 1 among zeros makes the picture of that label.
    Weights(&'a [f32]),
}

impl<'a> Batch<'a> {
    /// Latents `[n, latent_dim]` and label indices `[n]`.
    pub fn new(latents: &'a [f32], labels: &'a [i64]) -> Self {
        Self { latents, labels: BatchLabels::Indices(labels) }
    }

    /// Latents `[n, latent_dim]` and label weights `[n, n_labels]`, which add up to 1 in each row.
    pub fn mixed(latents: &'a [f32], weights: &'a [f32]) -> Self {
        Self { latents, labels: BatchLabels::Weights(weights) }
    }
}

/// Holds label indices against how many labels a model has.
pub(crate) fn check_labels(indices: &[i64], labels: usize) -> Result<(), RuntimeError> {
    let is_known = |label: &&i64| usize::try_from(**label).is_ok_and(|label| label < labels);
    match indices.iter().find(|label| !is_known(label)) {
        Some(label) => {
            let (expected, found) = (format!("0 to {}", labels - 1), label.to_string());
            Err(RuntimeError::Batch { part: "label", expected, found })
        }
        None => Ok(()),
    }
}

/// Runs one model.
pub trait Engine: Send {
    /// The pictures of a batch, `[n, channels, side, side]` in [-1, 1].
    ///
    /// # Errors
    /// Latents that are not `latent_dim` a label, labels that the model doesn't have, weights that are no numbers or don't
    /// add up to 1, a mix of labels where engine and file can't make one, and whatever the engine itself reports; one of the
    /// caller's has [`RuntimeError::own`].
    fn run(&mut self, batch: &Batch<'_>) -> Result<Vec<f32>, RuntimeError>;

    /// Runs a batch for the time of each layer, in their order; `None` where the engine can't tell.
    ///
    /// # Errors
    /// Those of [`Engine::run`].
    fn profile(&mut self, _batch: &Batch<'_>) -> Result<Option<Vec<LayerTime>>, RuntimeError> {
        Ok(None)
    }
}

/// How long one layer took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerTime {
    /// What it is; several layers may be called the same.
    pub layer: &'static str,
    /// Of all pictures of the batch.
    pub time: Duration,
}

/// Which engine to open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EngineKind {
    /// native where it knows the model, else tract; ort where a GPU is asked for.
    #[default]
    Auto,
    /// Our own kernels for the family of networks.
    Native,
    /// Pure Rust, any CPU.
    Tract,
    /// ONNX Runtime, loaded at run time.
    Ort,
}

impl EngineKind {
    /// Its name on the command line, which the names of its engines begin with.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Native => "native",
            Self::Tract => "tract",
            Self::Ort => "ort",
        }
    }
}

/// Every engine of this build, without `Auto`, which is one of them.
pub fn built_in() -> &'static [EngineKind] {
    &[
        EngineKind::Native,
        #[cfg(feature = "tract")]
        EngineKind::Tract,
        #[cfg(feature = "ort")]
        EngineKind::Ort,
    ]
}

/// What the engine computes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Provider {
    /// The best that works and needs no long preparation.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// An NVIDIA GPU through CUDA.
    Cuda,
    /// An NVIDIA GPU through TensorRT, which may take minutes to prepare a model.
    TensorRt,
}

impl Provider {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
        }
    }
}

/// How to open an engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineSpec {
    /// Which one.
    pub kind: EngineKind,
    /// On what.
    pub provider: Provider,
    /// CPU threads; `None` takes every core, 0 counts as 1.
    pub threads: Option<usize>,
    /// What native multiplies in; `None` takes what the file asks for, or f32 where this CPU lacks the instructions.
    pub compute: Option<Compute>,
    /// The ONNX Runtime library for [`EngineKind::Ort`]; `None` looks in the usual places.
    pub ort_library: Option<PathBuf>,
    /// What only ort has.
    pub ort: OrtSettings,
}

/// Settings of [`EngineKind::Ort`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OrtSettings {
    /// A node on the CPU is an error, and so is every provider that is the CPU.
    pub strict: bool,
    /// TensorRT may compute in 16 bits.
    pub f16: bool,
    /// CUDA may compute in TF32, which keeps 10 bits of a number's 23. TensorRT may unless [`crate::tf32`] forbids it.
    pub tf32: bool,
    /// Make one picture at once to read back which provider runs each node; a GPU always does.
    pub read_back: bool,
}

impl EngineSpec {
    /// What native is told to multiply in, where the file says otherwise.
    fn other_compute(&self, model: &Model) -> Option<Compute> {
        self.compute.filter(|compute| *compute != model.metadata().variant.compute)
    }

    fn thread_count(&self) -> usize {
        self.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1)
    }
}

/// An engine that is ready, and what it turned out to be.
pub struct Opened {
    /// The engine.
    pub engine: Box<dyn Engine>,
    /// Name and version, for ort the provider, for native the kernels: `tract 0.23.9`. Two of native of the same name make the
    /// same bytes.
    pub name: String,
    /// The name and what it runs on: `tract 0.23.9, 2 threads`.
    pub description: String,
    /// What it computes on: `cpu`, `cuda` or `tensorrt`.
    pub provider: &'static str,
    /// Which kernels it chose for this processor, in its own words.
    pub kernels: String,
    /// What it may multiply in where the file says nothing else: f32, or fewer bits; f16 stands for TF32 too, which keeps as
    /// many.
    pub compute: Compute,
    /// Whether it makes pictures between labels of this file.
    pub can_mix: bool,
    /// CPU threads.
    pub threads: usize,
    /// Which provider ran each node, where that was read back.
    pub placement: Vec<Placement>,
    /// Why other choices were passed over, a line each.
    pub notes: Vec<String>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { description, provider, kernels, notes, .. } = self;
        let mut fields = formatter.debug_struct("Opened");
        fields.field("description", description).field("provider", provider).field("kernels", kernels);
        fields.field("notes", notes).finish_non_exhaustive()
    }
}

/// The nodes that one provider ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// `cpu`, `cuda` or `tensorrt`.
    pub provider: String,
    /// Name and operator of each.
    pub nodes: Vec<String>,
}

impl Placement {
    /// One line: `cpu ran 1 node: label.row (Gather)`.
    pub fn text(&self) -> String {
        let (count, nodes) = (self.nodes.len(), self.nodes.join(", "));
        format!("{} ran {count} {}: {nodes}", self.provider, if count == 1 { "node" } else { "nodes" })
    }
}

/// Opens the engine that `spec` asks for.
///
/// # Errors
/// An engine that this build lacks, a provider that the engine lacks or that doesn't work here (never another one in its
/// place), a missing ONNX Runtime library, or a model that the engine can't run.
pub fn open(spec: &EngineSpec, model: &Model) -> Result<Opened, RuntimeError> {
    let gpu = matches!(spec.provider, Provider::Cuda | Provider::TensorRt);
    if spec.ort.strict && (spec.provider == Provider::Cpu || (spec.kind != EngineKind::Ort && !gpu)) {
        return Err(RuntimeError::Strict);
    }
    let may_be_gpu = gpu || (spec.kind == EngineKind::Ort && spec.provider == Provider::Auto);
    for (asked, flag) in [(spec.ort.f16, "--f16"), (spec.ort.tf32, "--tf32")] {
        if asked && !may_be_gpu {
            return Err(RuntimeError::OnlyGpu { flag });
        }
    }
    if spec.ort.f16 && spec.provider == Provider::Cuda {
        return Err(RuntimeError::OnlyTensorRt { flag: "--f16" });
    }
    let other = spec.other_compute(model);
    if let Some(compute) = other.filter(|_| gpu || !matches!(spec.kind, EngineKind::Auto | EngineKind::Native)) {
        let engine = if spec.kind == EngineKind::Tract { spec.kind.name() } else { EngineKind::Ort.name() };
        return Err(RuntimeError::Compute { engine, compute: compute.name() });
    }
    match spec.kind {
        EngineKind::Native if gpu => Err(RuntimeError::Provider { engine: "native", provider: spec.provider.name() }),
        EngineKind::Tract if gpu => Err(RuntimeError::Provider { engine: "tract", provider: spec.provider.name() }),
        EngineKind::Auto if gpu => open_ort(spec, model),
        EngineKind::Auto => open_auto(spec, model),
        EngineKind::Native => native::open(spec, model),
        EngineKind::Tract => open_tract(spec, model),
        EngineKind::Ort => open_ort(spec, model),
    }
}

/// native, or tract with a note that says why.
fn open_auto(spec: &EngineSpec, model: &Model) -> Result<Opened, RuntimeError> {
    match native::open(spec, model) {
        Err(passed @ RuntimeError::Unsupported { .. })
            if cfg!(feature = "tract") && spec.other_compute(model).is_none() =>
        {
            let mut opened = open_tract(spec, model)?;
            opened.notes.insert(0, format!("native passed over: {passed}"));
            Ok(opened)
        }
        opened => opened,
    }
}

#[cfg(feature = "tract")]
fn open_tract(spec: &EngineSpec, model: &Model) -> Result<Opened, RuntimeError> {
    tract::open(spec, model)
}

#[cfg(not(feature = "tract"))]
fn open_tract(_spec: &EngineSpec, _model: &Model) -> Result<Opened, RuntimeError> {
    Err(RuntimeError::BuiltWithout("tract"))
}

#[cfg(feature = "ort")]
fn open_ort(spec: &EngineSpec, model: &Model) -> Result<Opened, RuntimeError> {
    ort::open(spec, model)
}

#[cfg(not(feature = "ort"))]
fn open_ort(_spec: &EngineSpec, _model: &Model) -> Result<Opened, RuntimeError> {
    Err(RuntimeError::BuiltWithout("ort"))
}

/// Labels as a file takes them.
#[cfg(any(feature = "tract", feature = "ort"))]
#[derive(Debug, Clone)]
enum FileLabels<'a> {
    /// `[n]`
    Indices(&'a [i64]),
    /// `[n, n_labels]`
    Weights(Cow<'a, [f32]>),
}

#[cfg(feature = "ort")]
impl FileLabels<'static> {
    /// The first label, for one picture.
    fn one(input: LabelInput, sizes: Sizes) -> Self {
        match input {
            LabelInput::Index => Self::Indices(&[0]),
            LabelInput::Mix => Self::Weights((0..sizes.labels).map(|label| f32::from(u8::from(label == 0))).collect()),
        }
    }
}

/// 8-bit levels as the values in [-1, 1] that have them.
#[cfg(any(feature = "tract", feature = "ort"))]
fn signed_from_levels(levels: &[u8]) -> impl Iterator<Item = f32> {
    levels.iter().map(|level| model_spec::pixels::signed_from_u8(*level))
}

/// How far the label weights of a picture may be from 1 together: what rounding to f32 leaves of many shares.
const MIX_TOLERANCE: f64 = 1e-4;

/// The numbers that a batch and its pictures must fit.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    latent_dim: usize,
    labels: usize,
    pixels: usize,
    output: Output,
}

impl Sizes {
    fn of(metadata: &Metadata) -> Self {
        Self {
            latent_dim: metadata.architecture.latent_dim,
            labels: metadata.labels.len(),
            pixels: metadata.architecture.pixels(),
            output: metadata.variant.output,
        }
    }

    /// The number of pictures that a batch asks for.
    fn check(self, batch: &Batch<'_>) -> Result<usize, RuntimeError> {
        let count = self.count(batch.labels)?;
        if batch.latents.len() != count * self.latent_dim {
            return Err(RuntimeError::Batch {
                part: "latents",
                expected: format!("{count} x {} numbers", self.latent_dim),
                found: batch.latents.len().to_string(),
            });
        }
        // An engine that rounds maps would take one that is no number for a number.
        if let Some(number) = batch.latents.iter().find(|number| !number.is_finite()) {
            return Err(RuntimeError::Batch {
                part: "latents",
                expected: "finite numbers".to_owned(),
                found: number.to_string(),
            });
        }
        Ok(count)
    }

    fn count(self, labels: BatchLabels<'_>) -> Result<usize, RuntimeError> {
        let refused = |part, expected, found| Err(RuntimeError::Batch { part, expected, found });
        match labels {
            BatchLabels::Indices(indices) => check_labels(indices, self.labels).map(|()| indices.len()),
            BatchLabels::Weights(weights) if !weights.len().is_multiple_of(self.labels) => {
                refused("label weights", format!("{} a picture", self.labels), weights.len().to_string())
            }
            BatchLabels::Weights(weights) => {
                let sum = |row: &[f32]| row.iter().map(|weight| f64::from(*weight)).sum::<f64>();
                let is_other = |sum: &f64| sum.is_nan() || (sum - 1.0).abs() > MIX_TOLERANCE;
                match weights.chunks(self.labels).map(sum).find(is_other) {
                    Some(sum) => refused("label weights", "numbers that add up to 1".to_owned(), sum.to_string()),
                    None => Ok(weights.len() / self.labels),
                }
            }
        }
    }

    /// The labels of a batch as the engine's file takes them.
    #[cfg(any(feature = "tract", feature = "ort"))]
    fn labels<'a>(
        self,
        (engine, input): (&'static str, LabelInput),
        labels: BatchLabels<'a>,
    ) -> Result<FileLabels<'a>, RuntimeError> {
        match (labels, input) {
            (BatchLabels::Indices(indices), LabelInput::Index) => Ok(FileLabels::Indices(indices)),
            (BatchLabels::Weights(_), LabelInput::Index) => Err(RuntimeError::NoMix { engine }),
            (BatchLabels::Weights(weights), LabelInput::Mix) => Ok(FileLabels::Weights(Cow::Borrowed(weights))),
            (BatchLabels::Indices(indices), LabelInput::Mix) => {
                let mut weights = vec![0.0; indices.len() * self.labels];
                for (row, index) in weights.chunks_mut(self.labels).zip(indices) {
                    if let Some(one) = usize::try_from(*index).ok().and_then(|index| row.get_mut(index)) {
                        *one = 1.0;
                    }
                }
                Ok(FileLabels::Weights(Cow::Owned(weights)))
            }
        }
    }

    /// Refuses pictures of another size and numbers that are none, which a damaged model makes.
    fn check_pictures(self, engine: &'static str, count: usize, pictures: &[f32]) -> Result<(), RuntimeError> {
        let problem = if pictures.len() != count * self.pixels {
            format!("expected {count} x {} values, found {}", self.pixels, pictures.len())
        } else if let Some(value) = pictures.iter().find(|value| !value.is_finite()) {
            format!("expected values in [-1, 1], found {value}")
        } else {
            return Ok(());
        };
        Err(RuntimeError::Engine { engine, doing: "run the model", problem })
    }
}

fn threads_text(threads: usize) -> String {
    if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") }
}
