//! Ctrl-C: ends at once, and leaves nothing behind.

use std::mem;
use std::sync::{Mutex, PoisonError};

use edge_runtime::{output, restore, signals};

static UNDIVIDED: Mutex<()> = Mutex::new(());

/// Starts listening.
pub fn listen() {
    let handler = || {
        let _done = UNDIVIDED.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing is printed: whoever should take it may be what the program waits for.
        restore::exit(i32::from(signals::EXIT_CODE));
    };
    if let Err(error) = signals::when_asked_to_end(handler) {
        output::tell(format_args!("warning: Ctrl-C will leave temporary files behind: {error}"));
    }
}

/// Does what must not be left half done.
pub fn undivided<T>(work: impl FnOnce() -> T) -> T {
    let _working = UNDIVIDED.lock().unwrap_or_else(PoisonError::into_inner);
    work()
}

/// Stops listening: the program ends by itself now, unless Ctrl-C ends it already.
pub fn no_more() {
    mem::forget(UNDIVIDED.lock().unwrap_or_else(PoisonError::into_inner));
}
