//! Weights in the order in which the kernels read them.

use super::numbers::{Aligned, Numbers, Zero};
use super::plan::{Kernel, STEM};
use super::threads::Threads;

/// Channels of a block of a feature map, and lanes of a dense layer's panel.
pub(super) const BLOCK: usize = 32;
/// Output channels that a convolution's kernel makes at once, and lanes of its panel.
pub(super) const WIDTH: usize = 16;

/// Packed weights.
#[derive(Debug)]
pub(super) enum Packed {
    F32(Aligned<f32>),
    F16(Aligned<u16>),
}

/// A part of packed weights.
#[derive(Debug, Clone, Copy)]
pub(super) enum Weights<'a> {
    F32(&'a [f32]),
    F16(&'a [u16]),
}

impl Packed {
    /// `len` weights from `start`.
    pub fn part(&self, start: usize, len: usize) -> Weights<'_> {
        match self {
            Self::F32(weights) => Weights::F32(&weights[start..][..len]),
            Self::F16(weights) => Weights::F16(&weights[start..][..len]),
        }
    }
}

impl Weights<'_> {
    /// Those from `start` on.
    pub fn from(self, start: usize) -> Self {
        match self {
            Self::F32(weights) => Self::F32(&weights[start..]),
            Self::F16(weights) => Self::F16(&weights[start..]),
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::F32(weights) => weights.len(),
            Self::F16(weights) => weights.len(),
        }
    }
}

/// An order of weights: panels, in which each row has a lane for each output channel.
pub(super) trait Order: Sync {
    /// How many panels, and how many weights each has.
    fn panels(&self) -> (usize, usize);

    /// Fills a panel with weights by their place in the file; lanes that are left out stay 0.
    fn fill<T: Copy + Default>(&self, panel: usize, weights: &mut [T], get: impl Fn(usize) -> T);
}

/// Packs the weights of a layer; f16 ones stay so unless they are to be widened.
pub(super) fn pack(order: &impl Order, numbers: Numbers<'_>, widen: bool, threads: &Threads) -> Packed {
    match numbers {
        Numbers::F32(numbers) => Packed::F32(fill(order, threads, |index| f32::from_le_bytes(numbers[index]))),
        Numbers::F16(numbers) if !widen => {
            Packed::F16(fill(order, threads, |index| u16::from_le_bytes(numbers[index])))
        }
        Numbers::F16(_) | Numbers::I8(_) => Packed::F32(widened(order, numbers, threads)),
    }
}

/// Packs weights as f32 whatever they are stored in.
pub(super) fn widened(order: &impl Order, numbers: Numbers<'_>, threads: &Threads) -> Aligned<f32> {
    fill(order, threads, |index| numbers.get(index))
}

fn fill<T>(order: &impl Order, threads: &Threads, get: impl Fn(usize) -> T + Sync) -> Aligned<T>
where
    T: Copy + Default + Zero + Send,
{
    let (count, weights) = order.panels();
    let mut packed = Aligned::new(count * weights);
    threads.each(packed.chunks_mut(weights).enumerate().collect(), |(panel, weights)| order.fill(panel, weights, &get));
    packed
}

/// A transposed convolution (kernel 4, stride 2, padding 1) as a 2x2 convolution for each parity of output row and column:
/// rows `[parity][tap][inputs]` of a panel of output channels, or `[parity][inputs][tap]`.
///
/// With a border of one pixel, tap (r, s) of the output at row `2 y + p`, column `2 x + q` reads the input at row
/// `y + p + r`, column `x + q + s` and has kernel row `3 - 2 r - p`, kernel column `3 - 2 s - q`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parities {
    pub kernel: Kernel,
    /// Whether the taps of an input lie together.
    pub by_input: bool,
}

impl Order for Parities {
    fn panels(&self) -> (usize, usize) {
        (self.kernel.outputs.div_ceil(WIDTH), 16 * self.kernel.inputs * WIDTH)
    }

    fn fill<T: Copy + Default>(&self, panel: usize, weights: &mut [T], get: impl Fn(usize) -> T) {
        let (kernel, first) = (self.kernel, panel * WIDTH);
        let lanes = (kernel.outputs - first).min(WIDTH);
        let places: [[usize; 2]; 16] = std::array::from_fn(|place| {
            let (parity, tap) = (place / 4, place % 4);
            [3 - 2 * (tap / 2) - parity / 2, 3 - 2 * (tap % 2) - parity % 2]
        });
        // The numbers of a pair of channels lie together in the file, and far from each other in a panel.
        let mut taken = [[T::default(); WIDTH]; 16];
        for input in 0..kernel.inputs {
            for lane in 0..lanes {
                for (row, tap) in taken.iter_mut().zip(places) {
                    row[lane] = get(kernel.index(input, first + lane, tap));
                }
            }
            for (place, row) in taken.iter().enumerate() {
                let (parity, tap) = (place / 4, place % 4);
                let to = if self.by_input {
                    (parity * kernel.inputs + input) * 4 + tap
                } else {
                    place * kernel.inputs + input
                };
                weights[to * WIDTH..][..WIDTH].copy_from_slice(row);
            }
        }
    }
}

/// The same convolution to few channels, from the side of its input: what each pixel adds to the outputs of its neighbors.
/// Rows `[inputs]` of one panel, lanes `[row of neighbors][column of neighbors][parity][outputs]`, where neighbors are near
/// (the pixel's own outputs) or far (the next ones).
///
/// An output of parity 0 has its near pixel below it and its far one above, one of parity 1 the other way around.
#[derive(Debug, Clone, Copy)]
pub(super) struct Neighbors {
    pub kernel: Kernel,
}

impl Neighbors {
    /// Lanes of a row: 16 for each output channel.
    pub fn width(self) -> usize {
        16 * self.kernel.outputs
    }
}

impl Order for Neighbors {
    fn panels(&self) -> (usize, usize) {
        (1, self.kernel.inputs * self.width())
    }

    fn fill<T: Copy + Default>(&self, _panel: usize, weights: &mut [T], get: impl Fn(usize) -> T) {
        let outputs = self.kernel.outputs;
        let side = |far: usize, parity: usize| if far == 0 { 1 + parity } else { 3 - 3 * parity };
        for (input, row) in weights.chunks_mut(self.width()).enumerate() {
            for (place, lanes) in row.chunks_mut(outputs).enumerate() {
                let (neighbors, parity) = (place / 4, place % 4);
                let tap = [side(neighbors / 2, parity / 2), side(neighbors % 2, parity % 2)];
                for (output, lane) in lanes.iter_mut().enumerate() {
                    *lane = get(self.kernel.index(input, output, tap));
                }
            }
        }
    }
}

/// A dense layer to `[channels, 4, 4]`: panels `[block of channels][pixel]`, rows `[inputs]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    pub inputs: usize,
    pub outputs: usize,
    pub transposed: bool,
}

impl Order for Rows {
    fn panels(&self) -> (usize, usize) {
        ((self.outputs / STEM).div_ceil(BLOCK) * STEM, self.inputs * BLOCK)
    }

    fn fill<T: Copy + Default>(&self, panel: usize, weights: &mut [T], get: impl Fn(usize) -> T) {
        let (block, pixel) = (panel / STEM, panel % STEM);
        for lane in 0..(self.outputs / STEM - block * BLOCK).min(BLOCK) {
            let output = (block * BLOCK + lane) * STEM + pixel;
            for (input, row) in weights.chunks_mut(BLOCK).enumerate() {
                row[lane] =
                    get(if self.transposed { output * self.inputs + input } else { input * self.outputs + output });
            }
        }
    }
}
