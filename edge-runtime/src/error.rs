//! The crate's error.

use std::path::PathBuf;

use model_spec::SpecError;

/// What can fail between a model file and a shown picture. Where it has a source, its text leaves that out.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// A file that can't be read.
    #[error("read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file or device that can't be written.
    #[error("write {}", path.display())]
    Write {
        /// The file or device.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something wrong inside a model file, which is named.
    #[error("model {}", path.display())]
    ModelFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<RuntimeError>,
    },
    /// No model file anywhere.
    #[error(
        "no model found at {tried}; name one with --model, or export one: cargo run -p exporter -- --out models/gen.onnx"
    )]
    NoModel {
        /// The places looked at.
        tried: String,
    },
    /// More bytes than a model may have.
    #[error("expected at most {max} bytes, found {found}")]
    ModelSize {
        /// The limit in bytes.
        max: u64,
        /// Bytes found.
        found: u64,
    },
    /// Bytes that are no ONNX file.
    #[error("not an ONNX file, or a damaged one")]
    NotOnnx(#[source] prost::DecodeError),
    /// An ONNX file outside the contract.
    #[error("{part}: expected {expected}, found {found}")]
    Contract {
        /// Which part of the file.
        part: String,
        /// What the contract says.
        expected: String,
        /// What the file says.
        found: String,
    },
    /// Metadata, labels or architecture that are refused, or a label that is unknown.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// An engine that this build lacks.
    #[error("built without {0}; rebuild with --features {0}")]
    BuiltWithout(&'static str),
    /// A provider that an engine doesn't have.
    #[error("engine {engine} runs on the CPU only, found provider {provider}; ask for engine ort")]
    Provider {
        /// The engine asked for.
        engine: &'static str,
        /// The provider asked for.
        provider: &'static str,
    },
    /// Products of fewer bits in an engine that has none.
    #[error("engine {engine} can't be told to multiply in {compute}; ask for --engine native on the CPU")]
    Compute {
        /// The engine asked for.
        engine: &'static str,
        /// The numbers asked for.
        compute: &'static str,
    },
    /// A setting of TensorRT with another provider.
    #[error("{flag} is for TensorRT: ask for it with --provider tensorrt")]
    OnlyTensorRt {
        /// The setting.
        flag: &'static str,
    },
    /// A setting of GPUs where there can be none.
    #[error("{flag} is for GPUs: ask for one with --provider cuda or tensorrt")]
    OnlyGpu {
        /// The setting.
        flag: &'static str,
    },
    /// The CPU is forbidden and nothing else was asked for.
    #[error("--strict forbids the CPU: ask for a GPU with --provider cuda or tensorrt, or --engine ort")]
    Strict,
    /// An engine that can't load or run a model.
    #[error("engine {engine}: {doing}: {problem}")]
    Engine {
        /// The engine.
        engine: &'static str,
        /// What it was doing.
        doing: &'static str,
        /// Its own message, causes included.
        problem: String,
    },
    /// A model with a node that an engine has no kernel for.
    #[error("engine {engine}: no kernel for {node}; engine tract or ort may run it")]
    Unsupported {
        /// The engine.
        engine: &'static str,
        /// The node, by name and operator.
        node: String,
    },
    /// A mix of labels for a file that takes label indices.
    #[error(
        "engine {engine}: this model file takes a label index, not a mix of labels; export it with --label-input mix, or \
         take engine native"
    )]
    NoMix {
        /// The engine.
        engine: &'static str,
    },
    /// No ONNX Runtime library that loads.
    #[error(
        "engine ort: no ONNX Runtime library that can be used; name one with --ort-lib or ORT_DYLIB_PATH; tried:{tried}"
    )]
    OrtLibrary {
        /// Every place and why it failed, one a line.
        tried: String,
    },
    /// Latents or labels that don't fit the model.
    #[error("batch: {part}: expected {expected}, found {found}")]
    Batch {
        /// Which part.
        part: &'static str,
        /// What fits.
        expected: String,
        /// What was given.
        found: String,
    },
    /// Text that describes something wrongly, from a command line or a caller.
    #[error("{what} {found:?}: expected {expected}")]
    Text {
        /// What the text describes.
        what: &'static str,
        /// What is accepted.
        expected: String,
        /// The text.
        found: String,
    },
    /// Pixels that a file format refuses.
    #[error("encode {format}")]
    Encode {
        /// The file format.
        format: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file that is not of its format, or damaged.
    #[error("decode {format}: {problem}")]
    Decode {
        /// The file format.
        format: &'static str,
        /// Why.
        problem: String,
    },
    /// A display that can't be used.
    #[error("display {}: {problem}", path.display())]
    Display {
        /// The device or file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// An address that a server can't have.
    #[error("listen on {address}")]
    Listen {
        /// Address and port.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A server whose generator has ended by itself; true where it panicked.
    #[error("the generator's thread ended{}", if *.0 { " with a panic" } else { "" })]
    GeneratorEnded(bool),
    /// What an engine or a sink outside of this crate reports.
    #[error("{doing}")]
    Own {
        /// What it was doing.
        doing: &'static str,
        /// Its own error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl RuntimeError {
    /// Whether what was asked for contradicts itself, on any machine.
    pub fn is_usage(&self) -> bool {
        use RuntimeError::{Compute, OnlyGpu, OnlyTensorRt, Provider, Strict};
        matches!(self, Provider { .. } | Compute { .. } | OnlyTensorRt { .. } | OnlyGpu { .. } | Strict)
    }

    /// Of an engine or a sink outside of this crate: what it was doing, and its own error.
    pub fn own(doing: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Own { doing, source: source.into() }
    }
}
