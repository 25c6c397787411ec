//! Writes trained generators to ONNX, without libtorch and without Python.
//!
//! In reading order: [`source`] picks a [`checkpoint`], a PyTorch [`state_dict`] or a [`model_file`] and reads its
//! [`weights`]; [`fold`] turns them into fewer ones; [`generator_graph`] lays them out as a [`graph`], which knows no GAN,
//! as [`subpixel`] convolutions where that is asked for, with weights [`quantize`]d where they are integers, and maps, by a
//! [`calibration`] of their own, where [`calibrate`] has seen what they reach, in a plain [`forward`] pass, and [`equalize`] has
//! evened that out; [`onnx`] writes that as a file, which knows no layers; [`export`] joins these steps, adds [`golden`]
//! pictures and has [`verify`] run the file, within a [`bound`] where its products are of [`integers`], or name the
//! [`remedy`]. [`unfolded`] is the slow, plain network that a source without reference pictures is checked against.
//! [`ladder`] measures what each precision costs, [`inspect`] prints a file and what it costs to run on which [`boards`],
//! [`triton`] writes a server's model repository.

pub mod boards;
pub mod bound;
pub mod calibrate;
pub mod calibration;
pub mod checkpoint;
pub mod equalize;
pub mod error;
pub mod export;
pub mod fold;
pub mod forward;
pub mod generator_graph;
pub mod golden;
pub mod graph;
pub mod inspect;
pub mod integers;
pub mod ladder;
pub mod model_file;
pub mod onnx;
pub mod quantize;
pub mod remedy;
mod shown;
pub mod source;
pub mod state_dict;
pub mod subpixel;
pub mod triton;
pub mod unfolded;
pub mod verify;
pub mod weights;

pub use error::ExportError;
