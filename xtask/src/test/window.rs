//! The window, on SDL's driver that shows nothing; SDL is installed where that is possible.

use std::process::Command;

use anyhow::Result;

use super::apt;
use crate::checkout::Checkout;
use crate::command::{cargo, output, run as run_command};
use crate::outcome::Outcome;

/// Debian's package of the library with what programs are built with.
const PACKAGES: [&str; 1] = ["libsdl2-dev"];
const FEATURES: [&str; 5] = ["--package", "edge-runtime", "--no-default-features", "--features", "window"];
/// Counted in their text, since nothing can be built without SDL.
const TESTS: [&str; 2] = [
    include_str!("../../../edge-runtime/tests/window.rs"),
    include_str!("../../../edge-runtime/src/sink/window/simulator.rs"),
];

/// Lints the feature `window`, and runs its tests.
///
/// # Errors
/// A lint or test fails.
pub fn test(checkout: &Checkout) -> Result<Outcome> {
    if let Err(error) = found().or_else(|_| apt::install(&PACKAGES).and_then(|()| found())) {
        let count = TESTS.iter().map(|text| text.matches("#[test]").count()).sum();
        return Ok(Outcome::skipped(count, &format!("no SDL 2: {error:#}; install {}", PACKAGES.join(" and "))));
    }
    let mut clippy = cargo(checkout, ["clippy", "--all-targets"]);
    run_command(clippy.args(FEATURES).args(["--", "--deny", "warnings"]))?;
    run_command(cargo(checkout, ["test", "--lib", "--test", "window"]).args(FEATURES).args(["--", "window"]))?;
    Ok(Outcome::Done)
}

/// The build links with `-lSDL2` and finds it where this does.
fn found() -> Result<()> {
    output(Command::new("sdl2-config").arg("--version")).map(drop)
}
