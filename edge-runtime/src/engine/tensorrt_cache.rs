//! Where TensorRT keeps what it prepared, so that it does so once for a model, a library and a device.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use crate::Model;
use crate::model::sha256_hex;

/// Says that the preparation went to its end; what it says is for people.
const MARK: &str = "prepared.txt";

/// The folder for one model on one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cache {
    folder: PathBuf,
    about: String,
}

impl Cache {
    /// None without a place for caches. `precision` names what is less exact than f32.
    pub fn of(model: &Model, library: &str, precision: &str) -> Option<Self> {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")))?;
        Some(Self::in_folder(&base, &[model.sha256(), library, &device(), precision]))
    }

    fn in_folder(base: &Path, key: &[&str; 4]) -> Self {
        let [model, library, device, precision] = key;
        let about = format!("model {model}\nONNX Runtime {library}\ndevice {device}\nprecision f32{precision}\n");
        let name = &sha256_hex(about.as_bytes())[..32];
        Self { folder: base.join("edge-runtime").join("tensorrt").join(name), about }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes the folder, of which TensorRT would make the last part only.
    pub fn create(&self) -> io::Result<()> {
        fs::create_dir_all(&self.folder)
    }

    /// Takes back what [`Self::create`] made, as far as nothing came into it.
    pub fn remove_empty(&self) {
        // Only an empty folder can be removed in this way; above these three are folders of others.
        _ = self.folder.ancestors().take(3).try_for_each(fs::remove_dir);
    }

    /// Whether all is in the folder, made by the TensorRT that is still there.
    pub fn is_prepared(&self) -> bool {
        let text = fs::read_to_string(self.folder.join(MARK)).unwrap_or_default();
        text.strip_prefix(&self.about).is_some_and(|made_by| made_by.lines().all(is_still_there))
    }

    /// Notes that all is in the folder.
    pub fn mark(&self) -> io::Result<()> {
        self.mark_made_by(&loaded())
    }

    fn mark_made_by(&self, libraries: &[PathBuf]) -> io::Result<()> {
        self.create()?;
        let part = self.folder.join(format!(".{MARK}.part"));
        let made_by: String = libraries.iter().filter_map(|path| line(path)).map(|line| line + "\n").collect();
        fs::write(&part, format!("{}{made_by}", self.about))?;
        fs::rename(part, self.folder.join(MARK))
    }
}

/// The libraries of TensorRT in this process.
fn loaded() -> Vec<PathBuf> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let places = maps.lines().filter_map(|line| line.find('/').map(|start| &line[start..]));
    let is_builder = |path: &&str| path.rsplit('/').next().is_some_and(|name| name.starts_with("libnvinfer.so"));
    let mut paths: Vec<PathBuf> = places.filter(is_builder).map(PathBuf::from).collect();
    paths.dedup();
    paths
}

/// A library, so that it isn't taken for another one that was installed in its place.
fn line(path: &Path) -> Option<String> {
    Some(format!("TensorRT {} bytes {}", fs::metadata(path).ok()?.len(), path.display()))
}

fn is_still_there(made_by: &str) -> bool {
    let path = made_by.splitn(4, ' ').nth(3).map(Path::new);
    path.and_then(line).is_some_and(|line| line == made_by)
}

/// What an engine of TensorRT depends on beside the model: GPU and driver, or the Jetson and its release.
fn device() -> String {
    let mut parts = Vec::new();
    for path in ["/proc/device-tree/model", "/etc/nv_tegra_release", "/proc/driver/nvidia/version"] {
        parts.extend(first_line(Path::new(path)));
    }
    let mut gpus: Vec<PathBuf> =
        fs::read_dir("/proc/driver/nvidia/gpus").into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    gpus.sort();
    parts.extend(gpus.iter().filter_map(|gpu| first_line(&gpu.join("information"))));
    if parts.is_empty() { "unknown".to_owned() } else { parts.join("; ") }
}

fn first_line(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    text.lines().next().map(|line| line.chars().map(plain).collect::<String>().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_the_key_makes_another_folder_which_is_prepared_once_marked() {
        let base = tempfile::tempdir().expect("a folder");
        let key = ["model", "1.20.0", "Orin", "f32"];
        let cache = Cache::in_folder(base.path(), &key);
        assert!(!cache.is_prepared());
        cache.mark().expect("writable");
        assert!(cache.is_prepared() && Cache::in_folder(base.path(), &key) == cache);
        for part in 0..key.len() {
            let mut other = key;
            other[part] = "another";
            let other = Cache::in_folder(base.path(), &other);
            assert!(other.folder() != cache.folder() && !other.is_prepared(), "{part}");
        }
        let library = base.path().join("libnvinfer.so.10");
        fs::write(&library, "one version").expect("writable");
        cache.mark_made_by(std::slice::from_ref(&library)).expect("writable");
        assert!(cache.is_prepared());
        fs::write(&library, "another version").expect("writable");
        assert!(!cache.is_prepared());
        fs::write(cache.folder().join(MARK), "something else").expect("writable");
        assert!(!cache.is_prepared());
    }

    #[test]
    fn a_folder_that_stayed_empty_is_taken_back_and_another_is_kept() {
        let base = tempfile::tempdir().expect("a folder");
        let [first, second] = ["a", "b"].map(|model| Cache::in_folder(base.path(), &[model, "1", "Orin", "f32"]));
        first.remove_empty();
        first.create().expect("writable");
        second.create().expect("writable");
        fs::write(second.folder().join("engine"), "prepared in part").expect("writable");
        first.remove_empty();
        second.remove_empty();
        assert!(!first.folder().exists() && second.folder().join("engine").exists());
        fs::remove_file(second.folder().join("engine")).expect("there");
        second.remove_empty();
        assert!(base.path().read_dir().expect("there").next().is_none());
    }

    #[test]
    fn a_device_is_one_line() {
        assert!(!device().contains('\n') && !device().is_empty());
    }
}
