//! A folder with a model in it, where the built command runs.

#![allow(dead_code, reason = "every test uses its own part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

use tempfile::TempDir;

use crate::common::{LABELS, Network};

/// A folder with model.onnx in it, where commands run.
pub struct Place {
    pub folder: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self::with(&Network::new(&LABELS, 3))
    }

    pub fn with(network: &Network) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        network.write(folder.path());
        Self { folder }
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = command(self.folder.path());
        command.args(words);
        command
    }

    /// Runs with the model and expects success.
    pub fn done(&self, words: &[&str]) -> Output {
        let output = self.command(words).args(["--model", "model.onnx"]).output().expect("the command starts");
        assert!(output.status.success(), "{words:?}: {}", error(&output));
        output
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("written")
    }
}

/// The built command, in a folder and without the caller's settings.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_edge-runtime"));
    command.current_dir(folder).env_remove("ORT_DYLIB_PATH").env_remove("EDGE_RUNTIME_TOKEN");
    command
}

pub fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What Ctrl-C does.
pub fn interrupt(child: &Child) {
    signal(child, "INT");
}

/// Sends a signal by its name.
pub fn signal(child: &Child, name: &str) {
    let command = format!("kill -{name} {}", child.id());
    assert!(Command::new("sh").args(["-c", &command]).status().expect("a shell").success());
}

/// Waits until no signal is on its way to a process.
#[cfg(target_os = "linux")]
pub fn deliver_signals(child: &Child) {
    let is_pending = || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it has not been waited for");
        let bits = status.lines().find_map(|line| line.strip_prefix("ShdPnd:")).expect("pending signals");
        bits.chars().any(|digit| digit.is_ascii_hexdigit() && digit != '0')
    };
    while is_pending() {
        std::thread::yield_now();
    }
}
