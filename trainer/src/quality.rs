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

const FOLDER: &str = ".mudra";

/// Where the measuring network of a data set is kept: in the data set's own folder, or with the runs where that can't be
/// written or the pictures are built in.
pub fn cache_folder(data: Option<&Path>, runs: &Path) -> PathBuf {
    data.filter(|folder| can_be_written(folder)).unwrap_or(runs).join(FOLDER)
}

/// Permissions don't tell: a mount may be read-only, and a folder another user's.
fn can_be_written(data: &Path) -> bool {
    let kept = data.join(FOLDER);
    let probe = if kept.is_dir() { kept } else { data.to_owned() }.join(format!(".probe.{}", std::process::id()));
    std::fs::write(&probe, []).and_then(|()| std::fs::remove_file(&probe)).is_ok()
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
