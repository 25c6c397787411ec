//! DEC's sixels (VT340 Graphics Programming, EK-VT3XX-GP, chapter 14): columns of six pixels, a color at a time.

use std::fmt::Write;

use embedded_graphics::pixelcolor::raw::RawU8;
use embedded_graphics::pixelcolor::{PixelColor, Rgb888, RgbColor};

use crate::Picture;
use crate::dither::{self, Dither};

/// Levels of each channel: 216 colors, since 256 is what terminals have.
const LEVELS: u8 = 6;
/// Rows in a band.
const BAND: usize = 6;
/// Pixels in a run from which on a count is shorter.
const SHORT_RUN: usize = 4;

/// The picture, dithered to 216 colors.
pub(super) fn encoded(picture: &Picture) -> String {
    let (width, height) = (picture.width(), picture.height());
    let pixels: Vec<Cube> = dither::colors(picture, Dither::Ordered);
    // Writing to a string cannot fail. P2 = 1: what is not drawn stays.
    let mut text = format!("\x1bP0;1;0q\"1;1;{width};{height}");
    let mut used = [false; LEVELS.pow(3) as usize];
    pixels.iter().for_each(|pixel| used[usize::from(pixel.0)] = true);
    for index in (0..LEVELS.pow(3)).filter(|index| used[usize::from(*index)]) {
        let percent = Cube(index).levels().map(|level| u32::from(level) * 100 / u32::from(LEVELS - 1));
        let _ = write!(text, "#{index};2;{};{};{}", percent[0], percent[1], percent[2]);
    }
    for band in pixels.chunks(width * BAND) {
        let mut present: Vec<u8> = band.iter().map(|pixel| pixel.0).collect();
        present.sort_unstable();
        present.dedup();
        for (order, color) in present.into_iter().enumerate() {
            // $ goes back to the left side.
            let _ = write!(text, "{}#{color}", if order == 0 { "" } else { "$" });
            push_band(&mut text, band, width, color);
        }
        text.push('-');
    }
    text.push_str("\x1b\\");
    text
}

/// One color of a band, equal columns counted.
fn push_band(text: &mut String, band: &[Cube], width: usize, color: u8) {
    let column = |x: usize| {
        let rows = band.iter().skip(x).step_by(width).enumerate();
        rows.fold(0u8, |bits, (row, pixel)| bits | u8::from(pixel.0 == color) << row)
    };
    let mut x = 0;
    while x < width {
        let bits = column(x);
        let run = (x..width).take_while(|next| column(*next) == bits).count();
        let sixel = char::from(b'?' + bits);
        if run < SHORT_RUN {
            text.extend(std::iter::repeat_n(sixel, run));
        } else {
            let _ = write!(text, "!{run}{sixel}");
        }
        x += run;
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
                        #180~z~~~$#215?C???-#5!5@-\x1b\\";
        assert_eq!(encoded(&picture), expected);
    }
}
