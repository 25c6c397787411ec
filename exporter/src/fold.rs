//! Fewer weights for the same function: BatchNorm goes into the transposed convolution before it, the label branch into
//! a table. Computed in f64, rounded once.

use model_spec::Architecture;
use model_spec::architecture::{Doubling, NORM_EPS, STEM_SIZE};
use model_spec::weights::{KERNEL, UPSAMPLED, UPSAMPLED_KERNEL, generator as names};

use crate::calibration::Calibration;
use crate::weights::Weights;

/// A transposed convolution with its bias.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// `[inputs, outputs, 4, 4]`
    pub kernel: Vec<f32>,
    /// `[outputs]`; the last block has none.
    pub bias: Option<Vec<f32>>,
    /// How what it reads is rounded, where products are of integers.
    pub calibration: Option<Calibration>,
}

/// The generator as it is exported.
#[derive(Debug, Clone, PartialEq)]
pub struct Folded {
    /// `[labels, 16]`: the map of each label.
    pub label_table: Vec<f32>,
    /// `[stem_channels * 16, latent_dim]`
    pub latent_weight: Vec<f32>,
    /// `[stem_channels * 16]`
    pub latent_bias: Vec<f32>,
    /// First to last.
    pub blocks: Vec<Block>,
}

impl Folded {
    /// How many labels it knows.
    pub fn labels(&self) -> usize {
        self.label_table.len() / (STEM_SIZE * STEM_SIZE)
    }
}

/// Folds the weights of a generator.
pub fn fold(weights: &Weights, architecture: &Architecture) -> Folded {
    let blocks = architecture.block_channels().into_iter().enumerate();
    Folded {
        label_table: label_table(weights, architecture.embedding_dim),
        latent_weight: weights.get(names::LATENT_WEIGHT).to_vec(),
        latent_bias: weights.get(names::LATENT_BIAS).to_vec(),
        blocks: blocks
            .map(|(block, (inputs, outputs))| {
                let kernel = weights.get(&names::kernel(block));
                let kernel = match architecture.doubling {
                    Doubling::Transposed => kernel.iter().map(|weight| f64::from(*weight)).collect(),
                    Doubling::Upsampled => transposed(kernel, inputs, outputs),
                };
                if block + 1 == architecture.blocks() {
                    let kernel = kernel.into_iter().map(|weight| weight as f32).collect();
                    return Block { inputs, outputs, kernel, bias: None, calibration: None };
                }
                let (factors, offsets) = affine(weights, block);
                let kernel = kernel
                    .iter()
                    .enumerate()
                    .map(|(place, value)| {
                        let output = place / (KERNEL * KERNEL) % outputs;
                        (value * factors[output]) as f32
                    })
                    .collect();
                let bias = offsets.iter().map(|offset| *offset as f32).collect();
                Block { inputs, outputs, kernel, bias: Some(bias), calibration: None }
            })
            .collect(),
    }
}

/// The kernel `[inputs, outputs, 4, 4]` of the transposed convolution that an upsampling with a kernel
/// `[outputs, inputs, 3, 3]` is.
fn transposed(kernel: &[f32], inputs: usize, outputs: usize) -> Vec<f64> {
    let mut made = Vec::with_capacity(inputs * outputs * KERNEL * KERNEL);
    for (input, output) in (0..inputs).flat_map(|input| (0..outputs).map(move |output| (input, output))) {
        let taps = UPSAMPLED_KERNEL * UPSAMPLED_KERNEL;
        let taps = &kernel[(output * inputs + input) * taps..][..taps];
        for (down, across) in UPSAMPLED.iter().flat_map(|down| UPSAMPLED.iter().map(move |across| (down, across))) {
            let rows = taps.chunks_exact(UPSAMPLED_KERNEL).zip(down);
            let row = |row: &[f32]| row.iter().zip(across).map(|(x, share)| f64::from(x * share)).sum::<f64>();
            made.push(rows.map(|(taps, share)| row(taps) * f64::from(*share)).sum());
        }
    }
    made
}

/// BatchNorm in evaluation mode as `factor * x + offset` for each channel (arXiv 1502.03167, algorithm 2).
fn affine(weights: &Weights, block: usize) -> (Vec<f64>, Vec<f64>) {
    let norm = names::norm(block);
    let get = |name: &str| weights.get(name).iter().map(|value| f64::from(*value));
    let factors: Vec<f64> = get(&norm.weight)
        .zip(get(&norm.running_var))
        .map(|(weight, variance)| weight / (variance + NORM_EPS).sqrt())
        .collect();
    let offsets = get(&norm.bias)
        .zip(get(&norm.running_mean))
        .zip(&factors)
        .map(|((bias, mean), factor)| bias - mean * factor)
        .collect();
    (factors, offsets)
}

/// Embedding and linear layer of every label at once: `[labels, 16]`.
fn label_table(weights: &Weights, embedding_dim: usize) -> Vec<f32> {
    let matrix = weights.get(names::LABEL_WEIGHT);
    let bias = weights.get(names::LABEL_BIAS);
    debug_assert_eq!(bias.len(), STEM_SIZE * STEM_SIZE);
    weights
        .get(names::LABEL_EMBEDDING)
        .chunks_exact(embedding_dim)
        .flat_map(|embedded| {
            matrix.chunks_exact(embedding_dim).zip(bias).map(move |(row, bias)| {
                let product = |(a, b): (&f32, &f32)| f64::from(*a) * f64::from(*b);
                (row.iter().zip(embedded).map(product).sum::<f64>() + f64::from(*bias)) as f32
            })
        })
        .collect()
}
