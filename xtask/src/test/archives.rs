//! What is handed out: both archives for 64-bit ARM and one for a PC, whose installer is tried.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Outcome;
use crate::checkout::Checkout;
use crate::cli::{DistOptions, Kind, Target};
use crate::command::{output, run};
use crate::cross::Cross;
use crate::dist;
use crate::setup::remove;

/// A shell has to quote it.
const PREFIX: &str = "a prefix & more";

/// Builds all archives and tries the one that runs here.
///
/// # Errors
/// A binary that is not as promised, or an installer that does not do what it says.
pub fn test(checkout: &Checkout) -> Result<Outcome> {
    let folder = checkout.target().join("ci-dist");
    remove(&folder)?;
    let options = |target, only| DistOptions { target, only, tract: false, out: Some(folder.clone()) };
    let archives = dist::run(checkout, &options(Target::X86_64, Some(Kind::Static)))?;
    for archive in &archives {
        installed(archive, &folder)?;
    }
    if let Err(error) = Cross::find(checkout) {
        return Ok(Outcome::skipped(2, &format!("{error:#}")));
    }
    dist::run(checkout, &options(Target::Aarch64, None))?;
    Ok(Outcome::Done)
}

/// Unpacks, installs into a folder, makes a picture, and takes everything away again.
fn installed(archive: &Path, folder: &Path) -> Result<()> {
    run(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(folder))?;
    let name = archive.file_name().context("a file")?.to_string_lossy().replace(".tar.gz", "");
    let prefix = folder.join(PREFIX);
    let installer = |word: &str| {
        let mut command = Command::new("sh");
        command.arg(folder.join(&name).join("install.sh")).arg("--prefix").arg(&prefix).arg(word);
        output(&mut command)
    };
    installer("install")?;
    installer("install").context("install once more")?;
    let picture = folder.join("installed.png");
    let mut draw = Command::new(prefix.join("bin/edge-runtime"));
    run(draw.args(["--label", "scissors", "--seed", "1", "--out"]).arg(&picture).current_dir(folder))?;
    ensure!(picture.is_file(), "{}: expected a picture", picture.display());
    let unit = prefix.join("lib/systemd/system/mudra.service");
    let text = std::fs::read_to_string(&unit).with_context(|| format!("read {}", unit.display()))?;
    let program = format!("{}/lib/mudra/edge-runtime", prefix.display());
    ensure!(text.contains(&program), "{}: expected {program}, found {text}", unit.display());
    installer("uninstall")?;
    let mut left = std::fs::read_dir(&prefix).with_context(|| format!("read {}", prefix.display()))?;
    ensure!(left.next().is_none(), "{}: expected nothing left", prefix.display());
    ensure!(installer("uninstall").is_err(), "expected an error where nothing is installed");

    // A damaged file is not installed.
    std::fs::write(folder.join(&name).join("MODEL.md"), "changed").context("change a file")?;
    ensure!(installer("install").is_err(), "expected a damaged file to be refused");
    Ok(())
}
