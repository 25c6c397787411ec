//! Integers of 8 bits with a factor for each output channel, symmetric around 0.

/// The largest integer; -128 is left out, so that both signs reach equally far.
const LARGEST: f32 = 127.0;
/// How far below the largest number of a channel its range may end, in steps of [`STEP`].
const STEPS: usize = 8;
/// Share of the range that a step takes off.
const STEP: f32 = 0.03;

/// Weights as integers.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantized {
    /// Of the weights' shape.
    pub integers: Vec<i8>,
    /// `[channels]`: an integer times the factor of its channel is its weight.
    pub factors: Vec<f32>,
    /// Numbers from one channel to the next.
    inner: usize,
}

impl Quantized {
    /// Quantizes weights whose output channels lie along `axis`. Each channel's range is the one of least squared error, which
    /// may end before its largest number.
    pub fn of(shape: &[usize], axis: usize, weights: &[f32]) -> Self {
        Self::at_least(shape, axis, weights, |_| 0.0)
    }

    /// The same with a smallest factor of each channel.
    pub fn at_least(shape: &[usize], axis: usize, weights: &[f32], least: impl Fn(usize) -> f32) -> Self {
        let channels = shape[axis];
        let inner: usize = shape[axis + 1..].iter().product();
        let factors: Vec<f32> = (0..channels)
            .map(|channel| {
                let rows = weights.chunks_exact(inner).skip(channel).step_by(channels);
                factor(&rows.flatten().copied().collect::<Vec<f32>>()).max(least(channel))
            })
            .collect();
        let integers = weights
            .iter()
            .enumerate()
            .map(|(place, weight)| integer(*weight, factors[place / inner % channels]) as i8)
            .collect();
        Self { integers, factors, inner }
    }

    /// The weights that a file of these integers has.
    pub fn weights(&self) -> Vec<f32> {
        let factor = |place: usize| self.factors[place / self.inner % self.factors.len()];
        self.integers.iter().enumerate().map(|(place, integer)| f32::from(*integer) * factor(place)).collect()
    }
}

/// 1 for a channel of zeros.
fn factor(weights: &[f32]) -> f32 {
    let largest = weights.iter().fold(0.0f32, |largest, weight| largest.max(weight.abs()));
    if largest == 0.0 {
        return 1.0;
    }
    let tried = (0..STEPS).map(|step| (1.0 - step as f32 * STEP) * largest / LARGEST);
    let with_error = tried.map(|factor| (error(weights, factor), factor));
    with_error.min_by(|a, b| a.0.total_cmp(&b.0)).map_or(largest / LARGEST, |(_, factor)| factor)
}

fn error(weights: &[f32], factor: f32) -> f64 {
    weights.iter().map(|weight| f64::from(integer(*weight, factor) * factor - weight).powi(2)).sum()
}

fn integer(weight: f32, factor: f32) -> f32 {
    (weight / factor).round_ties_even().clamp(-LARGEST, LARGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_has_its_own_range() {
        // [in 2, out 2, 2]
        let weights = [1.0, -2.0, 0.01, 0.02, 3.0, -0.5, -0.03, 0.0];
        let made = Quantized::of(&[2, 2, 2], 1, &weights);
        assert_eq!(made.factors.len(), 2);
        for (place, (found, weight)) in made.weights().iter().zip(weights).enumerate() {
            // Half a step, or what cutting the largest number off costs.
            let allowed = if place / 2 % 2 == 0 { 3.0 } else { 0.03 } * 0.02;
            assert!((found - weight).abs() <= allowed, "{place}: {found}, not {weight}");
        }
    }

    #[test]
    fn a_range_may_end_before_an_outlier_and_zeros_stay_zeros() {
        let mut weights: Vec<f32> = (0..4000).map(|place| (place % 100) as f32 / 100.0 - 0.495).collect();
        weights[0] = 0.7;
        let made = Quantized::of(&[1, 4000], 0, &weights);
        assert!(made.factors[0] < 0.7 / 127.0, "{}", made.factors[0]);
        assert_eq!(made.integers[0], 127);
        let coarse = Quantized::at_least(&[2, 2], 0, &[1e-9, 0.0, 1.0, 0.5], |channel| [0.25, 0.0][channel]);
        assert_eq!((coarse.factors[0], &coarse.integers[..2]), (0.25, &[0, 0][..]));
        assert!((coarse.factors[1] - 1.0 / 127.0).abs() < 1e-3);
        let zeros = Quantized::of(&[2, 3], 0, &[0.0; 6]);
        assert_eq!((zeros.weights(), zeros.factors), (vec![0.0; 6], vec![1.0; 2]));
    }
}
