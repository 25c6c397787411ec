//! Displays that are drawn on again and again, and what a display is used for.

use super::Sink;
use crate::keys::Pressed;
use crate::{Frame, Picture, RuntimeError};

/// What a display is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Pictures that stay when the program ends.
    Still,
    /// Moving pictures; when the screen is dropped, the display shows what it did before, where it can tell.
    Live,
}

/// Shows pictures in the same place, each instead of the one before.
pub trait Screen {
    /// Shows a picture with lines of text, and returns when it can be seen.
    ///
    /// # Errors
    /// A device or file that can't be written.
    fn draw(&mut self, picture: &Picture, caption: &[String]) -> Result<(), RuntimeError>;

    /// A key that was pressed on the screen itself since the last call, of one that has keys; that it is closed, once the
    /// user has closed it.
    fn pressed(&mut self) -> Pressed {
        Pressed::Nothing
    }

    /// Whether what it shows is gone when the program ends.
    fn goes_with_the_program(&self) -> bool {
        false
    }
}

/// A screen as a sink for frames: their caption is their label and seed.
pub struct Framed<S: ?Sized>(pub Box<S>);

impl<S: Screen + ?Sized> Sink for Framed<S> {
    fn show(&mut self, frame: &Frame) -> Result<(), RuntimeError> {
        self.0.draw(&frame.picture, &frame.caption())
    }

    /// Until it is closed or a key is pressed on it.
    fn is_watched(&mut self) -> bool {
        self.0.goes_with_the_program() && self.0.pressed() == Pressed::Nothing
    }
}
