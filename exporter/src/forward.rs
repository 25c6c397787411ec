//! A folded network in plain f32, which shows the maps between its blocks: what calibration looks at, and what a file of
//! integer products must compute.
//!
//! Rounded maps times integers of 8 bits are whole numbers times the two scales, and so are their sums: f32 here differs from
//! integers there by what it rounds, far below a step.

use model_spec::architecture::{LEAKY_SLOPE, STEM_SIZE};
use model_spec::weights::KERNEL;

use crate::fold::{Block, Folded};
use crate::subpixel::squares_from_kernel;

/// Pixels of the stem's feature map.
const STEM: usize = STEM_SIZE * STEM_SIZE;

/// A network that is ready to run.
#[derive(Debug)]
pub struct Forward<'a> {
    folded: &'a Folded,
    /// Of each block, `[tap, inputs, 4 outputs]`
    kernels: Vec<Vec<f32>>,
}

/// Feature maps of one picture, channels last.
#[derive(Debug, Clone, PartialEq)]
pub struct Maps {
    /// Pixels of a row and of a column.
    pub side: usize,
    /// Of each pixel.
    pub channels: usize,
    /// `[side, side, channels]`
    pub values: Vec<f32>,
}

impl<'a> Forward<'a> {
    /// Brings weights into the order in which they are read.
    pub fn new(folded: &'a Folded) -> Self {
        let kernels = folded.blocks.iter().map(kernel).collect();
        Self { folded, kernels }
    }

    /// The picture `[channels, side, side]` of a latent and a label. `look` is given the number of each block and what it
    /// reads, before it reads it, and may change that.
    pub fn run(&self, latent: &[f32], label: usize, mut look: impl FnMut(usize, &mut Maps)) -> Vec<f32> {
        let mut maps = self.stem(latent, label);
        for (index, (block, kernel)) in self.folded.blocks.iter().zip(&self.kernels).enumerate() {
            look(index, &mut maps);
            maps = squares(&maps, block, kernel);
        }
        let plane = maps.side * maps.side;
        let value = |place: usize| maps.values[place % plane * maps.channels + place / plane].tanh();
        (0..maps.values.len()).map(value).collect()
    }

    fn stem(&self, latent: &[f32], label: usize) -> Maps {
        let folded = self.folded;
        let rows = folded.latent_weight.chunks_exact(latent.len()).zip(&folded.latent_bias);
        let dense = rows.map(|(row, bias)| {
            let sum = row.iter().zip(latent).map(|(weight, x)| weight * x).sum::<f32>() + bias;
            if sum < 0.0 { LEAKY_SLOPE as f32 * sum } else { sum }
        });
        let planes: Vec<f32> = dense.chain(folded.label_table[label * STEM..][..STEM].iter().copied()).collect();
        let channels = planes.len() / STEM;
        let values = (0..planes.len()).map(|place| planes[place % channels * STEM + place / channels]).collect();
        Maps { side: STEM_SIZE, channels, values }
    }
}

fn kernel(block: &Block) -> Vec<f32> {
    let taps = KERNEL * KERNEL / 4;
    let squares = squares_from_kernel(&block.kernel, [block.inputs, block.outputs]); // [4 outputs, inputs, taps]
    let mut kernel = vec![0.0; squares.len()];
    for (place, weight) in squares.iter().enumerate() {
        let (channel, input, tap) = (place / taps / block.inputs, place / taps % block.inputs, place % taps);
        kernel[(tap * block.inputs + input) * 4 * block.outputs + channel] = *weight;
    }
    kernel
}

/// A block: row `i` of squares reads rows `i - 1` and `i` of the maps and makes rows `2 i - 1` and `2 i`.
fn squares(maps: &Maps, block: &Block, kernel: &[f32]) -> Maps {
    let (side, wide, width) = (maps.side, 2 * maps.side, 4 * block.outputs);
    let mut made = Maps { side: wide, channels: block.outputs, values: vec![0.0; wide * wide * block.outputs] };
    let mut sums = vec![0.0; (side + 1) * width];
    for i in 0..=side {
        start(&mut sums, block);
        for (tap, weights) in kernel.chunks_exact(block.inputs * width).enumerate() {
            let Some(row) = (i + tap / 2).checked_sub(1).filter(|row| *row < side) else { continue };
            let pixels = &maps.values[row * side * maps.channels..][..side * maps.channels];
            for (input, weights) in weights.chunks_exact(width).enumerate() {
                // Column `j` of squares reads columns `j - 1` and `j`.
                let columns = sums[(1 - tap % 2) * width..].chunks_exact_mut(width);
                let values = pixels[input..].iter().step_by(maps.channels);
                for (sums, value) in columns.zip(values).filter(|(_, value)| **value != 0.0) {
                    sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += value * weight);
                }
            }
        }
        for (j, sums) in sums.chunks_exact(width).enumerate() {
            for (corner, sums) in sums.chunks_exact(block.outputs).enumerate() {
                let (Some(y), Some(x)) = ((2 * i + corner / 2).checked_sub(1), (2 * j + corner % 2).checked_sub(1))
                else {
                    continue;
                };
                if y < wide && x < wide {
                    made.values[(y * wide + x) * block.outputs..][..block.outputs].copy_from_slice(sums);
                }
            }
        }
    }
    if block.bias.is_some() {
        made.values.iter_mut().for_each(|x| *x = x.max(0.0));
    }
    made
}

fn start(sums: &mut [f32], block: &Block) {
    match &block.bias {
        Some(bias) => sums.chunks_exact_mut(bias.len()).for_each(|sums| sums.copy_from_slice(bias)),
        None => sums.fill(0.0),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use model_spec::architecture::{Doubling, Family, Opponent};
    use model_spec::{Architecture, latent};

    use super::*;
    use crate::unfolded::forward_folded;

    /// Two blocks, two labels, made-up numbers.
    pub(crate) fn network() -> (Architecture, Folded) {
        let architecture = Architecture {
            family: Family::Cdcgan,
            image_size: 16,
            channels: 3,
            latent_dim: 5,
            embedding_dim: 4,
            stem_channels: 3,
            widths: vec![5],
            doubling: Doubling::Transposed,
            discriminator: Opponent::Concatenation,
            discriminator_widths: vec![4; 4],
        };
        let mut seed = 0;
        let mut numbers = |count: usize, scale: f32| -> Vec<f32> {
            seed += 1;
            latent::latent(seed, 0, count).iter().map(|number| number * scale).collect()
        };
        let channels = architecture.block_channels();
        let last = channels.len() - 1;
        let block = |(index, (inputs, outputs)): (usize, (usize, usize))| Block {
            inputs,
            outputs,
            kernel: numbers(inputs * outputs * 16, 0.3),
            bias: (index < last).then(|| numbers(outputs, 0.3)),
            calibration: None,
        };
        let blocks = channels.into_iter().enumerate().map(block).collect();
        let folded = Folded {
            label_table: numbers(2 * STEM, 1.0),
            latent_weight: numbers(3 * STEM * 5, 0.5),
            latent_bias: numbers(3 * STEM, 0.5),
            blocks,
        };
        (architecture, folded)
    }

    #[test]
    fn the_picture_is_that_of_plain_f64_and_every_block_is_looked_at() {
        let (architecture, folded) = network();
        let given = latent::latent(99, 0, 5);
        let expected = forward_folded(&folded, &architecture, &given, 1);
        let mut seen = Vec::new();
        let found = Forward::new(&folded).run(&given, 1, |block, maps| seen.push((block, maps.side, maps.channels)));
        assert_eq!(seen, [(0, 4, 4), (1, 8, 5)]);
        assert!(found.iter().all(|x| x.is_finite()), "numbers");
        let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(found.len() == expected.len() && worst < 1e-5, "{worst}");
    }
}
