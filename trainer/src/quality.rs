//! How good generated pictures are: measured against the data set with networks that are fitted on it once, so that
//! nothing is downloaded.
//!
//! In reading order: [`holdout`] splits the pictures, [`classifier`] sees in them, [`distance`] and [`neighbors`] compare
//! what it sees, [`meter`] puts all of it into [`scores`], [`fakes`] come from a run, a model file or a folder, [`page`]
//! shows it all.

pub mod classifier;
pub mod distance;
pub mod extractor;
pub mod fakes;
pub mod holdout;
pub mod meter;
pub mod neighbors;
pub mod page;
pub mod scores;

use std::path::{Path, PathBuf};

use crate::atomic;

const FOLDER: &str = ".mudra";

/// Where the measuring network of a data set is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    /// Beside the data set, for reading, where it may be read-only.
    beside: Option<PathBuf>,
    /// Where it is written: beside the data set, or with the runs where that can't be written or the pictures are built in.
    pub folder: PathBuf,
}

impl Cache {
    /// That of a folder of pictures and a folder of runs.
    pub fn of(data: Option<&Path>, runs: &Path) -> Self {
        let folder = data.filter(|data| takes_files(data)).unwrap_or(runs).join(FOLDER);
        Self { beside: data.map(|folder| folder.join(FOLDER)), folder }
    }

    /// A file by its name, where it is or where it is to be written.
    pub fn file(&self, name: &str) -> PathBuf {
        let beside = self.beside.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
        beside.unwrap_or_else(|| self.folder.join(name))
    }
}

fn takes_files(data: &Path) -> bool {
    let kept = data.join(FOLDER);
    atomic::is_writable(if kept.is_dir() { &kept } else { data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_beside_data_that_can_not_be_written_is_read() {
        let [data, runs] = [(); 2].map(|()| tempfile::tempdir().expect("temporary folder"));
        let beside = data.path().join(FOLDER);
        let cache = Cache { beside: Some(beside.clone()), folder: runs.path().join(FOLDER) };
        assert_eq!(cache.file("network"), cache.folder.join("network"), "none there: to be written");
        std::fs::create_dir(&beside).expect("made");
        std::fs::write(beside.join("network"), "").expect("written");
        assert_eq!(cache.file("network"), beside.join("network"));
        assert_eq!(Cache::of(None, runs.path()).file("network"), cache.folder.join("network"));
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Sets of features for tests.

    use tch::{Kind, Tensor};

    use crate::device::{self, DeviceChoice};

    /// Normal numbers f32 `[n, d]` around `center`, the same for the same seed.
    pub fn cluster(seed: u64, n: i64, d: i64, center: f64) -> Tensor {
        let (device, _) = device::open(DeviceChoice::Cpu).expect("the CPU is always there");
        let numbers: Vec<f32> =
            (0..n as u32).flat_map(|row| model_spec::latent::latent(seed, row, d as usize)).collect();
        Tensor::from_slice(&numbers).view([n, d]).to_device(device) + center
    }

    /// The rows as plain numbers.
    pub fn rows(features: &Tensor) -> Vec<Vec<f64>> {
        let features = features.to_kind(Kind::Double);
        (0..features.size()[0]).map(|row| Vec::try_from(features.get(row)).expect("a row of numbers")).collect()
    }
}
