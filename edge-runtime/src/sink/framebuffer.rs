//! A Linux frame buffer, or a file of the same bytes.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use embedded_graphics::pixelcolor::{PixelColor, Rgb565, Rgb888};

use super::Sink;
use super::display::{Geometry, PixelFormat};
use crate::canvas::Canvas;
use crate::drawing::draw_frame;
use crate::{Frame, RuntimeError};

/// Where the kernel describes frame buffers (Documentation/fb/api.rst; drivers/video/fbdev/core/fbsysfs.c).
const SYSFS: &str = "/sys/class/graphics";

/// Fills the screen with each frame.
pub struct Framebuffer {
    path: PathBuf,
    file: File,
    canvas: AnyCanvas,
}

enum AnyCanvas {
    Low(Canvas<Rgb565>),
    High(Canvas<Rgb888>),
}

impl Framebuffer {
    /// Opens a frame buffer. Without a geometry it is asked of the kernel, which knows only its own devices.
    ///
    /// # Errors
    /// A device that can't be written, has no known geometry, or has pixels of another depth than 16, 24 or 32 bits.
    pub fn open(path: &Path, geometry: Option<Geometry>) -> Result<Self, RuntimeError> {
        let geometry = match geometry {
            Some(geometry) => geometry,
            None => geometry_of(path, Path::new(SYSFS))?,
        };
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let file = opened.map_err(|source| RuntimeError::Write { path: path.to_owned(), source })?;
        let Geometry { width, height, format, stride } = geometry;
        let canvas = match format {
            PixelFormat::Rgb565 => AnyCanvas::Low(Canvas::rgb565(width, height, stride)),
            PixelFormat::Rgb888 => AnyCanvas::High(Canvas::rgb888(width, height, stride)),
            PixelFormat::Xrgb8888 => AnyCanvas::High(Canvas::xrgb8888(width, height, stride)),
        };
        Ok(Self { path: path.to_owned(), file, canvas })
    }
}

impl Sink for Framebuffer {
    fn show(&mut self, frame: &Frame) -> Result<(), RuntimeError> {
        let bytes = match &mut self.canvas {
            AnyCanvas::Low(canvas) => drawn(canvas, frame),
            AnyCanvas::High(canvas) => drawn(canvas, frame),
        };
        let written = self.file.seek(SeekFrom::Start(0)).and_then(|_| self.file.write_all(bytes));
        written.map_err(|source| RuntimeError::Write { path: self.path.clone(), source })
    }
}

fn drawn<'a, C: PixelColor + From<Rgb888>>(canvas: &'a mut Canvas<C>, frame: &Frame) -> &'a [u8] {
    draw_frame(canvas, frame).unwrap_or_else(|never| match never {});
    canvas.bytes()
}

/// What the kernel says about a device in the folder `sysfs/<name>`.
fn geometry_of(path: &Path, sysfs: &Path) -> Result<Geometry, RuntimeError> {
    let problem = |problem: String| RuntimeError::Display { path: path.to_owned(), problem };
    let unknown = || {
        problem("its size and format are unknown; give them as in fb:PATH@800x480:rgb565, rgb888 or xrgb8888".into())
    };
    let folder = sysfs.join(path.file_name().ok_or_else(unknown)?);
    let text = |name: &str| fs::read_to_string(folder.join(name)).map_err(|_| unknown());
    let number = |name: &str| {
        let text = text(name)?;
        usize::from_str(text.trim()).map_err(|_| problem(format!("{name}: expected a number, found {text:?}")))
    };
    let format = match number("bits_per_pixel")? {
        16 => PixelFormat::Rgb565,
        24 => PixelFormat::Rgb888,
        32 => PixelFormat::Xrgb8888,
        bits => return Err(problem(format!("expected 16, 24 or 32 bits a pixel, found {bits}"))),
    };
    // The virtual size may hold several screens; the mode, where there is one, is what can be seen: "U:800x480p-60".
    let mode = text("mode").unwrap_or_default();
    let visible = mode.trim().split_once(':').map(|(_, size)| size.replace('x', ","));
    let size = match visible.filter(|size| two_numbers(size).is_some()) {
        Some(size) => size,
        None => text("virtual_size")?,
    };
    let (width, height) = two_numbers(&size).ok_or_else(|| problem(format!("expected a size, found {size:?}")))?;
    Geometry::new(width, height, format, Some(number("stride")?)).map_err(|error| problem(error.to_string()))
}

/// The numbers at the start of `a,b`.
fn two_numbers(text: &str) -> Option<(usize, usize)> {
    let (first, second) = text.trim().split_once(',')?;
    let digits = second.find(|c: char| !c.is_ascii_digit()).unwrap_or(second.len());
    Some((first.parse().ok()?, second[..digits].parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(files: &[(&str, &str)]) -> Result<Geometry, String> {
        let sysfs = tempfile::tempdir().expect("a folder");
        let folder = sysfs.path().join("fb7");
        fs::create_dir(&folder).expect("writable");
        for (name, text) in files {
            fs::write(folder.join(name), text).expect("writable");
        }
        geometry_of(Path::new("/dev/fb7"), sysfs.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_kernels_description_gives_the_geometry() {
        let files = [("bits_per_pixel", "16\n"), ("stride", "1664\n"), ("virtual_size", "800,960\n")];
        let expected = |height| Geometry { width: 800, height, format: PixelFormat::Rgb565, stride: 1664 };
        assert_eq!(described(&files), Ok(expected(960)));
        let with_mode: Vec<_> = files.into_iter().chain([("mode", "U:800x480p-60\n")]).collect();
        assert_eq!(described(&with_mode), Ok(expected(480)));
        let without_mode: Vec<_> = files.into_iter().chain([("mode", "\n")]).collect();
        assert_eq!(described(&without_mode), Ok(expected(960)));
    }

    #[test]
    fn a_description_that_cannot_be_used_is_an_error() {
        let size = ("virtual_size", "800,480");
        assert!(described(&[]).expect_err("nothing").contains("fb:PATH@800x480:rgb565"));
        let message = described(&[("bits_per_pixel", "8"), ("stride", "800"), size]).expect_err("depth");
        assert!(message.contains("found 8"), "{message}");
        let message = described(&[("bits_per_pixel", "32"), ("stride", "80"), size]).expect_err("stride");
        assert!(message.contains("stride"), "{message}");
        let message = described(&[("bits_per_pixel", "32"), ("stride", "x"), size]).expect_err("number");
        assert!(message.contains("stride: expected a number"), "{message}");
    }
}
