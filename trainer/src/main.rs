//! The trainer's command line: parse, run, map the error to an exit code.

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use clap::Parser;
use edge_runtime::{output, signals, tf32};
use trainer::cli::{Cli, Command};
use trainer::error::{DataError, TrainError};
use trainer::{bench, command, evaluate, memory, summary};

fn main() -> ExitCode {
    memory::keep_freed_buffers();
    let cli = Cli::parse();
    if !cli.tf32 {
        // SAFETY: no other thread runs yet.
        unsafe { tf32::forbid() };
    }
    shorten_libtorch_errors();
    let done = panic::catch_unwind(AssertUnwindSafe(|| match cli.command {
        None => command::train(&cli.train),
        Some(Command::Summary(options)) => summary::run(&options),
        Some(Command::Bench(options)) => bench::run(&options),
        Some(Command::Evaluate(options)) => evaluate::run(&options),
    }));
    match done {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            output::complain(format_args!("{error:#}"));
            match error.downcast_ref() {
                Some(TrainError::Options(_)) => ExitCode::from(2),
                Some(TrainError::Interrupted | TrainError::Data(DataError::Interrupted)) => {
                    ExitCode::from(signals::EXIT_CODE)
                }
                _ => ExitCode::FAILURE,
            }
        }
        Err(_) => ExitCode::FAILURE, // told by the hook
    }
}

/// tch panics where libtorch fails, out of memory for one, with a C++ trace of fifty lines: the first one is for people.
fn shorten_libtorch_errors() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| match info.payload_as_str().and_then(first_line_of_libtorch) {
        Some(line) => output::complain(format_args!("libtorch: {line}")),
        None => usual(info),
    }));
}

/// The first line of an unwrapped [`tch::TchError::Torch`], which is shown with its lines escaped.
fn first_line_of_libtorch(message: &str) -> Option<&str> {
    let (_, text) = message.split_once("Torch(\"")?;
    text.split("\\n").next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_libtorchs_trace_the_first_line_is_shown() {
        let error = tch::TchError::Torch("CUDA out of memory.\nException raised from malloc\nframe #0".to_owned());
        let message = format!("called `Result::unwrap()` on an `Err` value: {error:?}");
        assert_eq!(first_line_of_libtorch(&message), Some("CUDA out of memory."));
        assert_eq!(first_line_of_libtorch("index out of bounds"), None);
    }
}
