//! The command `edge-runtime`: pictures of a label from a model file.

mod bench;
mod cli;
mod doctor;
mod generate;
mod info;
mod interpolate;
mod interrupt;
mod manual;
mod measured;
mod photo_booth;
mod play;
mod prepare;
mod profile;
mod progress;
mod regenerate;
mod report;
mod requests;
mod serve;
mod setup;
mod shard;
mod verify;

use std::process::ExitCode;

use clap::Parser;
use edge_runtime::{RuntimeError, output, signals, tf32};

use crate::cli::{Command, Options};
use crate::interrupt::Interrupted;
use crate::setup::Usage;

fn main() -> ExitCode {
    let options = Options::parse();
    if !options.allows_tf32() {
        // SAFETY: no other thread runs yet.
        unsafe { tf32::forbid() };
    }
    interrupt::listen();
    let result = match &options.command {
        Some(Command::Interpolate(interpolate)) => interpolate::run(interpolate),
        Some(Command::Verify(verify)) => verify::run(verify),
        Some(Command::Info(info)) => info::run(info),
        Some(Command::Regenerate(regenerate)) => regenerate::run(regenerate),
        Some(Command::Bench(bench)) => bench::run(bench),
        Some(Command::Prepare(prepare)) => prepare::run(prepare),
        Some(Command::Doctor(doctor)) => doctor::run(doctor),
        Some(Command::Play(play)) => play::run(play),
        Some(Command::PhotoBooth(booth)) => photo_booth::run(booth),
        Some(Command::Serve(serve)) => serve::run(serve),
        Some(Command::Manual(manual)) => manual::run(manual),
        None => generate::run(&options.generate),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(format_args!("{error:#}"));
            exit_code(&error)
        }
    }
}

fn exit_code(error: &anyhow::Error) -> ExitCode {
    let is_usage = error.is::<Usage>() || error.downcast_ref().is_some_and(RuntimeError::is_usage);
    if is_usage {
        ExitCode::from(2)
    } else if error.is::<Interrupted>() {
        ExitCode::from(signals::EXIT_CODE)
    } else {
        ExitCode::FAILURE
    }
}
