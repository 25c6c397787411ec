//! What kernels of patches are asked for: points of maps, products, outputs. `lanes::patches` checks and does it.

use super::super::numbers::Activation;
use super::super::pack::{BLOCK, WIDTH, Weights};
use super::super::tile::are_inside;

/// Outputs of a patch in one dimension.
pub(in crate::engine::native) const SIDE: usize = 4;
/// Products of a patch in one dimension, and the inputs that they need.
pub(in crate::engine::native) const POINTS: usize = SIDE + 1;
/// Products of a patch.
pub(in crate::engine::native) const PRODUCTS: usize = POINTS * POINTS;
/// Numbers of a patch's points in one block of channels.
pub(in crate::engine::native) const PATCH: usize = PRODUCTS * BLOCK;
/// The number of patches is rounded up to a multiple of it.
pub(in crate::engine::native) const STEP: usize = 4;

/// The patches of maps, image by image and row by row, and how their points lie; distances are in numbers.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine::native) struct Grid {
    pub count: usize,
    /// In a row or a column.
    pub across: usize,
    /// Between patches.
    pub patch: usize,
    /// Between products.
    pub product: usize,
    /// Between blocks.
    pub block: usize,
}

impl Grid {
    /// `[block][product][patch][32]`, with room for what rounding up adds.
    pub fn by_product(count: usize, across: usize) -> Self {
        let product = (count + STEP - 1) * BLOCK;
        Self { count, across, patch: BLOCK, product, block: PRODUCTS * product }
    }

    /// `[block][patch][product][32]`
    pub fn by_patch(count: usize, across: usize) -> Self {
        Self { count, across, patch: PATCH, product: BLOCK, block: count * PATCH }
    }
}

/// What becomes of a parity's patches in one panel of output channels.
#[derive(Debug)]
pub(in crate::engine::native) struct Panel<'a> {
    /// `[tap][channel][WIDTH]`, or `[channel][tap][WIDTH]` where patches are made at once.
    pub weights: Weights<'a>,
    pub channels: usize,
    /// `[WIDTH]`
    pub bias: &'a [f32],
    pub activation: Activation,
    /// Numbers between neighboring outputs.
    pub step: usize,
    /// Numbers between rows of outputs.
    pub row: usize,
}

impl Panel<'_> {
    /// Stops at a bias that is too short, and at places with an output outside of so many numbers.
    pub fn check(&self, places: &[usize], len: usize) {
        let outputs = (SIDE - 1) * (self.row + self.step) + WIDTH;
        assert!(
            self.bias.len() >= WIDTH && are_inside(places.iter().copied(), outputs, len),
            "a place outside of {len}"
        );
    }
}

/// The points of one block of channels and one parity.
#[derive(Debug)]
pub(in crate::engine::native) struct Inputs<'a> {
    /// `[image][row][column][32]`
    pub from: &'a [f32],
    /// Numbers between rows, and between images.
    pub row: usize,
    pub image: usize,
    /// Where the first patch begins.
    pub first: usize,
    pub patches: Grid,
    /// As the patches lie.
    pub to: &'a mut [f32],
}

/// All products of patches that follow each other, and their outputs.
#[derive(Debug)]
pub(in crate::engine::native) struct AtOnce<'a> {
    /// `[block][patch][product][32]`, with this distance between blocks.
    pub input: &'a [f32],
    pub block: usize,
    /// First number of each patch's first output.
    pub places: &'a [usize],
    pub panel: &'a Panel<'a>,
    pub output: &'a mut [f32],
}

/// Some input channels of patches, and one panel of output channels.
#[derive(Debug)]
pub(in crate::engine::native) struct Products<'a> {
    /// `[block][product][patch][32]`, with the distances that follow.
    pub input: &'a [f32],
    pub plane: usize,
    pub block: usize,
    /// A multiple of [`STEP`].
    pub patches: usize,
    pub channels: usize,
    /// `[tap][channel][WIDTH]`, with this distance between taps.
    pub weights: Weights<'a>,
    pub tap: usize,
    /// Room for `[product][channel][WIDTH]`.
    pub rows: &'a mut [f32],
    /// `[product][patch][WIDTH]`
    pub sums: &'a mut [f32],
    /// Whether the sums are those of other channels, to which these are added.
    pub goes_on: bool,
}

impl Products<'_> {
    /// Numbers between products of the rows.
    pub fn rows_plane(&self) -> usize {
        apart(self.channels)
    }

    /// Numbers between products of the sums.
    pub fn sums_plane(&self) -> usize {
        apart(self.patches)
    }
}

/// Numbers between planes of so many panels: one panel more, lest they lie a power of two apart, where caches keep few.
pub(in crate::engine::native) fn apart(panels: usize) -> usize {
    (panels + 1) * WIDTH
}

/// The outputs of patches from their products.
#[derive(Debug)]
pub(in crate::engine::native) struct Outputs<'a> {
    /// `[product][patch][WIDTH]`
    pub sums: &'a [f32],
    /// Patches that there are sums of.
    pub patches: usize,
    /// First number of each patch's first output.
    pub places: &'a [usize],
    pub panel: &'a Panel<'a>,
    pub output: &'a mut [f32],
}

impl Outputs<'_> {
    /// Numbers between products.
    pub fn plane(&self) -> usize {
        apart(self.patches)
    }
}
