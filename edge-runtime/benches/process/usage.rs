//! A command with what it took.

use std::process::Command;

use anyhow::{Result, bail};

/// What a process took from its start to its end.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Milliseconds.
    pub wall: f64,
    /// Milliseconds of processor time, of all threads, the kernel's included.
    pub cpu: f64,
    /// The most memory, in MB of 10^6 bytes.
    pub peak: f64,
}

/// Runs a command to its end.
///
/// # Errors
/// It doesn't start, or fails.
#[cfg(target_os = "linux")]
pub fn run(command: &mut Command) -> Result<Usage> {
    use anyhow::Context as _;

    let name = command.get_program().to_string_lossy().into_owned();
    let start = std::time::Instant::now();
    let child = command.stdout(std::process::Stdio::null()).spawn().with_context(|| format!("start {name}"))?;
    let pid = libc::pid_t::try_from(child.id()).context("a process id")?;
    let mut status = 0;
    // SAFETY: rusage is plain numbers, for which zeros are values.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both places are ours and live through the call; nothing else waits for this child.
    let waited = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
    let wall = start.elapsed().as_secs_f64() * 1e3;
    if waited != pid {
        return Err(std::io::Error::last_os_error()).with_context(|| format!("wait for {name}"));
    }
    if !libc::WIFEXITED(status) || libc::WEXITSTATUS(status) != 0 {
        bail!("{name} failed");
    }
    let ms = |time: libc::timeval| time.tv_sec as f64 * 1e3 + time.tv_usec as f64 / 1e3;
    // Linux counts in KiB.
    Ok(Usage { wall, cpu: ms(usage.ru_utime) + ms(usage.ru_stime), peak: usage.ru_maxrss as f64 * 1024.0 / 1e6 })
}

/// Nothing is counted here.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn run(_command: &mut Command) -> Result<Usage> {
    bail!("processes are counted on Linux only")
}
