//! Runs Mudra's models: from an ONNX file and a (label, seed) to a picture, and from there to a file or a display.

pub mod onnx;
