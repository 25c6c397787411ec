//! The trainer's command line: parse, run, map the error to an exit code.

use std::process::ExitCode;

use clap::Parser;
use trainer::cli::{Cli, Command};
use trainer::{bench, command, device, evaluate, memory, summary};

fn main() -> ExitCode {
    memory::keep_freed_buffers();
    let cli = Cli::parse();
    if !cli.tf32 {
        device::forbid_tf32();
    }
    let done = match cli.command {
        None => command::train(&cli.train),
        Some(Command::Summary(options)) => summary::run(&options),
        Some(Command::Bench(options)) => bench::run(&options),
        Some(Command::Evaluate(options)) => evaluate::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
