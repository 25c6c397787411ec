//! A Linux frame buffer, or a file of the same bytes.

use std::fs::{self, File, OpenOptions};
use std::io::{IsTerminal, Read, Seek, SeekFrom, Write, stdout};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use embedded_graphics::pixelcolor::{PixelColor, Rgb565, Rgb888};

use super::framebuffer_layout::{Geometry, PixelFormat, Window};
use super::screen::Screen;
use crate::canvas::Canvas;
use crate::drawing::{self, Style};
use crate::restore::Restored;
use crate::{Picture, RuntimeError};

/// Where the kernel describes frame buffers (Documentation/fb/api.rst; drivers/video/fbdev/core/fbsysfs.c).
const SYSFS: &str = "/sys/class/graphics";

/// Fills a window of the screen with each picture. On a device, the console on standard output has no cursor meanwhile.
pub struct Framebuffer {
    path: PathBuf,
    device: Restored<Device>,
    canvas: AnyCanvas,
    style: Style,
}

struct Device {
    file: File,
    rows: Rows,
    /// What the rows held before, and a file's length, to be put back at the end.
    before: Option<(Vec<u8>, u64)>,
    /// Whether the console on this device has had its cursor taken away, which would blink in the picture.
    hides_cursor: bool,
}

enum AnyCanvas {
    Low(Canvas<Rgb565>),
    High(Canvas<Rgb888>),
}

/// Where the rows of a canvas lie in a file.
#[derive(Clone, Copy)]
struct Rows {
    count: usize,
    /// Bytes of one row.
    length: usize,
    /// Bytes before the first row.
    start: u64,
    /// Bytes from one row to the next.
    stride: u64,
}

impl Framebuffer {
    /// Opens a frame buffer. Without a geometry it is asked of the kernel, which knows only its own devices.
    ///
    /// # Errors
    /// A device that can't be written, has no known geometry, or has pixels of another depth than 16, 24 or 32 bits; a
    /// window that doesn't lie on it.
    pub fn open(path: &Path, geometry: Option<Geometry>, window: Window, style: Style) -> Result<Self, RuntimeError> {
        // A device that isn't there must not become a file.
        if is_among_devices(path) && !path.exists() {
            let problem = "no such device; edge-runtime doctor lists the frame buffers that there are".to_owned();
            return Err(RuntimeError::Display { path: path.to_owned(), problem });
        }
        let geometry = match geometry {
            Some(geometry) => geometry,
            None => geometry_of(path, Path::new(SYSFS))?,
        };
        let (width, height) = window.size_on(&geometry).ok_or_else(|| RuntimeError::Display {
            path: path.to_owned(),
            problem: format!("expected x, y and size within {}x{}", geometry.width, geometry.height),
        })?;
        let opened =
            OpenOptions::new().read(true).write(true).create(!is_among_devices(path)).truncate(false).open(path);
        let file = opened.map_err(|source| RuntimeError::Write { path: path.to_owned(), source })?;
        let is_device = file.metadata().is_ok_and(|file| file.file_type().is_char_device());
        let format = if window.is_bgr { geometry.format.swapped() } else { geometry.format };
        // Whole rows are written at once, with what lies between them.
        let is_whole = width == geometry.width;
        let stride = if is_whole { geometry.stride } else { width * format.bytes() };
        let canvas = match format {
            PixelFormat::Rgb565 => AnyCanvas::Low(Canvas::rgb565(width, height, stride)),
            PixelFormat::Bgr565 => AnyCanvas::Low(Canvas::bgr565(width, height, stride)),
            PixelFormat::Rgb888 => AnyCanvas::High(Canvas::rgb888(width, height, stride)),
            PixelFormat::Bgr888 => AnyCanvas::High(Canvas::bgr888(width, height, stride)),
            PixelFormat::Xrgb8888 => AnyCanvas::High(Canvas::xrgb8888(width, height, stride)),
            PixelFormat::Xbgr8888 => AnyCanvas::High(Canvas::xbgr8888(width, height, stride)),
        };
        let rows = Rows {
            count: if is_whole { 1 } else { height },
            length: if is_whole { stride * height } else { stride },
            start: (window.at.1 * geometry.stride + window.at.0 * format.bytes()) as u64,
            stride: geometry.stride as u64,
        };
        let hides_cursor = is_device && stdout().is_terminal();
        let device = Restored::new(Device { file, rows, before: None, hides_cursor }, Device::restore);
        if hides_cursor {
            say("\x1b[?25l");
        }
        Ok(Self { path: path.to_owned(), device, canvas, style })
    }

    /// The same frame buffer, which shows again what it shows now when it is dropped.
    ///
    /// # Errors
    /// A device that can't be read.
    pub fn restoring(self) -> Result<Self, RuntimeError> {
        let kept = self.device.with(Device::keep).unwrap_or(Ok(()));
        kept.map_err(|source| RuntimeError::Read { path: self.path.clone(), source })?;
        Ok(self)
    }
}

impl Screen for Framebuffer {
    fn draw(&mut self, picture: &Picture, caption: &[String]) -> Result<(), RuntimeError> {
        let bytes = match &mut self.canvas {
            AnyCanvas::Low(canvas) => drawn(canvas, picture, caption, self.style),
            AnyCanvas::High(canvas) => drawn(canvas, picture, caption, self.style),
        };
        let written = self.device.with(|device| device.write(bytes)).unwrap_or(Ok(()));
        written.map_err(|source| RuntimeError::Write { path: self.path.clone(), source })
    }
}

impl Device {
    /// Reads what the rows hold.
    fn keep(&mut self) -> std::io::Result<()> {
        let mut before = Vec::new();
        for row in 0..self.rows.count {
            self.file.seek(SeekFrom::Start(self.rows.place(row)))?;
            (&self.file).take(self.rows.length as u64).read_to_end(&mut before)?;
        }
        self.before = Some((before, self.file.metadata()?.len()));
        Ok(())
    }

    /// Writes rows that follow each other closely in `bytes`.
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        for (row, bytes) in bytes.chunks(self.rows.length).enumerate() {
            self.file.seek(SeekFrom::Start(self.rows.place(row)))?;
            self.file.write_all(bytes)?;
        }
        Ok(())
    }

    fn restore(mut self) {
        if let Some((before, length)) = self.before.take() {
            // The device is gone where this fails, and what it shows with it.
            let _ = self.write(&before);
            if self.file.metadata().is_ok_and(|file| file.is_file()) {
                let _ = self.file.set_len(length);
            }
        }
        if self.hides_cursor {
            say("\x1b[?25h");
        }
    }
}

impl Rows {
    fn place(&self, row: usize) -> u64 {
        self.start + row as u64 * self.stride
    }
}

fn is_among_devices(path: &Path) -> bool {
    path.parent() == Some(Path::new("/dev"))
}

fn say(text: &str) {
    // A cursor that stays is only seen.
    let _ = stdout().write_all(text.as_bytes()).and_then(|()| stdout().flush());
}

fn drawn<'a, C>(canvas: &'a mut Canvas<C>, picture: &Picture, caption: &[String], style: Style) -> &'a [u8]
where
    C: PixelColor + From<Rgb888> + Into<Rgb888>,
{
    drawing::draw(canvas, picture, caption, style).unwrap_or_else(|never| match never {});
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
