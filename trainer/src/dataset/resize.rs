//! Resizing as Pillow's 8-bit bilinear resize does it, to the byte, which is what torchvision's `Resize` calls on a
//! picture.
//!
//! The algorithm is that of Pillow's `Resample.c`: a triangle filter as wide as the scale (so it is antialiased), weights
//! in 22-bit fixed point, a horizontal pass and then a vertical one, rounded to u8 after each. `fast_image_resize` follows
//! it with fewer bits and differs in single levels.

use image::RgbImage;

const CHANNELS: usize = 3;
const PRECISION_BITS: u32 = 22;

/// Shorter side to `size`, longer side truncated to whole pixels, of which the centre square is kept. Only its pixels
/// are computed, so that a very long picture costs no more than a square one.
pub fn square(picture: RgbImage, size: usize) -> RgbImage {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    if (width, height) == (size, size) {
        return picture;
    }
    let shorter = width.min(height);
    let (columns, rows) = (middle_windows(width, shorter, size), middle_windows(height, shorter, size));
    let stride = width * CHANNELS;
    let top = rows.first().map_or(0, |row| row.first);
    let bottom = rows.last().map_or(0, |row| row.first + row.weights.len());
    let narrow = horizontal(&picture.as_raw()[top * stride..bottom * stride], stride, &columns);
    let square = vertical(&narrow, size * CHANNELS, top, &rows);
    RgbImage::from_raw(size as u32, size as u32, square).expect("both passes give size * size pixels")
}

/// The input pixels that make one output pixel: the first one, and the weight of each in fixed point.
struct Window {
    first: usize,
    weights: Vec<i32>,
}

/// The windows of the middle `size` output pixels of a side that is `from` pixels long, where `shorter` becomes `size`.
fn middle_windows(from: usize, shorter: usize, size: usize) -> Vec<Window> {
    let to = (size as u64 * from as u64 / shorter as u64) as usize;
    let scale = from as f64 / to as f64;
    let support = scale.max(1.0);
    let window = |place: usize| {
        let center = (place as f64 + 0.5) * scale;
        let first = (center - support + 0.5).max(0.0) as usize;
        let end = ((center + support + 0.5) as usize).min(from);
        let triangle = |input: usize| (1.0 - ((input as f64 - center + 0.5) / support).abs()).max(0.0);
        let total: f64 = (first..end).map(triangle).sum();
        let fixed = |input: usize| (0.5 + triangle(input) / total * f64::from(1 << PRECISION_BITS)) as i32;
        Window { first, weights: (first..end).map(fixed).collect() }
    };
    let skipped = (to - size) / 2;
    (skipped..skipped + size).map(window).collect()
}

/// Rows of `stride` bytes to rows of as many pixels as there are windows.
fn horizontal(pixels: &[u8], stride: usize, windows: &[Window]) -> Vec<u8> {
    let rows = pixels.chunks_exact(stride);
    let pixel = |row: &[u8], window: &Window, channel: usize| {
        let inputs = row[window.first * CHANNELS + channel..].iter().step_by(CHANNELS);
        weighted(inputs, &window.weights)
    };
    rows.flat_map(|row| {
        windows.iter().flat_map(move |window| (0..CHANNELS).map(move |channel| pixel(row, window, channel)))
    })
    .collect()
}

/// Rows of `stride` bytes, the first of them row `top` of the picture, to as many rows as there are windows.
fn vertical(pixels: &[u8], stride: usize, top: usize, windows: &[Window]) -> Vec<u8> {
    windows
        .iter()
        .flat_map(|window| {
            let column = move |place: usize| pixels[(window.first - top) * stride + place..].iter().step_by(stride);
            (0..stride).map(move |place| weighted(column(place), &window.weights))
        })
        .collect()
}

/// Weights are positive and add up to one, so that the sum stays within u8 after rounding but for the last bit.
fn weighted<'a>(inputs: impl Iterator<Item = &'a u8>, weights: &[i32]) -> u8 {
    let half = 1 << (PRECISION_BITS - 1);
    let sum = inputs.zip(weights).fold(half, |sum, (input, weight)| sum + i32::from(*input) * weight);
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}
