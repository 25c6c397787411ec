//! Pictures as they leave a generator: 8-bit levels in interleaved rows.

use std::borrow::Cow;

use model_spec::pixels::hwc8_from_chw_signed;

/// A picture of 8-bit levels, `[height, width, channels]`, without padding.
///
/// ```
/// use edge_runtime::Picture;
///
/// let flag = Picture::new(2, 1, 3, vec![0, 0, 255, 255, 0, 0]).expect("2 x 1 pixels of 3 levels");
/// assert_eq!(flag.rgb(1, 0), [255, 0, 0]);
/// assert_eq!(flag.enlarged(3).levels().len(), 6 * 3 * 3);
/// assert_eq!(Picture::new(2, 1, 3, vec![0; 5]), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    channels: usize,
    levels: Vec<u8>,
}

impl Picture {
    /// Takes levels `[height, width, channels]`; channels are 1 (gray) or 3 (RGB).
    ///
    /// Returns `None` where the number of levels is not their product, or a side is 0.
    pub fn new(width: usize, height: usize, channels: usize, levels: Vec<u8>) -> Option<Self> {
        let expected = width.checked_mul(height)?.checked_mul(channels)?;
        let fits = expected > 0 && expected == levels.len() && (channels == 1 || channels == 3);
        fits.then_some(Self { width, height, channels, levels })
    }

    /// A picture of one level everywhere.
    pub(crate) fn filled(width: usize, height: usize, channels: usize, level: u8) -> Self {
        Self { width, height, channels, levels: vec![level; width * height * channels] }
    }

    /// A square picture from an engine's `[channels, side, side]` in [-1, 1].
    pub(crate) fn from_signed(chw: &[f32], side: usize, channels: usize) -> Self {
        Self { width: side, height: side, channels, levels: hwc8_from_chw_signed(chw, channels) }
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// 1 (gray) or 3 (RGB).
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The levels, `[height, width, channels]`.
    pub fn levels(&self) -> &[u8] {
        &self.levels
    }

    /// Red, green and blue of one pixel; gray gives three times its level. Pixels outside are black.
    pub fn rgb(&self, x: usize, y: usize) -> [u8; 3] {
        if x >= self.width || y >= self.height {
            return [0; 3];
        }
        let start = (y * self.width + x) * self.channels;
        match &self.levels[start..start + self.channels] {
            [red, green, blue] => [*red, *green, *blue],
            [gray, ..] => [*gray; 3],
            [] => [0; 3],
        }
    }

    /// The levels, `[height, width, 3]`: gray three times each.
    pub(crate) fn rgb_levels(&self) -> Cow<'_, [u8]> {
        match self.channels {
            1 => self.levels.iter().flat_map(|level| [*level; 3]).collect(),
            _ => Cow::Borrowed(&self.levels),
        }
    }

    /// The picture with every pixel repeated `factor` times in both directions; 0 leaves it as it is.
    pub fn enlarged(&self, factor: usize) -> Self {
        if factor <= 1 {
            return self.clone();
        }
        let mut levels = Vec::with_capacity(self.levels.len() * factor * factor);
        let mut wide = Vec::with_capacity(self.width * self.channels * factor);
        for row in self.levels.chunks_exact(self.width * self.channels) {
            wide.clear();
            for pixel in row.chunks_exact(self.channels) {
                (0..factor).for_each(|_| wide.extend_from_slice(pixel));
            }
            (0..factor).for_each(|_| levels.extend_from_slice(&wide));
        }
        Self { width: self.width * factor, height: self.height * factor, channels: self.channels, levels }
    }

    /// The picture as large as it fits into a space: whole factors larger, or averaged over areas to fit whole.
    pub(crate) fn fitted(&self, width: usize, height: usize) -> Self {
        let factor = (width / self.width).min(height / self.height);
        if factor > 0 {
            return self.enlarged(factor);
        }
        // The side that is the tighter fit is filled.
        if width * self.height <= height * self.width {
            self.averaged(width, (self.height * width / self.width).max(1))
        } else {
            self.averaged((self.width * height / self.height).max(1), height)
        }
    }

    /// Each pixel is the mean of the pixels that it covers, in part or whole.
    fn averaged(&self, width: usize, height: usize) -> Self {
        let covered = |place: usize, to: usize, from: usize| place * from / to..((place + 1) * from).div_ceil(to);
        let mut levels = Vec::with_capacity(width * height * self.channels);
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let (rows, columns) = (covered(y, height, self.height), covered(x, width, self.width));
            let count = rows.len() * columns.len();
            for channel in 0..self.channels {
                let level =
                    |row: usize, column: usize| self.levels[(row * self.width + column) * self.channels + channel];
                let places = rows.clone().flat_map(|row| columns.clone().map(move |column| (row, column)));
                let sum: usize = places.map(|(row, column)| usize::from(level(row, column))).sum();
                levels.push(((sum + count / 2) / count) as u8);
            }
        }
        Self { width, height, channels: self.channels, levels }
    }

    /// Copies `other` to a place where it fits whole; both have the same channels.
    pub(crate) fn paste(&mut self, other: &Self, left: usize, top: usize) {
        debug_assert_eq!(self.channels, other.channels);
        let row = other.width * self.channels;
        for (y, from) in other.levels.chunks_exact(row).enumerate() {
            let start = ((top + y) * self.width + left) * self.channels;
            self.levels[start..start + row].copy_from_slice(from);
        }
    }
}

/// A picture and what it was made from.
///
/// ```
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/gen.onnx");
/// # use edge_runtime::{EngineSpec, Generator};
/// let frame = Generator::open(path, &EngineSpec::default())?.generate("paper", 3)?;
/// assert_eq!((frame.picture.width(), frame.picture.height(), frame.picture.channels()), (128, 128, 3));
/// assert_eq!(frame.caption(), ["paper", "3-0"]);
/// # Ok::<(), edge_runtime::RuntimeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it shows.
    pub picture: Picture,
    /// Name of its label.
    pub label: String,
    /// Seed of its latent.
    pub seed: u64,
    /// Index of its latent.
    pub index: u32,
}

impl Frame {
    /// The two lines that a display writes under the picture.
    pub fn caption(&self) -> [String; 2] {
        [self.label.clone(), format!("{}-{}", self.seed, self.index)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn odd() -> Picture {
        Picture::new(3, 2, 3, (0..18).collect()).expect("3 x 2 x 3 levels")
    }

    #[test]
    fn pixels_are_found_on_a_picture_that_is_not_square() {
        assert_eq!(odd().rgb(2, 0), [6, 7, 8]);
        assert_eq!(odd().rgb(0, 1), [9, 10, 11]);
        assert_eq!(odd().rgb(3, 0), [0; 3]);
        let gray = Picture::new(2, 1, 1, vec![5, 9]).expect("2 x 1 levels");
        assert_eq!(gray.rgb(1, 0), [9; 3]);
    }

    #[test]
    fn an_enlarged_picture_repeats_every_pixel() {
        let twice = odd().enlarged(2);
        assert_eq!((twice.width(), twice.height(), twice.levels().len()), (6, 4, 72));
        for (x, y) in [(0, 0), (1, 1), (5, 0), (4, 3), (2, 2)] {
            assert_eq!(twice.rgb(x, y), odd().rgb(x / 2, y / 2), "{x}, {y}");
        }
        assert_eq!([0, 1].map(|factor| odd().enlarged(factor)), [odd(), odd()]);
    }

    #[test]
    fn levels_that_do_not_fill_the_picture_are_refused() {
        assert_eq!(Picture::new(3, 2, 3, vec![0; 17]), None);
        assert_eq!(Picture::new(0, 2, 3, vec![]), None);
        assert_eq!(Picture::new(1, 2, 2, vec![0; 4]), None);
        assert_eq!(Picture::new(usize::MAX, 2, 3, vec![0; 4]), None);
    }

    #[test]
    fn pasting_keeps_what_lies_around() {
        let mut sheet = Picture::filled(5, 4, 3, 99);
        sheet.paste(&odd(), 1, 2);
        assert_eq!(sheet.rgb(1, 2), [0, 1, 2]);
        assert_eq!(sheet.rgb(3, 3), [15, 16, 17]);
        assert_eq!([sheet.rgb(0, 2), sheet.rgb(4, 3), sheet.rgb(1, 1)], [[99; 3]; 3]);
    }
}
