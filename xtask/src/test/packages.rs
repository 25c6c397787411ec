//! The Python packages of the stages that run models in Python: fixed versions, installed once.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::checkout::Checkout;
use crate::command::output;
use crate::python::Python;
use crate::setup::{beside, remove, replace};

/// All that is imported, numpy and protobuf too, whose versions the others leave open.
const PACKAGES: [&str; 4] = ["numpy==2.4.6", "protobuf==6.33.6", "onnx==1.23.2", "onnxruntime==1.32.0"];
/// Without what they require: OpenVINO's telemetry is not wanted, nor is gRPC for the messages of Triton's client.
const BARE_PACKAGES: [&str; 2] = ["openvino==2026.4.1", "tritonclient==2.73.0"];
/// Tells for what a folder was filled.
const MARK: &str = "installed.txt";

/// A folder for PYTHONPATH.
///
/// # Errors
/// pip fails, most often for want of a network.
pub fn installed(checkout: &Checkout, python: &Python) -> Result<PathBuf> {
    let folder = checkout.target().join("ci-python");
    let version = output(python.command().arg("--version"))?;
    let wanted = format!("{}\n{}\n{}\n", version.trim(), PACKAGES.join("\n"), BARE_PACKAGES.join("\n"));
    if std::fs::read_to_string(folder.join(MARK)).is_ok_and(|found| found == wanted) {
        return Ok(folder);
    }
    let part = beside(&folder, "part");
    remove(&part)?;
    python.install(&PACKAGES, &part)?;
    python.install_bare(&BARE_PACKAGES, &part)?;
    let mark = part.join(MARK);
    std::fs::write(&mark, wanted).with_context(|| format!("write {}", mark.display()))?;
    replace(&folder, &part)?;
    Ok(folder)
}
