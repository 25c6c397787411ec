//! `cargo xtask setup`: a libtorch for the trainer, put together from pip's packages.

mod build;
mod wheels;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

pub use self::build::Build;
use crate::checkout::Checkout;
use crate::cli::SetupOptions;
use crate::python::Python;

/// The version that tch is made for; both move together.
pub const LIBTORCH_VERSION: &str = "2.13.0";
/// Included by .cargo/config.toml: with it LIBTORCH points to the folder that it lies in.
const CARGO_CONFIG: &str = "cargo-config.toml";
const CARGO_CONFIG_TEXT: &str = "# Written by `cargo xtask setup`; .cargo/config.toml includes it.
[env]
LIBTORCH = { value = \"libtorch\", relative = true }
";

/// What setup puts into its folder.
const OWN: [&str; 5] = ["build-version", CARGO_CONFIG, "include", "lib", "licenses"];

/// Puts libtorch into the checkout, unless it is there or the user has one.
///
/// # Errors
/// Another system than Linux on x86-64, no Python with pip, no network, a full disk; each says what to do.
pub fn run(checkout: &Checkout, options: &SetupOptions) -> Result<()> {
    if let (Some(own), None) = (checkout.own_libtorch(), &options.into) {
        println!("LIBTORCH is set to {}: that one is used, nothing to do", own.display());
        return Ok(());
    }
    let asked = Build::asked(options);
    let folder = options.into.clone().unwrap_or_else(|| checkout.libtorch());
    if let Some(found) = installed(&folder).filter(|found| !options.force && asked.is_none_or(|build| build == *found))
    {
        write_cargo_config(&folder)?;
        let shown = checkout.shown(&folder);
        println!("libtorch {LIBTORCH_VERSION} ({found}) is in {shown} already; --force fetches it again");
        return Ok(());
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!(
            "setup knows libtorch for Linux on x86-64 only, this is {} on {}: set LIBTORCH to the folder of a libtorch \
             {LIBTORCH_VERSION}",
            std::env::consts::OS,
            std::env::consts::ARCH
        );
    }
    if folder.exists() {
        refuse_others(&folder, &OWN, checkout.shown(&folder))?;
    }
    let build = asked.unwrap_or_else(Build::for_this_machine);
    eprintln!("libtorch {LIBTORCH_VERSION}, {build}: {}", build.size_in_words());
    fetch(checkout, build, &folder)?;
    let shown = checkout.shown(&folder);
    println!("libtorch {LIBTORCH_VERSION} ({build}) is in {shown}; licences of its parts in {shown}/licenses");
    match &options.into {
        None => println!("next: cargo run -p trainer"),
        Some(_) => println!("next: LIBTORCH={shown} cargo run -p trainer"),
    }
    Ok(())
}

/// Whether the trainer can be built: a libtorch is in the checkout or named by LIBTORCH.
pub fn is_done(checkout: &Checkout) -> bool {
    checkout.own_libtorch().is_some()
        || (installed(&checkout.libtorch()).is_some() && checkout.libtorch().join(CARGO_CONFIG).is_file())
}

/// The build that lies in a folder, if it is whole and of the right version: what setup makes appears at once.
fn installed(folder: &Path) -> Option<Build> {
    let version = fs::read_to_string(folder.join("build-version")).ok()?;
    if version.trim() != LIBTORCH_VERSION || !folder.join("lib/libtorch_cpu.so").is_file() {
        return None;
    }
    Some(if folder.join("lib/libtorch_cuda.so").is_file() { Build::Cuda } else { Build::Cpu })
}

fn fetch(checkout: &Checkout, build: Build, folder: &Path) -> Result<()> {
    let python = Python::find().with_context(|| {
        format!(
            "setup fetches libtorch with pip; without it set LIBTORCH to the folder of a libtorch {LIBTORCH_VERSION}"
        )
    })?;
    let part = beside(folder, "part");
    remove(&part)?;
    // Before half a gigabyte is fetched for a place that can't be written.
    fs::create_dir_all(&part).with_context(|| format!("create {}", part.display()))?;
    let downloads = checkout.target().join("setup").join(format!("{LIBTORCH_VERSION}-{}", build.name()));
    fs::create_dir_all(&downloads).with_context(|| format!("create {}", downloads.display()))?;
    let found = wheels::download(&python, build, &downloads)?;
    wheels::unpack(&found, build, &part)?;
    fs::write(part.join("build-version"), format!("{LIBTORCH_VERSION}\n")).context("write build-version")?;
    write_cargo_config(&part)?;
    replace(folder, &part)?;
    remove(&downloads)
}

fn write_cargo_config(folder: &Path) -> Result<()> {
    let path = folder.join(CARGO_CONFIG);
    if fs::read_to_string(&path).is_ok_and(|text| text == CARGO_CONFIG_TEXT) {
        return Ok(());
    }
    fs::write(&path, CARGO_CONFIG_TEXT).with_context(|| format!("write {}", path.display()))
}

/// An error where a folder that is to be replaced has anything in it but what belongs there.
pub fn refuse_others(folder: &Path, own: &[&str], shown: impl std::fmt::Display) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("list {shown}"))?;
    for entry in entries {
        let name = entry.with_context(|| format!("list {shown}"))?.file_name();
        if !own.iter().any(|own| name == *own) {
            let name = name.display();
            bail!("{shown}: only what this command made is replaced, found {name} in it; remove it yourself");
        }
    }
    Ok(())
}

/// Gives a finished folder its name; an older one of that name goes only then.
pub fn replace(folder: &Path, part: &Path) -> Result<()> {
    let old = beside(folder, "old.part");
    remove(&old)?;
    if folder.exists() {
        fs::rename(folder, &old).with_context(|| format!("rename {} to {}", folder.display(), old.display()))?;
    }
    if let Err(error) = fs::rename(part, folder) {
        // The older one is better than none.
        let _ = fs::rename(&old, folder);
        return Err(error).with_context(|| format!("rename {} to {}", part.display(), folder.display()));
    }
    remove(&old)
}

/// Removes a folder, if it is there.
pub fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// `folder.ending`, in the same parent; a slash at the folder's end makes no difference.
pub fn beside(folder: &Path, ending: &str) -> PathBuf {
    let mut name = folder.components().collect::<PathBuf>().into_os_string();
    name.push(".");
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_replaced_stays() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("data");
        fs::create_dir(&folder).expect("made");
        fs::write(folder.join("old"), "").expect("written");
        assert!(replace(&folder, &place.path().join("missing")).is_err());
        assert!(folder.join("old").is_file());
    }

    #[test]
    fn only_a_whole_libtorch_of_the_right_version_counts() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("libtorch");
        assert_eq!(installed(&folder), None);
        fs::create_dir_all(folder.join("lib")).expect("made");
        fs::write(folder.join("build-version"), "2.13.0\n").expect("written");
        assert_eq!(installed(&folder), None, "no library");
        fs::write(folder.join("lib/libtorch_cpu.so"), "").expect("written");
        assert_eq!(installed(&folder), Some(Build::Cpu));
        fs::write(folder.join("lib/libtorch_cuda.so"), "").expect("written");
        assert_eq!(installed(&folder), Some(Build::Cuda));
        fs::write(folder.join("build-version"), "2.12.0\n").expect("written");
        assert_eq!(installed(&folder), None, "another version");
    }

    #[test]
    fn a_folder_is_replaced_as_a_whole() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("libtorch");
        let part = beside(&folder, "part");
        for text in ["first", "second"] {
            fs::create_dir(&part).expect("made");
            fs::write(part.join("text"), text).expect("written");
            replace(&folder, &part).expect("replaced");
            assert_eq!(fs::read_to_string(folder.join("text")).expect("there"), text);
            assert_eq!(fs::read_dir(place.path()).expect("a folder").count(), 1, "nothing left over");
        }
    }

    #[test]
    fn what_is_beside_a_folder_is_not_inside() {
        for folder in ["data/rps", "data/rps/", "data/rps//", "data/./rps"] {
            assert_eq!(beside(Path::new(folder), "part").as_os_str(), "data/rps.part", "{folder}");
        }
    }

    #[test]
    fn the_version_is_the_one_that_tch_expects() {
        let checkout = Checkout::find().expect("tests run inside the checkout");
        let manifest = fs::read_to_string(checkout.path("Cargo.toml")).expect("there");
        let tch = manifest.lines().find(|line| line.starts_with("tch = ")).expect("tch is a workspace dependency");
        assert_eq!(tch, "tch = \"=0.26.0\"", "find the libtorch that this tch expects and renew LIBTORCH_VERSION");
        let marker = fs::read_to_string(checkout.before_setup().join("build-version")).expect("there");
        assert!(marker.contains("cargo xtask setup") && marker.contains(LIBTORCH_VERSION), "{marker}");
    }
}
