//! A model file, read and held against the contract.

mod fact;
mod graph;
mod interface;
mod lookup;
mod node;
mod operators;
mod quantized;
mod subpixel;
mod wire;

pub(crate) use node::title as node_title;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use model_spec::Metadata;
use prost::Message;
use prost::bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::RuntimeError;
use crate::onnx::{GraphProto, ModelProto};

/// The most bytes that a model file may have: 1 GiB.
pub const MAX_BYTES: u64 = 1 << 30;
/// A file of this size is hashed while the engine loads it: 1 MiB.
const HASH_ASIDE: usize = 1 << 20;

/// A model of the contract: the ONNX bytes and what they say about themselves.
#[derive(Debug, Clone)]
pub struct Model {
    bytes: Bytes,
    graph: GraphProto,
    metadata: Metadata,
    sha256: Arc<OnceLock<String>>,
}

impl Model {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// A file that can't be read, is larger than [`MAX_BYTES`], or fails [`Model::from_bytes`], by its path.
    pub fn open(path: &Path) -> Result<Self, RuntimeError> {
        let at_path = |source| RuntimeError::ModelFile { path: path.to_owned(), source: Box::new(source) };
        let bytes = read(path)?;
        Self::from_bytes(bytes).map_err(at_path)
    }

    /// Checks an ONNX file in memory: names, types and shapes of inputs and output, operators, the shape of every tensor
    /// between them, and the metadata. After it an engine meets nothing but the family of networks.
    ///
    /// # Errors
    /// The first thing that breaks the contract, with what was expected and what was found.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Result<Self, RuntimeError> {
        let bytes = bytes.into();
        let proto = decoded(&bytes)?;
        let pairs: BTreeMap<String, String> =
            proto.metadata_props.iter().map(|entry| (entry.key.clone(), entry.value.clone())).collect();
        let metadata = Metadata::from_pairs(&pairs)?;
        interface::check(&proto, &metadata)?;
        let graph = proto.graph.ok_or_else(|| contract("graph", "one", "none"))?;
        graph::check(&graph, &metadata)?;
        let model = Self { bytes, graph, metadata, sha256: Arc::default() };
        if model.bytes.len() >= HASH_ASIDE {
            let early = model.clone();
            // Without a thread it is hashed when it is asked for.
            std::thread::Builder::new().spawn(move || _ = early.sha256()).ok();
        }
        Ok(model)
    }

    /// The ONNX file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The graph of the file, held against the contract; its weights are parts of [`Model::bytes`].
    pub fn graph(&self) -> &GraphProto {
        &self.graph
    }

    /// Labels, architecture and the rest that the file says about itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Pictures of every run: what the metadata fix, or one where the graph says so; `None` where it is free.
    pub fn batch(&self) -> Option<usize> {
        let literal = self.graph.input.iter().any(|input| interface::batch_of(input).is_some_and(|side| side == 1));
        self.metadata.variant.batch.or(literal.then_some(1))
    }

    /// SHA-256 of the file, in hexadecimal.
    pub fn sha256(&self) -> &str {
        self.sha256.get_or_init(|| sha256_hex(&self.bytes))
    }
}

/// SHA-256 in lower-case hexadecimal (FIPS 180-4).
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads an ONNX file of any writer, without holding it against the contract: its bytes and its messages.
///
/// # Errors
/// A file that can't be read or is none of ONNX, or one that is larger or has more fields than a model's, by its path.
pub fn read_any(path: &Path) -> Result<(Bytes, ModelProto), RuntimeError> {
    let bytes = Bytes::from(read(path)?);
    let proto =
        decoded(&bytes).map_err(|source| RuntimeError::ModelFile { path: path.to_owned(), source: Box::new(source) });
    Ok((bytes, proto?))
}

/// What is counted before it is decoded can't fill the memory.
fn decoded(bytes: &Bytes) -> Result<ModelProto, RuntimeError> {
    check_size(bytes.len() as u64)?;
    wire::check(bytes)?;
    ModelProto::decode(bytes.clone()).map_err(RuntimeError::NotOnnx)
}

fn read(path: &Path) -> Result<Vec<u8>, RuntimeError> {
    let failed = |source| RuntimeError::Read { path: path.to_owned(), source };
    let about = std::fs::metadata(path).map_err(failed)?;
    if !about.is_file() {
        return Err(failed(std::io::Error::other("not a regular file")));
    }
    let length = about.len();
    check_size(length).map_err(|source| RuntimeError::ModelFile { path: path.to_owned(), source: Box::new(source) })?;
    let mut bytes = Vec::with_capacity(length as usize);
    // The file may grow meanwhile.
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(failed)?;
    Ok(bytes)
}

fn check_size(found: u64) -> Result<(), RuntimeError> {
    if found > MAX_BYTES { Err(RuntimeError::ModelSize { max: MAX_BYTES, found }) } else { Ok(()) }
}

fn contract(part: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> RuntimeError {
    RuntimeError::Contract { part: part.into(), expected: expected.into(), found: found.into() }
}
