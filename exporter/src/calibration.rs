//! How values are rounded to 8 bits, by what they reach.

use model_spec::contract::STEP_SIZES;

/// How maps are rounded to 8 bits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// Size of a step.
    pub scale: f32,
    /// The step of the value 0.
    pub zero: u8,
}

impl Calibration {
    /// The finest steps that reach from the smallest to the largest of the values, and 0, which borders have.
    pub(crate) fn of(ranges: &[Range]) -> Self {
        let low = ranges.iter().fold(0.0f32, |low, range| low.min(range.low));
        let high = ranges.iter().fold(0.0f32, |high, range| high.max(range.high));
        if low == high {
            return Self { scale: 1.0, zero: 0 };
        }
        let scale = ((high - low) / 255.0).clamp(STEP_SIZES[0], STEP_SIZES[1]);
        Self { scale, zero: (-low / scale).round_ties_even() as u8 }
    }

    /// The value of the nearest step, as ONNX's QuantizeLinear and DequantizeLinear make it: halves go to even ones.
    pub fn rounded(self, x: f32) -> f32 {
        let zero = f32::from(self.zero);
        (((x / self.scale).round_ties_even() + zero).clamp(0.0, 255.0) - zero) * self.scale
    }
}

/// The values of one channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// The smallest.
    pub low: f32,
    /// The largest.
    pub high: f32,
}

impl Range {
    /// Of no values.
    pub(crate) const NONE: Self = Self { low: f32::INFINITY, high: f32::NEG_INFINITY };

    /// How far they reach from 0.
    pub fn reach(self) -> f32 {
        self.high.max(-self.low).max(0.0)
    }

    /// Both of them.
    pub(crate) fn with(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_reach_both_ends_and_zero_is_one_of_them() {
        let of = |low, high| Calibration::of(&[Range { low, high }, Range { low: 0.0, high: 0.1 }]);
        let both = of(-1.0, 4.1);
        assert_eq!((both.zero, both.rounded(0.0)), (50, 0.0));
        assert!((both.scale - 0.02).abs() < 1e-6);
        for (x, expected) in [(-1.0, -1.0), (4.1, 4.1), (-9.0, -1.0), (9.0, 4.1), (0.011, 0.02), (-0.009, 0.0)] {
            assert!((both.rounded(x) - expected).abs() < 1e-5, "{x}: {}", both.rounded(x));
        }
        // Values that don't include 0 still share a border of 0.
        assert_eq!((of(1.0, 2.55).zero, of(0.0, 0.0).zero), (0, 0));
        assert_eq!(Calibration::of(&[Range::NONE]), Calibration { scale: 1.0, zero: 0 });
    }
}
