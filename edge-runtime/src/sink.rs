//! What takes frames: files and displays, each behind the same trait.

pub mod display;
pub mod files;
#[cfg(target_os = "linux")]
pub mod framebuffer;
pub mod framebuffer_layout;
pub mod panel;
pub mod preview;
pub mod screen;
mod settings;
pub mod terminal;

use crate::{Frame, RuntimeError};

/// Takes frames one by one.
pub trait Sink {
    /// Writes or shows one frame, whole when this returns.
    ///
    /// # Errors
    /// A file or device that can't be written.
    fn show(&mut self, frame: &Frame) -> Result<(), RuntimeError>;
}
