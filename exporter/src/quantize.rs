//! Integers of 8 bits with a factor for each output channel, symmetric around 0.

/// The largest integer; -128 is left out, so that both signs reach equally far.
const LARGEST: f32 = 127.0;
/// The largest factor of a channel that is tried, and the smallest, over that of which its largest number is [`LARGEST`].
const WIDEST: f32 = 2.0;
const NARROWEST: f32 = 0.78;
/// From one factor that is tried to the next.
const STEP: f32 = 0.03;
/// Weights of one output and one input of a 2x2 convolution.
const TAPS: usize = 4;
/// What two neighbors may add up to: `255 * 128 < 2^15`.
const PAIR: i16 = 128;

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
        let channels = shape[axis];
        let inner: usize = shape[axis + 1..].iter().product();
        let factors: Vec<f32> = (0..channels)
            .map(|channel| {
                let rows = weights.chunks_exact(inner).skip(channel).step_by(channels);
                let rows: Vec<f32> = rows.flatten().copied().collect();
                best(&rows, 1.0, 0.0, rounded).0
            })
            .collect();
        let factor = |place: usize| factors[place / inner % channels];
        let integers = weights.iter().enumerate().map(|(place, weight)| integer(*weight, factor(place))).collect();
        Self { integers, factors, inner }
    }

    /// Quantizes the weights `[outputs, inputs, 2, 2]` of a convolution of bytes, with a smallest factor for each output.
    ///
    /// On processors of x86 without VNNI, ONNX Runtime and OpenVINO add up the products of two neighboring inputs in 16 bits,
    /// which saturate (the instruction is `VPMADDUBSW`). So no two neighbors add up to more than that takes.
    pub fn of_convolution(inputs: usize, weights: &[f32], least: impl Fn(usize) -> f32) -> Self {
        let inner = inputs * TAPS;
        let rows = weights.chunks_exact(inner).enumerate();
        let rows = rows.map(|(row, weights)| best(weights, WIDEST, least(row), rounded_in_pairs));
        let (factors, integers): (Vec<f32>, Vec<Vec<i8>>) = rows.unzip();
        Self { integers: integers.concat(), factors, inner }
    }

    /// The weights that a file of these integers has.
    pub fn weights(&self) -> Vec<f32> {
        let factor = |place: usize| self.factors[place / self.inner % self.factors.len()];
        self.integers.iter().enumerate().map(|(place, integer)| f32::from(*integer) * factor(place)).collect()
    }
}

/// The factor of least squared error, from `widest` times the one of the largest number on, and its integers. Any factor does
/// for zeros: `least`, since a bias is counted in it, or 1 where that is none.
fn best(weights: &[f32], widest: f32, least: f32, rounded: impl Fn(&[f32], f32) -> Vec<i8>) -> (f32, Vec<i8>) {
    let largest = weights.iter().fold(0.0f32, |largest, weight| largest.max(weight.abs()));
    if largest == 0.0 {
        return (if least > 0.0 { least } else { 1.0 }, vec![0; weights.len()]);
    }
    let whole = largest / LARGEST;
    let shares = (0..).map(|step| widest - step as f32 * STEP).take_while(|share| *share > NARROWEST);
    let tried = shares.map(|share| {
        let factor = (share * whole).max(least);
        let integers = rounded(weights, factor);
        let errors = integers.iter().zip(weights).map(|(n, weight)| f64::from(f32::from(*n) * factor - weight).powi(2));
        (errors.sum::<f64>(), factor, integers)
    });
    let (_, factor, integers) = tried.min_by(|a, b| a.0.total_cmp(&b.0)).expect("the first share is tried");
    (factor, integers)
}

fn rounded(weights: &[f32], factor: f32) -> Vec<i8> {
    weights.iter().map(|weight| integer(*weight, factor)).collect()
}

fn integer(weight: f32, factor: f32) -> i8 {
    (weight / factor).round_ties_even().clamp(-LARGEST, LARGEST) as i8
}

/// Weights `[inputs, taps]` of one output. Engines multiply them as `[taps, inputs]`, so that is where neighbors are.
fn rounded_in_pairs(weights: &[f32], factor: f32) -> Vec<i8> {
    let mut integers = rounded(weights, factor);
    let inputs = weights.len() / TAPS;
    let place = |k: usize| k % inputs * TAPS + k / inputs;
    for k in 1..weights.len() {
        let (first, second) = (place(k - 1), place(k));
        let sum = i16::from(integers[first]) + i16::from(integers[second]);
        let excess = sum.abs() - PAIR;
        // Only numbers of one sign add up to that much, so both come nearer to 0 and keep their sign: no pair before this
        // one passes the bound.
        if excess > 0 {
            let half = excess / 2;
            integers[first] -= (sum.signum() * half) as i8;
            integers[second] -= (sum.signum() * (excess - half)) as i8;
        }
    }
    integers
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
        let zeros = Quantized::of(&[2, 3], 0, &[0.0; 6]);
        assert_eq!((zeros.weights(), zeros.factors), (vec![0.0; 6], vec![1.0; 2]));
    }
    #[test]
    fn neighbors_of_a_convolution_add_up_to_what_16_bits_take() {
        // Two outputs; of the first one two inputs are large at every tap, and the last input of a tap is a neighbor of the
        // first of the next.
        let row = [1.0, 1.0, 1.0, 1.0, 0.9, 0.9, 0.9, 0.9, -0.3, 0.2, 0.1, 0.0, 0.99, 0.98, 0.97, 0.96];
        let mut weights = row.to_vec();
        weights.extend([1e-9; 16]);
        let made = Quantized::of_convolution(4, &weights, |output| [0.0, 0.25][output]);
        let at = |k: usize| i32::from(made.integers[k % 4 * 4 + k / 4]);
        for k in 1..16 {
            assert!((at(k - 1) + at(k)).abs() <= 128, "{} and {}", at(k - 1), at(k));
        }
        assert!(made.integers[..16].iter().any(|integer| *integer > 60), "{:?}", made.integers);
        for (found, weight) in made.weights().iter().zip(&row) {
            assert!((found - weight).abs() <= made.factors[0], "{found}, not {weight}");
        }
        assert_eq!((made.factors[1], &made.integers[16..]), (0.25, &[0; 16][..]));
        let zeros = Quantized::of_convolution(1, &[0.0; 4], |_| 1e-12);
        assert_eq!((zeros.factors, zeros.integers), (vec![1e-12], vec![0; 4]));
    }
}
