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
pub mod window;

use crate::{Frame, RuntimeError};

/// Takes frames one by one.
///
/// ```
/// use edge_runtime::{Frame, Picture, RuntimeError, Sink};
///
/// /// Tells how bright each frame is.
/// struct Brightness(Vec<f32>);
///
/// impl Sink for Brightness {
///     fn show(&mut self, frame: &Frame) -> Result<(), RuntimeError> {
///         let levels = frame.picture.levels();
///         self.0.push(levels.iter().map(|level| f32::from(*level)).sum::<f32>() / levels.len() as f32);
///         Ok(())
///     }
/// }
///
/// let picture = Picture::new(2, 1, 1, vec![10, 30]).expect("2 x 1 levels");
/// let mut sink = Brightness(Vec::new());
/// sink.show(&Frame { picture, label: "rock".to_owned(), seed: 1, index: 0 })?;
/// assert_eq!(sink.0, [20.0]);
/// # Ok::<(), RuntimeError>(())
/// ```
pub trait Sink {
    /// Writes or shows one frame, whole when this returns.
    ///
    /// # Errors
    /// A file or device that can't be written; a sink of one's own has [`RuntimeError::own`].
    fn show(&mut self, frame: &Frame) -> Result<(), RuntimeError>;

    /// Whether somebody may still be looking at what goes with the program, such as a window: a reason not to end yet.
    fn is_watched(&mut self) -> bool {
        false
    }
}
