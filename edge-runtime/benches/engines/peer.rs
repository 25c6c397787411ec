//! Another runtime, in a Python of its own: `peers.py`, which says what is spoken with it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::table::{Runner, Turn};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/engines/peers.py");

/// A running peer, which ends with this value.
pub struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts a peer on a model and a latent: its full name and its picture of label 0. None where it can't run here, which
    /// is told on standard error.
    pub fn start(
        python: &Path,
        name: &str,
        (model, latent): (&Path, &[f32]),
        threads: usize,
    ) -> Result<Option<(String, Vec<f32>, Self)>> {
        let mut command = Command::new(python);
        command.args([PROGRAM, name]).arg(model).arg(threads.to_string());
        // numpy's products take as many threads as these say.
        command.envs(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"].map(|variable| (variable, threads.to_string())));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("start python")?;
        let input = child.stdin.take().context("python has no standard input")?;
        let output = BufReader::new(child.stdout.take().context("python has no standard output")?);
        let mut peer = Self { child, input, output };
        writeln!(peer.input, "{}", serde_json::to_string(latent)?)?;
        let title = peer.line().with_context(|| format!("start {name}: does this python have numpy?"))?;
        if let Some(why) = title.strip_prefix("absent: ") {
            eprintln!("{name} is absent: {why}");
            return Ok(None);
        }
        let picture = STANDARD.decode(peer.line()?)?;
        let picture = picture.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        Ok(Some((title, picture, peer)))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("python ended early");
        }
        Ok(line.trim().to_owned())
    }
}

impl Runner for Peer {
    fn turn(&mut self, time: Duration) -> Result<Turn> {
        writeln!(self.input, "{}", time.as_secs_f64())?;
        let line = self.line()?;
        let numbers: Vec<f64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        match numbers[..] {
            [median, least, peak] => Ok(Turn { median, least, peak_mb: Some(peak) }),
            _ => bail!("expected three numbers from python, found {line:?}"),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().and_then(|()| self.child.wait()).ok();
    }
}
