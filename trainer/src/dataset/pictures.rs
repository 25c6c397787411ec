//! Pixels in memory, or in a file that is mapped.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use memmap2::Mmap;
use tch::{Device, Kind, Tensor};

/// Decoded pictures, `[n, channels, size, size]`; a clone shares them.
#[derive(Clone)]
pub struct Pictures(Arc<Bytes>);

enum Bytes {
    Memory(Vec<u8>),
    /// The start of a file and the bytes that are pixels. Pages come from the file as they are read and go when memory is
    /// short.
    File(Mmap, usize),
}

impl Pictures {
    /// The first `bytes` of a mapped file, which must have that many.
    pub(super) fn mapped(file: Mmap, bytes: usize) -> Self {
        debug_assert!(bytes <= file.len());
        Self(Arc::new(Bytes::File(file, bytes)))
    }

    /// Whether they are in a file.
    pub fn is_mapped(&self) -> bool {
        matches!(*self.0, Bytes::File(..))
    }

    /// A tensor u8 `[n, channels, side, side]` over the same bytes: on `device`, but for mapped pictures, which stay in
    /// main memory's reach. Nothing is copied on the CPU; the pictures then live as long as the process.
    pub fn tensor(&self, channels: usize, side: usize, device: Device) -> Tensor {
        let shape = [channels as i64, side as i64, side as i64];
        let count = (self.len() / (channels * side * side)) as i64;
        let [channels, rows, columns] = shape;
        let strides = [channels * rows * columns, rows * columns, columns, 1];
        let bytes: &'static [u8] = Box::leak(Box::new(self.clone()));
        // SAFETY: the bytes are never freed, as the clone that owns them is leaked; no step writes into the pictures.
        let tensor = unsafe {
            Tensor::from_blob(bytes.as_ptr(), &[count, channels, rows, columns], &strides, Kind::Uint8, Device::Cpu)
        };
        if self.is_mapped() { tensor } else { tensor.to_device(device) }
    }
}

impl Deref for Pictures {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &*self.0 {
            Bytes::Memory(bytes) => bytes,
            Bytes::File(file, bytes) => &file[..*bytes],
        }
    }
}

impl From<Vec<u8>> for Pictures {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Bytes::Memory(bytes)))
    }
}

impl PartialEq for Pictures {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Pictures {}

impl fmt::Debug for Pictures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.is_mapped() { "mapped" } else { "in memory" };
        write!(formatter, "{} bytes {place}", self.len())
    }
}
