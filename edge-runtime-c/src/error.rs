//! What can go wrong in a call, and how it is told to C.

use std::any::Any;
use std::cell::RefCell;
use std::error::Error;
use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use edge_runtime::RuntimeError;

/// As on the command line.
pub(crate) const MOST_THREADS: u32 = 1024;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// A pointer that must not be null.
    #[error("{0}: expected an address, found null")]
    Null(&'static str),
    /// Text of another encoding.
    #[error("{0}: expected UTF-8, found other bytes")]
    Utf8(&'static str),
    /// What is no generator, or none any more.
    #[error("generator: expected one that mudra_open gave and mudra_free did not take, found another")]
    Generator,
    /// A generator whose earlier call panicked.
    #[error("generator: an earlier call failed inside; free it and open another")]
    Broken,
    /// A generator of several threads, of the process that this one was forked from.
    #[error("generator: expected one of this process, found its parent's, whose threads are not here; open another")]
    Forked,
    /// More threads than any machine has.
    #[error("threads: expected 0 to {MOST_THREADS}, found {0}")]
    Threads(u32),
    /// A label that the model doesn't have.
    #[error("label: expected 0 to {}, found {found}", count - 1)]
    Label {
        /// The label asked for.
        found: usize,
        /// How many there are.
        count: usize,
    },
    /// Too little memory for a picture.
    #[error("capacity: expected at least {needed} bytes, found {found}")]
    Capacity {
        /// Bytes of a picture.
        needed: usize,
        /// Bytes given.
        found: usize,
    },
    /// What the library says.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
}

/// Runs a call; what fails in it, by an error or a panic, is kept for [`last`].
pub(crate) fn guard<T>(call: impl FnOnce() -> Result<T, CallError>) -> Option<T> {
    // What a panic leaves half done is behind locks, which are poisoned then.
    let message = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => return Some(value),
        Ok(Err(error)) => with_causes(&error),
        Err(panic) => format!("failed inside: {}", panic_text(&*panic)),
    };
    let plain: Vec<u8> = message.into_bytes().into_iter().filter(|byte| *byte != 0).collect();
    // Nobody can be told any more where a thread has ended so far.
    _ = LAST.try_with(|last| *last.borrow_mut() = CString::new(plain).unwrap_or_default());
    None
}

/// The message of this thread's last failed call, until its next one; none while the thread ends.
pub(crate) fn last() -> *const c_char {
    LAST.try_with(|last| last.borrow().as_ptr()).unwrap_or(c"".as_ptr())
}

fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    std::iter::once(error).chain(causes).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last_text() -> String {
        LAST.with_borrow(|last| last.to_string_lossy().into_owned())
    }

    #[test]
    fn a_panic_is_an_error_and_stays_inside() {
        assert_eq!(guard::<()>(|| panic!("number {}", 7)), None);
        assert_eq!(last_text(), "failed inside: number 7");
        assert_eq!(guard::<()>(|| panic!("still")), None);
        assert_eq!(last_text(), "failed inside: still");
    }

    #[test]
    fn an_error_is_told_with_its_causes_and_to_its_own_thread_only() {
        let missing = || Ok(edge_runtime::Model::open("missing\0.onnx".as_ref()).map(drop)?);
        assert_eq!(guard(missing), None);
        assert!(last_text().starts_with("read missing.onnx: "), "{}", last_text());
        assert_eq!(guard(|| Ok(1)), Some(1));
        assert!(!last_text().is_empty(), "success forgets nothing");
        let other = std::thread::spawn(last_text).join().expect("it runs");
        assert_eq!(other, "");
    }
}
