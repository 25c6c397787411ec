//! Feature `embed`: finds the model file that is built into the binary.

use std::env;
use std::path::{Path, PathBuf};
use std::process::exit;

/// Names the model file, absolute or from the root of the repository.
const VARIABLE: &str = "MUDRA_EMBED";
const DEFAULT: &str = "models/gen.onnx";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_EMBED").is_none() {
        return;
    }
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let named = env::var_os(VARIABLE).filter(|name| !name.is_empty()).unwrap_or_else(|| DEFAULT.into());
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let path = package.parent().unwrap_or(&package).join(named);
    println!("cargo::rerun-if-changed={}", path.display());
    if let Some(problem) = problem(&path) {
        println!(
            "cargo::error=feature embed: {}: {problem}; name a model with {VARIABLE}=/path/to/gen.onnx, or export one: \
             cargo run -p exporter -- --out {DEFAULT}",
            path.display()
        );
        exit(1);
    }
    println!("cargo::rustc-env=MUDRA_EMBEDDED={}", path.display());
}

/// Why a file can't be built in. Whether it is a model of the contract is told when it is opened.
fn problem(path: &Path) -> Option<String> {
    match path.metadata() {
        Err(error) => Some(error.to_string()),
        Ok(about) if !about.is_file() => Some("expected a file".to_owned()),
        Ok(about) if about.len() == 0 => Some("expected a model, found an empty file".to_owned()),
        Ok(_) => None,
    }
}
