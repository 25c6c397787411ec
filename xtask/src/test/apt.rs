//! Debian's packages, for what can't be had otherwise.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{output, run as run_command};

/// Installs packages in Debian's and Ubuntu's way, for root only: nobody is asked for a password.
///
/// # Errors
/// Another user or system, or apt-get fails, most often for want of a network.
pub fn install(packages: &[&str]) -> Result<()> {
    if output(Command::new("id").arg("-u"))?.trim() != "0" || !Path::new("/usr/bin/apt-get").exists() {
        bail!("only root can install {} with apt-get", packages.join(" and "));
    }
    let apt_get = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    run_command(apt_get().arg("update")).context("update the lists of packages")?;
    run_command(apt_get().args(["install", "--yes", "--no-install-recommends"]).args(packages))
}
