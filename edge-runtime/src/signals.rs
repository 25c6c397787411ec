//! The signals that ask a program to end.

/// The exit code that shells give a program which Ctrl-C ended.
pub const EXIT_CODE: u8 = 130;

/// Calls `handler`, in a thread of its own, at Ctrl-C and whenever the program is asked to end. One that was started by
/// `nohup` goes on without its terminal: a hang-up that is ignored stays so.
///
/// # Errors
/// The signals can't be listened to, or are already.
pub fn when_asked_to_end(handler: impl FnMut() + Send + 'static) -> Result<(), ctrlc::Error> {
    let ignores_hang_up = hang_up_is_ignored();
    ctrlc::set_handler(handler)?;
    if ignores_hang_up {
        ignore_hang_up();
    }
    Ok(())
}

#[cfg(unix)]
fn hang_up_is_ignored() -> bool {
    use nix::sys::signal::{SigHandler, Signal, signal};

    // SAFETY: no code runs at a signal that is ignored.
    let before = unsafe { signal(Signal::SIGHUP, SigHandler::SigIgn) };
    if let Ok(before) = before {
        // SAFETY: it is what was there.
        let _ = unsafe { signal(Signal::SIGHUP, before) };
    }
    matches!(before, Ok(SigHandler::SigIgn))
}

#[cfg(unix)]
fn ignore_hang_up() {
    use nix::sys::signal::{SigHandler, Signal, signal};

    // SAFETY: no code runs at a signal that is ignored.
    let _ = unsafe { signal(Signal::SIGHUP, SigHandler::SigIgn) };
}

#[cfg(not(unix))]
fn hang_up_is_ignored() -> bool {
    false
}

#[cfg(not(unix))]
fn ignore_hang_up() {}
