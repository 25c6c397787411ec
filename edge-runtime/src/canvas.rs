//! A buffer of pixels in memory that embedded-graphics can draw on.

use std::convert::Infallible;

use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{Dimensions, OriginDimensions, Size};
use embedded_graphics::pixelcolor::{IntoStorage, PixelColor, Rgb565, Rgb888, RgbColor};
use embedded_graphics::primitives::{PointsIter, Rectangle};

use crate::Picture;

/// Rows of pixels of the color type `C`, each row followed by unused bytes up to the stride.
///
/// Byte orders are those of a little-endian frame buffer, under the names of Linux's `drm_fourcc.h`.
#[derive(Debug, Clone)]
pub struct Canvas<C> {
    width: usize,
    height: usize,
    stride: usize,
    pixel_bytes: usize,
    encode: fn(C) -> [u8; 4],
    bytes: Vec<u8>,
}

impl Canvas<Rgb565> {
    /// Two bytes a pixel, low byte first: blue in bits 0 to 4, green in 5 to 10, red in 11 to 15.
    ///
    /// Rows shorter than the stride are padded; a stride too small for a row is made as large as it.
    pub fn rgb565(width: usize, height: usize, stride: usize) -> Self {
        Self::new(width, height, stride, 2, |color| {
            let [low, high] = color.into_storage().to_le_bytes();
            [low, high, 0, 0]
        })
    }

    /// As [`Canvas::rgb565`], with red and blue in each other's place.
    pub fn bgr565(width: usize, height: usize, stride: usize) -> Self {
        Self::new(width, height, stride, 2, |color| {
            let [low, high] = Rgb565::new(color.b(), color.g(), color.r()).into_storage().to_le_bytes();
            [low, high, 0, 0]
        })
    }
}

impl Canvas<Rgb888> {
    /// Three bytes a pixel: blue, green, red.
    ///
    /// Rows shorter than the stride are padded; a stride too small for a row is made as large as it.
    pub fn rgb888(width: usize, height: usize, stride: usize) -> Self {
        Self::new(width, height, stride, 3, bgr)
    }

    /// Four bytes a pixel: blue, green, red and one that is unused and 0.
    ///
    /// Rows shorter than the stride are padded; a stride too small for a row is made as large as it.
    pub fn xrgb8888(width: usize, height: usize, stride: usize) -> Self {
        Self::new(width, height, stride, 4, bgr)
    }

    /// Three bytes a pixel: red, green, blue.
    ///
    /// Rows shorter than the stride are padded; a stride too small for a row is made as large as it.
    pub fn bgr888(width: usize, height: usize, stride: usize) -> Self {
        Self::new(width, height, stride, 3, rgb)
    }

    /// Four bytes a pixel: red, green, blue and one that is unused and 0.
    ///
    /// Rows shorter than the stride are padded; a stride too small for a row is made as large as it.
    pub fn xbgr8888(width: usize, height: usize, stride: usize) -> Self {
        Self::new(width, height, stride, 4, rgb)
    }

    /// Red, green and blue of a pixel of a canvas whose bytes begin with blue, black outside.
    pub fn rgb(&self, x: usize, y: usize) -> [u8; 3] {
        match self.start(x, y).map(|start| &self.bytes[start..start + 3]) {
            Some([blue, green, red]) => [*red, *green, *blue],
            _ => [0; 3],
        }
    }
}

impl<C: PixelColor + Into<Rgb888>> Canvas<C> {
    /// What is drawn in a color as what it looks like; nothing where a side is 0.
    ///
    /// ```
    /// use edge_runtime::canvas::Canvas;
    /// use embedded_graphics::draw_target::DrawTarget;
    /// use embedded_graphics::pixelcolor::{Gray2, GrayColor};
    ///
    /// let dark = Canvas::<Gray2>::picture(3, 2, |canvas| canvas.clear(Gray2::new(1)).expect("cannot fail"));
    /// assert_eq!(dark.expect("3 x 2").rgb(2, 1), [85; 3]);
    /// ```
    pub fn picture(width: usize, height: usize, draw: impl FnOnce(&mut Self)) -> Option<Picture> {
        let mut canvas = Self::new(width, height, 0, 3, |color| rgb(color.into()));
        draw(&mut canvas);
        Picture::new(width, height, 3, canvas.bytes)
    }
}

impl<C: PixelColor> Canvas<C> {
    fn new(width: usize, height: usize, stride: usize, pixel_bytes: usize, encode: fn(C) -> [u8; 4]) -> Self {
        let stride = stride.max(width * pixel_bytes);
        Self { width, height, stride, pixel_bytes, encode, bytes: vec![0; stride * height] }
    }

    /// All rows with their padding, as a frame buffer holds them.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The pixels of each row of an area that lies inside.
    fn rows(&mut self, area: &Rectangle) -> impl Iterator<Item = &mut [u8]> {
        let side = |pixels: u32| pixels as usize;
        // A point inside is not negative.
        let (left, top) = (area.top_left.x.max(0) as usize, area.top_left.y.max(0) as usize);
        let pixels = left * self.pixel_bytes..(left + side(area.size.width)) * self.pixel_bytes;
        let rows = self.bytes.chunks_exact_mut(self.stride.max(1)).skip(top).take(side(area.size.height));
        rows.map(move |row| &mut row[pixels.clone()])
    }

    fn start(&self, x: usize, y: usize) -> Option<usize> {
        (x < self.width && y < self.height).then(|| y * self.stride + x * self.pixel_bytes)
    }
}

impl<C: PixelColor> OriginDimensions for Canvas<C> {
    fn size(&self) -> Size {
        let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
        Size::new(side(self.width), side(self.height))
    }
}

impl<C: PixelColor> DrawTarget for Canvas<C> {
    type Color = C;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<C>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(point, color) in pixels {
            let (Ok(x), Ok(y)) = (usize::try_from(point.x), usize::try_from(point.y)) else { continue };
            if let Some(start) = self.start(x, y) {
                let encoded = (self.encode)(color);
                self.bytes[start..start + self.pixel_bytes].copy_from_slice(&encoded[..self.pixel_bytes]);
            }
        }
        Ok(())
    }

    fn fill_contiguous<I>(&mut self, area: &Rectangle, colors: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = C>,
    {
        if self.bounding_box().intersection(area) != *area {
            return self.draw_iter(area.points().zip(colors).map(|(point, color)| Pixel(point, color)));
        }
        let (encode, pixel_bytes) = (self.encode, self.pixel_bytes);
        let mut colors = colors.into_iter();
        for row in self.rows(area) {
            for (pixel, color) in row.chunks_exact_mut(pixel_bytes).zip(&mut colors) {
                pixel.copy_from_slice(&encode(color)[..pixel_bytes]);
            }
        }
        Ok(())
    }

    fn fill_solid(&mut self, area: &Rectangle, color: C) -> Result<(), Infallible> {
        let (encoded, pixel_bytes) = ((self.encode)(color), self.pixel_bytes);
        let mut filled = Vec::new();
        for row in self.rows(&self.bounding_box().intersection(area)) {
            if filled.is_empty() {
                filled = encoded[..pixel_bytes].repeat(row.len() / pixel_bytes);
            }
            row.copy_from_slice(&filled);
        }
        Ok(())
    }
}

fn rgb(color: Rgb888) -> [u8; 4] {
    [color.r(), color.g(), color.b(), 0]
}

fn bgr(color: Rgb888) -> [u8; 4] {
    [color.b(), color.g(), color.r(), 0]
}

#[cfg(test)]
mod tests {
    use embedded_graphics::geometry::Point;

    use super::*;

    fn draw<C: PixelColor + From<Rgb888>>(canvas: &mut Canvas<C>) {
        let pixel = |x, y, color: Rgb888| Pixel(Point::new(x, y), color.into());
        let outside = [pixel(-1, 0, Rgb888::WHITE), pixel(3, 0, Rgb888::WHITE), pixel(0, 2, Rgb888::WHITE)];
        let inside = [
            pixel(0, 0, Rgb888::RED),
            pixel(2, 0, Rgb888::new(0x12, 0x34, 0x56)),
            pixel(0, 1, Rgb888::GREEN),
            pixel(2, 1, Rgb888::BLUE),
        ];
        canvas.draw_iter(inside.into_iter().chain(outside)).expect("cannot fail");
    }

    #[test]
    fn bytes_are_exact_in_every_layout_of_a_padded_buffer() {
        let mut canvas = Canvas::rgb565(3, 2, 8);
        draw(&mut canvas);
        // 0x12, 0x34, 0x56 become 2 of 31, 13 of 63, 10 of 31: 0b00010_001101_01010.
        let expected = [0x00, 0xF8, 0, 0, 0xAA, 0x11, 0, 0, 0xE0, 0x07, 0, 0, 0x1F, 0x00, 0, 0];
        assert_eq!(canvas.bytes(), expected);

        let mut canvas = Canvas::rgb888(3, 2, 10);
        draw(&mut canvas);
        let expected = [0, 0, 255, 0, 0, 0, 0x56, 0x34, 0x12, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0, 0];
        assert_eq!(canvas.bytes(), expected);
        assert_eq!(canvas.rgb(2, 0), [0x12, 0x34, 0x56]);
        assert_eq!(canvas.rgb(3, 0), [0; 3]);

        let mut canvas = Canvas::xrgb8888(3, 2, 0);
        draw(&mut canvas);
        let first = [0, 0, 255, 0, 0, 0, 0, 0, 0x56, 0x34, 0x12, 0];
        let second = [0, 255, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0];
        assert_eq!(canvas.bytes(), [first, second].concat());
    }

    #[test]
    fn red_and_blue_change_places_in_the_other_order() {
        let drawn = |mut canvas: Canvas<Rgb888>| {
            draw(&mut canvas);
            canvas.bytes()[..9].to_vec()
        };
        assert_eq!(drawn(Canvas::bgr888(3, 2, 0)), [255, 0, 0, 0, 0, 0, 0x12, 0x34, 0x56]);
        assert_eq!(drawn(Canvas::xbgr8888(3, 2, 0)), [255, 0, 0, 0, 0, 0, 0, 0, 0x12]);
        let mut canvas = Canvas::bgr565(3, 2, 0);
        draw(&mut canvas);
        assert_eq!(canvas.bytes(), [0x1F, 0x00, 0, 0, 0xA2, 0x51, 0xE0, 0x07, 0, 0, 0x00, 0xF8]);
        let shown = Canvas::<Rgb565>::picture(3, 2, draw).expect("3 x 2");
        // 2, 13, 10 of 31, 63, 31 are 16, 53, 82 of 255.
        assert_eq!(shown.levels()[..9], [255, 0, 0, 0, 0, 0, 16, 53, 82]);
        assert_eq!(Canvas::<Rgb565>::picture(0, 2, draw), None);
    }

    #[test]
    fn areas_are_filled_as_pixel_by_pixel() {
        let colors = || (0..).map(|place: u8| Rgb888::new(place, 2 * place, 99));
        let areas = [
            ((0, 0), (5, 4)),
            ((1, 2), (3, 2)),
            ((4, 3), (1, 1)),
            ((-2, 1), (4, 9)),
            ((3, -1), (9, 3)),
            ((5, 0), (2, 2)),
            ((-9, -9), (3, 3)),
            ((2, 2), (0, 3)),
        ];
        for ((x, y), (width, height)) in areas {
            let area = Rectangle::new(Point::new(x, y), Size::new(width, height));
            for make in [Canvas::rgb888, Canvas::xrgb8888] {
                let [mut filled, mut expected] = [make(5, 4, 23), make(5, 4, 23)];
                filled.fill_contiguous(&area, colors()).expect("cannot fail");
                let pixels = area.points().zip(colors());
                expected.draw_iter(pixels.map(|(point, color)| Pixel(point, color))).expect("cannot fail");
                assert_eq!(filled.bytes(), expected.bytes(), "{area:?}");
                filled.fill_solid(&area, Rgb888::new(7, 8, 9)).expect("cannot fail");
                let pixels = area.points().map(|point| Pixel(point, Rgb888::new(7, 8, 9)));
                expected.draw_iter(pixels).expect("cannot fail");
                assert_eq!(filled.bytes(), expected.bytes(), "{area:?}");
            }
        }
    }
}
