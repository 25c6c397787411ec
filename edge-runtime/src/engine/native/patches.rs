//! Large tiles of blocks to many pixels: F(4x4, 2x2), 25 products for 16 outputs of one parity (Winograd, Arithmetic Complexity
//! of Computations, 1980; Lavin and Gray, arXiv 1509.09308), where [`super::tile::Method::Squares`] needs 36.
//!
//! In one dimension, four outputs are sums of five products, each of a sum of inputs and a sum of the two taps: two polynomials
//! that are multiplied at the points 0, 1, -1, 2 and infinity. `lanes::patches` has the sums.

pub(super) mod steps;

use std::cell::RefCell;

use super::kernels::Kernels;
use super::level::Level;
use super::machine::Machine;
use super::maps::{Maps, Place, Strip};
use super::numbers::Aligned;
use super::pack::{BLOCK, WIDTH};
use super::threads::Threads;
use steps::{AtOnce, Grid, Inputs, Outputs, PRODUCTS, Panel, Products, SIDE, STEP, apart};

/// Patches whose sums stay in a second-level cache.
const MOST: usize = 64;
/// Input channels whose weights are transformed at a time, for the same reason.
const CHANNELS: usize = 2 * BLOCK;

/// Whether maps of a side go patch by patch: in a batch of any size, since pictures are the same bits in all of them.
pub(super) fn are_worth(side: usize, level: Level) -> bool {
    /// Below it, one image has too few patches for what the weights of each product cost.
    const LEAST: usize = 8;
    level.makes_patches_at_once() || level.goes_by_product() && side >= LEAST
}

/// Strips of maps that are filled patch by patch: two tasks for each thread, unless strips get so short that the weights
/// cost too much.
pub(super) fn strips(to: &Maps, threads: &Threads) -> Vec<Strip> {
    /// Patches of a strip.
    const FEWEST: usize = 8;
    let across = to.side / 2 / SIDE;
    let shared = across / (2 * threads.count()).div_ceil(to.blocks);
    let (fewest, most) = (shared.max(FEWEST / across).max(1), (MOST / across).max(1));
    // A row of patches makes this many rows of output.
    let row = 2 * SIDE;
    to.strips(fewest.min(most) * row, most * row, threads)
}

/// Maps at the points of the patches of one parity.
#[derive(Debug)]
pub(super) struct Points<'a> {
    data: &'a [f32],
    patches: Grid,
}

/// Room for what a thread makes of a panel, kept from one to the next.
#[derive(Debug, Default)]
struct Room {
    rows: Aligned<f32>,
    sums: Aligned<f32>,
}

thread_local! {
    static ROOM: RefCell<Room> = RefCell::default();
}

impl<'a> Points<'a> {
    /// Transforms the first plane of maps.
    pub fn of(maps: &Maps, parity: usize, room: &'a mut Aligned<f32>, machine: &Machine) -> Self {
        let across = maps.side / SIDE;
        let at_once = machine.kernels.level().makes_patches_at_once();
        let grid = if at_once { Grid::by_patch } else { Grid::by_product };
        let patches = grid(maps.images * across * across, across);
        room.grow(maps.blocks * patches.block);
        let tasks = room[..maps.blocks * patches.block].chunks_mut(patches.block).enumerate().collect();
        machine.threads.each(tasks, |(block, to)| {
            let from = &maps.data[block * maps.block()..][..maps.block()];
            let first = parity / 2 * maps.row() + parity % 2 * BLOCK;
            machine.kernels.step(Inputs { from, row: maps.row(), image: maps.image(), first, patches, to });
        });
        Self { data: &*room, patches }
    }

    /// Fills the outputs of patches that follow each other from that of a place on, each from its place of the output on.
    pub fn fill(&self, first: Place, panel: &Panel<'_>, output: &mut [f32], places: &[usize], kernels: Kernels) {
        let Grid { across, block, patch, .. } = self.patches;
        let first = (first.image * across + first.input[0] / SIDE) * across + first.input[1] / SIDE;
        let input = &self.data[first * patch..];
        if kernels.level().makes_patches_at_once() {
            kernels.step(AtOnce { input, block, places, panel, output });
        } else {
            ROOM.with_borrow_mut(|room| self.by_product(room, input, panel, (output, places), kernels));
        }
    }

    fn by_product(
        &self,
        room: &mut Room,
        input: &[f32],
        panel: &Panel<'_>,
        (output, places): (&mut [f32], &[usize]),
        kernels: Kernels,
    ) {
        let Grid { product, block, .. } = self.patches;
        room.rows.grow(PRODUCTS * apart(CHANNELS.min(panel.channels)));
        let patches = places.len().next_multiple_of(STEP);
        room.sums.grow(PRODUCTS * apart(patches));
        for channel in (0..panel.channels).step_by(CHANNELS) {
            kernels.step(Products {
                input: &input[channel / BLOCK * block..],
                plane: product,
                block,
                patches,
                channels: CHANNELS.min(panel.channels - channel),
                weights: panel.weights.from(channel * WIDTH),
                tap: panel.channels * WIDTH,
                rows: &mut room.rows,
                sums: &mut room.sums,
                goes_on: channel > 0,
            });
        }
        kernels.step(Outputs { sums: &room.sums, patches, places, panel, output });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::native::halves::f32_from_f16;
    use crate::engine::native::numbers::Activation;
    use crate::engine::native::pack::Weights;
    use crate::engine::native::tile::tests::numbers;

    /// Maps with an empty border.
    fn maps(images: usize, side: usize, channels: usize) -> Maps {
        let mut maps = Maps::new(images, side, channels, false);
        let (row, image, block) = (maps.row(), maps.image(), maps.block());
        for (index, number) in numbers(images * side * side * channels, 5).into_iter().enumerate() {
            let (channel, pixel) = (index % channels, index / channels);
            let (x, y) = (pixel % side, pixel / side % side);
            let place = pixel / (side * side) * image + (y + 1) * row + (x + 1) * BLOCK;
            maps.data[channel / BLOCK * block + place + channel % BLOCK] = number;
        }
        maps
    }

    /// The convolution of one parity at an output, by its definition.
    fn expected(maps: &Maps, weights: &[f32], channels: usize, start: usize, lane: usize) -> f64 {
        let products = (0..4).flat_map(|tap| (0..channels).map(move |channel| (tap, channel))).map(|(tap, channel)| {
            let place = start + tap / 2 * maps.row() + tap % 2 * BLOCK;
            let x = maps.data[channel / BLOCK * maps.block() + place + channel % BLOCK];
            f64::from(x) * f64::from(weights[(tap * channels + channel) * WIDTH + lane])
        });
        products.sum()
    }

    #[test]
    fn patches_are_the_convolution() {
        let levels = Level::available().into_iter().filter(|level| are_worth(8, *level));
        let sizes = [(1, 8, 1), (3, 4, 32), (2, 16, 70)];
        for (level, (images, side, channels)) in levels.flat_map(|level| sizes.map(|size| (level, size))) {
            let kernels = Kernels::of(level).expect("available");
            let maps = maps(images, side, channels);
            let halves: Vec<u16> =
                numbers(4 * channels * WIDTH, 9).iter().map(|x| half::f16::from_f32(*x).to_bits()).collect();
            let exact: Vec<f32> = halves.iter().map(|half| f32_from_f16(*half)).collect();
            let place = |row: usize| if level.makes_patches_at_once() { row % 4 * channels + row / 4 } else { row };
            let rows = (0..4 * channels).flat_map(|row| &halves[place(row) * WIDTH..][..WIDTH]);
            let halves: Vec<u16> = rows.copied().collect();
            let packed: Vec<f32> = halves.iter().map(|half| f32_from_f16(*half)).collect();
            let bias = numbers(WIDTH, 3);
            let mut room = Aligned::default();
            let machine = Machine { kernels, threads: Threads::own() };
            let corner = |image: usize, y: usize, x: usize| ((image * side + y) * side + x) * WIDTH;
            let rows = (0..images).flat_map(|image| (0..side).step_by(SIDE).map(move |y| (image, y)));
            let places: Vec<usize> =
                rows.flat_map(|(image, y)| (0..side).step_by(SIDE).map(move |x| corner(image, y, x))).collect();
            let kept = [Weights::F32(&packed), Weights::F16(&halves)];
            for (parity, weights) in (0..4).flat_map(|parity| kept.map(|weights| (parity, weights))) {
                let points = Points::of(&maps, parity, &mut room, &machine);
                let mut output = vec![0.0; images * side * side * WIDTH];
                let first = Place { image: 0, input: [parity / 2, parity % 2], output: 0 };
                let activation = Activation::Leaky(0.25);
                let panel = Panel { weights, channels, bias: &bias, activation, step: WIDTH, row: side * WIDTH };
                points.fill(first, &panel, &mut output, &places, kernels);
                for (index, found) in output.iter().enumerate() {
                    let (pixel, lane) = (index / WIDTH, index % WIDTH);
                    let (image, y, x) = (pixel / (side * side), pixel / side % side, pixel % side);
                    let start = image * maps.image() + (y + parity / 2) * maps.row() + (x + parity % 2) * BLOCK;
                    let sum = expected(&maps, &exact, channels, start, lane) + f64::from(bias[lane]);
                    let expected = if sum < 0.0 { sum * 0.25 } else { sum };
                    let error = (f64::from(*found) - expected).abs();
                    assert!(error < 1e-4, "{level:?} {channels} channels, parity {parity}: {found}, not {expected}");
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "self.input.len()")]
    fn products_outside_of_their_input_are_never_made() {
        let level = Level::available().into_iter().find(|level| level.goes_by_product()).expect("one that has vectors");
        let (input, weights, sums) =
            (&[0.0; PRODUCTS * 4 * BLOCK - 1], &[0.0; 4 * WIDTH], &mut [0.0; PRODUCTS * 5 * WIDTH]);
        let (weights, rows) = (Weights::F32(weights), &mut [0.0; PRODUCTS * 2 * WIDTH]);
        let (plane, tap) = (4 * BLOCK, WIDTH);
        let step =
            Products { input, plane, block: 0, patches: 4, channels: 1, weights, tap, rows, sums, goes_on: false };
        Kernels::of(level).expect("available").step(step);
    }
}
