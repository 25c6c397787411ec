//! What a file of integer products computes, in plain f32: for measuring what it costs, and for holding engines against it.

use model_spec::contract::STEP_SIZES;
use model_spec::pixels::hwc8_from_chw_signed;
use model_spec::{Architecture, latent};

use edge_runtime::Picture;

use crate::calibration::Calibration;
use crate::fold::{Block, Folded};
use crate::forward::Forward;
use crate::quantize::Quantized;
use crate::subpixel::{kernel_from_squares, squares_from_kernel};

/// Engines store a bias as 32-bit steps of the sums; no bias may be more of them than this.
const MOST_STEPS: f32 = (1u32 << 30) as f32;

/// The weights of a calibrated block as integers `[4 outputs, inputs, 2, 2]`, with a factor for each of the rows. The factor
/// of a channel with tiny weights beside its bias is large enough for the bias.
pub fn of_block(block: &Block, calibration: Calibration) -> Quantized {
    let squares = squares_from_kernel(&block.kernel, [block.inputs, block.outputs]);
    let bias = |row: usize| block.bias.as_ref().map_or(0.0, |bias| bias[row % block.outputs].abs());
    let least = |row: usize| STEP_SIZES[0].max(bias(row) / (calibration.scale * MOST_STEPS));
    Quantized::of_convolution(block.inputs, &squares, least)
}

/// The bias of such a block as steps of its sums, for each of the rows, and the sizes of these steps.
pub fn bias_of_block(block: &Block, calibration: Calibration, weights: &Quantized) -> Option<(Vec<i32>, Vec<f32>)> {
    let bias = block.bias.as_ref()?;
    let sizes: Vec<f32> = weights.factors.iter().map(|factor| factor * calibration.scale).collect();
    let steps = sizes.iter().enumerate().map(|(row, size)| (bias[row % bias.len()] / size).round_ties_even() as i32);
    Some((steps.collect(), sizes))
}

/// A calibrated network with the weights that its integers stand for.
#[derive(Debug)]
pub struct Integers(Folded);

impl Integers {
    /// Rounds the weights of all blocks that a file stores as integers; the last one's stay floats.
    pub fn of(calibrated: &Folded) -> Self {
        let mut folded = calibrated.clone();
        let hidden = folded.blocks.len().saturating_sub(1);
        for block in &mut folded.blocks[..hidden] {
            if let Some(calibration) = block.calibration {
                block.kernel =
                    kernel_from_squares(&of_block(block, calibration).weights(), [block.inputs, block.outputs]);
            }
        }
        Self(folded)
    }

    /// Ready to run.
    pub fn runner(&self) -> Runner<'_> {
        Runner { folded: &self.0, forward: Forward::new(&self.0) }
    }
}

/// A network that rounds the maps of calibrated blocks.
#[derive(Debug)]
pub struct Runner<'a> {
    folded: &'a Folded,
    forward: Forward<'a>,
}

impl<'a> Runner<'a> {
    /// Of any folded network: one that isn't calibrated is run as it is.
    pub fn new(folded: &'a Folded) -> Self {
        Self { folded, forward: Forward::new(folded) }
    }

    /// The picture `[channels, side, side]` of a latent and a label.
    pub fn run(&self, latent: &[f32], label: usize) -> Vec<f32> {
        self.forward.run(latent, label, |block, maps| {
            if let Some(calibration) = self.folded.blocks[block].calibration {
                maps.values.iter_mut().for_each(|x| *x = calibration.rounded(*x));
            }
        })
    }

    /// The 8-bit picture of a seed and a label.
    pub fn picture(&self, architecture: &Architecture, (seed, label): (u64, usize)) -> Picture {
        let (side, channels) = (architecture.image_size, architecture.channels);
        let chw = self.run(&latent::latent(seed, 0, architecture.latent_dim), label);
        Picture::new(side, side, channels, hwc8_from_chw_signed(&chw, channels))
            .expect("a network makes whole pictures")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bias_is_kept_beside_weights_of_any_size() {
        let calibration = Calibration { scale: 0.05, zero: 3 };
        for weight in [0.0, 1e-9, 0.01] {
            let bias = Some(vec![0.34, -0.71]);
            let block = Block { inputs: 1, outputs: 2, kernel: vec![weight; 32], bias, calibration: Some(calibration) };
            let weights = of_block(&block, calibration);
            let (steps, sizes) = bias_of_block(&block, calibration, &weights).expect("a bias");
            assert_eq!(steps.len(), 8);
            for (row, (steps, size)) in steps.iter().zip(sizes).enumerate() {
                let (found, expected) = (*steps as f32 * size, [0.34, -0.71][row % 2]);
                assert!((found - expected).abs() < 1e-4, "{weight}, row {row}: {found}");
            }
        }
    }
}
