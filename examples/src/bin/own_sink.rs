//! A display of one's own: a sink outside the crate, drawn on a target of one's own through embedded-graphics.
//!
//! This one prints characters, the lighter the pixel the denser; a driver of a real panel takes the same place, since
//! `draw_frame` draws on whatever implements `DrawTarget` in a color that `Rgb888` converts to.
//!
//! `cargo run -p examples --bin own_sink`; a model file can be named behind `--`.

use std::convert::Infallible;
use std::io::Write;
use std::path::Path;

use edge_runtime::drawing::draw_frame;
use edge_runtime::{EngineSpec, Frame, Generator, Model, RuntimeError, Sink};
use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Size};
use embedded_graphics::pixelcolor::{Gray8, GrayColor, Rgb888, RgbColor};

/// Pixels in a row; characters are about twice as high as wide, so every other row of pixels is printed.
const SIDE: usize = 64;
/// Rows for two lines of caption.
const CAPTION: usize = 14;
const DENSITY: &[u8] = b" .:-=+*#%@";

fn main() -> anyhow::Result<()> {
    let named = std::env::args().nth(1);
    let (model, _) = Model::find(named.as_deref().map(Path::new))?;
    let mut generator = Generator::of(&model, &EngineSpec::default())?;
    let frame = generator.frame(0, 42, 0)?;
    Characters.show(&frame)?;
    Ok(())
}

/// Prints frames as characters.
struct Characters;

impl Sink for Characters {
    fn show(&mut self, frame: &Frame) -> Result<(), RuntimeError> {
        let mut page = Page { levels: vec![Rgb888::BLACK; SIDE * (SIDE + CAPTION)] };
        draw_frame(&mut page, frame).unwrap_or_else(|never| match never {});
        let row = |row: &[Rgb888]| row.iter().map(|color| character(*color)).chain(['\n']).collect::<String>();
        let text: String = page.levels.chunks(SIDE).step_by(2).map(row).collect();
        std::io::stdout().write_all(text.as_bytes()).map_err(|error| RuntimeError::own("print a picture", error))
    }
}

fn character(color: Rgb888) -> char {
    let level = usize::from(Gray8::from(color).luma());
    char::from(DENSITY[level * DENSITY.len() / 256])
}

/// What is drawn on; rows of [`SIDE`] pixels.
struct Page {
    levels: Vec<Rgb888>,
}

impl OriginDimensions for Page {
    fn size(&self) -> Size {
        Size::new(SIDE as u32, (SIDE + CAPTION) as u32)
    }
}

impl DrawTarget for Page {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(point, color) in pixels {
            if let (Ok(x @ 0..SIDE), Ok(y)) = (usize::try_from(point.x), usize::try_from(point.y))
                && let Some(level) = self.levels.get_mut(y * SIDE + x)
            {
                *level = color;
            }
        }
        Ok(())
    }
}
