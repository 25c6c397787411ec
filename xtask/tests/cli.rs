//! The built command: what a user types and sees.

use std::path::Path;
use std::process::{Command, Output};

fn xtask(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(words).env_remove("LIBTORCH").env_remove("PYTHON");
    command
}

fn error(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// A folder that is taken for a checkout.
fn checkout() -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a folder");
    for package in ["xtask", "trainer"] {
        std::fs::create_dir(place.path().join(package)).expect("made");
        std::fs::write(place.path().join(package).join("Cargo.toml"), "").expect("written");
    }
    place
}

fn in_checkout(root: &Path, words: &[&str]) -> Command {
    let mut command = xtask(words);
    command
        .env("CARGO_MANIFEST_DIR", root.join("xtask"))
        .env("CARGO_TARGET_DIR", root.join("target"))
        .current_dir(root);
    command
}

#[test]
fn every_chore_explains_itself() {
    for chore in ["", "setup", "data", "demo", "test", "dist", "boards"] {
        let words: Vec<&str> = [chore, "--help"].into_iter().filter(|word| !word.is_empty()).collect();
        let output = xtask(&words).output().expect("it starts");
        assert!(output.status.success(), "{words:?}");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(text.contains("Usage: cargo xtask"), "{words:?}: {text}");
    }
}

#[test]
fn wrong_usage_ends_with_code_2() {
    let cases = [
        &[][..],
        &["lay"],
        &["setup", "--cpu", "--cuda"],
        &["data"],
        &["demo", "--epochs", "0"],
        &["demo", "--size", "48"],
        &["test", "--all"],
        &["dist", "--target", "riscv"],
    ];
    for words in cases {
        assert_eq!(xtask(words).output().expect("it starts").status.code(), Some(2), "{words:?}");
    }
}

#[test]
fn a_libtorch_of_the_user_is_left_alone() {
    let place = checkout();
    let output = in_checkout(place.path(), &["setup"]).env("LIBTORCH", "/opt/my-libtorch").output().expect("it starts");
    assert!(output.status.success(), "{}", error(&output));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(text, "LIBTORCH is set to /opt/my-libtorch: that one is used, nothing to do\n");
    assert!(!place.path().join("libtorch").exists());
}

#[test]
fn a_libtorch_that_is_there_is_kept_and_cargo_is_told_of_it() {
    let place = checkout();
    let libtorch = place.path().join("libtorch");
    std::fs::create_dir_all(libtorch.join("lib")).expect("made");
    std::fs::write(libtorch.join("lib/libtorch_cpu.so"), "").expect("written");
    std::fs::write(libtorch.join("build-version"), "2.13.0\n").expect("written");
    let output = in_checkout(place.path(), &["setup"]).output().expect("it starts");
    assert!(output.status.success(), "{}", error(&output));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(text, "libtorch 2.13.0 (cpu build) is in libtorch already; --force fetches it again\n");
    let config = std::fs::read_to_string(libtorch.join("cargo-config.toml")).expect("written");
    assert!(config.contains("LIBTORCH = { value = \"libtorch\", relative = true }"), "{config}");
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn without_a_working_python_setup_says_what_to_do_and_leaves_nothing_half_done() {
    let place = checkout();
    let mut setup = in_checkout(place.path(), &["setup", "--cpu"]);
    let output = setup.env("PYTHON", "/no/such/python3").output().expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    let text = error(&output);
    assert!(text.contains("/no/such/python3 does not run: install Python 3 with pip"), "{text}");
    assert!(text.contains("set LIBTORCH to the folder of a libtorch 2.13.0"), "{text}");
    assert!(!place.path().join("libtorch").exists() && !place.path().join("libtorch.part").exists());
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn a_python_without_pip_and_a_pip_without_network_are_told_apart() {
    use std::os::unix::fs::PermissionsExt;
    struct Case(&'static str, &'static str);
    let cases = [
        Case("case \"$*\" in *pip*) exit 1;; esac", "has no pip: install it"),
        Case("case \"$*\" in *download*) echo no route >&2; exit 1;; esac", "pip could not fetch torch==2.13.0"),
    ];
    for Case(script, expected) in cases {
        let place = checkout();
        let python = place.path().join("python3");
        std::fs::write(&python, format!("#!/bin/sh\n{script}\n")).expect("written");
        std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).expect("made executable");
        let output = in_checkout(place.path(), &["setup", "--cpu"]).env("PYTHON", &python).output().expect("it starts");
        assert_eq!(output.status.code(), Some(1));
        assert!(error(&output).contains(expected), "{}", error(&output));
        assert!(!place.path().join("libtorch").exists());
        // A folder of its own for each version, whose wheels don't mix.
        assert_eq!(place.path().join("target/setup/2.13.0-cpu").is_dir(), expected.starts_with("pip could not fetch"));
    }
}

#[test]
fn data_names_a_source_that_is_no_archive() {
    let place = checkout();
    let source = place.path().join("rps.zip");
    std::fs::write(&source, "<html>").expect("written");
    let output = in_checkout(place.path(), &["data", "rps.zip"]).output().expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        error(&output),
        "error: rps.zip: not a zip archive, or not a whole one: invalid Zip archive: Could not find EOCD\n"
    );
    let output = in_checkout(place.path(), &["data", "missing.zip"]).output().expect("it starts");
    assert!(error(&output).starts_with("error: open missing.zip: "), "{}", error(&output));
    assert!(!place.path().join("data").exists());
}
