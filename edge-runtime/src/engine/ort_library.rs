//! Finds and loads the ONNX Runtime library.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;

use crate::RuntimeError;

/// Names the library where no flag does.
const VARIABLE: &str = "ORT_DYLIB_PATH";

/// A loaded library.
#[derive(Clone)]
pub(super) struct Library {
    pub environment: Environment,
    pub version: String,
    pub path: PathBuf,
}

impl Library {
    /// Whether CUDA can be told about TF32: a library that doesn't know the option refuses it.
    ///
    /// Source: microsoft/onnxruntime, pull request 19357, after 1.17.
    pub fn takes_tf32(&self) -> bool {
        self.version.strip_prefix("1.17.").is_none()
    }
}

/// A process can hold one environment only, so the first library stays.
static LOADED: Mutex<Option<Library>> = Mutex::new(None);

/// Loads the library that is named by `wanted`, else by [`VARIABLE`], else the first one in a well-known place.
pub(super) fn load(wanted: Option<&Path>) -> Result<Library, RuntimeError> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let named = wanted.map(Path::to_owned).or_else(|| set(VARIABLE));
    if let Some(library) = &*loaded {
        return match named {
            Some(other) if other != library.path => Err(RuntimeError::OrtLibrary {
                tried: format!("\n  {}: {} is loaded already", other.display(), library.path.display()),
            }),
            _ => Ok(library.clone()),
        };
    }
    let candidates = named.map_or_else(well_known, |path| vec![path]);
    let mut tried = String::new();
    for path in candidates {
        match try_load(&path) {
            Ok(library) => return Ok(loaded.insert(library).clone()),
            Err(problem) => tried.push_str(&format!("\n  {}: {problem}", path.display())),
        }
    }
    Err(RuntimeError::OrtLibrary { tried })
}

fn try_load(path: &Path) -> Result<Library, String> {
    if !path.exists() {
        return Err("no such file".to_owned());
    }
    // A relative path would be taken as relative to the binary.
    let absolute = path.canonicalize().map_err(|error| error.to_string())?;
    let builder = ort::init_from(&absolute).map_err(|error| error.to_string())?;
    let environment = builder.with_telemetry(false).build().map_err(|error| error.to_string())?;
    Ok(Library { environment, version: version(&absolute), path: path.to_owned() })
}

/// The version in the file's name, `libonnxruntime.so.1.24.4`, else the branch that the library was built from.
fn version(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    version_in(&name).or_else(|| version_in(ort::info())).unwrap_or_else(|| "of unknown version".to_owned())
}

fn version_in(text: &str) -> Option<String> {
    let parts = text.split(|c: char| !c.is_ascii_digit() && c != '.').map(|part| part.trim_matches('.'));
    parts.filter(|part| part.matches('.').count() == 2).map(str::to_owned).next()
}

/// Beside this binary, then Python environments, then the system's own folders.
fn well_known() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        env::current_exe().ok().and_then(|path| path.parent().map(Path::to_owned)).into_iter().collect();
    let environments = [set("VIRTUAL_ENV"), set("CONDA_PREFIX"), set("HOME").map(|home| home.join(".local"))];
    let prefixes = environments.into_iter().flatten().chain(["/usr/local".into(), "/usr".into()]);
    for prefix in prefixes {
        folders.push(prefix.join("Lib/site-packages/onnxruntime/capi"));
        for python in entries(&prefix.join("lib"), |name| name.starts_with("python3")) {
            folders.extend(["site-packages", "dist-packages"].map(|kind| python.join(kind).join("onnxruntime/capi")));
        }
    }
    let multiarch = format!("/usr/lib/{}-linux-gnu", env::consts::ARCH);
    folders.extend(
        ["/usr/local/lib", "/usr/lib", &multiarch, "/opt/onnxruntime/lib", "/opt/homebrew/lib"].map(PathBuf::from),
    );
    let found: Vec<PathBuf> = folders.iter().flat_map(|folder| entries(folder, is_library)).collect();
    // With nothing found the error still says where a library would have been taken from.
    let places = || {
        folders
            .iter()
            .map(|folder| folder.join(env::consts::DLL_PREFIX.to_owned() + "onnxruntime" + env::consts::DLL_SUFFIX))
    };
    if found.is_empty() { places().collect() } else { found }
}

fn is_library(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(env::consts::DLL_PREFIX).and_then(|rest| rest.strip_prefix("onnxruntime"))
    else {
        return false;
    };
    rest.starts_with(env::consts::DLL_SUFFIX) || (rest.starts_with('.') && rest.ends_with(env::consts::DLL_SUFFIX))
}

fn entries(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> =
        names.filter(|path| path.file_name().is_some_and(|name| wanted(&name.to_string_lossy()))).collect();
    paths.sort();
    paths
}

fn set(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_file_names_and_build_texts() {
        struct Case(&'static str, Option<&'static str>);
        let cases = [
            Case("libonnxruntime.so.1.24.4", Some("1.24.4")),
            Case("libonnxruntime.1.31.1.dylib", Some("1.31.1")),
            Case("libonnxruntime.so.1", None),
            Case("onnxruntime.dll", None),
            Case("ORT Build Info: git-branch=rel-1.19.0, git-commit-id=26250ae", Some("1.19.0")),
        ];
        for Case(text, expected) in cases {
            assert_eq!(version_in(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn provider_libraries_are_not_taken_for_the_runtime() {
        let named = |middle: &str| format!("{}onnxruntime{middle}{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
        assert!(is_library(&named("")));
        assert!(!is_library(&named("_providers_shared")));
        assert!(!is_library("onnxruntime_pybind11_state.so"));
    }
}
