//! Large tiles: F(4x4, 2x2), 25 products for 16 outputs of one parity (Winograd, Arithmetic Complexity of Computations, 1980;
//! Lavin and Gray, arXiv 1509.09308), where squares need 36.
//!
//! In one dimension, four outputs are sums of five products, each of a sum of inputs and a sum of the two taps: two polynomials
//! that are multiplied at the points 0, 1, -1, 2 and infinity. `lanes::patches` has the sums.

pub(super) mod steps;

use std::cell::RefCell;
use std::ops::Range;

use super::kernels::Kernels;
use super::level::Level;
use super::machine::Machine;
use super::maps::{Maps, Place, Strip};
use super::numbers::Aligned;
use super::pack::{BLOCK, WIDTH};
use super::threads::Threads;
use steps::{AtOnce, Grid, Inputs, Outputs, PRODUCTS, Panel, Products, SIDE, STEP, apart};

/// Patches whose sums, one product after the other, stay in a second-level cache.
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

/// Maps at the points of the patches of some parities: `[parity]` of blocks as the grid has them.
#[derive(Debug)]
pub(super) struct Points<'a> {
    data: &'a [f32],
    parities: Range<usize>,
    patches: Grid,
    at_once: bool,
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

/// The patches of one parity of maps.
fn grid(maps: &Maps, at_once: bool) -> Grid {
    let across = maps.side / SIDE;
    let grid = if at_once { Grid::by_patch } else { Grid::by_product };
    grid(maps.images * across * across, across)
}

impl<'a> Points<'a> {
    /// The parities of maps, in groups whose points are made together: all of them where several threads would wait for each
    /// other after each one, as long as the points stay in the caches.
    pub fn together(maps: &Maps, at_once: bool, threads: &Threads) -> impl Iterator<Item = Range<usize>> {
        /// Numbers in the caches.
        const MOST: usize = 1 << 19;
        let all = threads.count() > 1 && 4 * maps.blocks * grid(maps, at_once).block <= MOST;
        let size = if all { 4 } else { 1 };
        (0..4).step_by(size).map(move |first| first..first + size)
    }

    /// Transforms the first plane of maps, for all products of a patch at once or one after the other.
    pub fn of(
        maps: &Maps,
        parities: Range<usize>,
        at_once: bool,
        room: &'a mut Aligned<f32>,
        machine: &Machine,
    ) -> Self {
        let patches = grid(maps, at_once);
        let len = parities.len() * maps.blocks * patches.block;
        room.grow(len);
        let tasks = room[..len].chunks_mut(patches.block).enumerate().collect();
        machine.threads.each(tasks, |(index, to)| {
            let (parity, block) = (parities.start + index / maps.blocks, index % maps.blocks);
            let from = &maps.data[block * maps.block()..][..maps.block()];
            let first = parity / 2 * maps.row() + parity % 2 * BLOCK;
            machine.kernels.step(Inputs { from, row: maps.row(), image: maps.image(), first, patches, to });
        });
        Self { data: &room[..len], parities, patches, at_once }
    }

    /// Fills the outputs of a parity's patches that follow each other from that of a place on, each from its place of the
    /// output on.
    pub fn fill(
        &self,
        (parity, first): (usize, Place),
        panel: &Panel<'_>,
        output: &mut [f32],
        places: &[usize],
        kernels: Kernels,
    ) {
        let Grid { across, block, patch, .. } = self.patches;
        let first = (first.image * across + first.input[0] / SIDE) * across + first.input[1] / SIDE;
        let start = (parity - self.parities.start) * (self.data.len() / self.parities.len());
        let input = &self.data[start + first * patch..];
        if self.at_once {
            kernels.step(AtOnce { input, block, places, panel, output });
        } else {
            ROOM.with_borrow_mut(|room| self.by_product(room, input, panel, (output, places), kernels));
        }
    }

    // Inlined into its callers, the products have fewer registers left: 3 % more instructions on ARM.
    #[inline(never)]
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
    use crate::engine::native::numbers::{Activation, Numbers};
    use crate::engine::native::pack::{Packed, Parities, Weights, pack};
    use crate::engine::native::patches::steps::PATCH;
    use crate::engine::native::plan::Kernel;
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

    /// A kernel `[channels, WIDTH, 4, 4]`, packed for patches product by product or at once.
    fn packed(numbers: Numbers<'_>, channels: usize, at_once: bool) -> Packed {
        let kernel = Kernel { inputs: channels, outputs: WIDTH, subpixel: false };
        pack(&Parities { kernel, by_input: at_once }, numbers, false, &Threads::own())
    }

    /// The convolution of one parity at an output, by its definition.
    fn expected(maps: &Maps, kernel: &[f32], [parity, start, lane]: [usize; 3]) -> f64 {
        let channels = kernel.len() / 16 / WIDTH;
        let products = (0..4).flat_map(|tap| (0..channels).map(move |channel| (tap, channel))).map(|(tap, channel)| {
            let place = start + tap / 2 * maps.row() + tap % 2 * BLOCK;
            let x = maps.data[channel / BLOCK * maps.block() + place + channel % BLOCK];
            let [row, column] = [3 - 2 * (tap / 2) - parity / 2, 3 - 2 * (tap % 2) - parity % 2];
            f64::from(x) * f64::from(kernel[((channel * WIDTH + lane) * 4 + row) * 4 + column])
        });
        products.sum()
    }

    #[test]
    fn patches_are_the_convolution() {
        let levels = Level::available().into_iter().filter(|level| *level != Level::Plain);
        // Levels that go by product can make patches at once, too.
        let ways = levels.flat_map(|level| [(level, level.makes_patches_at_once()), (level, true)]);
        let sizes = [(1, 8, 1), (3, 4, 32), (2, 16, 70)];
        for ((level, at_once), (images, side, channels)) in ways.flat_map(|way| sizes.map(|size| (way, size))) {
            let kernels = Kernels::of(level).expect("available");
            let maps = maps(images, side, channels);
            let halves: Vec<[u8; 2]> = numbers(channels * WIDTH * 16, 9)
                .iter()
                .map(|x| half::f16::from_f32(*x).to_bits().to_le_bytes())
                .collect();
            let kernel: Vec<f32> = halves.iter().map(|half| f32_from_f16(u16::from_le_bytes(*half))).collect();
            let floats: Vec<[u8; 4]> = kernel.iter().map(|number| number.to_le_bytes()).collect();
            let kept = [Numbers::F32(&floats), Numbers::F16(&halves)].map(|from| packed(from, channels, at_once));
            let bias = numbers(WIDTH, 3);
            let mut room = Aligned::default();
            let machine = Machine { kernels, threads: Threads::own() };
            let corner = |image: usize, y: usize, x: usize| ((image * side + y) * side + x) * WIDTH;
            let rows = (0..images).flat_map(|image| (0..side).step_by(SIDE).map(move |y| (image, y)));
            let places: Vec<usize> =
                rows.flat_map(|(image, y)| (0..side).step_by(SIDE).map(move |x| corner(image, y, x))).collect();
            for (parity, weights) in (0..4).flat_map(|parity| kept.iter().map(move |weights| (parity, weights))) {
                let parities = if channels == 1 { 0..4 } else { parity..parity + 1 };
                let points = Points::of(&maps, parities, at_once, &mut room, &machine);
                let mut output = vec![0.0; images * side * side * WIDTH];
                let first = Place { image: 0, input: [parity / 2, parity % 2], output: 0 };
                let (activation, len) = (Activation::Leaky(0.25), 4 * channels * WIDTH);
                let weights = weights.part(parity * len, len);
                let panel = Panel { weights, channels, bias: &bias, activation, step: WIDTH, row: side * WIDTH };
                points.fill((parity, first), &panel, &mut output, &places, kernels);
                for (index, found) in output.iter().enumerate() {
                    let (pixel, lane) = (index / WIDTH, index % WIDTH);
                    let (image, y, x) = (pixel / (side * side), pixel / side % side, pixel % side);
                    let start = image * maps.image() + (y + parity / 2) * maps.row() + (x + parity % 2) * BLOCK;
                    let sum = expected(&maps, &kernel, [parity, start, lane]) + f64::from(bias[lane]);
                    let expected = if sum < 0.0 { sum * 0.25 } else { sum };
                    let error = (f64::from(*found) - expected).abs();
                    let way = if at_once { "at once" } else { "by product" };
                    assert!(error < 1e-4, "{level:?} {way}, {channels} channels, {parity}: {found}, not {expected}");
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "self.input.len()")]
    fn products_outside_of_their_input_are_never_made() {
        let (input, weights, sums) =
            (&[0.0; PRODUCTS * 4 * BLOCK - 1], &[0.0; 4 * WIDTH], &mut [0.0; PRODUCTS * 5 * WIDTH]);
        let (weights, rows) = (Weights::F32(weights), &mut [0.0; PRODUCTS * 2 * WIDTH]);
        let (plane, tap) = (4 * BLOCK, WIDTH);
        let step =
            Products { input, plane, block: 0, patches: 4, channels: 1, weights, tap, rows, sums, goes_on: false };
        Kernels::of(Level::best()).expect("available").step(step);
    }

    /// Patches of one channel at once, two of them, from so many numbers to so many.
    fn at_once(inputs: usize, outputs: usize) {
        let (input, weights, mut output) = (vec![0.0; inputs], [0.0; 4 * WIDTH], vec![0.0; outputs]);
        let (weights, activation) = (Weights::F32(&weights), Activation::None);
        let panel = Panel { weights, channels: 1, bias: &[0.0; WIDTH], activation, step: WIDTH, row: 2 * SIDE * WIDTH };
        let places = &[0, SIDE * WIDTH];
        let step = AtOnce { input: &input, block: 0, places, panel: &panel, output: &mut output };
        Kernels::of(Level::best()).expect("available").step(step);
    }

    const INPUTS: usize = 2 * PATCH;
    const OUTPUTS: usize = 2 * SIDE * SIDE * WIDTH;

    #[test]
    fn patches_that_fill_their_slices_are_made_at_once() {
        at_once(INPUTS, OUTPUTS);
    }

    #[test]
    #[should_panic(expected = "self.input.len()")]
    fn patches_outside_of_their_points_are_never_made() {
        at_once(INPUTS - 1, OUTPUTS);
    }

    #[test]
    #[should_panic(expected = "a place outside of 511")]
    fn patches_outside_of_their_output_are_never_made() {
        at_once(INPUTS, OUTPUTS - 1);
    }

    #[test]
    #[should_panic(expected = "self.from.len()")]
    fn points_outside_of_a_map_are_never_read() {
        let (row, side) = (10 * BLOCK, 2 * SIDE);
        let (from, mut to) = (vec![0.0; (side + 1) * row - BLOCK - 1], vec![0.0; 4 * PATCH]);
        let patches = Grid::by_patch(4, 2);
        let step = Inputs { from: &from, row, image: 0, first: 0, patches, to: &mut to };
        Kernels::of(Level::best()).expect("available").step(step);
    }
}
