//! A line plot as PNG: axes with round ticks, a legend, smooth lines.

use std::io::Cursor;

use embedded_graphics::Drawable;
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::ascii::{FONT_7X13, FONT_9X15_BOLD};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::prelude::{DrawTarget, OriginDimensions, Pixel, Point, Size};
use embedded_graphics::text::{Alignment, Text};
use image::{ImageFormat, Rgb, RgbImage};

const WIDTH: u32 = 960;
const HEIGHT: u32 = 540;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 936.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 490.0;
const LINE_WIDTH: f64 = 2.2;
const DOT_WIDTH: f64 = 7.0;
/// How far the vertical axis goes beyond the values.
const HEADROOM: f64 = 1.05;
const AXIS: [u8; 3] = [90, 90, 90];
const GRID: [u8; 3] = [228, 228, 228];

/// One line of a plot.
#[derive(Debug, Clone)]
pub struct Curve<'a> {
    /// For the legend.
    pub name: &'a str,
    /// Red, green, blue.
    pub color: [u8; 3],
    /// Points from left to right; a point that is no number makes a gap.
    pub points: Vec<(f64, f64)>,
}

/// The PNG, 960 x 540, of curves over a horizontal axis of this name.
pub fn png(curves: &[Curve<'_>], title: &str, axis: &str) -> Vec<u8> {
    let mut canvas = Canvas(RgbImage::from_pixel(WIDTH, HEIGHT, Rgb([255; 3])));
    let scale = Scale::fit(curves);
    axes(&mut canvas, &scale);
    canvas.heading(title, Point::new(LEFT as i32, 26));
    canvas.text(axis, Point::new(((LEFT + RIGHT) / 2.0) as i32, HEIGHT as i32 - 12), Alignment::Center);
    for curve in curves {
        drawn_curve(&mut canvas, &scale, curve);
    }
    legend(&mut canvas, curves);
    let mut png = Cursor::new(Vec::new());
    canvas.0.write_to(&mut png, ImageFormat::Png).expect("an RGB picture in memory always encodes");
    png.into_inner()
}

/// A line between neighbors, a dot for a point that has none.
fn drawn_curve(canvas: &mut Canvas, scale: &Scale, curve: &Curve<'_>) {
    let mapped: Vec<_> = curve.points.iter().map(|point| scale.pixel(*point)).collect();
    let is_drawn = |index: usize| mapped.get(index).is_some_and(|(x, y)| x.is_finite() && y.is_finite());
    for pair in mapped.windows(2) {
        canvas.line(pair[0], pair[1], LINE_WIDTH, curve.color);
    }
    for (index, point) in mapped.iter().enumerate() {
        if !is_drawn(index.wrapping_sub(1)) && !is_drawn(index + 1) {
            canvas.line(*point, *point, DOT_WIDTH, curve.color);
        }
    }
}

/// Names at the top, ending where the plot ends.
fn legend(canvas: &mut Canvas, curves: &[Curve<'_>]) {
    let mut end = RIGHT;
    for curve in curves.iter().rev() {
        let text = end - f64::from(FONT_7X13.character_size.width) * curve.name.chars().count() as f64;
        canvas.text(curve.name, Point::new(text as i32, 26), Alignment::Left);
        canvas.line((text - 30.0, 22.0), (text - 10.0, 22.0), 2.0 * LINE_WIDTH, curve.color);
        end = text - 56.0;
    }
}

fn axes(canvas: &mut Canvas, scale: &Scale) {
    // A line through the middle of its pixels is sharp.
    let sharp = |place: f64| place.floor() + 0.5;
    for tick in scale.x.ticks() {
        let (x, _) = scale.pixel((tick, 0.0));
        canvas.line((sharp(x), TOP), (sharp(x), BOTTOM), 1.0, GRID);
        canvas.text(&scale.x.text(tick), Point::new(x as i32, BOTTOM as i32 + 18), Alignment::Center);
    }
    for tick in scale.y.ticks() {
        let (_, y) = scale.pixel((0.0, tick));
        canvas.line((LEFT, sharp(y)), (RIGHT, sharp(y)), 1.0, GRID);
        canvas.text(&scale.y.text(tick), Point::new(LEFT as i32 - 8, y as i32 + 4), Alignment::Right);
    }
    canvas.line((LEFT, sharp(BOTTOM)), (RIGHT, sharp(BOTTOM)), 1.0, AXIS);
    canvas.line((sharp(LEFT), TOP), (sharp(LEFT), BOTTOM), 1.0, AXIS);
}

/// From values to pixels.
struct Scale {
    x: Axis,
    y: Axis,
}

impl Scale {
    /// Every finite point fits; the vertical axis starts at 0 where no value is below.
    fn fit(curves: &[Curve<'_>]) -> Self {
        let finite = |point: &&(f64, f64)| point.0.is_finite() && point.1.is_finite();
        let points: Vec<_> = curves.iter().flat_map(|curve| &curve.points).filter(finite).collect();
        let range = |values: &mut dyn Iterator<Item = f64>| {
            let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
            if low > high { (0.0, 1.0) } else { (low, high) }
        };
        let (left, right) = range(&mut points.iter().map(|point| point.0));
        let (low, high) = range(&mut points.iter().map(|point| point.1));
        let (left, right) = if right > left { (left, right) } else { (left - 0.5, right + 0.5) };
        let (low, high) = (low.min(0.0), high.max(0.0));
        let (low, high) = if high > low { (low * HEADROOM, high * HEADROOM) } else { (0.0, 1.0) };
        let is_whole = points.iter().all(|point| point.0.fract() == 0.0);
        Self { x: Axis::new(left, right, if is_whole { 1.0 } else { 0.0 }), y: Axis::new(low, high, 0.0) }
    }

    fn pixel(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (LEFT + self.x.share(x) * (RIGHT - LEFT), BOTTOM - self.y.share(y) * (BOTTOM - TOP))
    }
}

/// A range of values with round numbers in it: 1, 2 or 5 times a power of ten apart.
struct Axis {
    low: f64,
    high: f64,
    step: f64,
}

impl Axis {
    /// At most nine numbers, at least `least_step` apart.
    fn new(low: f64, high: f64, least_step: f64) -> Self {
        let raw = (high - low) / 8.0;
        let magnitude = 10f64.powf(raw.log10().floor());
        let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * magnitude >= raw).unwrap_or(10.0);
        Self { low, high, step: (factor * magnitude).max(least_step) }
    }

    fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    /// None where the range is too wide or too narrow for f64.
    fn ticks(&self) -> Vec<f64> {
        if !self.step.is_normal() {
            return Vec::new();
        }
        let first = (self.low / self.step - 1e-9).ceil();
        let inside = |tick: &f64| *tick <= self.high + self.step * 1e-9;
        (0..9).map(|index| (first + f64::from(index)) * self.step).take_while(inside).collect()
    }

    /// With as many digits as tell neighbors apart.
    fn text(&self, tick: f64) -> String {
        let power = |value: f64| (value.log10() + 1e-9).floor() as i32;
        let largest = power(self.low.abs().max(self.high.abs()));
        let smallest = power(self.step);
        if (-4..6).contains(&smallest) && largest < 6 {
            return format!("{tick:.*}", usize::try_from(-smallest).unwrap_or(0));
        }
        if tick == 0.0 {
            return "0".to_owned();
        }
        let digits = usize::try_from(power(tick.abs()) - smallest).unwrap_or(0);
        format!("{tick:.digits$e}")
    }
}

struct Canvas(RgbImage);

impl Canvas {
    /// A line of round ends whose edge pixels are covered in part; anything that is no number is left out.
    fn line(&mut self, from: (f64, f64), to: (f64, f64), width: f64, color: [u8; 3]) {
        if ![from.0, from.1, to.0, to.1].iter().all(|value| value.is_finite()) {
            return;
        }
        let reach = width / 2.0 + 1.0;
        let span = |a: f64, b: f64, end: u32| {
            let clamp = |value: f64| value.clamp(0.0, f64::from(end)) as u32;
            clamp((a.min(b) - reach).floor())..clamp((a.max(b) + reach).ceil())
        };
        for y in span(from.1, to.1, HEIGHT) {
            for x in span(from.0, to.0, WIDTH) {
                let distance = distance_to_segment((f64::from(x) + 0.5, f64::from(y) + 0.5), from, to);
                let cover = (width / 2.0 + 0.5 - distance).clamp(0.0, 1.0);
                let pixel = self.0.get_pixel_mut(x, y);
                for (level, target) in pixel.0.iter_mut().zip(color) {
                    *level = (f64::from(*level) * (1.0 - cover) + f64::from(target) * cover).round() as u8;
                }
            }
        }
    }

    fn heading(&mut self, text: &str, at: Point) {
        self.draw(Text::new(text, at, MonoTextStyle::new(&FONT_9X15_BOLD, Rgb888::BLACK)));
    }

    fn text(&mut self, text: &str, at: Point, alignment: Alignment) {
        let style = MonoTextStyle::new(&FONT_7X13, Rgb888::new(60, 60, 60));
        self.draw(Text::with_alignment(text, at, style, alignment));
    }

    fn draw(&mut self, text: Text<'_, MonoTextStyle<'_, Rgb888>>) {
        let Ok(_) = text.draw(self);
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = std::convert::Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Self::Error> {
        for Pixel(at, color) in pixels {
            if let (Ok(x), Ok(y)) = (u32::try_from(at.x), u32::try_from(at.y))
                && x < WIDTH
                && y < HEIGHT
            {
                self.0.put_pixel(x, y, Rgb([color.r(), color.g(), color.b()]));
            }
        }
        Ok(())
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(WIDTH, HEIGHT)
    }
}

fn distance_to_segment(point: (f64, f64), from: (f64, f64), to: (f64, f64)) -> f64 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (px, py) = (point.0 - from.0, point.1 - from.1);
    let length = dx * dx + dy * dy;
    let along = if length > 0.0 { ((px * dx + py * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
    (px - along * dx).hypot(py - along * dy)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: [u8; 3] = [200, 30, 30];

    fn drawn(points: &[(f64, f64)]) -> RgbImage {
        let curve = Curve { name: "d", color: RED, points: points.to_vec() };
        image::load_from_memory(&png(&[curve], "title", "epoch")).expect("a PNG").to_rgb8()
    }

    /// Pixels of the curve's color inside the axes, in the given columns.
    fn colored(picture: &RgbImage, columns: std::ops::Range<u32>) -> usize {
        let inside = |x: u32, y: u32| columns.contains(&x) && f64::from(y) > TOP && f64::from(y) < BOTTOM;
        picture.enumerate_pixels().filter(|(x, y, pixel)| inside(*x, *y) && pixel.0 == RED).count()
    }

    #[test]
    fn a_curve_is_drawn_where_its_points_are() {
        let picture = drawn(&[(0.0, 0.0), (1.0, 1.0), (2.0, 0.0)]);
        assert_eq!(picture.dimensions(), (WIDTH, HEIGHT));
        assert!(colored(&picture, 72..936) > 800);
        let top =
            picture.enumerate_pixels().find(|(x, y, pixel)| pixel.0 == RED && *y > 48 && *x > 72).expect("a peak");
        assert!((480..530).contains(&top.0), "the peak is in the middle: {}", top.0);
    }

    #[test]
    fn a_point_that_is_no_number_makes_a_gap() {
        let picture = drawn(&[(0.0, 1.0), (1.0, 1.0), (2.0, f64::NAN), (3.0, 1.0), (4.0, 1.0)]);
        assert_eq!(colored(&picture, 330..680), 0);
        assert!(colored(&picture, 80..270) > 0 && colored(&picture, 740..930) > 0);
    }

    #[test]
    fn a_point_without_neighbors_is_a_dot() {
        let alone = [(0.0, 1.0), (1.0, 1.0), (2.0, f64::NAN), (3.0, 1.0), (4.0, f64::INFINITY), (5.0, 1.0), (6.0, 1.0)];
        assert!((20..60).contains(&colored(&drawn(&alone), 400..600)), "between gaps");
        assert!((20..60).contains(&colored(&drawn(&[(1.0, 0.7)]), 490..520)), "the only one stands in the middle");
    }

    #[test]
    fn every_curve_and_its_legend_have_its_color() {
        let blue = [30, 30, 200];
        let points = |y: f64| vec![(1.0, y), (9.0, y)];
        let curves = [("first", RED, 1.0), ("second", blue, 2.0)].map(|(name, color, y)| Curve {
            name,
            color,
            points: points(y),
        });
        let picture = image::load_from_memory(&png(&curves, "title", "epoch")).expect("a PNG").to_rgb8();
        for color in [RED, blue] {
            let count = |rows: std::ops::Range<u32>| {
                picture.enumerate_pixels().filter(|(_, y, pixel)| rows.contains(y) && pixel.0 == color).count()
            };
            assert!(count(60..485) > 800 && count(10..40) > 40, "{color:?}");
        }
    }

    #[test]
    fn nothing_and_extreme_values_are_drawn_too() {
        let empty: [&[(f64, f64)]; 2] = [&[], &[(f64::NAN, f64::NAN)]];
        for points in empty {
            assert_eq!(colored(&drawn(points), 72..936), 0, "{points:?}");
        }
        for (low, high) in [(-1e300, 1e300), (1e-12, 2e-12), (-3.0, -2.0), (0.0, 0.0), (-1e308, 1e308)] {
            let picture = drawn(&[(0.0, low), (1.0, high)]);
            assert_eq!(picture.dimensions(), (WIDTH, HEIGHT));
            assert!(colored(&picture, 72..936) > 0 || high - low == f64::INFINITY, "{low} to {high}");
        }
        drawn(&[(1e300, 1.0)]);
    }

    #[test]
    fn ticks_are_round_and_inside() {
        struct Case {
            range: (f64, f64),
            least_step: f64,
            texts: &'static [&'static str],
        }
        let cases = [
            Case { range: (0.0, 1.0), least_step: 0.0, texts: &["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"] },
            Case { range: (1.0, 100.0), least_step: 1.0, texts: &["20", "40", "60", "80", "100"] },
            Case { range: (1.0, 2.0), least_step: 1.0, texts: &["1", "2"] },
            Case { range: (0.5, 1.5), least_step: 1.0, texts: &["1"] },
            Case { range: (-0.3, 1.4), least_step: 0.0, texts: &["0.0", "0.5", "1.0"] },
            Case { range: (-0.6, 0.3), least_step: 0.0, texts: &["-0.6", "-0.4", "-0.2", "0.0", "0.2"] },
            Case { range: (0.0, 0.002), least_step: 0.0, texts: &["0.0000", "0.0005", "0.0010", "0.0015", "0.0020"] },
            Case {
                range: (0.0, 3e6),
                least_step: 0.0,
                texts: &["0", "5e5", "1.0e6", "1.5e6", "2.0e6", "2.5e6", "3.0e6"],
            },
            Case {
                range: (0.0, 4e-9),
                least_step: 0.0,
                texts: &["0", "5e-10", "1.0e-9", "1.5e-9", "2.0e-9", "2.5e-9", "3.0e-9", "3.5e-9", "4.0e-9"],
            },
            Case { range: (0.0, f64::INFINITY), least_step: 0.0, texts: &[] },
            Case { range: (7.0, 7.0), least_step: 0.0, texts: &[] },
        ];
        for Case { range, least_step, texts } in cases {
            let axis = Axis::new(range.0, range.1, least_step);
            let found: Vec<_> = axis.ticks().iter().map(|tick| axis.text(*tick)).collect();
            assert_eq!(found, texts, "{range:?}");
        }
    }
}
