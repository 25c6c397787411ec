//! Weights in the order in which the kernels read them.

use super::numbers::{Aligned, Numbers, Zero, f32_from_f16};
use super::plan::{Kernel, STEM};
use super::threads::Threads;

/// Channels of a block of a feature map, and lanes of a dense layer's panel.
pub(super) const BLOCK: usize = 32;
/// Output channels that a convolution's kernel makes at once, and lanes of its panel.
pub(super) const WIDTH: usize = 16;
/// Weights that one thread packs at a time, about.
const SHARE: usize = 1 << 16;

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
    pub fn len(&self) -> usize {
        match self {
            Self::F32(weights) => weights.len(),
            Self::F16(weights) => weights.len(),
        }
    }
}

/// An order of weights: rows of lanes, one for each output channel of a panel.
pub(super) trait Order: Sync {
    /// Rows of each panel and lanes of each row, panel after panel.
    fn panels(&self) -> Vec<(usize, usize)>;

    /// Where the weight of each lane of a row stands in the file; lanes that are left out stay 0.
    fn row(&self, panel: usize, row: usize, put: impl FnMut(usize, usize));
}

/// Packs the weights of a layer; f16 ones stay so unless they are to be widened.
pub(super) fn pack(order: &impl Order, numbers: Numbers<'_>, widen: bool, threads: &Threads) -> Packed {
    match numbers {
        Numbers::F32(numbers) => Packed::F32(fill(order, threads, |index| f32::from_le_bytes(numbers[index]))),
        Numbers::F16(numbers) if widen => {
            Packed::F32(fill(order, threads, |index| f32_from_f16(u16::from_le_bytes(numbers[index]))))
        }
        Numbers::F16(numbers) => Packed::F16(fill(order, threads, |index| u16::from_le_bytes(numbers[index]))),
        Numbers::I8(_) => Packed::F32(fill(order, threads, |index| numbers.get(index))),
    }
}

fn fill<T>(order: &impl Order, threads: &Threads, get: impl Fn(usize) -> T + Sync) -> Aligned<T>
where
    T: Copy + Default + Zero + Send,
{
    let panels = order.panels();
    let mut packed = Aligned::new(panels.iter().map(|(rows, lanes)| rows * lanes).sum());
    let mut rest = &mut *packed;
    let mut tasks = Vec::new();
    for (panel, (rows, lanes)) in panels.into_iter().enumerate() {
        let (whole, after) = std::mem::take(&mut rest).split_at_mut(rows * lanes);
        rest = after;
        let share = SHARE.div_ceil(lanes);
        tasks
            .extend(whole.chunks_mut(share * lanes).enumerate().map(|(part, rows)| (panel, part * share, lanes, rows)));
    }
    threads.each(tasks, |(panel, first, lanes, rows)| {
        for (row, lanes) in rows.chunks_mut(lanes).enumerate() {
            order.row(panel, first + row, |lane, index| lanes[lane] = get(index));
        }
    });
    packed
}

/// A transposed convolution (kernel 4, stride 2, padding 1) as a 2x2 convolution for each parity of output row and column:
/// rows `[parity][tap][inputs]` of a panel of output channels.
///
/// With a border of one pixel, tap (r, s) of the output at row `2 y + p`, column `2 x + q` reads the input at row
/// `y + p + r`, column `x + q + s` and has kernel row `3 - 2 r - p`, kernel column `3 - 2 s - q`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parities {
    pub kernel: Kernel,
}

impl Order for Parities {
    fn panels(&self) -> Vec<(usize, usize)> {
        vec![(16 * self.kernel.inputs, WIDTH); self.kernel.outputs.div_ceil(WIDTH)]
    }

    fn row(&self, panel: usize, row: usize, mut put: impl FnMut(usize, usize)) {
        let (place, input) = (row / self.kernel.inputs, row % self.kernel.inputs);
        let (parity, tap) = (place / 4, place % 4);
        let (kernel_row, kernel_column) = (3 - 2 * (tap / 2) - parity / 2, 3 - 2 * (tap % 2) - parity % 2);
        let first = panel * WIDTH;
        for lane in 0..(self.kernel.outputs - first).min(WIDTH) {
            put(lane, self.kernel.index(input, first + lane, [kernel_row, kernel_column]));
        }
    }
}

/// The same convolution to few channels, from the side of its input: what each pixel adds to the outputs of its neighbors.
/// Panels `[row of neighbors][column of neighbors]`, near (its own outputs) and far (the next ones), rows `[inputs]`, lanes
/// `[parity][outputs]`.
///
/// An output of parity 0 has its near pixel below it and its far one above, one of parity 1 the other way around.
#[derive(Debug, Clone, Copy)]
pub(super) struct Neighbors {
    pub kernel: Kernel,
}

impl Order for Neighbors {
    fn panels(&self) -> Vec<(usize, usize)> {
        vec![(self.kernel.inputs, WIDTH); 4]
    }

    fn row(&self, panel: usize, input: usize, mut put: impl FnMut(usize, usize)) {
        let side = |far: usize, parity: usize| if far == 0 { 1 + parity } else { 3 - 3 * parity };
        for parity in 0..4 {
            let place = [side(panel / 2, parity / 2), side(panel % 2, parity % 2)];
            for output in 0..self.kernel.outputs {
                put(parity * self.kernel.outputs + output, self.kernel.index(input, output, place));
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
    fn panels(&self) -> Vec<(usize, usize)> {
        vec![(self.inputs, BLOCK); (self.outputs / STEM).div_ceil(BLOCK) * STEM]
    }

    fn row(&self, panel: usize, row: usize, mut put: impl FnMut(usize, usize)) {
        let (block, pixel) = (panel / STEM, panel % STEM);
        let channels = self.outputs / STEM;
        for lane in 0..(channels - block * BLOCK).min(BLOCK) {
            let output = (block * BLOCK + lane) * STEM + pixel;
            let index = if self.transposed { output * self.inputs + row } else { row * self.outputs + output };
            put(lane, index);
        }
    }
}
