//! Open generators, by the number that C holds as a pointer, and the types that C sees.

use std::collections::HashMap;
use std::ffi::CString;
use std::ptr;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use edge_runtime::Generator;

use crate::error::CallError;

/// What C knows as `mudra_generator`; there is never one behind a pointer.
#[derive(Debug)]
#[repr(C)]
pub struct Opaque {
    _nothing: [u8; 0],
}

/// Width, height and channels of a picture.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MudraSize {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// 1 (gray) or 3 (RGB).
    pub channels: u32,
}

/// A generator and what of it C keeps pointers to.
pub(crate) struct Handle {
    generator: Mutex<Generator>,
    labels: Vec<CString>,
    size: MudraSize,
    /// Whose threads compute, where it has several.
    process: Option<u32>,
}

impl Handle {
    pub fn new(generator: Generator) -> Self {
        let metadata = generator.metadata();
        let side = metadata.architecture.image_size as u32;
        let size = MudraSize { width: side, height: side, channels: metadata.architecture.channels as u32 };
        // No label has control characters, so none has a 0.
        let labels = metadata.labels.names().iter().map(|name| CString::new(name.as_str()).unwrap_or_default());
        let process = (generator.opened().threads > 1).then(std::process::id);
        Self { labels: labels.collect(), size, generator: Mutex::new(generator), process }
    }

    pub fn labels(&self) -> &[CString] {
        &self.labels
    }

    pub fn size(&self) -> MudraSize {
        self.size
    }

    /// The generator, for one thread at a time.
    pub fn generator(&self) -> Result<MutexGuard<'_, Generator>, CallError> {
        // After a fork the threads that compute are not there, and would be waited for without end.
        if self.process.is_some_and(|process| process != std::process::id()) {
            return Err(CallError::Forked);
        }
        self.generator.lock().map_err(|_| CallError::Broken)
    }
}

#[derive(Default)]
struct Open {
    /// The last number given; none is given twice.
    last: usize,
    handles: HashMap<usize, Arc<Handle>>,
}

static OPEN: LazyLock<Mutex<Open>> = LazyLock::new(Mutex::default);

fn open() -> MutexGuard<'static, Open> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn register(handle: Handle) -> *mut Opaque {
    let mut open = open();
    open.last += 1;
    let number = open.last;
    open.handles.insert(number, Arc::new(handle));
    ptr::without_provenance_mut(number)
}

/// Stays open while a call uses it, even where another thread frees it.
pub(crate) fn find(generator: *const Opaque) -> Result<Arc<Handle>, CallError> {
    if generator.is_null() {
        return Err(CallError::Null("generator"));
    }
    open().handles.get(&generator.addr()).cloned().ok_or(CallError::Generator)
}

pub(crate) fn remove(generator: *mut Opaque) -> Result<(), CallError> {
    let removed = open().handles.remove(&generator.addr());
    // Its memory is given back outside of the lock.
    removed.map(drop).ok_or(CallError::Generator)
}
