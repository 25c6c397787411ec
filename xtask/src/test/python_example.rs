//! The example in Python runs a model in ONNX Runtime and makes the picture that edge-runtime makes.

use anyhow::Result;

use super::{packages, require_test};
use crate::checkout::Checkout;
use crate::command::{cargo, run as run_command};
use crate::outcome::Outcome;
use crate::python::Python;

/// Makes the test's silence about missing packages a failure.
const REQUIRE: &str = "MUDRA_REQUIRE_PYTHON";
/// Without a choice of packages, so that what the stage "tests" compiled is taken.
const TEST: [&str; 4] = ["test", "--test", "programs", "ten_lines_of_python"];

/// Runs it with packages of its own from pip.
///
/// # Errors
/// The pictures differ.
pub fn test(checkout: &Checkout) -> Result<Outcome> {
    let Ok(python) = Python::find() else {
        return Ok(Outcome::skipped(1, "no Python with pip: install python3-pip"));
    };
    let packages = match packages::installed(checkout, &python) {
        Ok(packages) => packages,
        Err(error) => return Ok(Outcome::skipped(1, &format!("{error:#}: run again with a network"))),
    };
    run_command(cargo(checkout, TEST).env("PYTHONPATH", &packages).env(REQUIRE, "1"))?;
    require_test(checkout, &TEST)?;
    Ok(Outcome::Done)
}
