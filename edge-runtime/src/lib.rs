//! Runs Mudra's models: from an ONNX file and a (label, seed) to a picture, and from there to a file or a display.
//!
//! In reading order: [`onnx`] and [`model`] read and check a file, [`engine`] runs it, [`generator`] turns a label and a
//! seed into a [`Frame`]. Nothing here trains, exports, or knows a label's name that the file doesn't state.

pub mod engine;
pub mod error;
pub mod generator;
pub mod model;
pub mod onnx;
pub mod picture;

pub use engine::{Batch, Engine, EngineKind, EngineSpec, Opened, Provider};
pub use error::RuntimeError;
pub use generator::Generator;
pub use model::Model;
pub use picture::{Frame, Picture};
