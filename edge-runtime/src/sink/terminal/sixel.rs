//! DEC's sixels (VT340 Graphics Programming, EK-VT3XX-GP, chapter 14): columns of six pixels, a color at a time.

use std::fmt::Write;

use embedded_graphics::pixelcolor::raw::RawU8;
use embedded_graphics::pixelcolor::{PixelColor, Rgb888, RgbColor};

use crate::Picture;
use crate::dither::{self, Dither};

/// Levels of each channel: 216 colors, since 256 is what terminals have.
const LEVELS: u8 = 6;
const COLORS: usize = LEVELS.pow(3) as usize;
/// Rows in a band.
const BAND: usize = 6;
/// Pixels in a run from which on a count is shorter.
const SHORT_RUN: usize = 4;

/// The picture in 216 colors.
pub(super) fn encoded(picture: &Picture, dither: Dither) -> String {
    let (width, height) = (picture.width(), picture.height());
    let pixels: Vec<Cube> = dither::colors(picture, dither);
    // Writing to a string cannot fail. P2 = 1: what is not drawn stays.
    let mut text = format!("\x1bP0;1;0q\"1;1;{width};{height}");
    for color in used(&pixels) {
        let percent = Cube(color).levels().map(|level| u32::from(level) * 100 / u32::from(LEVELS - 1));
        let _ = write!(text, "#{color};2;{};{};{}", percent[0], percent[1], percent[2]);
    }
    // [COLORS, width]: for each color which of the six pixels of a column have it, the highest in the lowest bit.
    let mut columns = vec![0u8; COLORS * width];
    for (place, band) in pixels.chunks(width * BAND).enumerate() {
        // Behind the last band it would lead below the picture, where a terminal scrolls.
        if place > 0 {
            text.push('-');
        }
        for (row, pixels) in band.chunks(width).enumerate() {
            for (x, pixel) in pixels.iter().enumerate() {
                columns[usize::from(pixel.0) * width + x] |= 1 << row;
            }
        }
        for (order, color) in used(band).enumerate() {
            // $ goes back to the left side.
            let _ = write!(text, "{}#{color}", if order == 0 { "" } else { "$" });
            let columns = &mut columns[usize::from(color) * width..][..width];
            push_columns(&mut text, columns);
            columns.fill(0);
        }
    }
    text.push_str("\x1b\\");
    text
}

/// The colors of pixels, ascending.
fn used(pixels: &[Cube]) -> impl Iterator<Item = u8> {
    let mut is_used = [false; COLORS];
    pixels.iter().for_each(|pixel| is_used[usize::from(pixel.0)] = true);
    (0..LEVELS.pow(3)).filter(move |color| is_used[usize::from(*color)])
}

/// One color of a band, equal columns counted.
fn push_columns(text: &mut String, columns: &[u8]) {
    for equal in columns.chunk_by(|a, b| a == b) {
        let sixel = char::from(b'?' + equal[0]);
        if equal.len() < SHORT_RUN {
            text.extend(std::iter::repeat_n(sixel, equal.len()));
        } else {
            let _ = write!(text, "!{}{sixel}", equal.len());
        }
    }
}

/// A color of the cube: red * 36 + green * 6 + blue, each of six levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cube(u8);

impl Cube {
    fn levels(self) -> [u8; 3] {
        [self.0 / (LEVELS * LEVELS), self.0 / LEVELS % LEVELS, self.0 % LEVELS]
    }
}

impl PixelColor for Cube {
    type Raw = RawU8;
}

impl From<Rgb888> for Cube {
    fn from(color: Rgb888) -> Self {
        let level = |channel: u8| ((u16::from(channel) * u16::from(LEVELS - 1) + 127) / 255) as u8;
        Self((level(color.r()) * LEVELS + level(color.g())) * LEVELS + level(color.b()))
    }
}

impl From<Cube> for Rgb888 {
    fn from(color: Cube) -> Self {
        let [red, green, blue] = color.levels().map(|level| level * (255 / (LEVELS - 1)));
        Self::new(red, green, blue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_hold_a_color_after_the_other() {
        // Five columns of seven rows: red, but for a white pixel at (1, 2) and a blue last row.
        let mut levels = [255, 0, 0].repeat(5 * 7);
        levels[(2 * 5 + 1) * 3..][..3].fill(255);
        levels.splice(6 * 5 * 3.., [0, 0, 255].repeat(5));
        let picture = Picture::new(5, 7, 3, levels).expect("5 x 7");
        // ~ is all six rows, C row 2, z all but row 2, @ the first row.
        let expected = "\x1bP0;1;0q\"1;1;5;7#5;2;0;0;100#180;2;100;0;0#215;2;100;100;100\
                        #180~z~~~$#215?C???-#5!5@\x1b\\";
        assert_eq!(encoded(&picture, Dither::Ordered), expected);
    }
}
