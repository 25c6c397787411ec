//! Model files under ONNX's own checker, in ONNX Runtime and in OpenVINO, and a server's configurations under its maker's
//! messages, from Python.

use anyhow::{Result, bail};

use super::{packages, require_test};
use crate::checkout::Checkout;
use crate::command::{cargo, run as run_command};
use crate::outcome::Outcome;
use crate::python::Python;
use crate::setup::remove;

const CHECK: &str = include_str!("check_models.py");
/// Writes a file of each kind, and what it should compute.
const WRITER: [&str; 4] = ["test", "--test", "variants", "files_for_other_engines_are_written"];
/// Where the writer is told to write.
const FOLDER: &str = "MUDRA_VARIANTS";

/// Checks a file of each kind of the exporter, the one that the chain made, and the tracked ones.
///
/// # Errors
/// A file that breaks ONNX's rules, or makes other pictures in another engine; a configuration that Triton's messages or the
/// model do not bear out.
pub fn check(checkout: &Checkout) -> Result<Outcome> {
    let tracked = ["models/gen.onnx", "models/gen-small.onnx"].map(|model| checkout.path(model));
    let models = [&[checkout.target().join("ci/gen.onnx")][..], &tracked].concat();
    let present: Vec<_> = models.iter().filter(|model| model.is_file()).collect();
    if present.is_empty() {
        bail!("expected a model to check, found neither {} nor {}", models[0].display(), models[1].display());
    }
    let Ok(python) = Python::find() else {
        return Ok(Outcome::skipped(1, "no Python with pip: install python3-pip"));
    };
    let packages = match packages::installed(checkout, &python) {
        Ok(packages) => packages,
        Err(error) => return Ok(Outcome::skipped(1, &format!("{error:#}: run again with a network"))),
    };
    let folder = checkout.target().join("ci-variants");
    remove(&folder)?;
    run_command(cargo(checkout, WRITER).env(FOLDER, &folder))?;
    require_test(checkout, &WRITER)?;
    let mut check = python.command();
    run_command(check.env("PYTHONPATH", &packages).args(["-c", CHECK]).arg(&folder).args(present))?;
    Ok(Outcome::Done)
}
