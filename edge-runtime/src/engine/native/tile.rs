//! What a kernel is asked for, checked before memory is touched.

use super::numbers::Activation;
use super::pack::{WIDTH, BLOCK, Weights};

/// How the products of a tile are formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// One product for each tap; pairs of neighboring pixels, one output each.
    Direct,
    /// F(2x2, 2x2) for 2x2 taps; pairs of neighboring 2x2 squares, four outputs each.
    Winograd,
}

/// The numbers that all tiles of a layer share; distances are in numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Taps in a row and in a column.
    pub size: usize,
    /// Input channels.
    pub channels: usize,
    /// Between planes of the input: itself and its differences.
    pub plane: usize,
    /// Between blocks of 32 input channels.
    pub block: usize,
    /// Between rows of the input.
    pub row: usize,
    /// Between outputs of neighboring input pixels.
    pub step: usize,
    /// Between rows of outputs of one parity.
    pub output_row: usize,
    pub activation: Activation,
}

/// Two neighboring pixels, or squares: where the first one's top left tap is read and its output written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pair {
    pub input: usize,
    pub output: usize,
}

/// Pixels by one panel of output channels.
#[derive(Debug)]
pub(super) struct Tile<'a> {
    pub shape: Shape,
    /// `[plane][block][image][row][column][32]`
    pub input: &'a [f32],
    /// `[tap][channel][WIDTH]`
    pub weights: Weights<'a>,
    /// `[WIDTH]`
    pub bias: &'a [f32],
    /// An even number of them.
    pub pairs: &'a [Pair],
    pub output: &'a mut [f32],
}

impl Tile<'_> {
    /// Stops at anything that would lead a kernel outside of the slices.
    pub fn check(&self, method: Method) {
        let shape = &self.shape;
        assert!(shape.channels > 0 && self.pairs.len().is_multiple_of(2));
        assert!(method == Method::Direct || shape.size == 2);
        let taps = shape.size * shape.size;
        assert!(self.weights.len() >= taps * shape.channels * WIDTH && self.bias.len() >= WIDTH);
        let last_block = (shape.channels - 1) / BLOCK * shape.block;
        let (read, written) = match method {
            Method::Direct => {
                let corner = (shape.size - 1) * (shape.row + BLOCK);
                (last_block + corner + BLOCK, shape.step)
            }
            Method::Winograd => {
                let corner = shape.row + BLOCK;
                (3 * shape.plane + last_block + corner + 2 * BLOCK, shape.output_row + 3 * shape.step)
            }
        };
        for pair in self.pairs {
            assert!(pair.input + read + BLOCK <= self.input.len(), "{pair:?} of {}", self.input.len());
            assert!(pair.output + written + WIDTH <= self.output.len(), "{pair:?} of {}", self.output.len());
        }
    }
}

/// One row of a dense layer's panel.
#[derive(Debug)]
pub(super) struct Dense<'a> {
    pub input: &'a [f32],
    /// `[input][BLOCK]`
    pub weights: Weights<'a>,
    /// `[BLOCK]`
    pub bias: &'a [f32],
    pub activation: Activation,
    /// `[BLOCK]`
    pub output: &'a mut [f32],
}

impl Dense<'_> {
    /// Stops at anything that would lead a kernel outside of the slices.
    pub fn check(&self) {
        assert!(self.weights.len() >= self.input.len() * BLOCK);
        assert!(self.bias.len() >= BLOCK && self.output.len() >= BLOCK);
    }
}
