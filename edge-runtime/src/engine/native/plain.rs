//! The same kernels in plain, safe Rust with all products: what the others are tested against.

use super::pack::{BLOCK, WIDTH, Weights};
use super::tile::{Dense, Pixels, Tile};
use crate::engine::native::halves::f32_from_f16;

/// Sums that the compiler can keep in registers.
const LANES: usize = 8;

/// Runs a checked tile.
pub(super) fn tile(tile: &mut Tile<'_>) {
    match tile.weights {
        Weights::F32(weights) => with(tile, weights, |weight| weight),
        Weights::F16(weights) => with(tile, weights, f32_from_f16),
    }
}

/// Multiplies checked pixels.
pub(super) fn pixels(all: Pixels<'_>) {
    let Pixels { input, block, weights, width, output } = all;
    for (pixel, sums) in output.chunks_exact_mut(width).enumerate() {
        sums.fill(0.0);
        for (channel, row) in weights.chunks_exact(width).enumerate() {
            let x = input[channel / BLOCK * block + pixel * BLOCK + channel % BLOCK];
            sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += x * weight);
        }
    }
}

/// Runs a checked row of a dense layer.
pub(super) fn dense(dense: &mut Dense<'_>) {
    let row = |input: usize, lane: usize| match dense.weights {
        Weights::F32(weights) => weights[input * BLOCK + lane],
        Weights::F16(weights) => f32_from_f16(weights[input * BLOCK + lane]),
    };
    for lane in 0..BLOCK {
        let products = dense.input.iter().enumerate().map(|(input, x)| x * row(input, lane));
        dense.output[lane] = dense.activation.apply(products.fold(dense.bias[lane], |sum, product| sum + product));
    }
}

/// Squares are made from the pixels themselves and all four taps, without differences.
fn with<T: Copy>(tile: &mut Tile<'_>, weights: &[T], widen: impl Fn(T) -> f32 + Copy) {
    let shape = tile.shape;
    for (pair, row) in tile.pairs.iter().flat_map(|pair| [0, 1].map(|row| (pair, row))) {
        let sums = products(tile, weights, widen, pair.input + row * shape.row);
        for (column, sums) in sums.iter().enumerate() {
            store(tile, pair.output + row * shape.output_row + column * shape.step, sums);
        }
    }
}

/// The sums of four neighboring pixels of a row.
fn products<T: Copy>(
    tile: &Tile<'_>,
    weights: &[T],
    widen: impl Fn(T) -> f32 + Copy,
    start: usize,
) -> [[f32; WIDTH]; 4] {
    let shape = &tile.shape;
    let mut made = [[0.0; WIDTH]; 4];
    for lane in (0..WIDTH).step_by(LANES) {
        let mut sums = [[0.0; LANES]; 4];
        for tap in 0..4 {
            let start = start + tap / 2 * shape.row + tap % 2 * BLOCK;
            let rows = weights[tap * shape.channels * WIDTH..][..shape.channels * WIDTH].chunks(WIDTH);
            for (channel, row) in rows.enumerate() {
                let start = start + channel / BLOCK * shape.block + channel % BLOCK;
                let row: [f32; LANES] = std::array::from_fn(|place| widen(row[lane + place]));
                for (pixel, sums) in sums.iter_mut().enumerate() {
                    let x = tile.input[start + pixel * BLOCK];
                    for place in 0..LANES {
                        sums[place] += x * row[place];
                    }
                }
            }
        }
        for (made, sums) in made.iter_mut().zip(&sums) {
            made[lane..][..LANES].copy_from_slice(sums);
        }
    }
    made
}

fn store(tile: &mut Tile<'_>, start: usize, sums: &[f32; WIDTH]) {
    let outputs = tile.output[start..][..WIDTH].iter_mut();
    for ((output, sum), bias) in outputs.zip(sums).zip(tile.bias) {
        *output = tile.shape.activation.apply(sum + bias);
    }
}

const _: () = assert!(WIDTH.is_multiple_of(LANES));
