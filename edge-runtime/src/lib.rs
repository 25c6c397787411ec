//! Runs Mudra's models: from an ONNX file and a (label, seed) to a picture, and from there to a file or a display.
//!
//! In reading order: [`onnx`] and [`model`] read and check a file, [`engine`] runs it, [`generator`] turns a label and a
//! seed into a [`Frame`] of a [`picture`]; [`interpolation`], [`sheet`] and [`encode`] make series, sheets and file bytes
//! of pictures, which [`decode`] reads again; [`golden`] pictures, [`parity`] and [`verification`] prove that an engine
//! makes what the model should, [`provenance`] makes a picture again; [`json_request`] reads requests from other programs;
//! [`sensors`] and [`diagnosis`] look at the machine, [`tf32`] settles what its GPU may leave out; [`canvas`], [`dither`] and [`drawing`] draw pictures with
//! embedded-graphics, [`walk`] moves them and [`keys`] listens to the user; [`sink`] writes and shows them, into an
//! [`output`] file where it is one, [`restore`] puts back what that changed, and [`http`] serves them. Nothing here trains,
//! exports, or knows a label's name that the file doesn't state.
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! # let file = folder.path().join("gesture.png");
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/gen.onnx");
//! use edge_runtime::encode::{self, Format};
//! use edge_runtime::{EngineSpec, Generator};
//!
//! let mut generator = Generator::open(path, &EngineSpec::default())?;
//! let frame = generator.generate("scissors", 42)?;
//! let png = encode::encode(&frame.picture, &encode::texts(&frame, &generator.origin()), Format::Png)?;
//! std::fs::write(file, png)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Features: `tract` and `ort` (both on by default) add these engines to native, which is always there; `serve` (on
//! by default) adds [`http`], `panels` displays on SPI and I2C, `window` one on a desktop; `embed` builds a model into the
//! binary (see [`Model::find`]).

pub mod canvas;
pub mod decode;
pub mod diagnosis;
pub mod dither;
pub mod drawing;
pub mod encode;
pub mod engine;
pub mod error;
pub mod generator;
pub mod golden;
#[cfg(feature = "serve")]
pub mod http;
pub mod interpolation;
pub mod json_request;
pub mod keys;
pub mod model;
pub mod onnx;
pub mod output;
pub mod parity;
pub mod picture;
pub mod provenance;
mod resample;
pub mod restore;
pub mod sensors;
pub mod sheet;
pub mod signals;
pub mod sink;
pub mod tf32;
pub mod truncation;
pub mod verification;
pub mod walk;

pub use engine::{Batch, BatchLabels, Engine, EngineKind, EngineSpec, Opened, OrtSettings, Placement, Provider};
pub use error::RuntimeError;
pub use generator::{Generator, Origin, Request};
pub use model::Model;
pub use picture::{Frame, Picture};
pub use sink::Sink;
pub use truncation::Truncation;

// Their types are in what this crate takes and returns.
pub use embedded_graphics;
pub use model_spec;
