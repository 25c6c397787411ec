//! From a label and a seed to a picture.

use std::path::Path;

use model_spec::{Labels, Metadata, latent};

use crate::engine::{self, BATCH, Batch, EngineSpec, Opened};
use crate::{Frame, Model, Picture, RuntimeError, Truncation};

/// A model with the engine that runs it.
///
/// ```
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/gen.onnx");
/// use edge_runtime::{EngineSpec, Generator, Request};
///
/// let mut generator = Generator::open(path, &EngineSpec::default())?;
/// println!("{}: {}", generator.engine(), generator.metadata().labels.names().join(", "));
///
/// let frame = generator.generate("rock", 7)?;
/// assert_eq!((frame.label.as_str(), frame.seed, frame.index), ("rock", 7, 0));
/// assert_eq!(frame, generator.generate("rock", 7)?);
///
/// // One seed under every label has the same latent; a series of one seed counts its index.
/// let labels = 0..generator.metadata().labels.len();
/// let requests: Vec<Request> = labels.map(|label| Request { label, seed: 7, index: 0 }).collect();
/// assert!(generator.frames(&requests)?.contains(&frame));
/// # Ok::<(), edge_runtime::RuntimeError>(())
/// ```
pub struct Generator {
    opened: Opened,
    metadata: Metadata,
    sha256: String,
    truncation: Truncation,
}

/// One picture to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Index into the model's labels.
    pub label: usize,
    /// Seed of the latent.
    pub seed: u64,
    /// Index of the latent: pictures of one seed are told apart by it.
    pub index: u32,
}

impl Generator {
    /// Opens a model file and the engine that `spec` asks for.
    ///
    /// # Errors
    /// Those of [`Model::open`] and [`engine::open`].
    pub fn open(path: impl AsRef<Path>, spec: &EngineSpec) -> Result<Self, RuntimeError> {
        Self::of(&Model::open(path.as_ref())?, spec)
    }

    /// Opens the engine that `spec` asks for on a model that is open already: one that was found, built in, or is run by
    /// several engines.
    ///
    /// # Errors
    /// Those of [`engine::open`].
    pub fn of(model: &Model, spec: &EngineSpec) -> Result<Self, RuntimeError> {
        Ok(Self::with(engine::open(spec, model)?, model))
    }

    /// Takes an engine that was opened on a model.
    pub fn with(opened: Opened, model: &Model) -> Self {
        Self {
            opened,
            metadata: model.metadata().clone(),
            sha256: model.sha256().to_owned(),
            truncation: Truncation::default(),
        }
    }

    /// The same generator with its own latents drawn to their mean; latents of any other origin stay as they are.
    pub fn truncated(self, truncation: Truncation) -> Self {
        Self { truncation, ..self }
    }

    /// What the model says about itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// What pictures of this generator come from.
    pub fn origin(&self) -> Origin {
        Origin { model_sha256: self.sha256.clone(), engine: self.opened.name.clone(), truncation: self.truncation }
    }

    /// The engine and what it runs on: `native 0.1.0 avx512, 2 threads`.
    pub fn engine(&self) -> &str {
        &self.opened.description
    }

    /// All that is known about the engine.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// Whether [`Generator::mixed`] makes pictures between labels: there are several, and engine and file can.
    pub fn can_mix(&self) -> bool {
        self.metadata.labels.len() > 1 && self.opened.can_mix
    }

    /// Why the engine passed over other choices, a line each.
    pub fn notes(&self) -> &[String] {
        &self.opened.notes
    }

    /// One picture of a label, by its name or its index as text, always the same for the same arguments.
    ///
    /// # Errors
    /// A label that the model doesn't have, `all` of several, and what the engine reports.
    pub fn generate(&mut self, label: &str, seed: u64) -> Result<Frame, RuntimeError> {
        let label = one_label(&self.metadata.labels, label)?;
        self.frame(label, seed, 0)
    }

    /// One picture by index of its label, always the same for the same arguments.
    ///
    /// # Errors
    /// Those of [`Generator::frames`].
    pub fn frame(&mut self, label: usize, seed: u64, index: u32) -> Result<Frame, RuntimeError> {
        let request = Request { label, seed, index };
        let latent = self.latent(&request);
        let picture = self.picture(label, &latent)?;
        Ok(self.framed(request, picture))
    }

    /// The pictures of several requests, in their order.
    ///
    /// # Errors
    /// A label index that the model doesn't have, and what the engine reports.
    pub fn frames(&mut self, requests: &[Request]) -> Result<Vec<Frame>, RuntimeError> {
        let latents: Vec<Vec<f32>> = requests.iter().map(|request| self.latent(request)).collect();
        let inputs: Vec<_> =
            requests.iter().zip(&latents).map(|(request, latent)| (request.label, &**latent)).collect();
        let pictures = self.pictures(&inputs)?;
        Ok(requests.iter().zip(pictures).map(|(request, picture)| self.framed(*request, picture)).collect())
    }

    /// The picture of a label and a latent of any origin, `[latent_dim]`.
    ///
    /// # Errors
    /// A label index or a latent that doesn't fit the model, and what the engine reports.
    pub fn picture(&mut self, label: usize, latent: &[f32]) -> Result<Picture, RuntimeError> {
        let mut pictures = self.pictures(&[(label, latent)])?;
        Ok(pictures.swap_remove(0))
    }

    /// The pictures of labels and latents of any origin, in their order.
    ///
    /// # Errors
    /// A label index or a latent that doesn't fit the model, and what the engine reports.
    pub fn pictures(&mut self, inputs: &[(usize, &[f32])]) -> Result<Vec<Picture>, RuntimeError> {
        let mut pictures = Vec::with_capacity(inputs.len());
        for part in inputs.chunks(BATCH) {
            let latents = self.joined(part.iter().map(|(_, latent)| *latent))?;
            let labels: Vec<i64> = part.iter().map(|(label, _)| i64::try_from(*label).unwrap_or(i64::MAX)).collect();
            // Here too, since the engine may be the caller's own.
            engine::check_labels(&labels, self.metadata.labels.len())?;
            pictures.extend(self.run(&Batch::new(&latents, &labels))?);
        }
        Ok(pictures)
    }

    /// The pictures of mixes of labels and latents of any origin, in their order: label weights `[n_labels]`, which add up
    /// to 1, and a latent `[latent_dim]` each.
    ///
    /// # Errors
    /// Weights or a latent that don't fit the model, an engine that can't mix labels with this file, and what it reports.
    pub fn mixed(&mut self, inputs: &[(&[f32], &[f32])]) -> Result<Vec<Picture>, RuntimeError> {
        let mut pictures = Vec::with_capacity(inputs.len());
        let labels = self.metadata.labels.len();
        if let Some((weights, _)) = inputs.iter().find(|(weights, _)| weights.len() != labels) {
            let (expected, found) = (format!("{labels} a picture"), weights.len().to_string());
            return Err(RuntimeError::Batch { part: "label weights", expected, found });
        }
        for part in inputs.chunks(BATCH) {
            let latents = self.joined(part.iter().map(|(_, latent)| *latent))?;
            let weights: Vec<f32> = part.iter().flat_map(|(weights, _)| *weights).copied().collect();
            pictures.extend(self.run(&Batch::mixed(&latents, &weights))?);
        }
        Ok(pictures)
    }

    /// Latents one after another, each of the model's size.
    fn joined<'a>(&self, latents: impl Iterator<Item = &'a [f32]>) -> Result<Vec<f32>, RuntimeError> {
        let dim = self.metadata.architecture.latent_dim;
        let mut joined = Vec::new();
        for latent in latents {
            if latent.len() != dim {
                let (expected, found) = (format!("{dim} numbers"), latent.len().to_string());
                return Err(RuntimeError::Batch { part: "latent", expected, found });
            }
            joined.extend_from_slice(latent);
        }
        Ok(joined)
    }

    fn run(&mut self, batch: &Batch<'_>) -> Result<Vec<Picture>, RuntimeError> {
        let architecture = &self.metadata.architecture;
        let (side, channels) = (architecture.image_size, architecture.channels);
        let values = self.opened.engine.run(batch)?;
        let expected = batch.latents.len() / architecture.latent_dim * architecture.pixels();
        if values.len() != expected {
            return Err(RuntimeError::Engine {
                engine: "of the caller",
                doing: "run the model",
                problem: format!("expected {expected} numbers, found {}", values.len()),
            });
        }
        let planes = values.chunks_exact(architecture.pixels());
        Ok(planes.map(|chw| Picture::from_signed(chw, side, channels)).collect())
    }

    /// The latent of a request, `[latent_dim]`.
    pub fn latent(&self, request: &Request) -> Vec<f32> {
        let mut latent = latent::latent(request.seed, request.index, self.metadata.architecture.latent_dim);
        self.truncation.apply(&mut latent);
        latent
    }

    fn framed(&self, request: Request, picture: Picture) -> Frame {
        let label = self.metadata.labels.name(request.label).unwrap_or_default().to_owned();
        Frame { picture, label, seed: request.seed, index: request.index }
    }
}

/// The index of the one label that a text selects, by name or index.
///
/// # Errors
/// A text that selects none, or all of several.
pub fn one_label(labels: &Labels, text: &str) -> Result<usize, RuntimeError> {
    match labels.select(text)?.as_slice() {
        [label] => Ok(*label),
        several => Err(RuntimeError::Text {
            what: "label",
            expected: format!("one, not {} of them", several.len()),
            found: text.to_owned(),
        }),
    }
}

impl std::fmt::Debug for Generator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut fields = formatter.debug_struct("Generator");
        fields.field("opened", &self.opened).field("sha256", &self.sha256).field("truncation", &self.truncation);
        fields.finish_non_exhaustive()
    }
}

/// What a picture comes from, beside its label and seed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// SHA-256 of the model file, in hexadecimal.
    pub model_sha256: String,
    /// Name and version of the engine.
    pub engine: String,
    /// How far latents were drawn to their mean.
    pub truncation: Truncation,
}
