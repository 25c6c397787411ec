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
        let mapped: Vec<_> = curve.points.iter().map(|point| scale.pixel(*point)).collect();
        for pair in mapped.windows(2) {
            canvas.line(pair[0], pair[1], LINE_WIDTH, curve.color);
        }
        if let [only] = mapped[..] {
            canvas.line((only.0 - 3.0, only.1), (only.0 + 3.0, only.1), 2.0 * LINE_WIDTH, curve.color);
        }
    }
    let mut x = RIGHT;
    for curve in curves.iter().rev() {
        x -= 8.0 * curve.name.len() as f64 + 44.0;
        canvas.line((x, 22.0), (x + 22.0, 22.0), 2.0 * LINE_WIDTH, curve.color);
        canvas.text(curve.name, Point::new(x as i32 + 28, 26), Alignment::Left);
    }
    let mut png = Cursor::new(Vec::new());
    canvas.0.write_to(&mut png, ImageFormat::Png).expect("an RGB picture in memory always encodes");
    png.into_inner()
}

fn axes(canvas: &mut Canvas, scale: &Scale) {
    for tick in ticks(scale.x) {
        let (x, _) = scale.pixel((tick, 0.0));
        canvas.line((x, TOP), (x, BOTTOM), 1.0, GRID);
        canvas.text(&tick_text(tick), Point::new(x as i32, BOTTOM as i32 + 18), Alignment::Center);
    }
    for tick in ticks(scale.y) {
        let (_, y) = scale.pixel((0.0, tick));
        canvas.line((LEFT, y), (RIGHT, y), 1.0, GRID);
        canvas.text(&tick_text(tick), Point::new(LEFT as i32 - 8, y as i32 + 4), Alignment::Right);
    }
    canvas.line((LEFT, BOTTOM), (RIGHT, BOTTOM), 1.4, AXIS);
    canvas.line((LEFT, TOP), (LEFT, BOTTOM), 1.4, AXIS);
}

/// From values to pixels.
struct Scale {
    x: (f64, f64),
    y: (f64, f64),
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
        let low = low.min(0.0);
        let right = if right > left { right } else { left + 1.0 };
        let high = if high > low { high + (high - low) * 0.05 } else { low + 1.0 };
        Self { x: (left, right), y: (low, high) }
    }

    fn pixel(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let along = |value: f64, (low, high): (f64, f64)| (value - low) / (high - low);
        (LEFT + along(x, self.x) * (RIGHT - LEFT), BOTTOM - along(y, self.y) * (BOTTOM - TOP))
    }
}

/// Four to ten round numbers (1, 2 or 5 times a power of ten apart) within a range.
fn ticks((low, high): (f64, f64)) -> Vec<f64> {
    let raw = (high - low) / 8.0;
    let magnitude = 10f64.powf(raw.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * magnitude >= raw).unwrap_or(10.0);
    let step = factor * magnitude;
    let first = (low / step).ceil();
    let inside = |tick: &f64| *tick <= high + step * 1e-9;
    (0..=10).map(|index| (first + f64::from(index)) * step).take_while(inside).collect()
}

fn tick_text(tick: f64) -> String {
    if tick != 0.0 && !(1e-3..1e6).contains(&tick.abs()) {
        return format!("{tick:.0e}");
    }
    let text = format!("{tick:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
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
    fn few_and_extreme_points_are_drawn_too() {
        assert!(colored(&drawn(&[(1.0, 0.7)]), 72..936) > 0, "a single point");
        for points in [&[][..], &[(f64::NAN, f64::NAN)], &[(0.0, 1e300), (1.0, -1e300)], &[(0.0, 1e-12), (1.0, 1e-12)]]
        {
            drawn(points);
        }
    }

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks((0.0, 1.0)), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(ticks((1.0, 100.0)), [20.0, 40.0, 60.0, 80.0, 100.0]);
        for range in [(0.0, 3.7), (1.0, 13.0), (-4.0, 1e6), (0.0, 1e-7)] {
            let found = ticks(range);
            assert!((3..=11).contains(&found.len()), "{range:?}: {found:?}");
            assert!(
                found.iter().all(|tick| *tick >= range.0 && *tick <= range.1 * (1.0 + 1e-9)),
                "{range:?}: {found:?}"
            );
        }
        assert_eq!([0.0, 0.25, 20.0, 1e7].map(tick_text), ["0", "0.25", "20", "1e7"]);
    }
}
