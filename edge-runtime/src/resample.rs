//! Pictures of any other size.

use crate::Picture;

impl Picture {
    /// The picture at another size: interpolated where it grows, averaged over areas where it shrinks. The filter is a
    /// triangle as wide as a pixel of the coarser of both sizes.
    pub(crate) fn resampled(&self, width: usize, height: usize) -> Self {
        let channels = self.channels();
        let columns = Taps::of(self.width(), width);
        let mut levels = Vec::with_capacity(height * width * channels);
        // Of all rows that a new one is mixed from: [self.width, channels].
        let mut row = vec![0.0; self.width() * channels];
        for taps in Taps::of(self.height(), height).0 {
            row.fill(0.0);
            for (old, weight) in taps {
                let old = &self.levels()[old * row.len()..][..row.len()];
                row.iter_mut().zip(old).for_each(|(mixed, level)| *mixed += f32::from(*level) * weight);
            }
            match channels {
                1 => push_row::<1>(&mut levels, &row, &columns),
                _ => push_row::<3>(&mut levels, &row, &columns),
            }
        }
        Self::new(width, height, channels, levels).unwrap_or_else(|| Self::filled(1, 1, channels, 0))
    }

    /// A part of the picture that lies inside it.
    pub(crate) fn cropped(&self, left: usize, top: usize, width: usize, height: usize) -> Self {
        let channels = self.channels();
        let rows = self.levels().chunks_exact(self.width() * channels).skip(top).take(height);
        let levels = rows.flat_map(|row| &row[left * channels..(left + width) * channels]).copied().collect();
        Self::new(width, height, channels, levels).unwrap_or_else(|| Self::filled(1, 1, channels, 0))
    }
}

/// Mixes the pixels of a row, of `N` channels each.
fn push_row<const N: usize>(levels: &mut Vec<u8>, row: &[f32], columns: &Taps) {
    let (pixels, _) = row.as_chunks::<N>();
    for taps in &columns.0 {
        let mut mixed = [0.0; N];
        for (column, weight) in taps {
            mixed.iter_mut().zip(&pixels[*column]).for_each(|(mixed, level)| *mixed += level * weight);
        }
        // Rounds, since nothing is negative.
        levels.extend(mixed.map(|level| (level + 0.5) as u8));
    }
}

/// For each new pixel the old ones that it is mixed from, with weights that add up to 1.
struct Taps(Vec<Vec<(usize, f32)>>);

impl Taps {
    fn of(from: usize, to: usize) -> Self {
        let ratio = from as f64 / to as f64;
        let reach = ratio.max(1.0);
        let taps = (0..to).map(|place| {
            let center = (place as f64 + 0.5) * ratio - 0.5;
            let first = (center - reach).ceil().max(0.0) as usize;
            let last = ((center + reach).floor() as usize).min(from - 1);
            let near: Vec<(usize, f64)> =
                (first..=last).map(|old| (old, (1.0 - (old as f64 - center).abs() / reach).max(0.0))).collect();
            let sum: f64 = near.iter().map(|(_, weight)| weight).sum();
            near.into_iter().map(|(old, weight)| (old, (weight / sum) as f32)).collect()
        });
        Self(taps.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp() -> Picture {
        let levels = (0..6).flat_map(|place: u8| [place * 40, 200 - place * 40, place]).collect();
        Picture::new(3, 2, 3, levels).expect("3 x 2 x 3")
    }

    #[test]
    fn the_same_size_is_the_same_picture() {
        assert_eq!(ramp().resampled(3, 2), ramp());
    }

    #[test]
    fn a_larger_picture_lies_between_its_pixels_and_keeps_its_corners() {
        let large = ramp().resampled(7, 5);
        assert_eq!((large.width(), large.height()), (7, 5));
        for (from, to) in [((0, 0), (0, 0)), ((2, 0), (6, 0)), ((0, 1), (0, 4)), ((2, 1), (6, 4))] {
            assert_eq!(large.rgb(to.0, to.1), ramp().rgb(from.0, from.1));
        }
        assert_eq!(large.rgb(3, 2), [100, 100, 3], "the middle of all six");
    }

    #[test]
    fn a_smaller_picture_keeps_the_mean() {
        let levels: Vec<u8> = (0..64u32 * 64).map(|place| (place % 64 * 3 + place / 64) as u8).collect();
        let picture = Picture::new(64, 64, 1, levels).expect("64 x 64");
        let mean = |picture: &Picture| {
            picture.levels().iter().map(|level| f64::from(*level)).sum::<f64>() / picture.levels().len() as f64
        };
        for (width, height) in [(32, 32), (17, 40), (1, 1)] {
            let small = picture.resampled(width, height);
            assert_eq!((small.width(), small.height()), (width, height));
            assert!((mean(&small) - mean(&picture)).abs() < 1.5, "{width} x {height}: {}", mean(&small));
        }
    }

    #[test]
    fn a_crop_is_a_part() {
        let part = ramp().cropped(1, 1, 2, 1);
        assert_eq!(part.levels(), &ramp().levels()[12..18]);
    }
}
