//! The exporter's command line: parse, run, map the error to an exit code.

use std::process::ExitCode;

use clap::Parser;
use exporter::cli::{Cli, Command};
use exporter::{command, inspect};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        None => command::run(&cli.export),
        Some(Command::Inspect { file }) => inspect::text(&file).map(|text| print!("{text}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {:#}", anyhow::Error::new(error));
            ExitCode::FAILURE
        }
    }
}
