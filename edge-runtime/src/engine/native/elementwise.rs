//! What is done to each number alone, without a branch, so that a compiler can make vectors of it.

use super::pack::BLOCK;

/// Work of plain Rust, which the compiler makes vectors of where it is inlined into a function of a level.
pub(in crate::engine) trait Work {
    /// What it makes.
    type Made;

    /// Does it. Implementations and all that they call are always inlined.
    fn run(self) -> Self::Made;
}

/// Rows of a feature map, and rows for the differences between neighbors, all of one length.
#[derive(Debug)]
pub(super) struct Differences<'a> {
    /// One pixel more than the others.
    pub here: &'a [f32],
    /// The row after it, one pixel more than the others.
    pub below: &'a [f32],
    pub down: &'a mut [f32],
    pub right: &'a mut [f32],
    pub both: &'a mut [f32],
}

impl Work for Differences<'_> {
    type Made = ();

    #[inline(always)]
    fn run(self) {
        let Self { here, below, down, right, both } = self;
        let len = down.len();
        let (here, here_next) = (&here[..len], &here[BLOCK..][..len]);
        let (below, below_next) = (&below[..len], &below[BLOCK..][..len]);
        let (right, both) = (&mut right[..len], &mut both[..len]);
        for place in 0..len {
            down[place] = here[place] - below[place];
            right[place] = here[place] - here_next[place];
            both[place] = down[place] - (here_next[place] - below_next[place]);
        }
    }
}

/// Replaces each number by its hyperbolic tangent: within 3e-7 of it, the same bits on every machine.
#[derive(Debug)]
pub(super) struct Tanh<'a>(pub &'a mut [f32]);

impl Work for Tanh<'_> {
    type Made = ();

    #[inline(always)]
    fn run(self) {
        for x in self.0 {
            *x = tanh_of(*x);
        }
    }
}

/// `1 - 2 / (e^2x + 1)`, with `e^2x = 2^n 2^f` and the power series of `2^f` for f in [-1/2, 1/2].
#[inline(always)]
fn tanh_of(x: f32) -> f32 {
    /// Beyond it the result rounds to 1.
    const LIMIT: f32 = 9.1;
    /// Adding it rounds a number to an integer, which the low bits then hold: 1.5 * 2^23.
    const ROUND: f32 = 12_582_912.0;
    const LN_2: f32 = std::f32::consts::LN_2;
    let clamped = if x > LIMIT { LIMIT } else { x };
    let clamped = if clamped < -LIMIT { -LIMIT } else { clamped };
    let exponent = clamped * (2.0 * std::f32::consts::LOG2_E);
    let rounded = exponent + ROUND;
    let z = (exponent - (rounded - ROUND)) * LN_2;
    let series = z * (1.0 / 5040.0) + 1.0 / 720.0;
    let series = series * z + 1.0 / 120.0;
    let series = series * z + 1.0 / 24.0;
    let series = series * z + 1.0 / 6.0;
    let series = series * z + 0.5;
    let series = series * z + 1.0;
    let series = series * z + 1.0;
    let power = f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23));
    1.0 - 2.0 / (series * power + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::native::kernels::Kernels;
    use crate::engine::native::level::Level;

    #[test]
    fn it_is_the_tangent_within_3e_7() {
        let numbers: Vec<f32> =
            (-12_000..=12_000).map(|step| step as f32 / 1000.0).chain([1e-30, -1e30, 1e30]).collect();
        for level in Level::available() {
            let mut found = numbers.clone();
            Kernels::of(level).expect("available").vectorized(Tanh(&mut found));
            for (x, found) in numbers.iter().zip(&found) {
                let expected = f64::from(*x).tanh();
                assert!((f64::from(*found) - expected).abs() < 3e-7, "{level:?} {x}: {found}, not {expected}");
                assert_eq!(found.to_bits(), tanh_of(*x).to_bits(), "{level:?} {x}");
            }
        }
    }

    #[test]
    fn what_is_not_a_number_stays_none() {
        assert!(tanh_of(f32::NAN).is_nan());
        assert_eq!([f32::INFINITY, f32::NEG_INFINITY].map(tanh_of), [1.0, -1.0]);
    }
}
