//! The layers of a network, each with its packed weights.

use super::level::Kernels;
use super::maps::{Maps, Strip};
use super::numbers::{Activation, Numbers};
use super::pack::{self, WIDTH, BLOCK, Packed, Parities, Rows, Window};
use super::plan::{self, Block, STEM};
use super::threads::Threads;
use super::tile::{Dense, Method, Pair, Shape, Tile};

/// Input that a strip may read, so that it stays in a second-level cache: numbers.
const STRIP: usize = 1 << 17;

/// What runs a layer.
#[derive(Debug)]
pub(super) struct Machine {
    pub kernels: Kernels,
    pub threads: Threads,
}

impl Machine {
    fn pack(&self, order: &impl pack::Order, numbers: Numbers<'_>) -> Packed {
        pack::pack(order, numbers, self.kernels.level().widens(), &self.threads)
    }
}

/// From latents and labels to the first map.
#[derive(Debug)]
pub(super) struct Stem {
    weights: Packed,
    /// `[block][pixel][BLOCK]`
    bias: Vec<f32>,
    activation: Activation,
    inputs: usize,
    channels: usize,
    /// `[label][channel][pixel]`
    table: Vec<f32>,
    label_channels: usize,
}

impl Stem {
    pub fn new(stem: &plan::Stem<'_>, machine: &Machine) -> Self {
        let dense = &stem.dense;
        let channels = dense.outputs / STEM;
        let mut bias = vec![0.0; channels.next_multiple_of(BLOCK) * STEM];
        for (channel, pixel) in (0..channels).flat_map(|channel| (0..STEM).map(move |pixel| (channel, pixel))) {
            let value = dense.bias.map_or(0.0, |bias| bias.get(channel * STEM + pixel));
            bias[(channel / BLOCK * STEM + pixel) * BLOCK + channel % BLOCK] = value;
        }
        let order = Rows { inputs: dense.inputs, outputs: dense.outputs, transposed: dense.transposed };
        Self {
            weights: machine.pack(&order, dense.weight),
            bias,
            activation: dense.activation,
            inputs: dense.inputs,
            channels,
            table: (0..stem.table.len()).map(|index| stem.table.get(index)).collect(),
            label_channels: stem.table.len() / stem.labels / STEM,
        }
    }

    /// Channels of the map, those of the label included.
    pub fn outputs(&self) -> usize {
        self.channels + self.label_channels
    }

    pub fn bytes(&self) -> usize {
        self.weights.bytes()
    }

    /// Fills the first plane of a map.
    pub fn run(&self, latents: &[f32], labels: &[usize], maps: &mut Maps, machine: &Machine) {
        let (row, image, block) = (maps.row(), maps.image(), maps.block());
        let place = |pixel: usize| (pixel / 4 + 1) * row + (pixel % 4 + 1) * BLOCK;
        let plane = maps.plane();
        let blocks = maps.data[..plane].chunks_mut(block).take(self.channels.div_ceil(BLOCK));
        machine.threads.each(blocks.enumerate().collect(), |(index, maps)| {
            for pixel in 0..STEM {
                let panel = index * STEM + pixel;
                let weights = self.weights.part(panel * self.inputs * BLOCK, self.inputs * BLOCK);
                for (latent, map) in latents.chunks(self.inputs).zip(maps.chunks_mut(image)) {
                    machine.kernels.dense(Dense {
                        input: latent,
                        weights,
                        bias: &self.bias[panel * BLOCK..][..BLOCK],
                        activation: self.activation,
                        output: &mut map[place(pixel)..][..BLOCK],
                    });
                }
            }
        });
        let map = self.label_channels * STEM;
        for (index, label) in labels.iter().enumerate() {
            for (number, value) in self.table[label * map..][..map].iter().enumerate() {
                let channel = self.channels + number / STEM;
                maps.data[channel / BLOCK * block + index * image + place(number % STEM) + channel % BLOCK] = *value;
            }
        }
    }
}

/// A block to a map of twice the side.
#[derive(Debug)]
pub(super) struct Hidden {
    weights: Packed,
    /// Panels of [`BLOCK`] channels.
    bias: Vec<f32>,
    activation: Activation,
    inputs: usize,
    pub outputs: usize,
    pub method: Method,
}

/// What is made by one task: a strip of one panel.
struct Task<'a> {
    panel: usize,
    strip: Strip,
    output: &'a mut [f32],
}

impl Hidden {
    pub fn new(block: &Block<'_>, method: Method, machine: &Machine) -> Self {
        let mut bias = vec![0.0; block.outputs.next_multiple_of(BLOCK)];
        for (channel, bias) in bias.iter_mut().enumerate().take(block.outputs) {
            *bias = block.bias.map_or(0.0, |bias| bias.get(channel));
        }
        let order = Parities { inputs: block.inputs, outputs: block.outputs };
        let weights = machine.pack(&order, block.weight);
        Self { weights, bias, activation: block.activation, inputs: block.inputs, outputs: block.outputs, method }
    }

    pub fn bytes(&self) -> usize {
        self.weights.bytes()
    }

    /// Fills the first plane of `to` from `from`.
    pub fn run(&self, from: &Maps, to: &mut Maps, machine: &Machine) {
        // Rows of output that belong together: two for a pixel, four for a square, and all of them where a square is half
        // an image.
        let step = match self.method {
            Method::Direct => 2,
            Method::Winograd if from.side == 4 => 8,
            Method::Winograd => 4,
        };
        let most = 2 * STRIP / (from.row() * from.blocks * if self.method == Method::Winograd { 4 } else { 1 });
        let strips = to.strips(step, most.max(step), &machine.threads);
        let (row, block, plane) = (to.row(), to.block(), to.plane());
        let mut tasks = Vec::new();
        for (panel, mut rest) in to.data[..plane].chunks_mut(block).enumerate() {
            let mut done = 0;
            for strip in &strips {
                let (_, after) = rest.split_at_mut((strip.first - done) * row);
                let (output, after) = after.split_at_mut(strip.rows * row);
                (rest, done) = (after, strip.first + strip.rows);
                tasks.push(Task { panel, strip: *strip, output });
            }
        }
        machine.threads.each(tasks, |task| self.strip(from, task, machine.kernels));
    }

    fn strip(&self, from: &Maps, task: Task<'_>, kernels: Kernels) {
        let Task { panel, strip, output } = task;
        let row = 2 * (from.side + 1) * BLOCK;
        let shape = Shape {
            size: 2,
            channels: self.inputs,
            plane: from.plane(),
            block: from.block(),
            row: from.row(),
            step: 2 * BLOCK,
            output_row: 2 * row,
            activation: self.activation,
        };
        let len = 4 * self.inputs * WIDTH;
        let mut pairs = Vec::new();
        for parity in 0..4 {
            pairs.clear();
            self.pairs(from, strip, parity, &mut pairs);
            for first in (panel * BLOCK..self.outputs.min((panel + 1) * BLOCK)).step_by(WIDTH) {
                let weights = self.weights.part((first / WIDTH * 4 + parity) * len, len);
                let (bias, output) = (&self.bias[first..][..WIDTH], &mut output[first % BLOCK..]);
                kernels.tile(Tile { shape, input: &from.data, weights, bias, pairs: &pairs, output }, self.method);
            }
        }
    }

    /// Every pair of a strip, for one parity of output rows and columns.
    fn pairs(&self, from: &Maps, strip: Strip, parity: usize, pairs: &mut Vec<Pair>) {
        let (down, right) = (parity / 2, parity % 2);
        let output_row = 2 * (from.side + 1) * BLOCK;
        let (rows, columns) = match self.method {
            Method::Direct => (1, 2),
            Method::Winograd => (2, 4),
        };
        for (image, lines) in strip.images(2 * from.side) {
            // The strip may begin inside of this image.
            let top = (image * (2 * from.side + 2) + 1 + down) as isize - strip.first as isize;
            for y in (lines.start / 2..lines.end / 2).step_by(rows) {
                let output = (top + 2 * y as isize) as usize * output_row;
                let input = image * from.image() + (y + down) * from.row();
                pairs.extend((0..from.side).step_by(columns).map(|x| Pair {
                    input: input + (x + right) * BLOCK,
                    output: output + (2 * x + 1 + right) * BLOCK,
                }));
            }
        }
    }
}

/// The last block, to pictures.
#[derive(Debug)]
pub(super) struct Last {
    weights: Packed,
    /// `[WIDTH]`
    bias: Vec<f32>,
    inputs: usize,
    channels: usize,
}

/// Rows of input pixels of one image, with the rows of each color that they become.
struct Rows3<'a> {
    image: usize,
    first: usize,
    colors: Vec<&'a mut [f32]>,
}

impl Last {
    pub fn new(block: &Block<'_>, machine: &Machine) -> Self {
        let mut bias = vec![0.0; WIDTH];
        for (lane, bias) in bias.iter_mut().enumerate().take(4 * block.outputs) {
            *bias = block.bias.map_or(0.0, |bias| bias.get(lane % block.outputs));
        }
        let order = Window { inputs: block.inputs, outputs: block.outputs };
        let weights = machine.pack(&order, block.weight);
        Self { weights, bias, inputs: block.inputs, channels: block.outputs }
    }

    pub fn bytes(&self) -> usize {
        self.weights.bytes()
    }

    /// Fills pictures `[image][channel][row][column]`.
    pub fn run(&self, from: &Maps, pictures: &mut [f32], machine: &Machine) {
        let side = 2 * from.side;
        let most = (STRIP / (from.row() * from.blocks)).clamp(1, from.side);
        let rows = most.min(from.side.div_ceil(4 * machine.threads.count()));
        let mut tasks = Vec::new();
        for (image, picture) in pictures.chunks_mut(self.channels * side * side).enumerate() {
            let mut colors: Vec<_> =
                picture.chunks_mut(side * side).map(|color| color.chunks_mut(2 * rows * side)).collect();
            for first in (0..from.side).step_by(rows) {
                let colors = colors.iter_mut().filter_map(Iterator::next).collect();
                tasks.push(Rows3 { image, first, colors });
            }
        }
        machine.threads.each(tasks, |task| self.rows(from, task, machine.kernels));
    }

    fn rows(&self, from: &Maps, task: Rows3<'_>, kernels: Kernels) {
        let Rows3 { image, first, mut colors } = task;
        let side = 2 * from.side;
        let rows = colors.first().map_or(0, |color| color.len() / (2 * side));
        let shape = Shape {
            size: 3,
            channels: self.inputs,
            plane: from.plane(),
            block: from.block(),
            row: from.row(),
            step: WIDTH,
            output_row: 0,
            activation: Activation::None,
        };
        let mut line = vec![0.0; from.side * WIDTH];
        for row in 0..rows {
            let input = image * from.image() + (first + row) * from.row();
            let pair = |x: usize| Pair { input: input + x * BLOCK, output: x * WIDTH };
            let pairs: Vec<Pair> = (0..from.side).step_by(2).map(pair).collect();
            let weights = self.weights.part(0, 9 * self.inputs * WIDTH);
            let (bias, pairs, output) = (&*self.bias, &*pairs, &mut *line);
            kernels.tile(Tile { shape, input: &from.data, weights, bias, pairs, output }, Method::Direct);
            kernels.tanh(&mut line);
            for (x, lanes) in line.chunks(WIDTH).enumerate() {
                for (lane, value) in lanes.iter().enumerate().take(4 * self.channels) {
                    let parity = lane / self.channels;
                    let place = (2 * row + parity / 2) * side + 2 * x + parity % 2;
                    colors[lane % self.channels][place] = *value;
                }
            }
        }
    }
}
