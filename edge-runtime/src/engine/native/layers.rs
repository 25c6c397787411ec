//! The layers of a network, each with its packed weights.

use super::level::Kernels;
use super::maps::{Maps, PLANES, Strip};
use super::numbers::{Activation, Numbers};
use super::pack::{self, BLOCK, Packed, Parities, Rows, WIDTH};
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
    /// Packs the weights of a layer.
    pub fn pack(&self, order: &impl pack::Order, numbers: Numbers<'_>) -> Packed {
        pack::pack(order, numbers, self.kernels.level().widens(), &self.threads)
    }
}

/// The label of one image, or a mix of all.
#[derive(Debug, Clone, Copy)]
pub(super) enum Label<'a> {
    Index(usize),
    /// How much of each label, `[labels]`.
    Mix(&'a [f32]),
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

    /// Fills the first plane of a map.
    pub fn run(&self, latents: &[f32], labels: &[Label<'_>], maps: &mut Maps, machine: &Machine) {
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
        let mut numbers = vec![0.0; self.label_channels * STEM];
        for (index, label) in labels.iter().enumerate() {
            self.label_map(*label, &mut numbers);
            for (number, value) in numbers.iter().enumerate() {
                let channel = self.channels + number / STEM;
                maps.data[channel / BLOCK * block + index * image + place(number % STEM) + channel % BLOCK] = *value;
            }
        }
    }

    /// Fills the map of a label, `[channel][pixel]`. A weight of 1 among zeros gives the bits of that label's row.
    fn label_map(&self, label: Label<'_>, map: &mut [f32]) {
        match label {
            Label::Index(label) => map.copy_from_slice(&self.table[label * map.len()..][..map.len()]),
            Label::Mix(weights) => {
                let mut parts = weights.iter().zip(self.table.chunks(map.len())).filter(|(weight, _)| **weight != 0.0);
                if let Some((weight, row)) = parts.next() {
                    map.iter_mut().zip(row).for_each(|(value, number)| *value = weight * number);
                }
                for (weight, row) in parts {
                    map.iter_mut().zip(row).for_each(|(value, number)| *value += weight * number);
                }
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
}

/// What is made by one task: a strip of one panel.
struct Task<'a> {
    panel: usize,
    strip: Strip,
    output: &'a mut [f32],
}

impl Hidden {
    pub fn new(block: &Block<'_>, machine: &Machine) -> Self {
        let mut bias = vec![0.0; block.outputs.next_multiple_of(BLOCK)];
        for (channel, bias) in bias.iter_mut().enumerate().take(block.outputs) {
            *bias = block.bias.map_or(0.0, |bias| bias.get(channel));
        }
        let order = Parities { inputs: block.inputs, outputs: block.outputs };
        let weights = machine.pack(&order, block.weight);
        Self { weights, bias, activation: block.activation, inputs: block.inputs, outputs: block.outputs }
    }

    /// Fills the first plane of `to` from `from`.
    pub fn run(&self, from: &Maps, to: &mut Maps, machine: &Machine) {
        // Four rows of output come from a row of squares; a tile needs both rows of the smallest image.
        let step = if from.side == 4 { 8 } else { 4 };
        let most = 2 * STRIP / (PLANES * from.row() * from.blocks);
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
            Self::pairs(from, strip, parity, &mut pairs);
            for first in (panel * BLOCK..self.outputs.min((panel + 1) * BLOCK)).step_by(WIDTH) {
                let weights = self.weights.part((first / WIDTH * 4 + parity) * len, len);
                let (bias, output) = (&self.bias[first..][..WIDTH], &mut output[first % BLOCK..]);
                kernels.tile(Tile { shape, input: &from.data, weights, bias, pairs: &pairs, output }, Method::Squares);
            }
        }
    }

    /// Every pair of a strip, for one parity of output rows and columns.
    fn pairs(from: &Maps, strip: Strip, parity: usize, pairs: &mut Vec<Pair>) {
        let (down, right) = (parity / 2, parity % 2);
        let output_row = 2 * (from.side + 1) * BLOCK;
        for (image, lines) in strip.images(2 * from.side) {
            // The strip may begin inside of this image.
            let top = (image * (2 * from.side + 2) + 1 + down) as isize - strip.first as isize;
            for y in (lines.start / 2..lines.end / 2).step_by(2) {
                let output = (top + 2 * y as isize) as usize * output_row;
                let input = image * from.image() + (y + down) * from.row();
                pairs.extend((0..from.side).step_by(4).map(|x| Pair {
                    input: input + (x + right) * BLOCK,
                    output: output + (2 * x + 1 + right) * BLOCK,
                }));
            }
        }
    }
}
