//! What crosses Mudra's crates: one definition of the architecture, the labels, the weight names and shapes, the
//! checkpoint manifest, the ONNX contract, the latent sampler and the pixel conversion.
//!
//! In reading order: [`labels`], [`architecture`], [`weights`], [`manifest`], [`contract`], [`variant`], [`metadata`],
//! [`latent`], [`pixels`]. Nothing here reads pictures, runs a network or knows a file format beyond JSON.

pub mod architecture;
pub mod contract;
pub mod error;
pub mod labels;
pub mod latent;
pub mod manifest;
pub mod metadata;
mod pairs;
pub mod pixels;
pub mod variant;
pub mod weights;

pub use architecture::Architecture;
pub use error::SpecError;
pub use labels::Labels;
pub use manifest::Manifest;
pub use metadata::Metadata;
pub use variant::Variant;
