//! Debian's packages, unpacked into a folder: a cross compiler, an emulator, and a Rust with the library of 64-bit ARM.
//!
//! apt works with lists and settings of its own inside that folder, so that the system's stay as they are and no rights are
//! needed. Where packages come from is what the system's apt says.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{output, run_unannounced};
use crate::setup::{beside, remove, replace};

const TOOLS: Set = Set {
    folder: "debian-aarch64-tools",
    roots: &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "qemu-user"],
    alone: &[],
};
/// Their Rust of the security suite, and the same standard library for ARM.
const RUST: Set = Set { folder: "debian-aarch64-rust", roots: &["rustc-web"], alone: &["libstd-rust-web-dev:arm64"] };
/// The packages that the system has already, which are not fetched again.
const INSTALLED: &str = "/var/lib/dpkg/status";
const ROOT: &str = "root";
const WRAPPERS: &str = "bin";

struct Set {
    folder: &'static str,
    /// Packages that are fetched with what they need and the system lacks.
    roots: &'static [&'static str],
    /// Packages that are fetched alone.
    alone: &'static [&'static str],
}

/// Compiler and emulator.
pub struct Tools {
    pub compiler: PathBuf,
    pub emulator: PathBuf,
    /// The target's shared libraries.
    pub libraries: PathBuf,
}

/// The compiler and the emulator, fetched where they are not in the cache.
///
/// # Errors
/// No Debian machine, no network, or packages that are not what is expected.
pub fn tools(cache: &Path) -> Result<Tools> {
    let folder = fetched(cache, &TOOLS, |folder| {
        let sysroot = format!("--sysroot={}", shell_word(&folder.join(ROOT)));
        wrapper(folder, "aarch64-linux-gnu-gcc", &sysroot)?;
        // The program under emulation must not look among this machine's libraries.
        wrapper(folder, "qemu-aarch64", "-U LD_LIBRARY_PATH")
    })?;
    let wrapped = |name: &str| folder.join(WRAPPERS).join(name);
    Ok(Tools {
        compiler: wrapped("aarch64-linux-gnu-gcc"),
        emulator: wrapped("qemu-aarch64"),
        libraries: folder.join(ROOT).join("usr/aarch64-linux-gnu"),
    })
}

/// Debian's rustc, where it is in the cache.
pub fn cached_rustc(cache: &Path) -> Option<PathBuf> {
    Some(cache.join(RUST.folder).join(WRAPPERS).join("rustc")).filter(|rustc| rustc.is_file())
}

/// Debian's rustc, fetched where it is not in the cache.
///
/// # Errors
/// As [`tools`].
pub fn rustc(cache: &Path) -> Result<PathBuf> {
    let folder = fetched(cache, &RUST, |folder| wrapper(folder, "rustc", ""))?;
    Ok(folder.join(WRAPPERS).join("rustc"))
}

fn fetched(cache: &Path, set: &Set, finish: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let folder = cache.join(set.folder);
    if folder.join(WRAPPERS).is_dir() {
        return Ok(folder);
    }
    eprintln!("fetching {} and what they need with apt into {}", set.roots.join(", "), folder.display());
    let part = beside(&folder, "part");
    remove(&part)?;
    let apt = Apt::new(&part.join("apt"))?;
    let debs = part.join("debs");
    make(&debs)?;
    let mut names = apt.missing(set.roots)?;
    names.extend(set.alone.iter().map(|name| (*name).to_owned()));
    run_unannounced(apt.get(&["--quiet", "download"]).args(&names).current_dir(&debs))?;
    unpack(&debs, &part.join(ROOT))?;
    remove(&debs)?;
    remove(&part.join("apt"))?;
    replace(&folder, &part)?;
    // They hold the folder's final name, and are what tells that it is whole.
    finish(&folder)?;
    Ok(folder)
}

fn unpack(debs: &Path, root: &Path) -> Result<()> {
    let reading = || format!("read {}", debs.display());
    for entry in fs::read_dir(debs).with_context(reading)? {
        let deb = entry.with_context(reading)?.path();
        run_unannounced(Command::new("dpkg").arg("-x").arg(&deb).arg(root))?;
    }
    Ok(())
}

/// A script that runs a program of the folder with the folder's libraries.
fn wrapper(folder: &Path, name: &str, words: &str) -> Result<()> {
    let root = folder.join(ROOT);
    let program = root.join("usr/bin").join(name);
    if !program.exists() {
        bail!("{}: expected the packages to bring it, found none", program.display());
    }
    let libraries = shell_word(&root.join("usr/lib/x86_64-linux-gnu"));
    let script = format!(
        "#!/bin/sh\nexport LD_LIBRARY_PATH={libraries}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\nexec {} {words} \"$@\"\n",
        shell_word(&program)
    );
    let place = folder.join(WRAPPERS).join(name);
    make(&folder.join(WRAPPERS))?;
    fs::write(&place, script).with_context(|| format!("write {}", place.display()))?;
    fs::set_permissions(&place, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("make {} executable", place.display()))
}

/// A path as a shell reads it back.
fn shell_word(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

/// apt with settings of its own.
struct Apt {
    config: PathBuf,
}

impl Apt {
    /// Makes the settings in a folder and fetches the lists of both architectures.
    fn new(folder: &Path) -> Result<Self> {
        for part in ["state/lists/partial", "cache/archives/partial"] {
            make(&folder.join(part))?;
        }
        let sources = folder.join("sources.list");
        let found = output(Command::new("apt-get").args([
            "indextargets",
            "--format",
            "deb [arch=amd64,arm64] $(REPO_URI) $(RELEASE) $(COMPONENT)",
            "Identifier: Packages",
            "Origin: Debian",
            "Architecture: amd64",
        ]))
        .context("ask apt-get where packages come from")?;
        if found.trim().is_empty() {
            bail!("apt-get knows no lists of Debian for amd64; on a Debian machine, `apt-get update` fetches them");
        }
        fs::write(&sources, found).with_context(|| format!("write {}", sources.display()))?;
        let mut text = String::new();
        for (key, value) in [("State", "state"), ("Cache", "cache"), ("Etc::sourcelist", "sources.list")] {
            let _ = writeln!(text, "Dir::{key} \"{}\";", folder.join(value).display());
        }
        text += "Dir::Etc::sourceparts \"/dev/null\";\nAPT::Architecture \"amd64\";\n";
        text += "APT::Architectures { \"amd64\"; \"arm64\"; };\nAPT::Sandbox::User \"root\";\n";
        let _ = writeln!(text, "Dir::State::status \"{INSTALLED}\";");
        let config = folder.join("apt.conf");
        fs::write(&config, text).with_context(|| format!("write {}", config.display()))?;
        let apt = Self { config };
        run_unannounced(&mut apt.get(&["--quiet", "update"]))?;
        Ok(apt)
    }

    fn get(&self, words: &[&str]) -> Command {
        let mut command = Command::new("apt-get");
        command.args(words).env("APT_CONFIG", &self.config).env("LC_ALL", "C");
        command
    }

    /// The packages that an installation of these would add.
    fn missing(&self, roots: &[&str]) -> Result<Vec<String>> {
        let plan = output(self.get(&["--simulate", "--no-install-recommends", "install"]).args(roots))?;
        let names = planned(&plan);
        match roots.iter().find(|root| !names.iter().any(|name| name == *root)) {
            Some(present) => bail!("{present} is installed but its program is not on PATH"),
            None => Ok(names),
        }
    }
}

/// The names in a simulated installation: `Inst name [old] (new ...)`.
fn planned(plan: &str) -> Vec<String> {
    let lines = plan.lines().filter_map(|line| line.strip_prefix("Inst "));
    lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulated_installation_is_read() {
        let plan = "Reading state information...\nInst libcapstone4 (4.0.2-5 Debian:12.15/oldstable [amd64])\n\
                    Inst qemu-user [1:7.1] (1:7.2 Debian:12.15/oldstable [amd64]) []\nConf libcapstone4 (4.0.2-5)\n";
        assert_eq!(planned(plan), ["libcapstone4", "qemu-user"]);
    }

    #[test]
    fn a_wrapper_runs_its_program_from_a_folder_with_any_name() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("it's a folder");
        make(&folder.join("root/usr/bin")).expect("made");
        let program = folder.join("root/usr/bin/greet");
        fs::write(&program, "#!/bin/sh\necho \"$LD_LIBRARY_PATH|$*\"\n").expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("made executable");
        wrapper(&folder, "greet", "--first").expect("written");
        let said = output(Command::new(folder.join("bin/greet")).arg("a b").env_remove("LD_LIBRARY_PATH"));
        let libraries = folder.join("root/usr/lib/x86_64-linux-gnu");
        assert_eq!(said.expect("runs"), format!("{}|--first a b\n", libraries.display()));
        let error = wrapper(&folder, "missing", "").expect_err("no such program").to_string();
        assert!(error.contains("expected the packages to bring it"), "{error}");
    }
}
