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

/// Where the measuring network of a data set is kept: in the data set's own folder, or with the runs where that is
/// read-only or the pictures are built in.
pub fn cache_folder(data: Option<&Path>, runs: &Path) -> PathBuf {
    let is_writable = |folder: &&Path| folder.metadata().is_ok_and(|found| !found.permissions().readonly());
    data.filter(is_writable).unwrap_or(runs).join(".mudra")
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
