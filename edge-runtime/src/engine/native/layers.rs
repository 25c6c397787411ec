//! The layers of a network, each with its packed weights.

use super::clock::Clock;
use super::kernels::Kernels;
use super::machine::Machine;
use super::maps::{Maps, Part};
use super::numbers::{Activation, Aligned};
use super::pack::{BLOCK, Packed, Parities, Rows, WIDTH};
use super::patches::steps::{Panel, SIDE};
use super::patches::{self, Points};
use super::plan::{self, Block, STEM};
use super::tile::{Dense, Pair, Shape, Tile};

/// Input that is read again and again while a strip is made, so that it stays in a second-level cache: numbers.
const STRIP: usize = 1 << 17;

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

impl Hidden {
    pub fn new(block: &Block<'_>, machine: &Machine) -> Self {
        let plan::Kernel { inputs, outputs, .. } = block.kernel;
        let by_input = machine.kernels.level().makes_patches_at_once();
        let weights = machine.pack(&Parities { kernel: block.kernel, by_input }, block.weight);
        Self {
            weights,
            bias: block.biases(outputs.next_multiple_of(BLOCK)),
            activation: block.activation,
            inputs,
            outputs,
        }
    }

    /// Fills the first plane of `to` from that of `from`. Where patches are worth it the points of `from` are made in `room`,
    /// elsewhere `from` needs room for its differences, which plain Rust doesn't read.
    pub fn run(&self, from: &mut Maps, room: &mut Aligned<f32>, to: &mut Maps, machine: &Machine, clock: &mut Clock) {
        let level = machine.kernels.level();
        if patches::are_worth(from.side, level) {
            let (strips, at_once) = (patches::strips(to, &machine.threads), level.makes_patches_at_once());
            for parities in Points::together(from, at_once, &machine.threads) {
                let points = Points::of(from, parities.clone(), at_once, room, machine);
                machine.threads.each(to.parts(&strips), |mut part| {
                    for parity in parities.clone() {
                        self.patches(&points, (from.side, parity), &mut part, machine.kernels);
                    }
                });
            }
            return;
        }
        if level.goes_by_product() {
            from.differentiate(machine);
            clock.end("differences");
        }
        let from = &*from;
        // Four rows of output come from a row of squares; a tile needs both rows of the smallest image.
        let step = if from.side == 4 { 8 } else { 4 };
        let most = 2 * STRIP / (from.row() * from.blocks);
        let strips = to.strips(step, most.max(step), &machine.threads);
        machine.threads.each(to.parts(&strips), |part| self.squares(from, part, machine.kernels));
    }

    fn patches(&self, points: &Points<'_>, (side, parity): (usize, usize), part: &mut Part<'_>, kernels: Kernels) {
        let Part { block: panel, strip, output } = part;
        let len = 4 * self.inputs * WIDTH;
        let (mut first, mut places) = (None, Vec::new());
        strip.each_place(side, parity, [SIDE; 2], |place| {
            first.get_or_insert(place);
            places.push(place.output);
        });
        let Some(first) = first else { return };
        for lane in (*panel * BLOCK..self.outputs.min((*panel + 1) * BLOCK)).step_by(WIDTH) {
            let panel = Panel {
                weights: self.weights.part((lane / WIDTH * 4 + parity) * len, len),
                channels: self.inputs,
                bias: &self.bias[lane..][..WIDTH],
                activation: self.activation,
                step: 2 * BLOCK,
                row: 4 * (side + 1) * BLOCK,
            };
            points.fill((parity, first), &panel, &mut output[lane % BLOCK..], &places, kernels);
        }
    }

    fn squares(&self, from: &Maps, part: Part<'_>, kernels: Kernels) {
        let Part { block: panel, strip, output } = part;
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
        let mut rows = Aligned::new(if kernels.level().goes_by_product() { self.inputs * WIDTH } else { 0 });
        let mut pairs = Vec::new();
        for parity in 0..4 {
            pairs.clear();
            strip.each_place(from.side, parity, [2, 4], |place| {
                let input = place.image * from.image() + place.input[0] * from.row() + place.input[1] * BLOCK;
                pairs.push(Pair { input, output: place.output });
            });
            for first in (panel * BLOCK..self.outputs.min((panel + 1) * BLOCK)).step_by(WIDTH) {
                let weights = self.weights.part((first / WIDTH * 4 + parity) * len, len);
                let (bias, output) = (&self.bias[first..][..WIDTH], &mut output[first % BLOCK..]);
                let (input, pairs, rows) = (&from.data[..], &pairs[..], &mut rows[..]);
                kernels.tile(Tile { shape, input, weights, bias, pairs, rows, output });
            }
        }
    }
}
