//! Draws a picture and its caption on anything that embedded-graphics can draw on.

use embedded_graphics::Drawable;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::mono_font::iso_8859_1::{FONT_4X6, FONT_6X10, FONT_10X20};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::primitives::Rectangle;
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};

use crate::{Frame, Picture};

/// Pixels between the picture and the caption's lines.
const GAP: u32 = 1;

/// Fills the target: the picture as large as it fits with square pixels, in the middle of black, and under it the caption
/// in white. A picture grows by whole factors only. Where less than half of the height would be left for the picture,
/// the caption is left out.
///
/// # Errors
/// Those of the target.
pub fn draw_frame<D>(target: &mut D, frame: &Frame) -> Result<(), D::Error>
where
    D: DrawTarget<Color: From<Rgb888>>,
{
    let area = target.bounding_box();
    target.fill_solid(&area, Rgb888::BLACK.into())?;
    let font = font(area.size.width);
    let caption = frame.caption();
    let lines = u32::try_from(caption.len()).unwrap_or(0);
    let text_height = lines * (font.character_size.height + GAP);
    let shown = if text_height * 2 > area.size.height { 0 } else { text_height };
    let space = Size::new(area.size.width, area.size.height - shown);
    draw_picture(target, &frame.picture, Rectangle::new(area.top_left, space))?;
    if shown == 0 {
        return Ok(());
    }
    let center = area.top_left.x + signed(area.size.width / 2);
    let mut top = area.top_left.y + signed(space.height + GAP);
    for line in &caption {
        draw_line(target, line, font, Point::new(center, top))?;
        top += signed(font.character_size.height + GAP);
    }
    Ok(())
}

fn draw_picture<D>(target: &mut D, picture: &Picture, space: Rectangle) -> Result<(), D::Error>
where
    D: DrawTarget<Color: From<Rgb888>>,
{
    let (width, height) = (space.size.width as usize, space.size.height as usize);
    if width == 0 || height == 0 {
        return Ok(());
    }
    let fitted = picture.fitted(width, height);
    let left = space.top_left.x + signed(((width - fitted.width()) / 2) as u32);
    let top = space.top_left.y + signed(((height - fitted.height()) / 2) as u32);
    let size = Size::new(fitted.width() as u32, fitted.height() as u32);
    let places = (0..fitted.height()).flat_map(|y| (0..fitted.width()).map(move |x| (x, y)));
    let colors = places.map(|(x, y)| {
        let [red, green, blue] = fitted.rgb(x, y);
        Rgb888::new(red, green, blue).into()
    });
    target.fill_contiguous(&Rectangle::new(Point::new(left, top), size), colors)
}

fn draw_line<D>(target: &mut D, line: &str, font: &MonoFont<'_>, at: Point) -> Result<(), D::Error>
where
    D: DrawTarget<Color: From<Rgb888>>,
{
    let character = MonoTextStyle::new(font, D::Color::from(Rgb888::WHITE));
    let style = TextStyleBuilder::new().alignment(Alignment::Center).baseline(Baseline::Top).build();
    Text::with_text_style(line, at, character, style).draw(target).map(|_| ())
}

/// The largest font that leaves room for some twenty characters.
fn font(width: u32) -> &'static MonoFont<'static> {
    match width {
        0..120 => &FONT_4X6,
        120..320 => &FONT_6X10,
        _ => &FONT_10X20,
    }
}

fn signed(pixels: u32) -> i32 {
    i32::try_from(pixels).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::Canvas;

    /// Three columns, two rows, four different colors, nothing symmetric.
    fn frame() -> Frame {
        let levels = vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 8, 7, 0, 0, 0, 50, 60, 70];
        let picture = Picture::new(3, 2, 3, levels).expect("3 x 2 x 3");
        Frame { picture, label: "ä".to_owned(), seed: 12, index: 3 }
    }

    #[test]
    fn a_picture_of_the_targets_size_fills_it_without_a_caption() {
        let mut canvas = Canvas::rgb888(3, 2, 0);
        draw_frame(&mut canvas, &frame()).expect("cannot fail");
        let expected = [0, 0, 255, 0, 255, 0, 255, 0, 0, 7, 8, 9, 0, 0, 0, 70, 60, 50];
        assert_eq!(canvas.bytes(), expected);
    }

    #[test]
    fn a_larger_target_shows_the_picture_in_whole_factors_and_the_caption_below() {
        let mut canvas = Canvas::rgb888(40, 44, 0);
        draw_frame(&mut canvas, &frame()).expect("cannot fail");
        // 30 rows above two lines of text: 13 times as large is 39 x 26, from (0, 2).
        assert_eq!(canvas.rgb(0, 2), [255, 0, 0]);
        assert_eq!(canvas.rgb(38, 2), [0, 0, 255]);
        assert_eq!(canvas.rgb(0, 27), [9, 8, 7]);
        assert_eq!(canvas.rgb(38, 27), [50, 60, 70]);
        assert_eq!([canvas.rgb(0, 1), canvas.rgb(39, 2), canvas.rgb(0, 28)], [[0; 3]; 3]);
        let rows = |range: std::ops::Range<usize>| -> String {
            let row = |y| (0..40).map(move |x| (x, y));
            range.flat_map(row).map(|(x, y)| if canvas.rgb(x, y) == [255; 3] { '#' } else { '.' }).collect()
        };
        assert!(rows(30..37).contains('#') && rows(37..44).contains('#'));
        assert_ne!(rows(30..37), rows(37..44));
    }

    #[test]
    fn a_smaller_target_shows_the_whole_picture_averaged() {
        let levels = (0..8 * 8).map(|place| if place % 8 < 4 { 200 } else { 100 }).collect();
        let picture = Picture::new(8, 8, 1, levels).expect("8 x 8");
        let mut canvas = Canvas::rgb888(2, 3, 0);
        draw_frame(&mut canvas, &Frame { picture, ..frame() }).expect("cannot fail");
        assert_eq!([canvas.rgb(0, 0), canvas.rgb(1, 0), canvas.rgb(0, 2)], [[200; 3], [100; 3], [0; 3]]);
    }
}
