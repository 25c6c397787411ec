//! The last block, to pictures.

use super::elementwise::Tanh;
use super::kernels::Kernels;
use super::machine::Machine;
use super::maps::Maps;
use super::numbers::Activation;
use super::pack::{BLOCK, Neighbors, Packed, WIDTH};
use super::plan::Block;
use super::tile::{Method, Pair, Shape, Tile};

/// Rows of neighbors that an output row needs: its own, the one above, the one below.
const LINES: usize = 3;

/// A block to few channels, and the hyperbolic tangent.
///
/// Each pixel is multiplied once by all of its 16 taps; the four of them that meet in an output are added afterwards. That
/// fills vectors which the few channels alone would leave empty.
#[derive(Debug)]
pub(super) struct Last {
    weights: Packed,
    /// `[channels]`
    bias: Vec<f32>,
    inputs: usize,
    channels: usize,
}

/// Rows of input pixels of one image, with the rows of each color that they become.
struct Task<'a> {
    image: usize,
    first: usize,
    colors: Vec<&'a mut [f32]>,
}

/// What the pixels of three rows add: `[line][panel][column][WIDTH]`, with a border of one column.
struct Lines {
    data: Vec<f32>,
    /// Numbers of a panel of a line.
    panel: usize,
}

impl Last {
    pub fn new(block: &Block<'_>, machine: &Machine) -> Self {
        let (inputs, outputs) = (block.kernel.inputs, block.kernel.outputs);
        Self {
            weights: machine.pack(&Neighbors { kernel: block.kernel }, block.weight),
            bias: block.biases(outputs),
            inputs,
            channels: outputs,
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
        let mut lines = Lines::new(from.side);
        // The rows of a border make zeros, like every other.
        for line in 0..rows + 2 {
            self.multiply(from, image * from.image() + (first + line) * from.row(), lines.line_mut(line), kernels);
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

    /// Fills the panels of a line from a row of pixels, which starts at its border.
    fn multiply(&self, from: &Maps, start: usize, line: &mut [f32], kernels: Kernels) {
        let panel = line.len() / 4;
        let shape = Shape {
            channels: self.inputs,
            plane: from.plane(),
            block: from.block(),
            row: from.row(),
            step: WIDTH,
            output_row: 0,
            activation: Activation::None,
        };
        let pair = |x: usize| Pair { input: start + (x + 1) * BLOCK, output: (x + 1) * WIDTH };
        let pairs: Vec<Pair> = (0..from.side).step_by(2).map(pair).collect();
        for (index, output) in line.chunks_mut(panel).enumerate() {
            let weights = self.weights.part(index * self.inputs * WIDTH, self.inputs * WIDTH);
            let (input, bias, pairs) = (&*from.data, &[0.0; WIDTH][..], &*pairs);
            kernels.tile(Tile { shape, input, weights, bias, pairs, rows: &mut [], output }, Method::Pixels);
        }
    }

    /// Adds up one row of one color, from the near and the far line; `lane` is that of its even columns.
    fn gather(&self, row: &mut [f32], [near, far]: [&[f32]; 2], lane: usize) {
        let panel = near.len() / 4;
        let bias = self.bias[lane % self.channels];
        let odd = lane + self.channels;
        let (near, near_far) = near[..2 * panel].split_at(panel);
        let (far, far_far) = far[2 * panel..].split_at(panel);
        // Columns start one pixel after the border: the pixel before, the pixel itself, the pixel after.
        for (x, outputs) in row.chunks_mut(2).enumerate() {
            let (before, itself, after) = (x * WIDTH, (x + 1) * WIDTH, (x + 2) * WIDTH);
            let sides = [(lane, before), (odd, after)];
            for (output, (lane, beside)) in outputs.iter_mut().zip(sides) {
                let own = near[itself + lane] + near_far[beside + lane];
                *output = bias + (own + (far[itself + lane] + far_far[beside + lane]));
            }
        }
    }
}

impl Lines {
    fn new(side: usize) -> Self {
        let panel = (side + 2) * WIDTH;
        Self { data: vec![0.0; LINES * 4 * panel], panel }
    }

    fn line(&self, line: usize) -> &[f32] {
        &self.data[line % LINES * 4 * self.panel..][..4 * self.panel]
    }

    fn line_mut(&mut self, line: usize) -> &mut [f32] {
        &mut self.data[line % LINES * 4 * self.panel..][..4 * self.panel]
    }
}
