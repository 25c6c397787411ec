//! Where things lie in the checkout.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The root of the workspace that this run is about.
#[derive(Debug, Clone)]
pub struct Checkout {
    root: PathBuf,
}

impl Checkout {
    /// The checkout that cargo runs us from, else the one around the current folder.
    pub fn find() -> Result<Self> {
        let here = env::current_dir().context("find the current folder")?;
        let from_cargo = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let starts = from_cargo.iter().chain([&here]);
        let root = starts.flat_map(|start| start.ancestors()).find(|folder| is_root(folder));
        let root = root.with_context(|| format!("no Mudra checkout around {}", here.display()))?;
        Ok(Self { root: root.to_owned() })
    }

    /// A checkout at a known place.
    #[cfg(test)]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The root folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A file or folder by its path from the root.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The folder that `cargo xtask setup` fills.
    pub fn libtorch(&self) -> PathBuf {
        self.path("libtorch")
    }

    /// Where LIBTORCH points to until then.
    pub fn before_setup(&self) -> PathBuf {
        self.path(".cargo/before-setup")
    }

    /// Cargo's target folder.
    pub fn target(&self) -> PathBuf {
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.path("target"), |folder| self.root.join(folder))
    }

    /// A path as a reader at the root would type it.
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// The LIBTORCH that the user has set: not one of the two that .cargo/config.toml sets.
    pub fn own_libtorch(&self) -> Option<PathBuf> {
        self.own_libtorch_among(env::var_os("LIBTORCH").map(PathBuf::from))
    }

    fn own_libtorch_among(&self, set: Option<PathBuf>) -> Option<PathBuf> {
        let set = set.filter(|path| !path.as_os_str().is_empty())?;
        let same = |ours: PathBuf| {
            set == ours || matches!((set.canonicalize(), ours.canonicalize()), (Ok(left), Ok(right)) if left == right)
        };
        (!same(self.libtorch()) && !same(self.before_setup())).then_some(set)
    }
}

fn is_root(folder: &Path) -> bool {
    folder.join("xtask/Cargo.toml").is_file() && folder.join("trainer/Cargo.toml").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_libtorch_of_the_user_is_told_from_the_two_of_the_cargo_configuration() {
        let checkout = Checkout::at(Path::new("/checkout"));
        struct Case(Option<&'static str>, Option<&'static str>);
        let cases = [
            Case(None, None),
            Case(Some(""), None),
            Case(Some("/checkout/libtorch"), None),
            Case(Some("/checkout/.cargo/before-setup"), None),
            Case(Some("/opt/libtorch"), Some("/opt/libtorch")),
        ];
        for Case(set, expected) in cases {
            let found = checkout.own_libtorch_among(set.map(PathBuf::from));
            assert_eq!(found, expected.map(PathBuf::from), "{set:?}");
        }
    }

    #[test]
    fn the_checkout_is_found_from_a_folder_inside() {
        let found = Checkout::find().expect("tests run inside the checkout");
        assert!(found.path("xtask/src/checkout.rs").is_file());
        assert_eq!(found.shown(&found.path("models/gen.onnx")), "models/gen.onnx");
    }
}
