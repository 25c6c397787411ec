//! The same pictures as different displays show them, side by side: RGB565, 16 grays, black and white with a fixed pattern
//! and with errors passed on, and half blocks in a terminal; a row for each of the first two labels.
//!
//! `cargo run -p examples --bin renderings -- renderings.png` with models/gen.onnx, or a model named behind that.

use std::path::Path;

use anyhow::{Context, Result};
use edge_runtime::canvas::Canvas;
use edge_runtime::dither::Dither;
use edge_runtime::drawing::{Fit, Style, draw};
use edge_runtime::encode::{self, Format};
use edge_runtime::output::OutputFile;
use edge_runtime::{EngineSpec, Frame, Generator, Model, Picture, sheet};
use embedded_graphics::pixelcolor::{BinaryColor, Gray4, PixelColor, Rgb565, Rgb888};

const SEED: u64 = 7;
const ROWS: usize = 2;
/// Pixels of the panels.
const PANEL: (usize, usize) = (128, 152);
/// Characters are half as wide as high, so that a terminal has that many columns and as many half rows.
const TERMINAL: (usize, usize) = (64, 76);
/// How much larger each pixel is drawn.
const SCALE: usize = 2;

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let out = words.next().context("expected the name of a PNG file")?;
    let (model, _) = Model::find(words.next().as_deref().map(Path::new))?;
    let mut generator = Generator::of(&model, &EngineSpec::default())?;
    let count = generator.metadata().labels.len().min(ROWS);
    let rows: Result<Vec<_>> = (0..count).map(|label| Ok(row(&generator.frame(label, SEED, 0)?))).collect();
    let sheet = sheet::sheet(&rows?)?;
    let texts = encode::origin_texts(&generator.origin());
    OutputFile::create(Path::new(&out))?.commit(&encode::encode(&sheet, &texts, Format::Png)?)?;
    println!("{out}: {}", generator.metadata().labels.names()[..count].join(", "));
    Ok(())
}

fn row(frame: &Frame) -> Vec<Picture> {
    let terminal = shown::<Rgb888>(frame, TERMINAL, Dither::Nearest);
    vec![
        shown::<Rgb565>(frame, PANEL, Dither::Nearest).enlarged(SCALE),
        shown::<Gray4>(frame, PANEL, Dither::Diffused).enlarged(SCALE),
        shown::<BinaryColor>(frame, PANEL, Dither::Ordered).enlarged(SCALE),
        shown::<BinaryColor>(frame, PANEL, Dither::Diffused).enlarged(SCALE),
        terminal.enlarged(SCALE * PANEL.0 / TERMINAL.0),
    ]
}

fn shown<C>(frame: &Frame, size: (usize, usize), dither: Dither) -> Picture
where
    C: PixelColor + From<Rgb888> + Into<Rgb888>,
{
    let style = Style { fit: Fit::Fit, dither, caption: true };
    let drawn = Canvas::<C>::picture(size.0, size.1, |canvas| {
        draw(canvas, &frame.picture, &frame.caption(), style).unwrap_or_else(|never| match never {});
    });
    drawn.expect("its sides are over 0")
}
