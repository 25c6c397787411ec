//! The tests of engine ort on real libraries of ONNX Runtime, which are fetched for it: old and new, with and without CUDA.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{require_test, test_count};
use crate::archive::Archive;
use crate::checkout::Checkout;
use crate::command::{cargo, run as run_command, run_unannounced};
use crate::folder::entries;
use crate::outcome::Outcome;
use crate::python::Python;
use crate::setup::{beside, remove, replace};

/// pip's packages: the oldest whose wheel has a library of its own, the newest, and one with the GPU's providers, which on
/// a machine without a GPU must say what they lack. (Not its 1.24.4: on processors with AMX that adds up products of 8-bit
/// integers wrongly, and otherwise in each run.)
const BUILDS: [(&str, &str); 3] = [("onnxruntime", "1.19.2"), ("onnxruntime", "1.32.0"), ("onnxruntime-gpu", "1.31.1")];
/// npm's package, whose library is of the oldest version that the engine is for; it is left out where npm can't fetch it.
const OLDEST: (&str, &str) = ("onnxruntime-node", "1.17.3");
/// Where that has the libraries of a PC with Linux.
const OLDEST_FOLDER: &str = "package/bin/napi-v3/linux/x64";
/// Where edge-runtime's tests look for the library.
const LIBRARY: &str = "ORT_DYLIB_PATH";
/// Makes their silence about a missing library a failure.
const REQUIRE: &str = "MUDRA_REQUIRE_ORT";
/// Without a choice of packages, so that what the stage "tests" compiled is taken.
const SUITE: [&str; 11] =
    ["test", "--test", "engines", "--test", "hostile", "--test", "ort", "--test", "verify", "--test", "variants"];
/// The example that needs the library too.
const EXAMPLE: [&str; 4] = ["test", "--test", "programs", "jetson_tensorrt"];
const FILE_LIMIT: u64 = 1 << 30;

/// Runs the suite with ORT_DYLIB_PATH as it is set, else with each library that npm and pip fetch.
///
/// # Errors
/// A test fails.
pub fn test(checkout: &Checkout) -> Result<Outcome> {
    if let Some(set) = std::env::var_os(LIBRARY) {
        run_suite(checkout, Path::new(&set))?;
        return Ok(Outcome::Done);
    }
    let mut left_out = Vec::new();
    let (package, version) = OLDEST;
    match fetched(checkout, package, version, from_npm) {
        Ok(library) => run_suite(checkout, &library)?,
        Err(error) => left_out.push(format!("ONNX Runtime {version}: {error:#}")),
    }
    for (package, version) in BUILDS {
        match fetched(checkout, package, version, from_pip) {
            Ok(library) => run_suite(checkout, &library)?,
            Err(error) => {
                let remedy = format!("{error:#}; or set {LIBRARY} to libonnxruntime.so of version 1.17 or later");
                return Ok(Outcome::skipped(test_count(checkout, &SUITE), &remedy));
            }
        }
    }
    Ok(Outcome::without(left_out))
}

fn run_suite(checkout: &Checkout, library: &Path) -> Result<()> {
    run_command(cargo(checkout, SUITE).env(LIBRARY, library).env(REQUIRE, "1"))?;
    run_command(cargo(checkout, EXAMPLE).env(LIBRARY, library).env(REQUIRE, "1"))?;
    require_test(checkout, &EXAMPLE)
}

/// The library of a package, which is fetched where it is not in the target folder: `fill` downloads into one folder and
/// unpacks into another.
fn fetched(
    checkout: &Checkout,
    package: &str,
    version: &str,
    fill: impl Fn([&str; 2], &Path, &Path) -> Result<()>,
) -> Result<PathBuf> {
    let folder = checkout.target().join("onnxruntime").join(format!("{package}-{version}"));
    if let Ok(library) = library_in(&folder) {
        return Ok(library);
    }
    let part = beside(&folder, "part");
    let downloads = beside(&folder, "download");
    for folder in [&downloads, &part] {
        // What an interrupted run left may be half a file.
        remove(folder)?;
        std::fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    }
    fill([package, version], &downloads, &part)?;
    replace(&folder, &part)?;
    remove(&downloads)?;
    library_in(&folder)
}

fn from_pip([package, version]: [&str; 2], downloads: &Path, part: &Path) -> Result<()> {
    Python::find()?.download(&format!("{package}=={version}"), downloads)?;
    for wheel in entries(downloads)? {
        let mut wheel = Archive::open(&wheel)?;
        for file in wheel.files()? {
            // Its providers lie beside it.
            if let Some(name) = name_of(&file.path).filter(|name| name.starts_with("libonnxruntime")) {
                wheel.extract(&file, &part.join(name), FILE_LIMIT)?;
            }
        }
    }
    Ok(())
}

fn from_npm([package, version]: [&str; 2], downloads: &Path, part: &Path) -> Result<()> {
    eprintln!("fetching {package} {version} with npm");
    let mut pack = Command::new("npm");
    run_unannounced(
        pack.args(["pack", "--silent", "--fetch-retries=1", "--fetch-timeout=60000", "--pack-destination"])
            .arg(downloads)
            .arg(format!("{package}@{version}")),
    )?;
    let depth = Path::new(OLDEST_FOLDER).components().count();
    for archive in entries(downloads)? {
        let mut unpack = Command::new("tar");
        unpack.arg("-xzf").arg(archive).arg(format!("--strip-components={depth}")).arg("-C").arg(part);
        run_unannounced(unpack.arg(OLDEST_FOLDER))?;
    }
    Ok(())
}

fn library_in(folder: &Path) -> Result<PathBuf> {
    match entries(folder)?.into_iter().find(|path| library_name(path).is_some()) {
        Some(path) => Ok(path),
        None => bail!("{}: expected libonnxruntime.so, found none", folder.display()),
    }
}

fn library_name(path: &Path) -> Option<&str> {
    name_of(path).filter(|name| name.starts_with("libonnxruntime.so"))
}

fn name_of(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}
