//! Ctrl-C: asks work that looks for it to end after what is being written; a second one, or one that nobody looks for, ends
//! at once, with displays and terminal as they were.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use edge_runtime::{output, restore, signals};

type Wake = Box<dyn Fn() + Send>;

/// Work that ended because the user asked for it, and what became of it, where there is anything to tell.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Interrupted(String);

static ASKED: AtomicBool = AtomicBool::new(false);
/// Whether anything has looked for Ctrl-C yet: an engine that starts for minutes does not.
static IS_LOOKED_FOR: AtomicBool = AtomicBool::new(false);
static WAKE: Mutex<Option<Wake>> = Mutex::new(None);

/// Starts listening.
pub fn listen() {
    let handler = || {
        if ASKED.swap(true, Ordering::SeqCst) || !IS_LOOKED_FOR.load(Ordering::SeqCst) {
            restore::exit(i32::from(signals::EXIT_CODE));
        }
        if let Some(wake) = &*WAKE.lock().unwrap_or_else(PoisonError::into_inner) {
            wake();
        }
    };
    if let Err(error) = signals::when_asked_to_end(handler) {
        output::tell(format_args!("warning: Ctrl-C will end at once: {error}"));
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
    IS_LOOKED_FOR.store(true, Ordering::SeqCst);
    ASKED.load(Ordering::SeqCst)
}

/// An error where the user has asked to end, which says what became of the work.
pub fn check(left: impl FnOnce() -> Vec<String>) -> Result<()> {
    if !is_asked() {
        return Ok(());
    }
    let parts = [vec!["interrupted".to_owned()], left()].concat();
    Err(Interrupted(parts.join("; ")).into())
}
