//! `cargo xtask dist`: archives to hand out, with the binary, the model, and what installs them.

mod build;
mod tarball;
mod third_party;

pub use self::build::Build;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use self::tarball::Entry;
use crate::checkout::Checkout;
use crate::cli::{DistOptions, Kind, Target};
use crate::cross::Cross;
use crate::folder::entries;
use crate::setup::{beside, remove};

const INSTALLER: &str = include_str!("dist/install.sh");
const SERVICE: &str = include_str!("dist/mudra.service");
const README: &str = include_str!("dist/README.md");
/// Of the C library that is in a static binary.
const LGPL: &str = include_str!("dist/LGPL-2.1.txt");
const EXECUTABLE: u32 = 0o755;
const PLAIN: u32 = 0o644;

/// Builds, checks and packs; prints each archive's path and returns it.
///
/// # Errors
/// A build that fails, a binary that breaks a promise (static, glibc, size), a missing model, or a machine that can't build
/// for the target.
pub fn run(checkout: &Checkout, options: &DistOptions) -> Result<Vec<PathBuf>> {
    let cross = match options.target {
        target if target.is_native() => None,
        target => match target.arm() {
            Some(arm) => Some(Cross::find(checkout, arm)?),
            None => bail!(
                "--target x86-64: expected a 64-bit PC, found {}: archives for PCs are built on PCs only",
                std::env::consts::ARCH
            ),
        },
    };
    let kinds = match (options.target, options.only) {
        (Target::Armv7, Some(Kind::Ort)) => bail!("--only ort: there is no ONNX Runtime for 32-bit ARM to load"),
        (Target::Armv7, _) => vec![Kind::Static],
        (_, Some(kind)) => vec![kind],
        (_, None) => vec![Kind::Static, Kind::Ort],
    };
    let folder = options.out.clone().unwrap_or_else(|| checkout.target().join("dist"));
    let mut archives = Vec::new();
    for kind in kinds {
        let build = Build { target: options.target, kind, tract: options.tract, extras: true };
        let binary = build.run(checkout, cross.as_ref())?;
        let manual = manual(checkout, &build, cross.as_ref(), &binary)?;
        let archive = pack(checkout, &build, &binary, &manual, &folder)?;
        println!("{}", checkout.shown(&archive));
        archives.push(archive);
    }
    Ok(archives)
}

/// Has the binary itself write its man pages and completions, which also shows that it starts.
fn manual(checkout: &Checkout, build: &Build, cross: Option<&Cross>, binary: &Path) -> Result<PathBuf> {
    let folder = checkout.target().join("dist-manual").join(build.name());
    remove(&folder)?;
    let mut command = match cross {
        Some(cross) => cross.emulate("max", &[], binary),
        None => std::process::Command::new(binary),
    };
    crate::command::run(command.arg("manual").arg(&folder))?;
    Ok(folder)
}

fn pack(checkout: &Checkout, build: &Build, binary: &Path, manual: &Path, folder: &Path) -> Result<PathBuf> {
    let mut files = vec![
        Entry::file("edge-runtime", binary, EXECUTABLE)?,
        Entry::file("gen.onnx", &checkout.path("models/gen.onnx"), PLAIN)?,
        Entry::text("MODEL.md", &document(&checkout.path("models/README.md"))?, PLAIN),
        Entry::text("DISPLAYS.md", &document(&checkout.path("docs/displays.md"))?, PLAIN),
        Entry::file("LICENSE-MIT", &checkout.path("LICENSE-MIT"), PLAIN)?,
        Entry::file("LICENSE-APACHE", &checkout.path("LICENSE-APACHE"), PLAIN)?,
        Entry::text("THIRD-PARTY.txt", &third_party::licences(checkout, build)?, PLAIN),
        Entry::text("install.sh", INSTALLER, EXECUTABLE),
        Entry::text("mudra.service", SERVICE, PLAIN),
        Entry::text("README.md", &readme(build), PLAIN),
    ];
    if build.kind == Kind::Static {
        files.push(Entry::text("LICENSE-LGPL-2.1", LGPL, PLAIN));
    }
    for path in entries(manual)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let kind = if name.ends_with(".1") { "man" } else { "completions" };
        files.push(Entry::file(&format!("{kind}/{name}"), &path, PLAIN)?);
    }
    files.sort_by(|left, right| left.path.cmp(&right.path));
    let sums: String = files.iter().map(|file| format!("{}  {}\n", sha256(&file.content), file.path)).collect();
    files.push(Entry::text("SHA256SUMS", &sums, PLAIN));
    files.sort_by(|left, right| left.path.cmp(&right.path));

    let name = build.name();
    let bytes = tarball::pack(&name, &files)?;
    let archive = folder.join(format!("{name}.tar.gz"));
    fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    write(&archive, &bytes)?;
    write(&beside(&archive, "sha256"), format!("{}  {name}.tar.gz\n", sha256(&bytes)).as_bytes())?;
    Ok(archive)
}

/// A document without its pictures, which lie elsewhere.
fn document(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    Ok(text.split_inclusive('\n').filter(|line| !line.starts_with("![")).collect())
}

fn readme(build: &Build) -> String {
    README.replace("@NAME@", &build.name()).replace("@RUNS_ON@", build.runs_on())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let part = beside(path, "part");
    let written = fs::write(&part, bytes).and_then(|()| fs::rename(&part, path));
    written.with_context(|| format!("write {}", path.display()))
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_that_of_the_standard() {
        // FIPS 180-4's example.
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn documents_of_an_archive_show_no_picture_that_it_lacks() {
        let checkout = Checkout::find().expect("a checkout");
        for name in ["models/README.md", "docs/displays.md"] {
            let text = document(&checkout.path(name)).expect("readable");
            assert!(text.starts_with("# ") && text.contains("\n## ") && !text.contains("!["), "{name}");
        }
    }

    /// What an archive has, as files of no use, and its installer.
    #[cfg(unix)]
    fn unpacked() -> tempfile::TempDir {
        let place = tempfile::tempdir().expect("a folder");
        let documents = [
            "gen.onnx",
            "README.md",
            "MODEL.md",
            "DISPLAYS.md",
            "LICENSE-MIT",
            "LICENSE-APACHE",
            "LICENSE-LGPL-2.1",
            "THIRD-PARTY.txt",
        ];
        let completions =
            ["edge-runtime.bash", "_edge-runtime", "edge-runtime.fish"].map(|name| format!("completions/{name}"));
        let mut sums = String::new();
        for name in documents.map(str::to_owned).iter().chain(&completions).chain(&["man/edge-runtime.1".to_owned()]) {
            let path = place.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, name).expect("written");
            sums += &format!("{}  {name}\n", sha256(name.as_bytes()));
        }
        for (name, text) in [("edge-runtime", "#!/bin/sh\n"), ("install.sh", INSTALLER), ("mudra.service", SERVICE)] {
            fs::write(place.path().join(name), text).expect("written");
        }
        fs::write(place.path().join("SHA256SUMS"), sums).expect("written");
        place
    }

    #[cfg(unix)]
    fn installer(archive: &Path, prefix: &Path, word: &str) -> std::process::Output {
        let mut command = std::process::Command::new("sh");
        command.arg(archive.join("install.sh")).arg("--prefix").arg(prefix).arg(word);
        command.output().expect("there is a shell")
    }

    /// Files, and folders with nothing in them.
    #[cfg(unix)]
    fn everything_below(top: &Path) -> Vec<String> {
        let found = std::process::Command::new("find").args([".", "-mindepth", "1"]).current_dir(top).output();
        let text = String::from_utf8(found.expect("it starts").stdout).expect("UTF-8");
        let paths: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("./")).collect();
        let holds = |path: &str| paths.iter().any(|other| other.starts_with(&format!("{path}/")));
        paths.iter().filter(|path| !holds(path)).map(|path| (*path).to_owned()).collect()
    }

    #[cfg(unix)]
    #[test]
    fn an_installation_that_breaks_off_is_taken_away_and_one_after_it_too() {
        let archive = unpacked();
        let prefix = archive.path().join("a prefix");
        // A file where the installer wants a folder, each further on its way.
        for obstacle in ["share", "share/doc", "lib/systemd", "bin"] {
            let place = prefix.join(obstacle);
            fs::create_dir_all(place.parent().expect("a folder")).expect("made");
            fs::write(&place, "mine").expect("written");
            let broken_off = installer(archive.path(), &prefix, "install");
            assert!(!broken_off.status.success() && prefix.join("lib/mudra/gen.onnx").is_file(), "{obstacle}");
            let removed = installer(archive.path(), &prefix, "uninstall");
            assert!(removed.status.success(), "{obstacle}: {removed:?}");
            assert_eq!(everything_below(&prefix), [obstacle], "{obstacle}");
            assert!(!installer(archive.path(), &prefix, "install").status.success(), "{obstacle}");
            fs::remove_file(&place).expect("there");
            assert!(installer(archive.path(), &prefix, "install").status.success(), "{obstacle}");
            let removed = installer(archive.path(), &prefix, "uninstall");
            assert!(removed.status.success(), "{obstacle}: {removed:?}");
            // What was there before.
            let kept: Vec<&str> = obstacle.rsplit_once('/').map(|(parent, _)| parent).into_iter().collect();
            assert_eq!(everything_below(&prefix), kept, "{obstacle}");
            fs::remove_dir_all(&prefix).expect("there");
        }
    }

    /// Whoever unpacked it may have thrown that away.
    #[cfg(unix)]
    #[test]
    fn what_is_installed_can_take_itself_away() {
        let (archive, prefix) = (unpacked(), tempfile::tempdir().expect("a folder"));
        let installed = installer(archive.path(), prefix.path(), "install");
        let told = String::from_utf8_lossy(&installed.stdout).into_owned();
        assert!(told.contains("lib/mudra/install.sh\" --prefix") && told.contains("systemd looks"), "{told}");
        drop(archive);
        let removed = installer(&prefix.path().join("lib/mudra"), prefix.path(), "uninstall");
        assert!(removed.status.success(), "{removed:?}");
        assert_eq!(everything_below(prefix.path()), [""; 0]);
    }

    #[cfg(unix)]
    #[test]
    fn a_prefix_that_systemd_can_not_run_programs_of_is_refused() {
        let archive = unpacked();
        for name in ["a\"b", "a'b", "a\\b", "a\nb"] {
            let prefix = archive.path().join(name);
            let refused = installer(archive.path(), &prefix, "install");
            assert!(refused.status.code() == Some(2) && !prefix.exists(), "{name:?}: {refused:?}");
        }
        let prefix = archive.path().join("a & b | 50% $c");
        assert!(installer(archive.path(), &prefix, "install").status.success());
        let unit = fs::read_to_string(prefix.join("lib/systemd/system/mudra.service")).expect("written");
        let expected = format!("\nExecStart=\"{}/a & b | 50%% $c/lib/mudra/edge-runtime\" ", archive.path().display());
        assert!(unit.contains(&expected), "{unit}");
    }

    #[test]
    fn the_readme_names_its_archive_and_keeps_no_place_to_fill_in() {
        for kind in [Kind::Static, Kind::Ort] {
            let build = Build { target: Target::Aarch64, kind, tract: false, extras: true };
            let text = readme(&build);
            assert!(text.contains(&build.name()) && !text.contains('@'), "{text}");
        }
    }
}
