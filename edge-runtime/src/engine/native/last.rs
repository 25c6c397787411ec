//! The last block, to pictures.

use super::elementwise::Tanh;
use super::kernels::Kernels;
use super::machine::Machine;
use super::maps::Maps;
use super::numbers::Aligned;
use super::pack::{self, BLOCK, Neighbors};
use super::plan::Block;
use super::tile::Pixels;

/// Rows of neighbors that an output row needs: its own, the one above, the one below.
const LINES: usize = 3;

/// A block to few channels, and the hyperbolic tangent.
///
/// Each pixel is multiplied once by all of its 16 taps; the four of them that meet in an output are added afterwards. That
/// fills vectors which the few channels alone would leave empty.
#[derive(Debug)]
pub(super) struct Last {
    /// As [`Neighbors`] has them: few, so that widening them costs nothing.
    weights: Aligned<f32>,
    /// Lanes of a row of weights.
    width: usize,
    /// `[channels]`
    bias: Vec<f32>,
    channels: usize,
}

/// Rows of input pixels of one image, with the rows of each color that they become.
struct Task<'a> {
    image: usize,
    first: usize,
    colors: Vec<&'a mut [f32]>,
}

/// What the pixels of three rows add: `[line][column][width]`, with a border of one column.
struct Lines {
    data: Vec<f32>,
    /// Numbers of a line.
    line: usize,
}

impl Last {
    pub fn new(block: &Block<'_>, machine: &Machine) -> Self {
        let (order, channels) = (Neighbors { kernel: block.kernel }, block.kernel.outputs);
        Self {
            weights: pack::widened(&order, block.weight, &machine.threads),
            width: order.width(),
            bias: block.biases(channels),
            channels,
        }
    }

    /// Fills pictures `[image][channel][row][column]`.
    pub fn run(&self, from: &Maps, pictures: &mut [f32], machine: &Machine) {
        let side = 2 * from.side;
        let parts = if machine.threads.count() == 1 { 1 } else { 2 * machine.threads.count() };
        let rows = from.side.div_ceil(parts);
        let mut tasks = Vec::new();
        for (image, picture) in pictures.chunks_mut(self.channels * side * side).enumerate() {
            let mut colors: Vec<_> =
                picture.chunks_mut(side * side).map(|color| color.chunks_mut(2 * rows * side)).collect();
            for first in (0..from.side).step_by(rows) {
                tasks.push(Task { image, first, colors: colors.iter_mut().filter_map(Iterator::next).collect() });
            }
        }
        machine.threads.each(tasks, |task| self.rows(from, task, machine.kernels));
    }

    fn rows(&self, from: &Maps, task: Task<'_>, kernels: Kernels) {
        let Task { image, first, mut colors } = task;
        let side = 2 * from.side;
        let rows = colors.first().map_or(0, |color| color.len() / (2 * side));
        let mut lines = Lines::new((from.side + 2) * self.width);
        // The rows of a border make zeros, like every other.
        for line in 0..rows + 2 {
            let inner = self.width..(from.side + 1) * self.width;
            kernels.pixels(Pixels {
                input: &from.data[image * from.image() + (first + line) * from.row() + BLOCK..],
                block: from.block(),
                weights: &self.weights,
                width: self.width,
                output: &mut lines.line_mut(line)[inner],
            });
            if line < 2 {
                continue;
            }
            for (channel, color) in colors.iter_mut().enumerate() {
                for (parity, row) in color[2 * (line - 2) * side..][..2 * side].chunks_mut(side).enumerate() {
                    let lane = 2 * parity * self.channels + channel;
                    let (near, far) = (lines.line(line - 1), lines.line(if parity == 0 { line - 2 } else { line }));
                    self.gather(row, [near, far], lane);
                    kernels.vectorized(Tanh(row));
                }
            }
        }
    }

    /// Adds up one row of one color, from the near and the far line; `lane` is that of its even columns.
    fn gather(&self, row: &mut [f32], [near, far]: [&[f32]; 2], lane: usize) {
        let (bias, odd) = (self.bias[lane % self.channels], lane + self.channels);
        // From the lanes of near neighbors to those of far ones in the row, and to those of the next row.
        let (column, line) = (4 * self.channels, 8 * self.channels);
        for (x, outputs) in row.chunks_mut(2).enumerate() {
            // Columns start one pixel after the border: the pixel before, the pixel itself, the pixel after.
            let [before, itself, after] = [x, x + 1, x + 2].map(|x| x * self.width);
            for (output, (lane, beside)) in outputs.iter_mut().zip([(lane, before), (odd, after)]) {
                let own = near[itself + lane] + near[beside + column + lane];
                *output = bias + (own + (far[itself + line + lane] + far[beside + line + column + lane]));
            }
        }
    }
}

impl Lines {
    fn new(line: usize) -> Self {
        Self { data: vec![0.0; LINES * line], line }
    }

    fn line(&self, line: usize) -> &[f32] {
        &self.data[line % LINES * self.line..][..self.line]
    }

    fn line_mut(&mut self, line: usize) -> &mut [f32] {
        &mut self.data[line % LINES * self.line..][..self.line]
    }
}
