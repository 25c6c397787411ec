//! Resizing as Pillow's 8-bit bilinear resize does it, to the byte, which is what torchvision's `Resize` calls on a
//! picture.
//!
//! The algorithm is that of Pillow's `Resample.c`: a triangle filter as wide as the scale (so it is antialiased), weights
//! in 22-bit fixed point, a horizontal pass and then a vertical one, rounded to u8 after each. `fast_image_resize` follows
//! it with fewer bits and differs in single levels.

use image::{RgbImage, imageops};

const CHANNELS: usize = 3;
const PRECISION_BITS: u32 = 22;

/// Shorter side to `size`, longer side truncated to whole pixels, then the centre square.
pub fn square(picture: RgbImage, size: u32) -> RgbImage {
    let (width, height) = picture.dimensions();
    let shorter = u64::from(width.min(height));
    let scaled = |side: u32| (u64::from(size) * u64::from(side) / shorter) as u32;
    let resized = bilinear(picture, scaled(width), scaled(height));
    let (width, height) = resized.dimensions();
    if width == height {
        return resized;
    }
    imageops::crop_imm(&resized, (width - size) / 2, (height - size) / 2, size, size).to_image()
}

fn bilinear(picture: RgbImage, width: u32, height: u32) -> RgbImage {
    let (from_width, from_height) = picture.dimensions();
    let mut pixels = picture.into_raw();
    if from_width != width {
        pixels = horizontal(&pixels, from_width as usize, &windows(from_width, width));
    }
    if from_height != height {
        pixels = vertical(&pixels, width as usize, &windows(from_height, height));
    }
    RgbImage::from_raw(width, height, pixels).expect("both passes give width * height pixels")
}

/// The input pixels that make one output pixel: the first one, and the weight of each in fixed point.
struct Window {
    first: usize,
    weights: Vec<i32>,
}

fn windows(from: u32, to: u32) -> Vec<Window> {
    let scale = f64::from(from) / f64::from(to);
    let support = scale.max(1.0);
    let window = |place: u32| {
        let center = (f64::from(place) + 0.5) * scale;
        let first = (center - support + 0.5).max(0.0) as u32;
        let end = ((center + support + 0.5) as u32).min(from);
        let triangle = |input: u32| (1.0 - ((f64::from(input) - center + 0.5) / support).abs()).max(0.0);
        let total: f64 = (first..end).map(triangle).sum();
        let fixed = |input: u32| (0.5 + triangle(input) / total * f64::from(1 << PRECISION_BITS)) as i32;
        Window { first: first as usize, weights: (first..end).map(fixed).collect() }
    };
    (0..to).map(window).collect()
}

fn horizontal(pixels: &[u8], from_width: usize, windows: &[Window]) -> Vec<u8> {
    let rows = pixels.chunks_exact(from_width * CHANNELS);
    let pixel = |row: &[u8], window: &Window, channel: usize| {
        let inputs = row[window.first * CHANNELS + channel..].iter().step_by(CHANNELS);
        weighted(inputs, &window.weights)
    };
    rows.flat_map(|row| {
        windows.iter().flat_map(move |window| (0..CHANNELS).map(move |channel| pixel(row, window, channel)))
    })
    .collect()
}

fn vertical(pixels: &[u8], width: usize, windows: &[Window]) -> Vec<u8> {
    let stride = width * CHANNELS;
    windows
        .iter()
        .flat_map(|window| {
            let column = move |place: usize| pixels[window.first * stride + place..].iter().step_by(stride);
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
