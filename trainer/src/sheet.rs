//! Sheets of pictures: rows of equal pictures with a thin border, as PNG.

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageFormat, RgbImage, imageops};
use model_spec::pixels::hwc8_from_chw_signed;
use tch::{Kind, Tensor};

/// Pixels around each picture.
pub(crate) const BORDER: u32 = 2;

/// The PNG of a sheet.
#[derive(Debug)]
pub struct Sheet {
    /// The file's bytes.
    pub png: Vec<u8>,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

/// Lays pictures f32 `[N, channels, side, side]` in [-1, 1] out in rows of `columns`.
pub fn draw(images: &Tensor, columns: u32) -> Sheet {
    let size = images.size(); // [N, channels, side, side]
    let (count, channels, side) = (size[0] as u32, size[1] as usize, size[3] as u32);
    let values = Vec::<f32>::try_from(images.to_kind(Kind::Float).flatten(0, -1)).expect("a flat f32 tensor");
    let cell = side + BORDER;
    let rows = count.div_ceil(columns);
    let mut sheet = RgbImage::from_pixel(columns * cell + BORDER, rows * cell + BORDER, image::Rgb([255; 3]));
    for (place, chw) in (0..count).zip(values.chunks_exact(channels * (side * side) as usize)) {
        let hwc = hwc8_from_chw_signed(chw, channels);
        let picture = if channels == 1 {
            GrayImage::from_raw(side, side, hwc).map(DynamicImage::ImageLuma8)
        } else {
            RgbImage::from_raw(side, side, hwc).map(DynamicImage::ImageRgb8)
        };
        let picture = picture.expect("the picture has side * side * channels values").to_rgb8();
        let (x, y) = (BORDER + place % columns * cell, BORDER + place / columns * cell);
        imageops::replace(&mut sheet, &picture, i64::from(x), i64::from(y));
    }
    let (width, height) = sheet.dimensions();
    let mut png = Cursor::new(Vec::new());
    sheet.write_to(&mut png, ImageFormat::Png).expect("an RGB picture in memory always encodes");
    Sheet { png: png.into_inner(), width, height }
}
