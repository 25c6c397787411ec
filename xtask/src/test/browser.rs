//! The page of `edge-runtime serve` in a headless Chromium, which is installed where that is possible.

use std::process::Command;

use anyhow::Result;

use super::{apt, test_count};
use crate::checkout::Checkout;
use crate::command::{cargo, output, run as run_command};
use crate::outcome::Outcome;

/// Debian's packages of the browser and of what drives it.
const PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];
/// Where edge-runtime's test looks for ChromeDriver.
const CHROMEDRIVER: &str = "MUDRA_CHROMEDRIVER";
/// Without a choice of packages, so that what the stage "tests" compiled is taken.
const SUITE: [&str; 3] = ["test", "--test", "page"];

/// Runs the test with MUDRA_CHROMEDRIVER as it is set, else with the ChromeDriver in PATH, which is installed where it is
/// missing. Screenshots are left in target/tmp/.
///
/// # Errors
/// The test fails.
pub fn test(checkout: &Checkout) -> Result<Outcome> {
    match chromedriver() {
        Ok(path) => {
            run_command(cargo(checkout, SUITE).env(CHROMEDRIVER, path))?;
            Ok(Outcome::Done)
        }
        Err(error) => {
            let remedy = format!("{error:#}; install {}, or set {CHROMEDRIVER}", PACKAGES.join(" and "));
            Ok(Outcome::skipped(test_count(checkout, &SUITE), &remedy))
        }
    }
}

fn chromedriver() -> Result<String> {
    if let Ok(set) = std::env::var(CHROMEDRIVER) {
        return Ok(set);
    }
    if let Ok(found) = in_path() {
        return Ok(found);
    }
    apt::install(&PACKAGES)?;
    in_path()
}

fn in_path() -> Result<String> {
    let driver = "chromedriver".to_owned();
    output(Command::new(&driver).arg("--version")).map(|_| driver)
}
