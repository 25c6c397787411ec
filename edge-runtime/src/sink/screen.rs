//! Displays that are drawn on again and again.

use super::Sink;
use crate::{Frame, Picture, RuntimeError};

/// Shows pictures in the same place, each instead of the one before.
pub trait Screen {
    /// Shows a picture with lines of text, and returns when it can be seen.
    ///
    /// # Errors
    /// A device or file that can't be written.
    fn draw(&mut self, picture: &Picture, caption: &[String]) -> Result<(), RuntimeError>;
}

/// A screen as a sink for frames: their caption is their label and seed.
pub struct Framed<S: ?Sized>(pub Box<S>);

impl<S: Screen + ?Sized> Sink for Framed<S> {
    fn show(&mut self, frame: &Frame) -> Result<(), RuntimeError> {
        self.0.draw(&frame.picture, &frame.caption())
    }
}
