//! Which model file to take.

use std::path::{Path, PathBuf};

use super::Model;
use crate::RuntimeError;

/// Name of a model file that is found by itself.
const FILE: &str = "gen.onnx";
/// What a built-in model is called instead of a path.
const BUILT_IN: &str = "the model built in";

#[cfg(feature = "embed")]
const EMBEDDED: Option<&[u8]> = Some(include_bytes!(env!("MUDRA_EMBEDDED")));
#[cfg(not(feature = "embed"))]
const EMBEDDED: Option<&[u8]> = None;

impl Model {
    /// The file that is named; else `gen.onnx` beside this binary, then `models/gen.onnx` in the working folder, then the
    /// model built in. Also tells where it came from.
    ///
    /// A model is built in with `--features embed`: models/gen.onnx of the repository, or the file that `MUDRA_EMBED` names
    /// when it is built.
    ///
    /// # Errors
    /// Those of [`Model::open`], or no model in any of these places.
    pub fn find(named: Option<&Path>) -> Result<(Self, String), RuntimeError> {
        let beside = std::env::current_exe().ok().and_then(|binary| Some(binary.parent()?.join(FILE)));
        let places: Vec<PathBuf> = beside.into_iter().chain([Path::new("models").join(FILE)]).collect();
        choose(named, &places, EMBEDDED)
    }
}

fn choose(
    named: Option<&Path>,
    places: &[PathBuf],
    embedded: Option<&'static [u8]>,
) -> Result<(Model, String), RuntimeError> {
    let found = named.or_else(|| places.iter().map(PathBuf::as_path).find(|place| place.is_file()));
    match (found, embedded) {
        (Some(path), _) => Ok((Model::open(path)?, path.display().to_string())),
        (None, Some(bytes)) => Ok((Model::from_bytes(bytes)?, BUILT_IN.to_owned())),
        (None, None) => {
            let tried: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
            Err(RuntimeError::NoModel { tried: tried.join(", ") })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where each choice leads is told by its error: none of these files is a model.
    #[test]
    fn a_named_file_wins_over_places_which_win_over_the_built_in_model() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["named", "second"] {
            std::fs::write(at(name), b"no model").expect("writable");
        }
        let places = [at("first"), at("second")];
        let message = |named: Option<&Path>, places: &[PathBuf], embedded: Option<&'static [u8]>| {
            choose(named, places, embedded).err().map(|error| error.to_string()).unwrap_or_default()
        };
        let named = at("named");
        assert_eq!(message(Some(&named), &places, Some(b"x")), format!("model {}", named.display()));
        assert_eq!(message(None, &places, Some(b"x")), format!("model {}", places[1].display()));
        assert_eq!(message(None, &places[..1], Some(b"x")), "not an ONNX file, or a damaged one");
        let none = message(None, &places[..1], None);
        assert!(none.contains(&places[0].display().to_string()) && none.contains("--model"), "{none}");
        let missing = message(Some(&at("missing")), &places, Some(b"x"));
        assert_eq!(missing, format!("read {}", at("missing").display()));
    }
}
