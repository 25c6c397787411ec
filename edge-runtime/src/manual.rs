//! `edge-runtime manual`: man pages and shell completions, from the command line's own definition.

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::{Manual, Options};

const NAME: &str = "edge-runtime";

/// Runs the command.
pub fn run(options: &Manual) -> Result<()> {
    let writing = || format!("write the manual to {}", options.out.display());
    std::fs::create_dir_all(&options.out).with_context(writing)?;
    let mut command = Options::command();
    clap_mangen::generate_to(command.clone(), &options.out).with_context(writing)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut command, NAME, &options.out).with_context(writing)?;
    }
    Ok(())
}
