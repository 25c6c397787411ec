//! Tensors to and from safetensors files: the only place that moves tensors between devices and files.

use std::borrow::Cow;
use std::path::Path;

use safetensors::{Dtype, SafeTensors, View};
use tch::{Device, Kind, Tensor};

use crate::error::{IoContext, TrainError};

/// Writes named tensors (f32, i64 or u8) to `path` and syncs the file.
///
/// # Errors
/// The file can't be written.
pub fn write<'a>(path: &Path, tensors: impl IntoIterator<Item = (String, &'a Tensor)>) -> Result<(), TrainError> {
    let views: Vec<_> = tensors.into_iter().map(|(name, tensor)| (name, HostTensor::from_tensor(tensor))).collect();
    let bytes = safetensors::serialize(views, None)
        .map_err(|error| TrainError::BadFile { path: path.to_owned(), problem: error.to_string() })?;
    std::fs::write(path, bytes).during("write", path)?;
    std::fs::File::open(path).and_then(|file| file.sync_all()).during("sync", path)
}

/// The bytes of a safetensors file, and its tensors by name.
pub struct Reader<'a> {
    path: &'a Path,
    tensors: SafeTensors<'a>,
}

impl<'a> Reader<'a> {
    /// Checks the header of `bytes`, the content of `path`.
    ///
    /// # Errors
    /// Anything that is no safetensors file.
    pub fn new(path: &'a Path, bytes: &'a [u8]) -> Result<Self, TrainError> {
        let tensors = SafeTensors::deserialize(bytes)
            .map_err(|error| TrainError::BadFile { path: path.to_owned(), problem: error.to_string() })?;
        Ok(Self { path, tensors })
    }

    /// Copies the tensor of a name over `target`, which keeps its device, layout and sharing.
    ///
    /// # Errors
    /// A missing tensor, another type or another shape.
    pub fn copy_to(&self, name: &str, target: &Tensor) -> Result<(), TrainError> {
        let shape = target.size();
        let found = self.tensor(name, target.kind(), Some(&shape))?;
        tch::no_grad(|| target.shallow_clone().copy_(&found));
        Ok(())
    }

    /// The numbers of a one-dimensional f32 tensor.
    ///
    /// # Errors
    /// A missing tensor, another type or more dimensions.
    pub fn numbers(&self, name: &str) -> Result<Vec<f32>, TrainError> {
        let found = self.tensor(name, Kind::Float, None)?;
        Vec::try_from(&found)
            .map_err(|error: tch::TchError| self.bad(name, "one dimension of f32".into(), error.to_string()))
    }

    fn tensor(&self, name: &str, kind: Kind, shape: Option<&[i64]>) -> Result<Tensor, TrainError> {
        let expected = || match shape {
            Some(shape) => format!("{kind:?} {shape:?}"),
            None => format!("{kind:?}"),
        };
        let view =
            self.tensors.tensor(name).map_err(|_| self.bad(name, expected(), "no tensor of this name".into()))?;
        let found_shape: Vec<i64> = view.shape().iter().map(|size| *size as i64).collect();
        let found_kind = match view.dtype() {
            Dtype::F32 => Some(Kind::Float),
            Dtype::I64 => Some(Kind::Int64),
            Dtype::U8 => Some(Kind::Uint8),
            _ => None,
        };
        if found_kind != Some(kind) || shape.is_some_and(|shape| shape != found_shape) {
            return Err(self.bad(name, expected(), format!("{:?} {found_shape:?}", view.dtype())));
        }
        Ok(Tensor::from_data_size(view.data(), &found_shape, kind))
    }

    fn bad(&self, name: &str, expected: String, found: String) -> TrainError {
        TrainError::BadTensor { path: self.path.to_owned(), name: name.to_owned(), expected, found }
    }
}

struct HostTensor {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl HostTensor {
    fn from_tensor(tensor: &Tensor) -> Self {
        let host = tensor.detach().to_device(Device::Cpu).contiguous();
        let (dtype, width, host) = match host.kind() {
            Kind::Int64 => (Dtype::I64, 8, host),
            Kind::Uint8 => (Dtype::U8, 1, host),
            _ => (Dtype::F32, 4, host.to_kind(Kind::Float)),
        };
        let mut bytes = vec![0; host.numel() * width];
        host.copy_data_u8(&mut bytes, host.numel());
        Self { dtype, shape: host.size().iter().map(|size| *size as usize).collect(), bytes }
    }
}

impl View for HostTensor {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}
