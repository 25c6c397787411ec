//! Where TensorRT keeps what it prepared, so that it does so once for a model, a library and a device.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use crate::Model;
use crate::model::sha256_hex;
use crate::output::OutputFile;

/// Says that the preparation went to its end, and what it made.
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

    /// Makes the folder, of which TensorRT would make the last part only, and waits for whoever prepares in it: until the
    /// answer is dropped nobody else does. What a preparation left that didn't go to its end is removed first: TensorRT doesn't
    /// start with a file that it wrote in part, as when the power failed, and doesn't write it anew.
    ///
    /// # Errors
    /// A place that can't be written or locked.
    pub fn claim(&self) -> io::Result<fs::File> {
        let path = self.lock();
        let lock = loop {
            fs::create_dir_all(self.folder.parent().unwrap_or(Path::new("")))?;
            let lock = fs::File::create(&path)?;
            lock.lock()?;
            // Whoever had it may have taken all back.
            if path.exists() {
                break lock;
            }
        };
        self.remove_unprepared();
        fs::create_dir_all(&self.folder)?;
        Ok(lock)
    }

    /// Leaves nothing of a preparation that failed; for whoever has claimed the folder.
    pub fn take_back(&self) {
        self.remove_unprepared();
        _ = fs::remove_file(self.lock());
        // Only empty ones; above these two are folders of others.
        _ = self.folder.ancestors().skip(1).take(2).try_for_each(fs::remove_dir);
    }

    fn remove_unprepared(&self) {
        if !self.is_prepared() {
            _ = fs::remove_dir_all(&self.folder);
        }
    }

    fn lock(&self) -> PathBuf {
        self.folder.with_extension("lock")
    }

    /// Whether all is in the folder as it was, made by the TensorRT that is still there.
    pub fn is_prepared(&self) -> bool {
        let text = fs::read_to_string(self.folder.join(MARK)).unwrap_or_default();
        text.strip_prefix(&self.about).is_some_and(|made| made.lines().all(is_still_there))
    }

    /// Notes what is in the folder when all is.
    pub fn mark(&self) -> io::Result<()> {
        self.mark_made_by(&loaded())
    }

    fn mark_made_by(&self, libraries: &[PathBuf]) -> io::Result<()> {
        let mut engines: Vec<PathBuf> = fs::read_dir(&self.folder)?
            .map(|entry| Ok(entry?.path()))
            .filter(|path| !path.as_ref().is_ok_and(|path| path.ends_with(MARK)))
            .collect::<io::Result<_>>()?;
        if engines.is_empty() {
            return Err(io::Error::other("TensorRT wrote no engine"));
        }
        engines.sort();
        for engine in &engines {
            // Before the mark that vouches for it.
            fs::File::open(engine)?.sync_all()?;
        }
        let made_by = libraries.iter().filter_map(|path| line("TensorRT", path));
        let made = engines.iter().filter_map(|path| line("engine", path));
        let lines: String = made_by.chain(made).map(|line| line + "\n").collect();
        let text = format!("{}{lines}", self.about);
        let mark = OutputFile::create(&self.folder.join(MARK)).and_then(|file| file.commit_synced(text.as_bytes()));
        mark.map_err(io::Error::other)
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

/// A file, so that it isn't taken for another one that came in its place, or for a part of it.
fn line(what: &str, path: &Path) -> Option<String> {
    Some(format!("{what} {} bytes {}", fs::metadata(path).ok()?.len(), path.display()))
}

fn is_still_there(noted: &str) -> bool {
    let mut parts = noted.splitn(4, ' ');
    let (what, path) = (parts.next(), parts.nth(2).map(Path::new));
    what.zip(path).and_then(|(what, path)| line(what, path)).is_some_and(|line| line == noted)
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
        assert!(!cache.is_prepared() && cache.mark().is_err() && !cache.is_prepared(), "there is nothing in it");
        let claimed = cache.claim().expect("writable");
        let engine = cache.folder().join("network.engine");
        fs::write(&engine, "an engine").expect("writable");
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

        cache.mark_made_by(&[]).expect("writable");
        cache.mark_made_by(&[]).expect("the mark doesn't vouch for itself");
        assert!(cache.is_prepared());
        drop(claimed);
        drop(cache.claim().expect("free"));
        assert!(cache.is_prepared() && engine.is_file(), "what is whole stays");
        fs::write(&engine, "an eng").expect("writable");
        assert!(!cache.is_prepared(), "cut off");
        drop(cache.claim().expect("free"));
        assert!(!engine.exists(), "nothing is left that TensorRT would stumble over");
    }

    #[test]
    fn one_prepares_at_a_time_and_what_failed_is_taken_back() {
        let base = tempfile::tempdir().expect("a folder");
        let [first, other] = ["a", "b"].map(|model| Cache::in_folder(base.path(), &[model, "1", "Orin", "f32"]));
        let claimed = first.claim().expect("writable");
        let lock = fs::File::open(first.lock()).expect("there");
        assert!(matches!(lock.try_lock(), Err(fs::TryLockError::WouldBlock)));
        drop(other.claim().expect("another model's"));
        fs::write(first.folder().join("engine"), "half an eng").expect("writable");
        first.take_back();
        assert!(!first.folder().exists() && !first.lock().exists() && other.folder().exists());
        drop(claimed);
        lock.try_lock().expect("free again");
        other.take_back();
        assert!(base.path().read_dir().expect("there").next().is_none());
    }

    #[test]
    fn a_device_is_one_line() {
        assert!(!device().contains('\n') && !device().is_empty());
    }
}
