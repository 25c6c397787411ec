//! The C interface of edge-runtime, documented in `include/mudra.h`.
//!
//! A generator is a number that only looks like a pointer: it is looked up and never followed, so that one that is null,
//! made up or closed already is an error and not undefined behavior. No panic leaves a function.

mod error;
mod handle;

use std::ffi::{CStr, c_char, c_int};
use std::path::Path;
use std::slice;

use edge_runtime::{EngineSpec, Generator, Model};

use crate::error::CallError;
pub use crate::handle::MudraSize;
use crate::handle::{Handle, Opaque};

const OK: c_int = 0;
const FAILED: c_int = -1;

/// Version of the library.
#[unsafe(no_mangle)]
pub extern "C" fn mudra_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// What this thread's last failed call says; empty before the first one.
#[unsafe(no_mangle)]
pub extern "C" fn mudra_last_error() -> *const c_char {
    error::last()
}

/// Opens a model file; null on failure.
///
/// # Safety
/// `path` is null or ends with a 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mudra_open(path: *const c_char, threads: u32) -> *mut Opaque {
    let open = || {
        // SAFETY: as the caller promises.
        let named = unsafe { text("path", path) };
        let named = if path.is_null() { None } else { Some(named?) };
        let (model, _) = Model::find(named.map(Path::new))?;
        if threads > error::MOST_THREADS {
            return Err(CallError::Threads(threads));
        }
        let threads = usize::try_from(threads).ok().filter(|threads| *threads > 0);
        let generator = Generator::of(&model, &EngineSpec { threads, ..EngineSpec::default() })?;
        Ok(handle::register(Handle::new(generator)))
    };
    error::guard(open).unwrap_or(std::ptr::null_mut())
}

/// Closes a generator.
#[unsafe(no_mangle)]
pub extern "C" fn mudra_free(generator: *mut Opaque) {
    if !generator.is_null() {
        error::guard(|| handle::remove(generator));
    }
}

/// The number of labels; 0 on failure.
#[unsafe(no_mangle)]
pub extern "C" fn mudra_label_count(generator: *const Opaque) -> usize {
    error::guard(|| Ok(handle::find(generator)?.labels().len())).unwrap_or(0)
}

/// The name of a label, which lives as long as the generator; null on failure.
#[unsafe(no_mangle)]
pub extern "C" fn mudra_label_name(generator: *const Opaque, label: usize) -> *const c_char {
    let name = || {
        let handle = handle::find(generator)?;
        let labels = handle.labels();
        let name = labels.get(label).ok_or(CallError::Label { found: label, count: labels.len() })?;
        Ok(name.as_ptr())
    };
    error::guard(name).unwrap_or(std::ptr::null())
}

/// The size of every picture of a generator; zeros on failure.
#[unsafe(no_mangle)]
pub extern "C" fn mudra_size(generator: *const Opaque) -> MudraSize {
    let none = MudraSize { width: 0, height: 0, channels: 0 };
    error::guard(|| Ok(handle::find(generator)?.size())).unwrap_or(none)
}

/// Makes a picture in the caller's memory; 0, or -1 on failure.
///
/// # Safety
/// `levels` is null or `capacity` bytes that nothing else uses meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mudra_generate(
    generator: *mut Opaque,
    label: usize,
    seed: u64,
    index: u32,
    levels: *mut u8,
    capacity: usize,
) -> c_int {
    let generate = || {
        let handle = handle::find(generator)?;
        let size = handle.size();
        let needed = size.width as usize * size.height as usize * size.channels as usize;
        if levels.is_null() {
            return Err(CallError::Null("levels"));
        }
        if capacity < needed {
            return Err(CallError::Capacity { needed, found: capacity });
        }
        let frame = handle.generator()?.frame(label, seed, index)?;
        // SAFETY: it is not null, and the caller promises at least `needed` bytes that nothing else uses.
        let place = unsafe { slice::from_raw_parts_mut(levels, needed) };
        place.copy_from_slice(frame.picture.levels());
        Ok(OK)
    };
    error::guard(generate).unwrap_or(FAILED)
}

/// # Safety
/// `text` is null or ends with a 0, and stays as it is meanwhile.
unsafe fn text<'a>(name: &'static str, text: *const c_char) -> Result<&'a str, CallError> {
    if text.is_null() {
        return Err(CallError::Null(name));
    }
    // SAFETY: it is not null, and the caller promises the rest.
    unsafe { CStr::from_ptr(text) }.to_str().map_err(|_| CallError::Utf8(name))
}
