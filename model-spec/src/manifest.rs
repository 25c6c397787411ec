//! manifest.json: what a checkpoint folder holds and how it came to be.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Architecture, Labels, SpecError};

/// Version of this file format.
pub const SCHEMA_VERSION: u32 = 1;
/// The manifest's file name in a checkpoint folder.
pub const MANIFEST: &str = "manifest.json";
/// The weights to export.
pub const GENERATOR: &str = "generator.safetensors";
/// Latents, labels and the pictures that libtorch makes of them.
pub const REFERENCE: &str = "reference.safetensors";
/// All that training needs to go on.
pub const STATE: &str = "state.safetensors";

/// Lowest and highest value of the pictures that a network learns from and makes.
pub const PICTURE_RANGE: [f32; 2] = [-1.0, 1.0];

/// The folder of checkpoints in a run folder.
pub const CHECKPOINTS: &str = "checkpoints";

/// The score that orders checkpoints, lowest best: the kernel inception distance (arXiv 1801.01401).
pub const BEST_BY: &str = "kid";

/// Tensor names in [`REFERENCE`].
pub mod reference {
    /// f32 `[n, latent_dim]`
    pub const LATENT: &str = "latent";
    /// i64 `[n]`
    pub const LABEL: &str = "label";
    /// f32 `[n, channels, side, side]` in [-1, 1]
    pub const IMAGE: &str = "image";
    /// i64 `[n]`: seed of each latent; the index of each is 0
    pub const SEED: &str = "seed";
}

/// The data that a run trained on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSet {
    /// Folder name, or `rendered-hands` for the built-in pictures.
    pub name: String,
    /// SHA-256 over labels and decoded pictures, in hexadecimal.
    pub sha256: String,
    /// How many pictures.
    pub pictures: usize,
    /// Credit and licence, where the data set states them.
    pub licence: Option<String>,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Real pictures that the discriminator has seen.
    pub images: u64,
    /// Whole passes over the data.
    pub epochs: u64,
    /// Optimizer steps of each network.
    pub steps: u64,
}

/// The content of manifest.json.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// Both networks.
    pub architecture: Architecture,
    /// In label-index order.
    pub labels: Labels,
    /// [`PICTURE_RANGE`] of the writer.
    pub picture_range: [f32; 2],
    /// Recipe name.
    pub recipe: String,
    /// Seed of the run.
    pub seed: u64,
    /// What it trained on.
    pub data_set: DataSet,
    /// How far it came.
    pub progress: Progress,
    /// Losses and measured quality by name.
    pub scores: BTreeMap<String, f64>,
    /// SHA-256 of the network whose features the quality scores come from; scores of different ones can't be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<String>,
    /// SHA-256 of each other file in the folder, in hexadecimal.
    pub files: BTreeMap<String, String>,
}

impl Manifest {
    /// The number that [`BEST_BY`] names, where it was measured.
    pub fn score(&self) -> Option<f64> {
        self.scores.get(BEST_BY).copied().filter(|score| score.is_finite())
    }

    /// Reads `folder/manifest.json` alone, unchecked: hashing every checkpoint of a run to choose one would take long.
    ///
    /// # Errors
    /// An unreadable or malformed manifest, by its path.
    pub fn read(folder: &Path) -> Result<Self, SpecError> {
        let path = folder.join(MANIFEST);
        let text = read(&path)?;
        serde_json::from_slice(&text).map_err(|source| SpecError::Manifest { path, source })
    }

    /// Reads and checks `folder/manifest.json`, then every file that it lists against its SHA-256.
    ///
    /// `sha256_hex` hashes one file's bytes, so that this crate needs no hash of its own.
    ///
    /// # Errors
    /// An unreadable or malformed manifest, another schema version or picture range, an architecture outside the family, a file
    /// that is not in the folder itself, or one whose hash differs, by its path.
    pub fn open(folder: &Path, sha256_hex: impl Fn(&[u8]) -> String) -> Result<Self, SpecError> {
        let manifest = Self::read(folder)?;
        if manifest.schema_version != SCHEMA_VERSION {
            return Err(SpecError::SchemaVersion {
                what: MANIFEST,
                expected: SCHEMA_VERSION,
                found: manifest.schema_version,
            });
        }
        let refused = |part, expected: &str, found| {
            Err(SpecError::ManifestPart { path: folder.join(MANIFEST), part, expected: expected.to_owned(), found })
        };
        manifest.architecture.check()?;
        if manifest.picture_range != PICTURE_RANGE {
            let found = format!("{:?}", manifest.picture_range);
            return refused("picture_range", &format!("{PICTURE_RANGE:?}"), found);
        }
        if let Some(name) = manifest.files.keys().find(|name| !is_file_name(name)) {
            return refused("files", "names of files beside it", format!("{name:?}"));
        }
        for (name, expected) in &manifest.files {
            let path = folder.join(name);
            let found = sha256_hex(&read(&path)?);
            if found != *expected {
                return Err(SpecError::Sha256 { path, expected: expected.clone(), found });
            }
        }
        Ok(manifest)
    }
}

/// The number of a run folder: 3 of `runs/00003-rps-paired`.
pub fn run_number(run: &Path) -> Option<u32> {
    let (number, _) = run.file_name()?.to_str()?.split_once('-')?;
    number.parse().ok()
}

/// The checkpoint of a run to take: that of lowest [`BEST_BY`] among those that were measured by the same network as the
/// newest measured one, or else the newest.
pub fn best(checkpoints: &[(PathBuf, Manifest)]) -> Option<&(PathBuf, Manifest)> {
    let images = |checkpoint: &&(PathBuf, Manifest)| checkpoint.1.progress.images;
    let scored = || checkpoints.iter().filter_map(|found| Some((found.1.score()?, found)));
    let Some((_, newest)) = scored().max_by_key(|(_, found)| images(found)) else {
        return checkpoints.iter().max_by_key(images);
    };
    let comparable = scored().filter(|(_, found)| found.1.features == newest.1.features);
    comparable.min_by(|left, right| left.0.total_cmp(&right.0)).map(|(_, found)| found)
}

/// Whether a name leads to no other folder.
fn is_file_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None))
}

/// A device or a pipe may have no end.
fn read(path: &Path) -> Result<Vec<u8>, SpecError> {
    let bytes = std::fs::metadata(path).and_then(|about| match about.is_file() {
        true => std::fs::read(path),
        false => Err(std::io::Error::other("not a regular file")),
    });
    bytes.map_err(|source| SpecError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(name: &str, images: u64, scored: Option<(f64, &str)>) -> (PathBuf, Manifest) {
        let manifest = Manifest {
            schema_version: SCHEMA_VERSION,
            architecture: Architecture::reference(32, 3).expect("in range"),
            labels: Labels::new(["down", "up"].map(str::to_owned).to_vec()).expect("two labels"),
            picture_range: PICTURE_RANGE,
            recipe: "paired".to_owned(),
            seed: 1,
            data_set: DataSet { name: "d".to_owned(), sha256: String::new(), pictures: 2, licence: None },
            progress: Progress { images, ..Progress::default() },
            scores: scored.map(|(score, _)| (BEST_BY.to_owned(), score)).into_iter().collect(),
            features: scored.map(|(_, network)| network.to_owned()),
            files: BTreeMap::new(),
        };
        (PathBuf::from(name), manifest)
    }

    #[test]
    fn the_best_checkpoint_is_chosen_among_comparable_scores() {
        let name = |checkpoints: &[(PathBuf, Manifest)]| best(checkpoints).map(|(path, _)| path.display().to_string());
        assert_eq!(name(&[]), None);
        let plain = [checkpoint("first", 1, None), checkpoint("second", 2, None)];
        assert_eq!(name(&plain).as_deref(), Some("second"), "without scores the newest");
        let measured = [
            checkpoint("elsewhere", 1, Some((0.1, "another network"))),
            checkpoint("good", 2, Some((0.2, "this network"))),
            checkpoint("worse", 3, Some((0.3, "this network"))),
            checkpoint("no number", 4, Some((f64::NAN, "this network"))),
            checkpoint("not measured", 5, None),
        ];
        assert_eq!(name(&measured).as_deref(), Some("good"));
    }

    #[test]
    fn a_run_is_numbered_by_its_name() {
        assert_eq!(run_number(Path::new("runs/00041-rps-paired")), Some(41));
        assert_eq!([run_number(Path::new("runs/best")), run_number(Path::new("notes-9"))], [None, None]);
    }
}
