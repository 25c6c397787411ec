//! Draws a picture and its caption on anything that embedded-graphics can draw on.

use embedded_graphics::Drawable;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::mono_font::iso_8859_1::{FONT_4X6, FONT_6X10, FONT_10X20};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::primitives::Rectangle;
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};

use crate::dither::{self, Dither};
use crate::{Frame, Picture};

/// Pixels between the picture and the caption's lines.
const GAP: u32 = 1;

/// How a picture is put on a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Its size.
    pub fit: Fit,
    /// What becomes of levels that the target can't show.
    pub dither: Dither,
    /// Whether there is text under it.
    pub caption: bool,
}

/// How a picture takes the space that it has. Pixels stay square, and what is left of the space is black.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fit {
    /// The whole picture, larger by whole factors only, so that each of its pixels stays sharp.
    #[default]
    Whole,
    /// The whole picture, as large as it fits.
    Fit,
    /// As large as it covers the space; what stands over on two sides is cut off.
    Fill,
}

impl Default for Style {
    fn default() -> Self {
        Self { fit: Fit::default(), dither: Dither::default(), caption: true }
    }
}

/// Draws a frame and its caption in the default style, see [`draw`].
///
/// # Errors
/// Those of the target.
pub fn draw_frame<D>(target: &mut D, frame: &Frame) -> Result<(), D::Error>
where
    D: DrawTarget<Color: From<Rgb888> + Into<Rgb888>>,
{
    draw(target, &frame.picture, &frame.caption(), Style::default())
}

/// Fills the target: the picture in the middle of black, and under it the caption's lines in white. Where less than half
/// of the height would be left for the picture, the caption is left out.
///
/// # Errors
/// Those of the target.
pub fn draw<D>(target: &mut D, picture: &Picture, caption: &[String], style: Style) -> Result<(), D::Error>
where
    D: DrawTarget<Color: From<Rgb888> + Into<Rgb888>>,
{
    let area = target.bounding_box();
    target.fill_solid(&area, Rgb888::BLACK.into())?;
    let font = font(area.size.width);
    let text_height = caption_size(caption, area.size.width).height;
    let shown = if !style.caption || text_height * 2 > area.size.height { 0 } else { text_height };
    let space = Size::new(area.size.width, area.size.height - shown);
    draw_picture(target, picture, Rectangle::new(area.top_left, space), style)?;
    if shown == 0 {
        return Ok(());
    }
    let center = area.top_left.x + signed(area.size.width / 2);
    let mut top = area.top_left.y + signed(space.height + GAP);
    for line in caption {
        draw_line(target, line, font, Point::new(center, top))?;
        top += signed(font.character_size.height + GAP);
    }
    Ok(())
}

fn draw_picture<D>(target: &mut D, picture: &Picture, space: Rectangle, style: Style) -> Result<(), D::Error>
where
    D: DrawTarget<Color: From<Rgb888> + Into<Rgb888>>,
{
    let (width, height) = (space.size.width as usize, space.size.height as usize);
    if width == 0 || height == 0 {
        return Ok(());
    }
    let fitted = fitted(picture, width, height, style.fit);
    let left = space.top_left.x + signed(((width - fitted.width()) / 2) as u32);
    let top = space.top_left.y + signed(((height - fitted.height()) / 2) as u32);
    let size = Size::new(fitted.width() as u32, fitted.height() as u32);
    target.fill_contiguous(&Rectangle::new(Point::new(left, top), size), dither::colors(&fitted, style.dither))
}

/// The picture at its size for a space, at most as large as that.
pub(crate) fn fitted(picture: &Picture, width: usize, height: usize, fit: Fit) -> Picture {
    if fit == Fit::Whole {
        return picture.fitted(width, height);
    }
    let (new_width, new_height) = resampled_size(picture, width, height, fit);
    let large = picture.resampled(new_width, new_height);
    if fit == Fit::Fit {
        return large;
    }
    large.cropped((new_width - width) / 2, (new_height - height) / 2, width, height)
}

/// Width and height that a picture is resampled to for a space; they cover it with [`Fit::Fill`], and else lie inside.
pub(crate) fn resampled_size(picture: &Picture, width: usize, height: usize, fit: Fit) -> (usize, usize) {
    // Which side of the space the picture reaches first.
    let is_wide = width * picture.height() <= height * picture.width();
    if is_wide == (fit == Fit::Fill) {
        ((picture.width() * height).div_ceil(picture.height()), height)
    } else {
        (width, (picture.height() * width).div_ceil(picture.width()))
    }
}

fn draw_line<D>(target: &mut D, line: &str, font: &MonoFont<'_>, at: Point) -> Result<(), D::Error>
where
    D: DrawTarget<Color: From<Rgb888> + Into<Rgb888>>,
{
    let character = MonoTextStyle::new(font, D::Color::from(Rgb888::WHITE));
    let style = TextStyleBuilder::new().alignment(Alignment::Center).baseline(Baseline::Top).build();
    Text::with_text_style(line, at, character, style).draw(target).map(|_| ())
}

/// What a caption takes of a target of a width; it may be wider.
pub(crate) fn caption_size(caption: &[String], width: u32) -> Size {
    let character = font(width).character_size;
    let letters = caption.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    let of = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Size::new(of(letters).saturating_mul(character.width), of(caption.len()).saturating_mul(character.height + GAP))
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
    use embedded_graphics::mock_display::MockDisplay;
    use embedded_graphics::pixelcolor::BinaryColor;

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

    #[test]
    fn a_picture_fits_whole_or_fills_the_space() {
        // Twice as wide as high: left half dark, right half light.
        let levels = (0..8).map(|place| if place % 4 < 2 { 50 } else { 200 }).collect();
        let picture = Picture::new(4, 2, 1, levels).expect("4 x 2");
        let shown = |fit, width, height| {
            let mut canvas = Canvas::rgb888(width, height, 0);
            draw(&mut canvas, &picture, &[], Style { fit, ..Style::default() }).expect("cannot fail");
            move |x, y| canvas.rgb(x, y)[0]
        };
        let fit = shown(Fit::Fit, 10, 9);
        // 10 x 5, from row 2.
        assert_eq!([fit(0, 1), fit(0, 2), fit(0, 6), fit(0, 7)], [0, 50, 50, 0]);
        assert_eq!([fit(9, 2), fit(9, 6)], [200, 200]);
        let fill = shown(Fit::Fill, 10, 9);
        // 18 x 9, of which 10 columns from 4.
        assert_eq!([fill(0, 0), fill(0, 8), fill(9, 0), fill(9, 8)], [50, 50, 200, 200]);
        let whole = shown(Fit::Whole, 10, 9);
        // 8 x 4, from (1, 2).
        assert_eq!(
            [whole(0, 2), whole(1, 2), whole(4, 5), whole(5, 5), whole(8, 2), whole(9, 2)],
            [0, 50, 50, 200, 200, 0]
        );
    }

    #[test]
    fn a_caption_stays_sharp_on_a_black_and_white_target_and_can_be_left_out() {
        let picture = Picture::new(8, 8, 1, vec![128; 64]).expect("8 x 8");
        let mut target = MockDisplay::<BinaryColor>::new();
        target.set_allow_overdraw(true);
        let style = Style { dither: Dither::Ordered, ..Style::default() };
        draw(&mut target, &picture, &["L".to_owned()], style).expect("cannot fail");
        let row = |target: &MockDisplay<BinaryColor>, y| -> String {
            (0..64)
                .map(|x| target.get_pixel(Point::new(x, y)).map_or('?', |color| if color.is_on() { '#' } else { '.' }))
                .collect()
        };
        // 57 rows for the picture of 56; half of it is on, each row in its own way.
        assert_eq!(row(&target, 0).matches('#').count(), 28);
        let expected = ["#...", "#...", "#...", "#...", "###."];
        for (y, expected) in (58..).zip(expected) {
            assert_eq!(row(&target, y).trim_matches('.'), expected.trim_matches('.'), "{y}");
        }
        let mut bare = MockDisplay::<BinaryColor>::new();
        bare.set_allow_overdraw(true);
        draw(&mut bare, &picture, &["L".to_owned()], Style { caption: false, ..style }).expect("cannot fail");
        assert_eq!(row(&bare, 63).matches('#').count(), 32);
    }
}
