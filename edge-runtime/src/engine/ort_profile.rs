//! Which provider ran each node, read from the profile that ONNX Runtime writes of a run: every version does so, and it
//! tells what ran, not what was planned.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Read, Result};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use super::Placement;

/// Folders of processes of the same number that were left behind, at most.
const MOST_FOLDERS: u32 = 1000;
/// The most bytes of a profile that are read; one of a run of this family has about 20,000.
const MAX_BYTES: u64 = 1 << 24;

/// A folder of its own for one profile, removed with it.
pub(super) struct Profile {
    folder: PathBuf,
}

impl Profile {
    /// Makes the folder.
    pub fn create() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let folder = std::env::temp_dir().join(format!("edge-runtime-{}-{count}", std::process::id()));
            match std::fs::create_dir(&folder) {
                // Not ours: in containers a number of a process comes again.
                Err(error) if error.kind() == ErrorKind::AlreadyExists && count < MOST_FOLDERS => {}
                made => return made.map(|()| Self { folder }),
            }
        }
    }

    /// What the profile's name starts with.
    pub fn prefix(&self) -> PathBuf {
        self.folder.join("profile")
    }

    /// Reads the profile that a session has written.
    pub fn placement(&self, file: &str) -> Result<Vec<Placement>> {
        if Path::new(file).parent() != Some(&self.folder) {
            return Err(Error::new(ErrorKind::NotFound, format!("the profile went to {file:?}")));
        }
        let mut text = String::new();
        std::fs::File::open(file)?.take(MAX_BYTES).read_to_string(&mut text)?;
        placement(&text)
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        // Nothing more can be done about a temporary folder that doesn't go away.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The events that name a provider, each node once.
fn placement(text: &str) -> Result<Vec<Placement>> {
    let events: Vec<Value> = serde_json::from_str(text)?;
    let mut placed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for event in &events {
        let (name, arguments) = (event["name"].as_str(), &event["args"]);
        let Some(provider) = arguments["provider"].as_str().filter(|provider| !provider.is_empty()) else { continue };
        let name = name.unwrap_or_default();
        let node = format!(
            "{} ({})",
            name.strip_suffix("_kernel_time").unwrap_or(name),
            arguments["op_name"].as_str().unwrap_or("?")
        );
        let nodes = placed.entry(short(provider)).or_default();
        if !nodes.contains(&node) {
            nodes.push(node);
        }
    }
    if placed.is_empty() {
        return Err(Error::new(ErrorKind::InvalidData, "the profile names no provider"));
    }
    Ok(placed.into_iter().map(|(provider, nodes)| Placement { provider, nodes }).collect())
}

/// `CUDAExecutionProvider` is `cuda`.
fn short(provider: &str) -> String {
    provider.strip_suffix("ExecutionProvider").unwrap_or(provider).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_listed_once_under_the_provider_that_ran_them() {
        let text = r#"[
            {"cat":"Session","name":"session_initialization","args":{}},
            {"cat":"Node","name":"stem_kernel_time","args":{"provider":"CUDAExecutionProvider","op_name":"Concat"}},
            {"cat":"Node","name":"stem_kernel_time","args":{"provider":"CUDAExecutionProvider","op_name":"Concat"}},
            {"cat":"Node","name":"tanh_kernel_time","args":{"provider":"CUDAExecutionProvider","op_name":"Tanh"}},
            {"cat":"Node","name":"label.row_kernel_time","args":{"provider":"CPUExecutionProvider","op_name":"Gather"}}
        ]"#;
        let placed = placement(text).expect("a profile");
        let found: Vec<String> = placed.iter().map(Placement::text).collect();
        assert_eq!(found, ["cpu ran 1 node: label.row (Gather)", "cuda ran 2 nodes: stem (Concat), tanh (Tanh)"]);
    }

    #[test]
    fn what_is_no_profile_is_an_error() {
        for text in ["", "{}", "[]", "[1, null]", r#"[{"name":3,"args":{"provider":7}}]"#] {
            assert!(placement(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_folder_goes_with_the_profile() {
        let profile = Profile::create().expect("a temporary folder");
        let folder = profile.folder.clone();
        std::fs::write(profile.prefix(), "x").expect("writable");
        assert!(profile.placement("/elsewhere/profile.json").is_err());
        drop(profile);
        assert!(!folder.exists());
    }
}
