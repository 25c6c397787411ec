//! What builds programs for ARM on this machine, and runs them without a board.

mod debian;
mod elf;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

pub use self::elf::Elf;
use crate::checkout::Checkout;
use crate::command::{cargo, output, run_unannounced};

/// A kind of ARM, as others call it.
#[derive(Debug, Clone, Copy)]
pub struct Arm {
    /// Ours, on the command line and in names of files.
    pub name: &'static str,
    /// Rust's.
    pub triple: &'static str,
    /// The GNU tools'.
    gnu: &'static str,
    /// The program of QEMU that runs it.
    emulator: &'static str,
    /// Debian's.
    architecture: &'static str,
    /// Whether Debian's Rust was seen to build for it.
    has_debian_rust: bool,
}

/// 64 bits.
pub const AARCH64: Arm = Arm {
    name: "aarch64",
    triple: "aarch64-unknown-linux-gnu",
    gnu: "aarch64-linux-gnu",
    emulator: "qemu-aarch64",
    architecture: "arm64",
    has_debian_rust: true,
};
/// 32 bits with hard float.
pub const ARMV7: Arm = Arm {
    name: "armv7",
    triple: "armv7-unknown-linux-gnueabihf",
    gnu: "arm-linux-gnueabihf",
    emulator: "qemu-arm",
    architecture: "armhf",
    has_debian_rust: false,
};
/// A download that does not begin within these seconds never does where only some hosts can be reached.
const RUSTUP_SECONDS: &str = "90";

/// Compiler, linker and emulator.
#[derive(Debug)]
pub struct Cross {
    arm: Arm,
    /// A rustc with the target's standard library; `None` is cargo's own.
    rustc: Option<PathBuf>,
    compiler: PathBuf,
    emulator: PathBuf,
    libraries: PathBuf,
}

impl Cross {
    /// Takes what the machine has; adds the target with rustup, and unpacks the packages of a Debian machine into the user's
    /// cache folder, for what it lacks. Nothing is installed.
    ///
    /// # Errors
    /// A part can't be had; the message says what to install.
    pub fn find(checkout: &Checkout, arm: Arm) -> Result<Self> {
        let cache = cache(checkout);
        let rustc = standard_library(checkout, &cache, arm)?;
        let Arm { gnu, emulator, architecture, .. } = arm;
        let present = debian::Present { compiler: on_path(&format!("{gnu}-gcc")), emulator: on_path(emulator) };
        let tools = debian::tools(&cache, arm, present).with_context(|| {
            format!(
                "no cross compiler or no emulator: install {gnu}-gcc and {emulator} (Debian and Ubuntu: apt install \
                 gcc-{gnu} libc6-dev-{architecture}-cross qemu-user)"
            )
        })?;
        // Where Debian and Ubuntu put the libraries of a cross compiler.
        let libraries = tools.libraries.unwrap_or_else(|| Path::new("/usr").join(gnu));
        Ok(Self { arm, rustc, compiler: tools.compiler, emulator: tools.emulator, libraries })
    }

    /// Finds or fetches the standard library of the target.
    ///
    /// # Errors
    /// It can't be had here.
    pub fn standard_library(checkout: &Checkout, arm: Arm) -> Result<()> {
        standard_library(checkout, &cache(checkout), arm).map(|_| ())
    }

    /// cargo for the target, in a target folder of its own.
    pub fn cargo<'a>(&self, checkout: &Checkout, words: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = cargo(checkout, words);
        let triple = self.arm.triple;
        command.args(["--target", triple]).env("CARGO_TARGET_DIR", self.target(checkout));
        let compiler = self.compiler.as_os_str();
        let variable = |part: &str| format!("CARGO_TARGET_{}_{part}", triple.to_uppercase().replace('-', "_"));
        command.env(variable("LINKER"), compiler).env(format!("CC_{}", triple.replace('-', "_")), compiler);
        // A path with a space would be taken apart.
        let mut runner = self.emulator.as_os_str().to_owned();
        runner.push(" -L ");
        runner.push(&self.libraries);
        command.env(variable("RUNNER"), runner);
        if let Some(rustc) = &self.rustc {
            command.env("RUSTC", rustc);
        }
        command
    }

    /// cargo's folder for the target.
    pub fn target(&self, checkout: &Checkout) -> PathBuf {
        checkout.target().join(if self.rustc.is_some() { "arm-debian" } else { "arm" })
    }

    /// The version of the compiler: `rustc 1.96.0 (...)`.
    ///
    /// # Errors
    /// It does not run.
    pub fn rustc_version(&self) -> Result<String> {
        let text = output(rustc(self.rustc.as_deref()).arg("--version"))?;
        Ok(text.trim().to_owned())
    }

    /// A program of the target as a core of this name runs it, with options of the emulator before it.
    pub fn emulate(&self, core: &str, options: &[OsString], program: &Path) -> Command {
        let mut command = Command::new(&self.emulator);
        command.arg("-L").arg(&self.libraries).args(options).arg(program).env("QEMU_CPU", core);
        command
    }
}

/// The folder for what is fetched: the user's cache where there is one.
fn cache(checkout: &Checkout) -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    cache.map_or_else(|| checkout.target(), |cache| cache.join("mudra"))
}

/// `None` where cargo's own rustc has the target's standard library, else a rustc that has it.
fn standard_library(checkout: &Checkout, cache: &Path, arm: Arm) -> Result<Option<PathBuf>> {
    let triple = arm.triple;
    if has_target(checkout, triple) {
        return Ok(None);
    }
    if let Some(rustc) = debian::cached_rustc(cache, arm) {
        return Ok(Some(rustc));
    }
    let mut rustup = Command::new("timeout");
    rustup.args([RUSTUP_SECONDS, "rustup", "target", "add", triple]).current_dir(checkout.root());
    if on_path("rustup").is_some() && run_unannounced(&mut rustup).is_ok() && has_target(checkout, triple) {
        return Ok(None);
    }
    let lacking = || format!("no standard library of Rust for {triple}: add it with `rustup target add {triple}`");
    if !arm.has_debian_rust {
        bail!("{}", lacking());
    }
    Ok(Some(debian::rustc(cache, arm).with_context(lacking)?))
}

fn has_target(checkout: &Checkout, triple: &str) -> bool {
    let mut ask = rustc(None);
    let folder = output(ask.args(["--print", "target-libdir", "--target", triple]).current_dir(checkout.root()));
    folder.is_ok_and(|folder| Path::new(folder.trim()).is_dir())
}

fn rustc(named: Option<&Path>) -> Command {
    match named {
        Some(path) => Command::new(path),
        None => Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())),
    }
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|place| place.is_file())
}
