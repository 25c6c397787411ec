//! Debian's packages, unpacked into a folder: a cross compiler, an emulator, and a Rust with the library of ARM.
//!
//! apt works with lists and settings of its own inside that folder, so that the system's stay as they are and no rights are
//! needed. Where packages come from is what the system's apt says.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Arm;
use crate::command::{output, run_unannounced};
use crate::folder::entries;
use crate::setup::{beside, remove, replace};

const RUSTC: &str = "rustc";
/// The packages that the system has already, which are not fetched again.
const INSTALLED: &str = "/var/lib/dpkg/status";
const ROOT: &str = "root";
const WRAPPERS: &str = "bin";

/// Packages that are fetched together into a folder of their own.
#[derive(Debug)]
struct Set {
    arm: Arm,
    folder: String,
    /// Packages that are fetched with what they need and the system lacks.
    roots: Vec<String>,
    /// A package of the target that is fetched alone.
    alone: Option<&'static str>,
    /// Programs of these packages that are run.
    programs: Vec<String>,
}

impl Set {
    /// What a machine lacks of compiler and emulator.
    fn tools(arm: Arm, compiler: bool, emulator: bool) -> Self {
        let kind = match (compiler, emulator) {
            (true, false) => "compiler",
            (false, true) => "emulator",
            _ => "tools",
        };
        let (mut roots, mut programs) = (Vec::new(), Vec::new());
        if compiler {
            roots.extend([format!("gcc-{}", arm.gnu), format!("libc6-dev-{}-cross", arm.architecture)]);
            programs.push(arm.compiler());
        }
        if emulator {
            roots.push("qemu-user".to_owned());
            programs.push(arm.emulator.to_owned());
        }
        Self { arm, folder: format!("debian-{}-{kind}", arm.name), roots, alone: None, programs }
    }

    /// Their Rust of the security suite, and the same standard library for ARM.
    fn rust(arm: Arm) -> Self {
        Self {
            arm,
            folder: format!("debian-{}-rust", arm.name),
            roots: vec!["rustc-web".to_owned()],
            alone: Some("libstd-rust-web-dev"),
            programs: vec![RUSTC.to_owned()],
        }
    }
}

impl Arm {
    fn compiler(&self) -> String {
        format!("{}-gcc", self.gnu)
    }
}

/// What the machine has of both.
pub struct Present {
    pub compiler: Option<PathBuf>,
    pub emulator: Option<PathBuf>,
}

/// Compiler and emulator.
pub struct Tools {
    pub compiler: PathBuf,
    pub emulator: PathBuf,
    /// The target's shared libraries, where they came with the compiler.
    pub libraries: Option<PathBuf>,
}

/// The compiler and the emulator: what the machine has of them, the rest fetched where it is not in the cache.
///
/// # Errors
/// No Debian machine, no network, or packages that are not what is expected.
pub fn tools(cache: &Path, arm: Arm, present: Present) -> Result<Tools> {
    let Present { compiler, emulator } = present;
    if let (Some(compiler), Some(emulator)) = (&compiler, &emulator) {
        return Ok(Tools { compiler: compiler.clone(), emulator: emulator.clone(), libraries: None });
    }
    let folder = fetched(cache, &Set::tools(arm, compiler.is_none(), emulator.is_none()))?;
    let wrapped = |name: &str| folder.join(WRAPPERS).join(name);
    let libraries = compiler.is_none().then(|| folder.join(ROOT).join("usr").join(arm.gnu));
    Ok(Tools {
        compiler: compiler.unwrap_or_else(|| wrapped(&arm.compiler())),
        emulator: emulator.unwrap_or_else(|| wrapped(arm.emulator)),
        libraries,
    })
}

/// Debian's rustc, where it is in the cache.
pub fn cached_rustc(cache: &Path, arm: Arm) -> Option<PathBuf> {
    let set = Set::rust(arm);
    let folder = cache.join(&set.folder);
    is_whole(&folder, &set).then(|| folder.join(WRAPPERS).join(RUSTC))
}

/// Debian's rustc, fetched where it is not in the cache.
///
/// # Errors
/// As [`tools`].
pub fn rustc(cache: &Path, arm: Arm) -> Result<PathBuf> {
    Ok(fetched(cache, &Set::rust(arm))?.join(WRAPPERS).join(RUSTC))
}

/// Whether a folder has all that it should; one that was left by an interrupted call may not.
fn is_whole(folder: &Path, set: &Set) -> bool {
    set.programs.iter().all(|name| folder.join(WRAPPERS).join(name).is_file())
}

fn fetched(cache: &Path, set: &Set) -> Result<PathBuf> {
    let folder = cache.join(&set.folder);
    if is_whole(&folder, set) {
        return Ok(folder);
    }
    // Another checkout may be fetching the same.
    make(cache)?;
    let lock = beside(&folder, "lock");
    let held = fs::File::create(&lock).and_then(|file| file.lock().map(|()| file));
    let _held = held.with_context(|| format!("lock {}", lock.display()))?;
    if is_whole(&folder, set) {
        return Ok(folder);
    }
    eprintln!("fetching {} and what they need with apt into {}", set.roots.join(", "), folder.display());
    let part = beside(&folder, "part");
    remove(&part)?;
    // Only the lists that are needed: one that is out of order must not keep others from being fetched.
    let foreign = set.alone.map(|_| set.arm.architecture);
    let apt = Apt::new(&part.join("apt"), foreign)?;
    let debs = part.join("debs");
    make(&debs)?;
    let mut names = apt.missing(&set.roots)?;
    names.extend(set.alone.map(|name| format!("{name}:{}", set.arm.architecture)));
    run_unannounced(apt.get(&["--quiet", "download"]).args(&names).current_dir(&debs))?;
    unpack(&debs, &part.join(ROOT))?;
    remove(&debs)?;
    remove(&part.join("apt"))?;
    set.programs.iter().try_for_each(|name| wrapper(&part, &folder, name, set.arm))?;
    replace(&folder, &part)?;
    Ok(folder)
}

fn unpack(debs: &Path, root: &Path) -> Result<()> {
    for deb in entries(debs)? {
        run_unannounced(Command::new("dpkg").arg("-x").arg(&deb).arg(root))?;
    }
    Ok(())
}

/// A script that runs a program of a folder, as it will be called, with the folder's libraries.
fn wrapper(part: &Path, folder: &Path, name: &str, arm: Arm) -> Result<()> {
    let program = Path::new("usr/bin").join(name);
    if !part.join(ROOT).join(&program).exists() {
        bail!("{}: expected the packages of {} to bring it, found none", program.display(), folder.display());
    }
    let root = folder.join(ROOT);
    let program = root.join(program);
    let words = match name {
        name if name == arm.compiler() => format!("--sysroot={}", shell_word(&root)),
        // The program under emulation must not look among this machine's libraries.
        name if name == arm.emulator => "-U LD_LIBRARY_PATH".to_owned(),
        _ => String::new(),
    };
    let libraries = shell_word(&root.join("usr/lib/x86_64-linux-gnu"));
    let script = format!(
        "#!/bin/sh\nexport LD_LIBRARY_PATH={libraries}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\nexec {} {words} \"$@\"\n",
        shell_word(&program)
    );
    let place = part.join(WRAPPERS).join(name);
    make(&part.join(WRAPPERS))?;
    fs::write(&place, script).with_context(|| format!("write {}", place.display()))?;
    make_executable(&place).with_context(|| format!("make {} executable", place.display()))
}

#[cfg(unix)]
fn make_executable(file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))
}

/// Elsewhere there is no Debian.
#[cfg(not(unix))]
fn make_executable(_file: &Path) -> std::io::Result<()> {
    Ok(())
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
    /// Makes the settings in a folder and fetches the lists of this machine's architecture and a foreign one.
    fn new(folder: &Path, foreign: Option<&str>) -> Result<Self> {
        for part in ["state/lists/partial", "cache/archives/partial"] {
            make(&folder.join(part))?;
        }
        let sources = folder.join("sources.list");
        let architectures: Vec<&str> = ["amd64"].into_iter().chain(foreign).collect();
        let found = output(Command::new("apt-get").args([
            "indextargets",
            "--format",
            &format!("deb [arch={}] $(REPO_URI) $(RELEASE) $(COMPONENT)", architectures.join(",")),
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
        let _ = writeln!(text, "APT::Architectures {{ \"{}\"; }};", architectures.join("\"; \""));
        text += "APT::Sandbox::User \"root\";\n";
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
    fn missing(&self, roots: &[String]) -> Result<Vec<String>> {
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
    use crate::cross::{AARCH64, ARMV7};

    #[test]
    fn a_simulated_installation_is_read() {
        let plan = "Reading state information...\nInst libcapstone4 (4.0.2-5 Debian:12.15/oldstable [amd64])\n\
                    Inst qemu-user [1:7.1] (1:7.2 Debian:12.15/oldstable [amd64]) []\nConf libcapstone4 (4.0.2-5)\n";
        assert_eq!(planned(plan), ["libcapstone4", "qemu-user"]);
    }

    #[test]
    fn only_what_is_lacking_is_fetched() {
        let both = Set::tools(AARCH64, true, true);
        assert_eq!(both.roots, ["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "qemu-user"]);
        let compiler = Set::tools(ARMV7, true, false);
        assert_eq!(compiler.folder, "debian-armv7-compiler");
        assert_eq!(compiler.roots, ["gcc-arm-linux-gnueabihf", "libc6-dev-armhf-cross"]);
        assert_eq!(compiler.programs, ["arm-linux-gnueabihf-gcc"]);
        assert_eq!(Set::tools(ARMV7, false, true).programs, ["qemu-arm"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_wrapper_runs_its_program_from_a_folder_with_any_name() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("it's a folder");
        let part = place.path().join("part");
        make(&part.join("root/usr/bin")).expect("made");
        let compiler = AARCH64.compiler();
        let program = part.join("root/usr/bin").join(&compiler);
        fs::write(&program, "#!/bin/sh\necho \"$LD_LIBRARY_PATH|$*\"\n").expect("written");
        make_executable(&program).expect("made executable");
        wrapper(&part, &folder, &compiler, AARCH64).expect("written");
        let is_whole = |emulator| is_whole(&part, &Set::tools(AARCH64, true, emulator));
        assert!(is_whole(false) && !is_whole(true), "half of both");
        fs::rename(&part, &folder).expect("renamed");
        let said = output(Command::new(folder.join("bin").join(compiler)).arg("a b").env_remove("LD_LIBRARY_PATH"));
        let (root, libraries) = (folder.join("root"), folder.join("root/usr/lib/x86_64-linux-gnu"));
        assert_eq!(said.expect("runs"), format!("{}|--sysroot={} a b\n", libraries.display(), root.display()));
        let error = wrapper(&folder, &folder, AARCH64.emulator, AARCH64).expect_err("no such program").to_string();
        assert!(error.starts_with("usr/bin/qemu-aarch64: expected the packages of "), "{error}");
    }
}
