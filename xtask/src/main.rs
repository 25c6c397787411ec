//! Mudra's chores, in Rust so that they run wherever the workspace builds: `cargo xtask setup |
//! data | demo | test | dist | boards`.

mod archive;
mod boards;
mod checkout;
mod cli;
mod command;
mod cross;
mod data;
mod demo;
mod dist;
mod emulation;
mod folder;
mod guard;
mod outcome;
mod python;
mod setup;
mod test;

use std::process::ExitCode;

use clap::Parser;

use crate::checkout::Checkout;
use crate::cli::{Chore, Cli};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match Checkout::find().and_then(|checkout| run(&checkout, &cli.chore)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(checkout: &Checkout, chore: &Chore) -> anyhow::Result<ExitCode> {
    match chore {
        Chore::Setup(options) => setup::run(checkout, options)?,
        Chore::Data(options) => data::run(checkout, options)?,
        Chore::Demo(options) => demo::run(checkout, options)?,
        Chore::Dist(options) => drop(dist::run(checkout, options)?),
        Chore::Boards(options) => boards::run(checkout, options)?,
        Chore::Test(options) => return test::run(checkout, options),
    }
    Ok(ExitCode::SUCCESS)
}
