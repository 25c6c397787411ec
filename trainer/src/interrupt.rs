//! Ctrl-C: the first asks the run to save and end, the second ends it at once.

use std::sync::atomic::{AtomicBool, Ordering};

use edge_runtime::signals;

static ASKED: AtomicBool = AtomicBool::new(false);

/// Listens for Ctrl-C and termination from now on.
///
/// # Errors
/// The signal handler can't be set.
pub fn listen() -> Result<(), ctrlc::Error> {
    signals::when_asked_to_end(|| {
        if ASKED.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(signals::EXIT_CODE));
        }
    })
}

/// Whether the run was asked to end.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}
