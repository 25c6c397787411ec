//! The generator as it was trained, in slow, plain f64: what a folded file is checked against where libtorch left no
//! reference pictures.

use model_spec::Architecture;
use model_spec::architecture::{LEAKY_SLOPE, NORM_EPS, STEM_SIZE};
use model_spec::weights::{KERNEL, generator as names};

use crate::fold::Folded;
use crate::weights::Weights;

/// The picture `[channels, side, side]` of a latent `[latent_dim]` and a label index, evaluation mode.
pub fn forward(weights: &Weights, architecture: &Architecture, latent: &[f32], label: usize) -> Vec<f32> {
    let embedding = architecture.embedding_dim;
    let embedded = wide(&weights.get(names::LABEL_EMBEDDING)[label * embedding..][..embedding]);
    let label_map = linear(weights.get(names::LABEL_WEIGHT), weights.get(names::LABEL_BIAS), &embedded);
    let dense = linear(weights.get(names::LATENT_WEIGHT), weights.get(names::LATENT_BIAS), &wide(latent));
    let mut xs: Vec<f64> = dense.into_iter().map(|x| if x < 0.0 { LEAKY_SLOPE * x } else { x }).collect();
    xs.extend(label_map); // [stem_channels + 1, 4, 4]
    let mut side = STEM_SIZE;
    for (block, (inputs, outputs)) in architecture.block_channels().into_iter().enumerate() {
        xs = doubling_conv_transpose(&xs, weights.get(&names::kernel(block)), [inputs, outputs, side]);
        side *= 2;
        if block + 1 < architecture.blocks() {
            normalize(&mut xs, weights, block);
            xs.iter_mut().for_each(|x| *x = x.max(0.0));
        }
    }
    xs.into_iter().map(|x| x.tanh() as f32).collect()
}

/// The picture of a folded network, whose label branch is a table and whose blocks have biases in place of norms.
pub fn forward_folded(folded: &Folded, architecture: &Architecture, latent: &[f32], label: usize) -> Vec<f32> {
    let stem = STEM_SIZE * STEM_SIZE;
    let dense = linear(&folded.latent_weight, &folded.latent_bias, &wide(latent));
    let mut xs: Vec<f64> = dense.into_iter().map(|x| if x < 0.0 { LEAKY_SLOPE * x } else { x }).collect();
    xs.extend(wide(&folded.label_table[label * stem..][..stem])); // [stem_channels + 1, 4, 4]
    let mut side = STEM_SIZE;
    debug_assert_eq!(folded.blocks.len(), architecture.blocks());
    for block in &folded.blocks {
        xs = doubling_conv_transpose(&xs, &block.kernel, [block.inputs, block.outputs, side]);
        side *= 2;
        if let Some(bias) = &block.bias {
            for (plane, bias) in xs.chunks_exact_mut(side * side).zip(bias) {
                plane.iter_mut().for_each(|x| *x = (*x + f64::from(*bias)).max(0.0));
            }
        }
    }
    xs.into_iter().map(|x| x.tanh() as f32).collect()
}

fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|number| f64::from(*number)).collect()
}

fn linear(weight: &[f32], bias: &[f32], xs: &[f64]) -> Vec<f64> {
    let row_sum = |row: &[f32]| row.iter().zip(xs).map(|(w, x)| f64::from(*w) * x).sum::<f64>();
    weight.chunks_exact(xs.len()).zip(bias).map(|(row, bias)| row_sum(row) + f64::from(*bias)).collect()
}

/// Evaluation mode (arXiv 1502.03167, algorithm 2): every channel by its running statistics.
fn normalize(xs: &mut [f64], weights: &Weights, block: usize) {
    let norm = names::norm(block);
    let [weight, bias, mean, variance] =
        [norm.weight, norm.bias, norm.running_mean, norm.running_var].map(|name| wide(weights.get(&name)));
    let plane = xs.len() / mean.len();
    for (channel, values) in xs.chunks_exact_mut(plane).enumerate() {
        let deviation = (variance[channel] + NORM_EPS).sqrt();
        values.iter_mut().for_each(|x| *x = (*x - mean[channel]) / deviation * weight[channel] + bias[channel]);
    }
}

/// Kernel 4, stride 2, padding 1, straight from the definition: input (y, x) adds to output (2y - 1 + ky, 2x - 1 + kx).
fn doubling_conv_transpose(xs: &[f64], kernel: &[f32], [inputs, outputs, side]: [usize; 3]) -> Vec<f64> {
    let wide_side = 2 * side;
    let mut ys = vec![0.0; outputs * wide_side * wide_side];
    for (output, plane) in ys.chunks_exact_mut(wide_side * wide_side).enumerate() {
        for input in 0..inputs {
            let source = &xs[input * side * side..][..side * side];
            let taps = &kernel[(input * outputs + output) * KERNEL * KERNEL..][..KERNEL * KERNEL];
            for (tap, weight) in taps.iter().enumerate() {
                add_tap(plane, source, side, (tap / KERNEL, tap % KERNEL), f64::from(*weight));
            }
        }
    }
    ys
}

fn add_tap(plane: &mut [f64], source: &[f64], side: usize, (ky, kx): (usize, usize), weight: f64) {
    let wide_side = 2 * side;
    for y in 0..side {
        let Some(row) = (2 * y + ky).checked_sub(1).filter(|row| *row < wide_side) else { continue };
        let target = &mut plane[row * wide_side..][..wide_side];
        for x in 0..side {
            if let Some(place) = (2 * x + kx).checked_sub(1)
                && let Some(sum) = target.get_mut(place)
            {
                *sum += weight * source[y * side + x];
            }
        }
    }
}
