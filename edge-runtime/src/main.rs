//! The command `edge-runtime`: pictures of a label from a model file.

mod cli;
mod generate;
mod interpolate;
mod interrupt;
mod progress;
mod setup;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Command, Options};
use crate::setup::Usage;

fn main() -> ExitCode {
    let options = Options::parse();
    interrupt::listen();
    let result = match &options.command {
        Some(Command::Interpolate(interpolate)) => interpolate::run(interpolate),
        Some(Command::Verify(verify)) => verify::run(verify),
        None => generate::run(&options.generate),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            if error.is::<Usage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}
