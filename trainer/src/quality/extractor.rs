//! A feature extractor of the user's own, as TorchScript: Inception for the standard FID, for example.

use std::path::{Path, PathBuf};

use edge_runtime::model::sha256_hex;
use tch::{CModule, Device, Kind, Tensor};

use crate::error::{IoContext, TrainError};
use crate::step::signed_from_u8;

const BATCH: i64 = 64;

/// A TorchScript module from f32 `[n, 3, side, side]` in [-1, 1] to `[n, d]`.
pub struct Extractor {
    module: CModule,
    path: PathBuf,
    /// SHA-256 of its file.
    pub sha256: String,
}

impl Extractor {
    /// Reads a module.
    ///
    /// # Errors
    /// A file that can't be read or is no TorchScript.
    pub fn open(path: &Path, device: Device) -> Result<Self, TrainError> {
        let bytes = std::fs::read(path).during("read", path)?;
        let mut module = CModule::load_data_on_device(&mut &bytes[..], device).map_err(|error| bad(path, &error))?;
        module.set_eval();
        Ok(Self { module, path: path.to_owned(), sha256: sha256_hex(&bytes) })
    }

    /// Features f32 `[n, d]` of pictures u8 `[n, channels, side, side]`; gray ones are given three equal channels.
    ///
    /// # Errors
    /// The module fails, or gives something else than a row of numbers a picture.
    pub fn features(&self, images: &Tensor) -> Result<Tensor, TrainError> {
        let _guard = tch::no_grad_guard();
        let mut parts = Vec::new();
        for part in images.split(BATCH, 0) {
            let size = part.size();
            let input = signed_from_u8(&part).expand([size[0], 3, size[2], size[3]], false);
            let output = self.module.forward_ts(&[input]).map_err(|error| bad(&self.path, &error))?;
            if output.dim() != 2 || output.size()[0] != size[0] {
                let problem = format!("expected features [{}, d], found {:?}", size[0], output.size());
                return Err(TrainError::BadFile { path: self.path.clone(), problem });
            }
            let output = output.to_kind(Kind::Float);
            if output.isfinite().all().int64_value(&[]) == 0 {
                let problem = "expected features that are numbers, found NaN or infinity".to_owned();
                return Err(TrainError::BadFile { path: self.path.clone(), problem });
            }
            parts.push(output);
        }
        Ok(Tensor::cat(&parts, 0))
    }
}

/// The first line of libtorch's message: the rest is a C++ stack.
fn bad(path: &Path, error: &tch::TchError) -> TrainError {
    let text = error.to_string();
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("libtorch gave no reason");
    TrainError::BadFile { path: path.to_owned(), problem: format!("TorchScript: {line}") }
}
