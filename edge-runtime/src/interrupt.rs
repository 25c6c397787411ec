//! Ctrl-C: asks the work to end after what is being written; a second one ends at once, with displays and terminal as they
//! were.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};
use edge_runtime::{restore, signals};

type Wake = Box<dyn Fn() + Send>;

static ASKED: AtomicBool = AtomicBool::new(false);
static WAKE: Mutex<Option<Wake>> = Mutex::new(None);

/// Starts listening.
pub fn listen() {
    let handler = || {
        if ASKED.swap(true, Ordering::SeqCst) {
            restore::exit(1);
        }
        if let Some(wake) = &*WAKE.lock().unwrap_or_else(PoisonError::into_inner) {
            wake();
        }
    };
    if let Err(error) = signals::when_asked_to_end(handler) {
        eprintln!("warning: Ctrl-C will end at once: {error}");
    }
}

/// What is called when the user asks to end, for work that may be waiting then; at once where that was asked already.
pub fn when_asked(wake: impl Fn() + Send + 'static) {
    let mut woken = WAKE.lock().unwrap_or_else(PoisonError::into_inner);
    if is_asked() {
        wake();
    }
    *woken = Some(Box::new(wake));
}

/// Whether the user has asked to end.
pub fn is_asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// An error where the user has asked to end.
pub fn check() -> Result<()> {
    if is_asked() {
        bail!("interrupted; everything written so far is complete");
    }
    Ok(())
}
