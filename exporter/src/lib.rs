//! Writes trained generators to ONNX, without libtorch and without Python.
//!
//! In reading order: [`source`] picks a [`checkpoint`] or a PyTorch [`state_dict`] and reads its [`weights`]; [`fold`]
//! turns them into fewer ones; [`generator_graph`] lays them out as a [`graph`], which knows no GAN; [`onnx`] writes that
//! as a file, which knows no layers; [`export`] joins these steps, adds [`golden`] pictures and has [`verify`] run the
//! file. [`unfolded`] is the slow, plain network that a state dict, which brings no reference pictures, is checked
//! against. [`inspect`] prints a file.

pub mod checkpoint;
pub mod error;
pub mod export;
pub mod fold;
pub mod generator_graph;
pub mod golden;
pub mod graph;
pub mod inspect;
pub mod onnx;
pub mod source;
pub mod state_dict;
pub mod unfolded;
pub mod verify;
pub mod weights;

pub use error::ExportError;
