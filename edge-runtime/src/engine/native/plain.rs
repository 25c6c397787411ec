//! The same kernels in plain, safe Rust with all products: what the others are tested against.

use super::pack::{BLOCK, WIDTH, Weights};
use super::tile::{Dense, Method, Tile};
use crate::engine::native::halves::f32_from_f16;

/// Sums that the compiler can keep in registers.
const LANES: usize = 8;

/// Runs a checked tile.
pub(super) fn tile(tile: &mut Tile<'_>, method: Method) {
    match tile.weights {
        Weights::F32(weights) => with(tile, method, weights, |weight| weight),
        Weights::F16(weights) => with(tile, method, weights, f32_from_f16),
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
fn with<T: Copy>(tile: &mut Tile<'_>, method: Method, weights: &[T], widen: impl Fn(T) -> f32 + Copy) {
    let shape = tile.shape;
    for pair in tile.pairs {
        match method {
            Method::Pixels => {
                let sums = products::<T, 2, 1>(tile, weights, widen, pair.input);
                for (half, sums) in sums.iter().enumerate() {
                    store(tile, pair.output + half * shape.step, sums);
                }
            }
            Method::Squares => {
                for row in 0..2 {
                    let sums = products::<T, 4, 2>(tile, weights, widen, pair.input + row * shape.row);
                    for (column, sums) in sums.iter().enumerate() {
                        store(tile, pair.output + row * shape.output_row + column * shape.step, sums);
                    }
                }
            }
        }
    }
}

/// The sums of neighboring pixels of a row: a convolution of `SIZE` by `SIZE` taps.
fn products<T: Copy, const PIXELS: usize, const SIZE: usize>(
    tile: &Tile<'_>,
    weights: &[T],
    widen: impl Fn(T) -> f32 + Copy,
    start: usize,
) -> [[f32; WIDTH]; PIXELS] {
    let shape = &tile.shape;
    let mut made = [[0.0; WIDTH]; PIXELS];
    for lane in (0..WIDTH).step_by(LANES) {
        let mut sums = [[0.0; LANES]; PIXELS];
        for tap in 0..SIZE * SIZE {
            let start = start + tap / SIZE * shape.row + tap % SIZE * BLOCK;
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
