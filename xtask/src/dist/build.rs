//! One build of edge-runtime to hand out, and what is promised of it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::checkout::Checkout;
use crate::cli::{Kind, Target};
use crate::command::{cargo, run as run_command};
use crate::cross::{AARCH64, ARMV7, Arm, Cross, Elf};

/// Version of what is handed out.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The oldest system that the dynamic build is for: Ubuntu 22.04 of JetPack 6.
const GLIBC: (u32, u32) = (2, 35);
const PROFILE: &str = "shipping";
/// LLVM's own threshold is 225. Less inlining takes a twentieth off a binary, and no time: kernels are inlined by attribute.
const INLINING: &str = "llvm-args=-inline-threshold=50";
/// Every Cortex-A but the first few has it, and plain Rust in 8 bits takes less than half of the instructions with it.
const NEON: [&str; 2] = ["-C", "target-feature=+neon"];
/// What is handed out beside an engine: the page, and displays on SPI and I2C.
const EXTRAS: &str = "serve,panels";

/// What is built.
#[derive(Debug, Clone, Copy)]
pub struct Build {
    pub target: Target,
    pub kind: Kind,
    pub tract: bool,
    /// Whether it can serve and show pictures on panels, as all that is handed out can.
    pub extras: bool,
}

impl Build {
    /// The archive's name without its ending: `mudra-0.1.0-aarch64-ort`.
    pub fn name(&self) -> String {
        let tract = if self.tract { "-tract" } else { "" };
        let ort = if self.kind == Kind::Ort { "-ort" } else { "" };
        format!("mudra-{VERSION}-{}{tract}{ort}", self.target.name())
    }

    /// The systems that it is for, in words.
    pub fn runs_on(&self) -> &'static str {
        match (self.kind, self.target) {
            (Kind::Static, Target::Aarch64) => "any Linux on 64-bit ARM: the binary is static and needs no library",
            (Kind::Static, Target::Armv7) => {
                "any Linux on 32-bit ARM with NEON (Cortex-A7 and later): the binary is static and needs no library"
            }
            (Kind::Static, Target::X86_64) => "any Linux on a 64-bit PC: the binary is static and needs no library",
            (Kind::Ort, _) => {
                "Linux with glibc 2.35 or later (JetPack 6, Ubuntu 22.04, Raspberry Pi OS bookworm), and loads an ONNX \
                 Runtime of yours where `--engine ort` asks for it"
            }
        }
    }

    /// Builds the binary and checks it.
    ///
    /// # Errors
    /// The build fails, or the binary is not what is promised.
    pub fn run(&self, checkout: &Checkout, cross: Option<&Cross>) -> Result<PathBuf> {
        let triple = self.target.triple();
        let words = ["rustc", "--package", "edge-runtime", "--bin", "edge-runtime", "--no-default-features"];
        let mut command = match cross {
            Some(cross) => cross.cargo(checkout, words),
            None => {
                let mut command = cargo(checkout, words);
                command.args(["--target", triple]);
                command
            }
        };
        command.args(["--profile", PROFILE, "--locked"]);
        command.args(self.features());
        // Flags for this machine's processor must not get into what others run.
        let mut flags = own_paths_hidden(checkout);
        if self.target == Target::Armv7 {
            flags.extend(NEON.map(str::to_owned));
        }
        // Joined by cargo's separator.
        command.env_remove("RUSTFLAGS").env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1F"));
        command.args(["--", "-C", INLINING]);
        if self.kind == Kind::Static {
            command.args(["-C", "target-feature=+crt-static"]);
        }
        run_command(&mut command)?;
        let target = cross.map_or_else(|| checkout.target(), |cross| cross.target(checkout));
        let binary = target.join(triple).join(PROFILE).join("edge-runtime");
        self.check(&binary)?;
        Ok(binary)
    }

    /// The words that ask cargo for what it contains.
    pub fn features(&self) -> Vec<&'static str> {
        let features = [(EXTRAS, self.extras), ("tract", self.tract), ("ort", self.kind == Kind::Ort)];
        features.into_iter().filter(|(_, is_wanted)| *is_wanted).flat_map(|(name, _)| ["--features", name]).collect()
    }

    fn check(&self, binary: &Path) -> Result<()> {
        let size = std::fs::metadata(binary).with_context(|| format!("read {}", binary.display()))?.len();
        let elf = Elf::read(binary)?;
        let glibc = elf.glibc.map_or_else(|| "no glibc".to_owned(), |(major, minor)| format!("glibc {major}.{minor}"));
        eprintln!("{}: {:.2} MB, needs {glibc}", self.name(), size as f64 / 1e6);
        self.promised(&elf, size).with_context(|| binary.display().to_string())
    }

    /// Whether a binary of this kind is what is promised.
    fn promised(&self, elf: &Elf, size: u64) -> Result<()> {
        if elf.machine != self.target.machine() {
            bail!("expected a program for {}, found machine {}", self.target.name(), elf.machine);
        }
        match self.kind {
            Kind::Static if elf.dynamic => bail!("expected a static program, found one with a loader"),
            // A static one can't load ONNX Runtime.
            Kind::Ort if !elf.dynamic => bail!("expected a program with a loader, found a static one"),
            Kind::Ort if elf.glibc > Some(GLIBC) => {
                bail!("expected symbols of glibc {GLIBC:?} at most, found {:?}", elf.glibc)
            }
            Kind::Static | Kind::Ort => {}
        }
        if let Some(most) = self.most_bytes().filter(|most| size > *most) {
            bail!("expected at most {most} bytes, found {size}");
        }
        Ok(())
    }

    /// The budget of the binary with our own engine only, and what the extras may add.
    fn most_bytes(&self) -> Option<u64> {
        let extras = if self.extras { 1_000_000 } else { 0 };
        match (self.kind, self.tract, self.target) {
            (Kind::Static, false, Target::Aarch64 | Target::Armv7) => Some(6_000_000 + extras),
            (Kind::Static, false, Target::X86_64) => Some(4_000_000 + extras),
            _ => None,
        }
    }
}

/// Flags that keep this machine's folders out of the binary, so that another machine makes the same one.
fn own_paths_hidden(checkout: &Checkout) -> Vec<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let folders = [(Some(checkout.root().to_owned()), "mudra"), (home, "cargo")];
    let flags = folders
        .into_iter()
        .filter_map(|(folder, name)| Some(format!("--remap-path-prefix={}={name}", folder?.display())));
    flags.collect()
}

impl Target {
    /// Rust's name.
    pub fn triple(self) -> &'static str {
        match self {
            Self::Aarch64 => AARCH64.triple,
            Self::Armv7 => ARMV7.triple,
            Self::X86_64 => "x86_64-unknown-linux-gnu",
        }
    }

    /// Its name in archives and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aarch64 => AARCH64.name,
            Self::Armv7 => ARMV7.name,
            Self::X86_64 => "x86-64",
        }
    }

    /// The kind of ARM that it is.
    pub fn arm(self) -> Option<Arm> {
        match self {
            Self::Aarch64 => Some(AARCH64),
            Self::Armv7 => Some(ARMV7),
            Self::X86_64 => None,
        }
    }

    /// Whether this machine runs it.
    pub fn is_native(self) -> bool {
        match self {
            Self::Aarch64 => cfg!(target_arch = "aarch64"),
            Self::Armv7 => cfg!(all(target_arch = "arm", target_feature = "v7")),
            Self::X86_64 => cfg!(target_arch = "x86_64"),
        }
    }

    /// `e_machine` of its ELF files.
    fn machine(self) -> u16 {
        match self {
            Self::Aarch64 => 183,
            Self::Armv7 => 40,
            Self::X86_64 => 62,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_have_a_name_for_each_build() {
        let name = |target, kind, tract| Build { target, kind, tract, extras: true }.name();
        assert_eq!(name(Target::Aarch64, Kind::Static, false), format!("mudra-{VERSION}-aarch64"));
        assert_eq!(name(Target::Aarch64, Kind::Ort, false), format!("mudra-{VERSION}-aarch64-ort"));
        assert_eq!(name(Target::X86_64, Kind::Static, true), format!("mudra-{VERSION}-x86-64-tract"));
    }

    #[test]
    fn a_binary_that_is_not_as_promised_is_refused() {
        let build = |kind, extras| Build { target: Target::Aarch64, kind, tract: false, extras };
        let (own, ort) = (build(Kind::Static, false), build(Kind::Ort, true));
        let elf = |machine, dynamic, glibc| Elf { machine, dynamic, glibc };
        let fixed = elf(183, false, None);
        let loaded = |minor| elf(183, true, Some((2, minor)));
        own.promised(&fixed, 6_000_000).expect("as promised");
        build(Kind::Static, true).promised(&fixed, 7_000_000).expect("as promised");
        ort.promised(&loaded(35), 99_000_000).expect("as promised");
        struct Case(Build, Elf, u64, &'static str);
        let cases = [
            Case(own, elf(62, false, None), 1, "expected a program for aarch64, found machine 62"),
            Case(own, loaded(17), 1, "expected a static program, found one with a loader"),
            Case(own, elf(183, false, None), 6_000_001, "expected at most 6000000 bytes, found 6000001"),
            Case(ort, elf(183, false, None), 1, "expected a program with a loader, found a static one"),
            Case(ort, loaded(36), 1, "expected symbols of glibc (2, 35) at most, found Some((2, 36))"),
        ];
        for Case(build, elf, size, expected) in cases {
            assert_eq!(build.promised(&elf, size).expect_err(expected).to_string(), expected);
        }
    }
}
