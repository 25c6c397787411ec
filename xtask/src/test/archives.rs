//! What is handed out: both archives for 64-bit ARM and one for a PC. The one of this machine is installed and tried.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use crate::checkout::Checkout;
use crate::cli::{DistOptions, Kind, Target};
use crate::command::{output, run};
use crate::cross::{AARCH64, Cross};
use crate::dist::{self, Build};
use crate::outcome::Outcome;
use crate::setup::remove;

/// After this a server that should answer has failed.
const PATIENCE: Duration = Duration::from_secs(180);
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
    let Some(own) = Target::value_variants().iter().find(|target| target.is_native()) else {
        return Ok(Outcome::skipped(3, "archives are tried on PCs and on 64-bit ARM"));
    };
    // The budget of our own engine alone; that for 64-bit ARM is held by what runs under emulation.
    Build { target: *own, kind: Kind::Static, tract: false, extras: false }.run(checkout, None)?;
    for archive in dist::run(checkout, &options(*own, Some(Kind::Static)))? {
        installed(&archive, &folder)?;
    }
    if !Target::Aarch64.is_native()
        && let Err(error) = Cross::find(checkout, AARCH64)
    {
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
    let kept = prefix.join("share/man");
    std::fs::create_dir_all(&kept).with_context(|| format!("create {}", kept.display()))?;
    installer("install")?;
    installer("install").context("install once more")?;
    let picture = folder.join("installed.png");
    let mut draw = Command::new(prefix.join("bin/edge-runtime"));
    run(draw.args(["--label", "scissors", "--seed", "1", "--out"]).arg(&picture).current_dir(folder))?;
    ensure!(picture.is_file(), "{}: expected a picture", picture.display());
    let program = program_of(&prefix.join("lib/systemd/system/mudra.service"))?;
    ensure!(program.is_file(), "{}: the unit runs it, and it is not there", program.display());
    serves(&program)?;
    has_panels(&program)?;
    installer("uninstall")?;
    ensure!(kept.is_dir(), "{}: was there before, and is expected to stay", kept.display());
    std::fs::remove_dir(&kept).with_context(|| format!("{}: expected it empty", kept.display()))?;
    std::fs::remove_dir(prefix.join("share")).context("expected nothing else in share")?;
    let mut left = std::fs::read_dir(&prefix).with_context(|| format!("read {}", prefix.display()))?;
    ensure!(left.next().is_none(), "{}: expected nothing left", prefix.display());
    ensure!(installer("uninstall").is_err(), "expected an error where nothing is installed");

    // A damaged file is not installed.
    std::fs::write(folder.join(&name).join("MODEL.md"), "changed").context("change a file")?;
    ensure!(installer("install").is_err(), "expected a damaged file to be refused");
    Ok(())
}

/// What a systemd unit starts.
fn program_of(unit: &Path) -> Result<PathBuf> {
    let text = std::fs::read_to_string(unit).with_context(|| format!("read {}", unit.display()))?;
    let line = text.lines().find_map(|line| line.strip_prefix("ExecStart=\"")).and_then(|rest| rest.split_once('"'));
    let (program, _) =
        line.with_context(|| format!("{}: expected a quoted ExecStart, found {text}", unit.display()))?;
    Ok(program.into())
}

/// Asks a server of the binary for a picture, with no model named: the one beside it is taken.
fn serves(program: &Path) -> Result<()> {
    let mut command = Command::new(program);
    command.args(["serve", "--quiet", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
    let mut server = command.spawn().with_context(|| format!("start {}", program.display()))?;
    let answer = server.stdout.take().context("the server's output").and_then(first_picture);
    server.kill().and_then(|()| server.wait()).context("end the server")?;
    let head = answer.context("ask the server for a picture")?;
    ensure!(head.starts_with("HTTP/1.1 200 "), "expected a picture from the server, found {head}");
    Ok(())
}

/// The answer to a request at the address that a server prints.
fn first_picture(output: impl Read) -> Result<String> {
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let address = line.trim().trim_start_matches("http://").trim_end_matches('/');
    let mut connection = TcpStream::connect(address).with_context(|| format!("connect to {line:?}"))?;
    connection.set_read_timeout(Some(PATIENCE))?;
    write!(connection, "GET /v1/generate?label=rock&seed=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned())
}

/// Names a panel on a bus that is not there: a binary without panels says that it lacks them instead.
fn has_panels(program: &Path) -> Result<()> {
    let mut command = Command::new(program);
    let refused = command.args(["--label", "rock", "--quiet", "--display", "st7789:spi99.9,dc=25"]).output()?;
    let message = String::from_utf8_lossy(&refused.stderr);
    ensure!(
        !refused.status.success() && message.contains("spidev99.9"),
        "expected an error that names the bus, found {message}"
    );
    Ok(())
}
