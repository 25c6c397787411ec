//! The same function with channels of like reach: what a layer makes of a channel is divided by a factor, and what the next
//! one reads of it multiplied (arXiv 1906.04721, 2211.10438). One step size then suits all channels of a map.

use model_spec::architecture::STEM_SIZE;
use model_spec::weights::KERNEL;

use crate::calibration::Range;
use crate::fold::{Block, Folded};

/// How much of a channel's reach goes from the maps to the weights that read it, as an exponent.
const SHARE: f32 = 0.7;
/// Bounds of a factor.
const FACTORS: [f32; 2] = [1e-4, 1e4];

/// Evens out the channels that each block reads, given what they reach; returns what they reach then.
pub fn equalize(folded: &Folded, mut ranges: Vec<Vec<Range>>) -> (Folded, Vec<Vec<Range>>) {
    let mut folded = folded.clone();
    for (index, ranges) in ranges.iter_mut().enumerate() {
        let factors = factors(&folded.blocks[index], ranges);
        for (range, factor) in ranges.iter_mut().zip(&factors) {
            *range = Range { low: range.low / factor, high: range.high / factor };
        }
        multiply_inputs(&mut folded.blocks[index], &factors);
        match index.checked_sub(1) {
            Some(before) => divide_outputs(&mut folded.blocks[before], &factors),
            None => divide_stem(&mut folded, &factors),
        }
    }
    (folded, ranges)
}

/// `reach^share / weight^(1 - share)`, of a mean of 1 in logarithms.
fn factors(block: &Block, ranges: &[Range]) -> Vec<f32> {
    let shares = weight_shares(block);
    let raw = |(range, weight): (&Range, &f32)| match (range.reach(), *weight) {
        (reach, weight) if reach > 0.0 && weight > 0.0 && reach.is_finite() => {
            SHARE * reach.ln() - (1.0 - SHARE) * weight.ln()
        }
        _ => f32::NAN,
    };
    let logarithms: Vec<f32> = ranges.iter().zip(&shares).map(raw).collect();
    let known = logarithms.iter().filter(|log| !log.is_nan());
    let mean = known.clone().sum::<f32>() / known.count().max(1) as f32;
    let factor = |log: &f32| if log.is_nan() { 1.0 } else { (log - mean).exp().clamp(FACTORS[0], FACTORS[1]) };
    logarithms.iter().map(factor).collect()
}

/// The largest weight of each input channel, as a share of the largest one of its row, where rows share a step size.
fn weight_shares(block: &Block) -> Vec<f32> {
    let row = |place: usize| {
        let (kx, ky, output) = (place % KERNEL, place / KERNEL % KERNEL, place / KERNEL / KERNEL % block.outputs);
        (ky % 2 * 2 + kx % 2) * block.outputs + output
    };
    let mut rows = vec![0.0f32; 4 * block.outputs];
    for (place, weight) in block.kernel.iter().enumerate() {
        rows[row(place)] = rows[row(place)].max(weight.abs());
    }
    let inputs = block.kernel.chunks_exact(block.outputs * KERNEL * KERNEL);
    let share =
        |(place, weight): (usize, &f32)| if rows[row(place)] > 0.0 { weight.abs() / rows[row(place)] } else { 0.0 };
    inputs.map(|weights| weights.iter().enumerate().map(share).fold(0.0, f32::max)).collect()
}

fn multiply_inputs(block: &mut Block, factors: &[f32]) {
    let inputs = block.kernel.chunks_exact_mut(block.outputs * KERNEL * KERNEL).zip(factors);
    inputs.for_each(|(weights, factor)| weights.iter_mut().for_each(|weight| *weight *= factor));
}

fn divide_outputs(block: &mut Block, factors: &[f32]) {
    for (place, taps) in block.kernel.chunks_exact_mut(KERNEL * KERNEL).enumerate() {
        taps.iter_mut().for_each(|weight| *weight /= factors[place % factors.len()]);
    }
    let bias = block.bias.iter_mut().flatten().zip(factors);
    bias.for_each(|(bias, factor)| *bias /= factor);
}

/// The label's map is the last channel.
fn divide_stem(folded: &mut Folded, factors: &[f32]) {
    let stem = STEM_SIZE * STEM_SIZE;
    let latent_dim = folded.latent_weight.len() / folded.latent_bias.len().max(1);
    let Some((label, latents)) = factors.split_last() else { return };
    for (row, weights) in folded.latent_weight.chunks_exact_mut(latent_dim).enumerate() {
        weights.iter_mut().for_each(|weight| *weight /= latents[row / stem]);
    }
    for (row, bias) in folded.latent_bias.iter_mut().enumerate() {
        *bias /= latents[row / stem];
    }
    folded.label_table.iter_mut().for_each(|number| *number /= label);
}

#[cfg(test)]
mod tests {
    use model_spec::latent;

    use super::*;
    use crate::forward::Forward;
    use crate::forward::tests::network;

    /// The label's map reaches far, and one channel of a hidden map.
    #[test]
    fn channels_reach_alike_and_make_the_same_picture() {
        let (_, mut folded) = network();
        folded.label_table.iter_mut().for_each(|number| *number *= 40.0);
        folded.blocks[0].kernel.chunks_exact_mut(16).step_by(5).flatten().for_each(|weight| *weight *= 30.0);
        let ranges = |folded: &Folded| {
            let mut ranges: Vec<Vec<Range>> =
                folded.blocks.iter().map(|block| vec![Range { low: 0.0, high: 0.0 }; block.inputs]).collect();
            for seed in 0..20 {
                let latent = latent::latent(seed, 0, 5);
                Forward::new(folded).run(&latent, seed as usize % 2, |block, maps| {
                    for pixel in maps.values.chunks_exact(maps.channels) {
                        for (range, x) in ranges[block].iter_mut().zip(pixel) {
                            *range = Range { low: range.low.min(*x), high: range.high.max(*x) };
                        }
                    }
                });
            }
            ranges
        };
        let spread = |ranges: &[Range]| {
            let reaches = ranges.iter().map(|range| range.reach());
            reaches.clone().fold(0.0, f32::max) / reaches.fold(f32::INFINITY, f32::min)
        };
        let before = ranges(&folded);
        let (evened, told) = equalize(&folded, before.clone());
        let after = ranges(&evened);
        for ((before, after), told) in before.iter().zip(&after).zip(&told) {
            assert!(spread(after) < spread(before) / 3.0, "{} to {}", spread(before), spread(after));
            for (found, told) in after.iter().zip(told) {
                assert!((found.reach() - told.reach()).abs() <= 1e-3 * told.reach(), "{found:?}, not {told:?}");
            }
        }
        let latent = latent::latent(77, 0, 5);
        let [expected, found] = [&folded, &evened].map(|folded| Forward::new(folded).run(&latent, 1, |_, _| {}));
        assert!(found.iter().all(|x| x.is_finite()), "numbers");
        let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-4 && evened != folded, "{worst}");
    }

    #[test]
    fn a_channel_that_is_never_anything_stays() {
        let (_, folded) = network();
        let none = folded.blocks.iter().map(|block| vec![Range { low: 0.0, high: 0.0 }; block.inputs]).collect();
        assert_eq!(equalize(&folded, none).0, folded);
    }
}
