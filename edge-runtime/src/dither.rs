//! Pictures in the colors of a panel that has few of them.

use embedded_graphics::pixelcolor::{PixelColor, Rgb888, RgbColor};

use crate::Picture;

/// What becomes of levels that a panel can't show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dither {
    /// Each becomes the nearest one that it can show.
    #[default]
    Nearest,
    /// A fixed pattern chooses between the two nearest ones (Bayer, "An optimum method for two-level rendition of
    /// continuous-tone pictures", ICC 1973, order 8): it stays still where pictures move.
    Ordered,
    /// What is lost in a pixel is made up for in the next ones (Floyd and Steinberg, "An adaptive algorithm for spatial
    /// grayscale", SID 1976), rows taken to and fro: finer, and best for pictures that stay.
    Diffused,
}

/// Side of the pattern of [`Dither::Ordered`].
const PATTERN_SIDE: usize = 8;

/// The picture in another color, row by row. Colors of equal red, green and blue (gray, black and white) show its luma.
///
/// Which levels a color has is found by converting every level there and back, so any color of embedded-graphics will do.
pub fn colors<C>(picture: &Picture, dither: Dither) -> Vec<C>
where
    C: PixelColor + From<Rgb888> + Into<Rgb888>,
{
    let shades = Shades::of::<C>();
    let rgb = match dither {
        Dither::Nearest => every_pixel(picture, |x, y| shades.source(picture, x, y)),
        Dither::Ordered => every_pixel(picture, |x, y| shades.ordered(shades.source(picture, x, y), threshold(x, y))),
        Dither::Diffused => diffused(picture, &shades),
    };
    rgb.into_iter().map(|[red, green, blue]| C::from(Rgb888::new(red, green, blue))).collect()
}

fn every_pixel(picture: &Picture, pixel: impl Fn(usize, usize) -> [u8; 3]) -> Vec<[u8; 3]> {
    let places = (0..picture.height()).flat_map(|y| (0..picture.width()).map(move |x| (x, y)));
    places.map(|(x, y)| pixel(x, y)).collect()
}

/// The levels that a color can show.
struct Shades {
    is_gray: bool,
    /// Of red, green and blue, ascending, from 0 to 255.
    levels: [Vec<u8>; 3],
    /// For each of 256 levels of red, green and blue.
    around: [Vec<Around>; 3],
}

/// Where a level lies.
struct Around {
    /// The levels that can be shown below it and at it or above.
    low: u8,
    high: u8,
    /// The share of the way from one to the other that it has gone.
    way: f32,
}

impl Shades {
    fn of<C: From<Rgb888> + Into<Rgb888>>() -> Self {
        let shown = |red, green, blue| -> [u8; 3] {
            let color: Rgb888 = C::from(Rgb888::new(red, green, blue)).into();
            [color.r(), color.g(), color.b()]
        };
        let is_gray =
            [shown(255, 0, 0), shown(0, 255, 0)].iter().all(|[red, green, blue]| red == green && green == blue);
        let levels: [Vec<u8>; 3] = std::array::from_fn(|channel| {
            let mut levels: Vec<u8> = (0..=255).map(|level| shown(level, level, level)[channel]).collect();
            levels.dedup();
            levels
        });
        let around =
            std::array::from_fn(|channel: usize| (0..=255).map(|level| Around::of(level, &levels[channel])).collect());
        Self { is_gray, levels, around }
    }

    /// A pixel of the picture, its luma where the color is gray.
    fn source(&self, picture: &Picture, x: usize, y: usize) -> [u8; 3] {
        let rgb = picture.rgb(x, y);
        if self.is_gray { [luma(rgb); 3] } else { rgb }
    }

    /// For each channel the lower or the higher of the two levels around it.
    fn ordered(&self, rgb: [u8; 3], threshold: f32) -> [u8; 3] {
        std::array::from_fn(|channel| {
            let Around { low, high, way } = self.around[channel][usize::from(rgb[channel])];
            if way > threshold { high } else { low }
        })
    }

    /// The level of a channel that is nearest to a value of any size.
    fn nearest(&self, channel: usize, value: f64) -> u8 {
        let levels = &self.levels[channel];
        let above = levels.partition_point(|level| f64::from(*level) < value).min(levels.len() - 1);
        let (low, high) = (levels[above.saturating_sub(1)], levels[above]);
        if value - f64::from(low) < f64::from(high) - value { low } else { high }
    }
}

impl Around {
    fn of(level: u8, levels: &[u8]) -> Self {
        let above = levels.partition_point(|shown| *shown < level).min(levels.len() - 1);
        let (low, high) = (levels[above.saturating_sub(1)], levels[above]);
        let way = f32::from(level - low.min(level)) / f32::from((high - low).max(1));
        Self { low, high, way }
    }
}

/// ITU-R BT.601, as embedded-graphics has it.
fn luma([red, green, blue]: [u8; 3]) -> u8 {
    ((u32::from(red) * 77 + u32::from(green) * 150 + u32::from(blue) * 29 + 128) / 256) as u8
}

/// The pattern at a place, between 0 and 1, both not reached: bits of the place and of its distance from the diagonal, the
/// lowest first.
fn threshold(x: usize, y: usize) -> f32 {
    let (x, y) = (x % PATTERN_SIDE, y % PATTERN_SIDE);
    let rank = (0..3).fold(0, |rank, bit| rank << 2 | ((x ^ y) >> bit & 1) << 1 | y >> bit & 1);
    (rank as f32 + 0.5) / (PATTERN_SIDE * PATTERN_SIDE) as f32
}

fn diffused(picture: &Picture, shades: &Shades) -> Vec<[u8; 3]> {
    let (width, height) = (picture.width(), picture.height());
    let mut made = vec![[0; 3]; width * height];
    // Errors carried into this row and the next, with a place before the first pixel and one behind the last.
    let mut here = vec![[0.0; 3]; width + 2];
    let mut below = here.clone();
    for y in 0..height {
        let is_forward = y % 2 == 0;
        for step in 0..width {
            let x = if is_forward { step } else { width - 1 - step };
            let (ahead, behind) = if is_forward { (x + 2, x) } else { (x, x + 2) };
            let source = shades.source(picture, x, y);
            for channel in 0..3 {
                let value = f64::from(source[channel]) + here[x + 1][channel];
                let level = shades.nearest(channel, value);
                let lost = (value - f64::from(level)) / 16.0;
                made[y * width + x][channel] = level;
                here[ahead][channel] += 7.0 * lost;
                below[behind][channel] += 3.0 * lost;
                below[x + 1][channel] += 5.0 * lost;
                below[ahead][channel] += lost;
            }
        }
        std::mem::swap(&mut here, &mut below);
        below.fill([0.0; 3]);
    }
    made
}

#[cfg(test)]
mod tests {
    use embedded_graphics::pixelcolor::{BinaryColor, Gray2, Gray4, Gray8, GrayColor, Rgb565};

    use super::*;

    /// Smooth in both directions, neither square nor symmetric, every channel another way.
    fn picture() -> Picture {
        let (width, height) = (53, 31);
        let levels = (0..width * height).flat_map(|place| {
            let (x, y) = (place % width, place / width);
            [x * 255 / width, y * 255 / height, (x * y * 7 + x) % 256].map(|level| level as u8)
        });
        Picture::new(width, height, 3, levels.collect()).expect("whole")
    }

    fn gray(level: u8) -> Picture {
        Picture::new(64, 48, 1, vec![level; 64 * 48]).expect("whole")
    }

    fn mean<C: PixelColor + From<Rgb888> + Into<Rgb888>>(picture: &Picture, dither: Dither) -> f64 {
        let made: Vec<C> = colors(picture, dither);
        let sum: f64 = made.iter().map(|color| f64::from((*color).into().g())).sum();
        sum / made.len() as f64
    }

    #[test]
    fn the_pattern_is_bayers() {
        let rank = |x, y| (threshold(x, y) * 64.0) as usize;
        // The matrix of order 8 by its definition: M(2n) = 4 M(n) + [[0, 2], [3, 1]] in its quarters.
        fn bayer(side: usize, x: usize, y: usize) -> usize {
            if side == 1 {
                return 0;
            }
            let half = side / 2;
            let quarter = [[0, 2], [3, 1]][y / half][x / half];
            4 * bayer(half, x % half, y % half) + quarter
        }
        for (x, y) in (0..8).flat_map(|y| (0..8).map(move |x| (x, y))) {
            assert_eq!(rank(x, y), bayer(8, x, y), "{x}, {y}");
        }
        assert_eq!(rank(9, 18), rank(1, 2));
    }

    #[test]
    fn the_mean_level_is_kept_on_panels_of_few_levels() {
        for level in [0, 1, 20, 64, 85, 127, 128, 200, 254, 255] {
            for dither in [Dither::Ordered, Dither::Diffused] {
                let means = [mean::<BinaryColor>, mean::<Gray2>, mean::<Gray4>, mean::<Rgb565>]
                    .map(|of| of(&gray(level), dither));
                // The pattern has 64 shares; what is carried over the last row and the sides is lost.
                let allowed = [4.1, 1.5, 0.5, 0.5];
                for (found, allowed) in means.iter().zip(allowed) {
                    let off = (found - f64::from(level)).abs();
                    assert!(off <= allowed, "{dither:?} of {level}: {means:?}");
                }
            }
        }
    }

    #[test]
    fn levels_that_a_panel_has_stay_as_they_are() {
        for dither in [Dither::Nearest, Dither::Ordered, Dither::Diffused] {
            for level in [0, 85, 170, 255] {
                let made: Vec<Gray2> = colors(&gray(level), dither);
                assert!(made.iter().all(|color| color.luma() == level / 85), "{dither:?} {level}");
            }
            let made: Vec<Rgb888> = colors(&picture(), dither);
            let levels: Vec<u8> = made.iter().flat_map(|color| [color.r(), color.g(), color.b()]).collect();
            assert_eq!(levels, picture().levels(), "{dither:?}");
        }
    }

    #[test]
    fn without_dithering_colors_are_those_of_embedded_graphics() {
        let expected: Vec<Rgb888> = colors(&picture(), Dither::Nearest);
        let same = |count: usize| assert_eq!(count, expected.len());
        let rgb565: Vec<Rgb565> = colors(&picture(), Dither::Nearest);
        same(rgb565.iter().zip(&expected).filter(|(found, color)| **found == Rgb565::from(**color)).count());
        let gray8: Vec<Gray8> = colors(&picture(), Dither::Nearest);
        same(gray8.iter().zip(&expected).filter(|(found, color)| **found == Gray8::from(**color)).count());
        let binary: Vec<BinaryColor> = colors(&picture(), Dither::Nearest);
        same(binary.iter().zip(&expected).filter(|(found, color)| **found == BinaryColor::from(**color)).count());
    }

    /// The textbook's loops over a whole plane of errors, for one channel of `steps` equal steps.
    fn plainly_diffused(levels: &[u8], width: usize, steps: f64) -> Vec<u8> {
        let height = levels.len() / width;
        let mut plane: Vec<f64> = levels.iter().map(|level| f64::from(*level)).collect();
        for y in 0..height {
            let forward = if y % 2 == 0 { 1 } else { -1 };
            for step in 0..width as isize {
                let x = if forward == 1 { step } else { width as isize - 1 - step };
                let at =
                    |x: isize, y: usize| (x >= 0 && x < width as isize && y < height).then(|| y * width + x as usize);
                let place = at(x, y).expect("inside");
                let old = plane[place];
                let new = (old / 255.0 * steps).round().clamp(0.0, steps) / steps * 255.0;
                plane[place] = new.round();
                for (dx, dy, share) in [(forward, 0, 7.0), (-forward, 1, 3.0), (0, 1, 5.0), (forward, 1, 1.0)] {
                    if let Some(next) = at(x + dx, y + dy) {
                        plane[next] += (old - new.round()) * share / 16.0;
                    }
                }
            }
        }
        plane.into_iter().map(|level| level as u8).collect()
    }

    #[test]
    fn diffusion_is_that_of_a_plain_implementation() {
        let levels: Vec<u8> = picture().levels().chunks(3).map(|rgb| luma([rgb[0], rgb[1], rgb[2]])).collect();
        let source = Picture::new(53, 31, 1, levels.clone()).expect("whole");
        let binary: Vec<BinaryColor> = colors(&source, Dither::Diffused);
        let found: Vec<u8> = binary.iter().map(|color| if color.is_on() { 255 } else { 0 }).collect();
        assert_eq!(found, plainly_diffused(&levels, 53, 1.0));
        let gray: Vec<Gray4> = colors(&source, Dither::Diffused);
        let found: Vec<u8> = gray.iter().map(|color| color.luma() * 17).collect();
        assert_eq!(found, plainly_diffused(&levels, 53, 15.0));
    }
}
