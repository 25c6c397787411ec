//! pip, which knows how to fetch wheels: mirrors, proxies, retries, hashes.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;

/// Wheels are picked for this Python, whichever runs pip: only the files inside matter.
const WHEEL_PYTHON: &str = "3.12";
const WHEEL_PLATFORMS: [&str; 5] = [
    "manylinux_2_28_x86_64",
    "manylinux_2_27_x86_64",
    "manylinux_2_25_x86_64",
    "manylinux_2_17_x86_64",
    "manylinux2014_x86_64",
];

/// Whether pip also takes what a package requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirements {
    /// Only the packages that are named.
    Named,
    /// Those and all that they require.
    All,
}

/// A Python that has pip.
#[derive(Debug)]
pub struct Python {
    program: OsString,
}

impl Python {
    /// `$PYTHON`, else `python3`.
    ///
    /// # Errors
    /// It does not run, or has no pip; the message says what to do.
    pub fn find() -> Result<Self> {
        let program = std::env::var_os("PYTHON").filter(|name| !name.is_empty()).unwrap_or_else(|| "python3".into());
        let python = Self { program };
        let name = python.program.to_string_lossy();
        command::output(python.command().arg("--version")).with_context(|| {
            format!("{name} does not run: install Python 3 with pip, or name one with PYTHON=/path/to/python3")
        })?;
        command::output(python.pip().arg("--version"))
            .with_context(|| format!("{name} has no pip: install it (Debian: apt install python3-pip), or name a Python that has one with PYTHON=/path/to/python3"))?;
        Ok(python)
    }

    /// The interpreter.
    pub fn command(&self) -> Command {
        Command::new(&self.program)
    }

    fn pip(&self) -> Command {
        let mut command = self.command();
        command.args(["-m", "pip", "--disable-pip-version-check"]);
        command
    }

    /// Fetches wheels for Linux on x86-64 into a folder. pip checks their hashes, keeps those that are there already,
    /// and gives a file its name only when it is whole, so an interrupted call is simply made again.
    ///
    /// # Errors
    /// pip fails, most often for want of a network.
    pub fn download(&self, packages: &[String], requirements: Requirements, folder: &Path) -> Result<()> {
        let mut pip = self.pip();
        pip.args(["download", "--only-binary=:all:", "--python-version", WHEEL_PYTHON]);
        pip.args(WHEEL_PLATFORMS.iter().flat_map(|platform| ["--platform", platform]));
        if requirements == Requirements::Named {
            pip.arg("--no-deps");
        }
        pip.arg("--dest").arg(folder).args(packages);
        command::run(&mut pip).with_context(|| {
            format!(
                "pip could not fetch {}: see its words above; check the network (pip obeys HTTPS_PROXY and pip.conf), then \
                 run this again: what is fetched already is kept",
                packages.join(", ")
            )
        })
    }

    /// Installs packages for this Python into a folder of their own.
    ///
    /// # Errors
    /// pip fails.
    pub fn install(&self, packages: &[&str], folder: &Path) -> Result<()> {
        let mut pip = self.pip();
        pip.args(["install", "--quiet", "--upgrade", "--target"]).arg(folder).args(packages);
        command::run(&mut pip).with_context(|| format!("pip could not install {}", packages.join(", ")))
    }
}
