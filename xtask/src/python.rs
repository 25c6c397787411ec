//! pip, which knows how to fetch wheels: mirrors, proxies, retries, hashes.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;

/// Wheels are picked for this Python, whichever runs pip: only the files inside matter.
const WHEEL_PYTHON: &str = "3.12";
/// Wheels name the glibc that they are built for, `manylinux_2_18_x86_64`: any from 2.5 to 2.28 (Debian 11 has 2.31),
/// and 2014 for 2.17.
const WHEEL_GLIBC_MINORS: std::ops::RangeInclusive<u32> = 5..=28;
const WHEEL_2014: &str = "manylinux2014_x86_64";

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

    /// Fetches one package's wheel for Linux on x86-64 into a folder, without what it requires. pip checks the hash,
    /// keeps a file that is there already, and names it only when it is whole: an interrupted call is simply made again.
    ///
    /// # Errors
    /// pip fails, most often for want of a network.
    pub fn download(&self, package: &str, folder: &Path) -> Result<()> {
        let mut pip = self.pip();
        pip.args(["download", "--no-deps", "--only-binary=:all:", "--python-version", WHEEL_PYTHON]);
        for minor in WHEEL_GLIBC_MINORS.rev() {
            pip.args(["--platform", &format!("manylinux_2_{minor}_x86_64")]);
        }
        pip.args(["--platform", WHEEL_2014, "--dest"]).arg(folder).arg(package);
        eprintln!("fetching {package} with pip");
        command::run_unannounced(&mut pip).with_context(|| {
            format!(
                "pip could not fetch {package}: see its words above; check the network (pip obeys HTTPS_PROXY and \
                 pip.conf), then run this again: what is fetched already is kept"
            )
        })
    }

    /// Installs packages for this Python into a folder of their own.
    ///
    /// # Errors
    /// pip fails.
    pub fn install(&self, packages: &[&str], folder: &Path) -> Result<()> {
        self.install_with(&[], packages, folder)
    }

    /// Installs packages without what they require.
    ///
    /// # Errors
    /// pip fails.
    pub fn install_bare(&self, packages: &[&str], folder: &Path) -> Result<()> {
        self.install_with(&["--no-deps"], packages, folder)
    }

    fn install_with(&self, options: &[&str], packages: &[&str], folder: &Path) -> Result<()> {
        let mut pip = self.pip();
        pip.env("PIP_ROOT_USER_ACTION", "ignore");
        pip.args(["install", "--quiet", "--upgrade"]).args(options).arg("--target").arg(folder).args(packages);
        eprintln!("installing {} with pip into {}", packages.join(", "), folder.display());
        command::run_unannounced(&mut pip).with_context(|| format!("pip could not install {}", packages.join(", ")))
    }
}
