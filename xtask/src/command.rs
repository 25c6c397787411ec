//! Other programs: cargo above all.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::checkout::Checkout;

/// Characters of a failed command in an error.
const MOST_SHOWN: usize = 100;

/// cargo in the checkout. The LIBTORCH that cargo's configuration gave this process is taken back, so that the child
/// reads the configuration as it is by then.
pub fn cargo<S: AsRef<OsStr>>(checkout: &Checkout, words: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Whatever chose another folder, cargo's configuration too: what it builds is looked for where this says.
    command.args(words).current_dir(checkout.root()).env("CARGO_TARGET_DIR", checkout.target());
    if checkout.own_libtorch().is_none() {
        command.env_remove("LIBTORCH");
    }
    // Set for this run of xtask; build scripts and tests of other packages must not see them.
    for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH"] {
        command.env_remove(name);
    }
    command
}

/// Runs a command with its output on standard error, and says which.
///
/// # Errors
/// It does not start, or does not end with success.
pub fn run(command: &mut Command) -> Result<()> {
    eprintln!("$ {}", shown(command));
    run_unannounced(command)
}

/// Runs a command with its output on standard error.
///
/// # Errors
/// As [`run`].
pub fn run_unannounced(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    let status = command.stdin(Stdio::null()).stdout(std::io::stderr()).status();
    let status = status.with_context(|| format!("start `{shown}`"))?;
    if !status.success() {
        bail!("`{}` ended with {status}", shortened(&shown));
    }
    Ok(())
}

/// Standard output of a command.
///
/// # Errors
/// It does not start, does not end with success (its standard error is in the message), or prints no UTF-8.
pub fn output(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("start `{shown}`"))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        bail!("`{shown}` ended with {}: {}", output.status, words.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("read what `{shown}` printed"))
}

/// A command as one would type it.
fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// The beginning of a long command: what follows an error's own words.
fn shortened(shown: &str) -> String {
    match shown.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{} ...", &shown[..end]),
        None => shown.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_builds_where_its_output_is_looked_for() {
        let checkout = Checkout::at(std::path::Path::new("/checkout"));
        let build = cargo(&checkout, ["build"]);
        let set = build.get_envs().find_map(|(name, value)| (name == "CARGO_TARGET_DIR").then_some(value));
        assert_eq!(set.flatten(), Some(checkout.target().as_os_str()));
    }

    #[test]
    fn a_long_command_is_shortened_between_characters() {
        assert_eq!(shortened("cargo test"), "cargo test");
        assert_eq!(shortened(&"é".repeat(MOST_SHOWN + 1)), "é".repeat(MOST_SHOWN) + " ...");
    }

    #[test]
    fn a_failing_command_is_shown_as_typed_with_its_status_and_words() {
        let missing = run(&mut Command::new("mudra-no-such-program")).expect_err("it does not exist");
        assert!(format!("{missing:#}").starts_with("start `mudra-no-such-program`: "), "{missing:#}");
        let cargo = std::env::var_os("CARGO").expect("tests run under cargo");
        let failing = output(Command::new(cargo).arg("--no-such-flag")).expect_err("cargo refuses the flag");
        let text = failing.to_string();
        assert!(text.contains("--no-such-flag` ended with exit status: 1"), "{text}");
        assert!(text.contains("unexpected argument"), "{text}");
    }
}
