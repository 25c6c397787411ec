//! Pixel conversion, in one place: f32 in [-1, 1], NCHW inside; u8 HWC at the edges.

/// The 8-bit level of a value in [-1, 1], rounded to nearest, ties up; values outside are clamped, NaN becomes 0.
pub fn u8_from_signed(value: f32) -> u8 {
    // What `round` gives, without the call that it is where no instruction does it.
    let level = (value + 1.0) * 127.5;
    let below = level as u8;
    below.saturating_add(u8::from(level - f32::from(below) >= 0.5))
}

/// The value in [-1, 1] of an 8-bit level, as torchvision's ToTensor and Normalize(0.5, 0.5) make it.
pub fn signed_from_u8(level: u8) -> f32 {
    (f32::from(level) / 255.0 - 0.5) / 0.5
}

/// One picture from `[channels, height, width]` in [-1, 1] to interleaved 8-bit rows.
pub fn hwc8_from_chw_signed(chw: &[f32], channels: usize) -> Vec<u8> {
    let plane = chw.len() / channels.max(1);
    let mut hwc = vec![0; plane * channels];
    for (channel, values) in chw.chunks_exact(plane.max(1)).enumerate().take(channels) {
        for (pixel, value) in values.iter().enumerate() {
            hwc[pixel * channels + channel] = u8_from_signed(*value);
        }
    }
    hwc
}

/// One picture from interleaved 8-bit rows to `[channels, height, width]` 8-bit planes.
pub fn chw8_from_hwc8(hwc: &[u8], channels: usize) -> Vec<u8> {
    let pixels = hwc.len() / channels.max(1);
    (0..channels).flat_map(|channel| (0..pixels).map(move |pixel| hwc[pixel * channels + channel])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_survives_the_round_trip() {
        for level in 0..=255 {
            assert_eq!(u8_from_signed(signed_from_u8(level)), level);
        }
        assert_eq!([u8_from_signed(-2.0), u8_from_signed(2.0), u8_from_signed(f32::NAN)], [0, 255, 0]);
        assert_eq!((signed_from_u8(0), signed_from_u8(255)), (-1.0, 1.0));
    }

    #[test]
    fn levels_are_rounded_as_round_does() {
        let around = |level: i32| {
            let middle = (level as f32 + 0.5) / 127.5 - 1.0;
            (-40..=40).map(move |step| f32::from_bits(middle.to_bits().wrapping_add_signed(step)))
        };
        for value in (-3..=258).flat_map(around).chain([-1.0, 1.0, -0.0, f32::INFINITY, f32::NEG_INFINITY]) {
            assert_eq!(u8_from_signed(value), ((value + 1.0) * 127.5).round() as u8, "{value}");
        }
    }

    #[test]
    fn layouts_convert_on_a_picture_that_is_not_square() {
        let hwc: Vec<u8> = (0..2 * 3 * 3).collect(); // [2, 3, 3]
        let chw = chw8_from_hwc8(&hwc, 3); // [3, 2, 3]
        assert_eq!(chw[..6], [0, 3, 6, 9, 12, 15]);
        let signed: Vec<f32> = chw.iter().map(|level| signed_from_u8(*level)).collect();
        assert_eq!(hwc8_from_chw_signed(&signed, 3), hwc);
    }
}
