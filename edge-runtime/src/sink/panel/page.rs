//! A page in memory, so that a panel gets whole pictures, and of those only what has changed.

use std::convert::Infallible;

use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::pixelcolor::PixelColor;
use embedded_graphics::primitives::Rectangle;

/// Rows of pixels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Page<C> {
    size: Size,
    colors: Vec<C>,
}

impl<C: PixelColor> Page<C> {
    pub(super) fn new(size: Size, color: C) -> Self {
        Self { size, colors: vec![color; size.width as usize * size.height as usize] }
    }

    /// The color at a place inside.
    pub(super) fn at(&self, x: u32, y: u32) -> Option<C> {
        let is_inside = x < self.size.width && y < self.size.height;
        is_inside.then(|| self.colors[(y * self.size.width + x) as usize])
    }

    /// The smallest area that holds every difference from a page of the same size.
    pub(super) fn changed(&self, before: &Self) -> Option<Rectangle> {
        let width = self.size.width as usize;
        let differs = |place: &usize| self.colors[*place] != before.colors[*place];
        let first = (0..self.colors.len()).find(differs)?;
        let last = (0..self.colors.len()).rev().find(differs)?;
        let (top, bottom) = (first / width, last / width);
        let column_differs = |x: &usize| (top..=bottom).any(|y| differs(&(y * width + x)));
        let (left, right) = ((0..width).find(column_differs)?, (0..width).rev().find(column_differs)?);
        let point = |x: usize, y: usize| Point::new(x as i32, y as i32);
        Some(Rectangle::with_corners(point(left, top), point(right, bottom)))
    }

    /// The colors of an area inside, row by row.
    pub(super) fn area(&self, area: Rectangle) -> impl Iterator<Item = C> + '_ {
        let width = self.size.width as usize;
        let (left, columns) = (area.top_left.x as usize, area.size.width as usize);
        let rows = area.rows().map(move |y| y as usize * width + left);
        rows.flat_map(move |start| self.colors[start..start + columns].iter().copied())
    }
}

impl<C: PixelColor> OriginDimensions for Page<C> {
    fn size(&self) -> Size {
        self.size
    }
}

impl<C: PixelColor> DrawTarget for Page<C> {
    type Color = C;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<C>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(point, color) in pixels {
            if let (Ok(x), Ok(y)) = (u32::try_from(point.x), u32::try_from(point.y))
                && x < self.size.width
                && y < self.size.height
            {
                self.colors[(y * self.size.width + x) as usize] = color;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use embedded_graphics::pixelcolor::BinaryColor::{self, Off, On};

    use super::*;

    #[test]
    fn what_changed_is_a_rectangle_around_it() {
        let before = Page::new(Size::new(5, 4), Off);
        assert_eq!(before.changed(&before), None);
        let mut page = before.clone();
        let places = [Point::new(3, 1), Point::new(1, 2), Point::new(7, 1), Point::new(-1, 0)];
        page.draw_iter(places.map(|place| Pixel(place, On))).expect("cannot fail");
        let area = page.changed(&before).expect("two pixels");
        assert_eq!(area, Rectangle::new(Point::new(1, 1), Size::new(3, 2)));
        assert_eq!(page.area(area).collect::<Vec<BinaryColor>>(), [Off, Off, On, On, Off, Off]);
        assert_eq!((page.at(3, 1), page.at(5, 0)), (Some(On), None));
    }
}
