//! Ctrl-C: asks the work to end after what is being written; a second one ends at once.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, bail};

static ASKED: AtomicBool = AtomicBool::new(false);

/// Starts listening.
pub fn listen() {
    let handler = || {
        if ASKED.swap(true, Ordering::Relaxed) {
            std::process::exit(1);
        }
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        eprintln!("warning: Ctrl-C will end at once: {error}");
    }
}

/// Whether the user has asked to end.
pub fn is_asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// An error where the user has asked to end.
pub fn check() -> Result<()> {
    if is_asked() {
        bail!("interrupted; everything written so far is complete");
    }
    Ok(())
}
