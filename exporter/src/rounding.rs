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
    pub fn of(ranges: &[Range]) -> Self {
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
    pub const NONE: Self = Self { low: f32::INFINITY, high: f32::NEG_INFINITY };

    /// How far they reach from 0.
    pub fn reach(self) -> f32 {
        self.high.max(-self.low).max(0.0)
    }

    /// Both of them.
    pub fn with(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }
}
