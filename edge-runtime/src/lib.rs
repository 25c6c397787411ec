//! Runs Mudra's models: from an ONNX file and a (label, seed) to a picture, and from there to a file or a display.
//!
//! In reading order: [`onnx`] and [`model`] read and check a file, [`engine`] runs it, [`generator`] turns a label and a
//! seed into a [`Frame`] of a [`picture`]; [`interpolation`], [`sheet`] and [`encode`] make series, sheets and file bytes
//! of pictures, which [`decode`] reads again; [`golden`] pictures, [`parity`] and [`verification`] prove that an engine makes what
//! the model should, [`provenance`] makes a picture again; [`sensors`] and [`diagnosis`] look at the machine; [`canvas`] and [`drawing`] draw them with embedded-graphics; [`sink`] writes and shows them, into an
//! [`output`] file where it is one, and `http` serves them. Nothing here trains, exports, or knows a label's name that the file doesn't state.

pub mod canvas;
pub mod decode;
pub mod diagnosis;
pub mod drawing;
pub mod encode;
pub mod engine;
pub mod error;
pub mod generator;
pub mod golden;
#[cfg(feature = "serve")]
pub mod http;
pub mod interpolation;
pub mod model;
pub mod onnx;
pub mod output;
pub mod parity;
pub mod picture;
pub mod provenance;
pub mod sensors;
pub mod sheet;
pub mod sink;
pub mod truncation;
pub mod verification;

pub use engine::{Batch, BatchLabels, Engine, EngineKind, EngineSpec, Opened, OrtSettings, Placement, Provider};
pub use error::RuntimeError;
pub use generator::{Generator, Origin, Request};
pub use model::Model;
pub use picture::{Frame, Picture};
pub use sink::Sink;
pub use truncation::Truncation;
