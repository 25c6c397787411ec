//! `edge-runtime manual`: man pages and shell completions, from the command line's own definition.

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::Shell;
use edge_runtime::output;

use crate::cli::{Manual, Options};

const NAME: &str = "edge-runtime";

/// Runs the command.
pub fn run(options: &Manual) -> Result<()> {
    let writing = || format!("write the manual to {}", options.out.display());
    output::create_folder(&options.out).with_context(writing)?;
    let mut command = Options::command();
    // Each page tells its version, though no sub-command has the flag.
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for name in names {
        command = command.mut_subcommand(name, |sub| sub.version(env!("CARGO_PKG_VERSION")).disable_version_flag(true));
    }
    clap_mangen::generate_to(command.clone(), &options.out).with_context(writing)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut command, NAME, &options.out).with_context(writing)?;
    }
    Ok(())
}
