//! The command `exporter`: a checked ONNX file of a trained generator.

mod cli;
mod command;
mod interrupt;
mod progress;

use std::process::ExitCode;

use clap::Parser;
use edge_runtime::output;
use exporter::{ExportError, inspect};

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    interrupt::listen();
    let done = match cli.command {
        None => command::run(&cli.export, |text| Ok(output::print(text)?)),
        Some(Command::Ladder(options)) => command::ladder(&options),
        Some(Command::Inspect { file }) => inspect::text(&file).map_err(anyhow::Error::new),
    };
    let code = match done.and_then(|text| Ok(output::print(&text)?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(format_args!("{error:#}"));
            if matches!(error.downcast_ref(), Some(ExportError::Usage(_))) {
                ExitCode::from(2)
            } else {
                ExitCode::FAILURE
            }
        }
    };
    interrupt::no_more();
    code
}
