//! Numbers of 16 bits.

/// A number of 16 bits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Half {
    /// bfloat16.
    Bf16,
    /// IEEE 754's binary16.
    F16,
}

impl Half {
    /// The bits of the nearest number, ties to even.
    #[inline(always)]
    pub fn bits(self, x: f32) -> u16 {
        match self {
            Self::Bf16 => bf16_from_f32(x),
            Self::F16 => f16_from_f32(x),
        }
    }
}

/// The bits of the half-precision number (IEEE 754, binary16) nearest to one, ties to even; what is not a number stays none.
#[inline(always)]
fn f16_from_f32(x: f32) -> u16 {
    /// The least number that rounds to infinity, and the least whose half is normal.
    const INFINITE: u32 = 0x477F_F000;
    const NORMAL: u32 = 0x3880_0000;
    /// Adding it to a number below the normal ones leaves their bits at the end: their step is 2^-24.
    const ROUND: f32 = 0.5;
    let magnitude = x.to_bits() & 0x7FFF_FFFF;
    let normal = magnitude.wrapping_add(0xC800_0FFF + (magnitude >> 13 & 1)) >> 13;
    let small = (f32::from_bits(magnitude) + ROUND).to_bits().wrapping_sub(ROUND.to_bits());
    let half = if magnitude < NORMAL { small } else { normal };
    let half = if magnitude < INFINITE { half } else { 0x7C00 };
    let half = if x.is_nan() { 0x7E00 } else { half };
    (half | x.to_bits() >> 16 & 0x8000) as u16
}

/// The value of a finite half-precision number (IEEE 754, binary16).
pub(super) fn f32_from_f16(half: u16) -> f32 {
    /// 2^112, between the exponent biases of both formats: 127 - 15.
    const REBIAS: f32 = f32::from_bits((112 + 127) << 23);
    let magnitude = f32::from_bits(u32::from(half & 0x7FFF) << 13) * REBIAS;
    f32::from_bits(magnitude.to_bits() | u32::from(half & 0x8000) << 16)
}

/// The bits of the bfloat16 nearest to a number; what is not a number stays none.
#[inline(always)]
fn bf16_from_f32(x: f32) -> u16 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7FFF + (bits >> 16 & 1)) >> 16;
    (if x.is_nan() { 0x7FC0 } else { rounded }) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finite_half_has_its_value() {
        for half in (0..=u16::MAX).filter(|half| half & 0x7C00 != 0x7C00) {
            let expected = half::f16::from_bits(half).to_f32();
            assert_eq!(f32_from_f16(half).to_bits(), expected.to_bits(), "{half:#x}");
        }
    }

    #[test]
    fn every_number_has_its_nearest_half() {
        let edges =
            [0.0, 5.9604645e-8, 2.980_232e-8, 2.980_233e-8, 6.1035e-5, 65_504.0, 65_519.99, 65_520.0, f32::INFINITY];
        let spread = (0..1_000_000_u32).map(|index| f32::from_bits(index.wrapping_mul(4_294_967)));
        for x in spread.chain(edges).chain(edges.map(|x| -x)) {
            let (found, expected) = (f16_from_f32(x), half::f16::from_f32(x));
            assert!(
                found == expected.to_bits() || x.is_nan() && half::f16::from_bits(found).is_nan(),
                "{x:e}: {found:#x}"
            );
        }
        // Ties, between each half and the next.
        for half in 0..0x7BFF_u16 {
            let between = (f32_from_f16(half) + f32_from_f16(half + 1)) / 2.0;
            assert_eq!(f16_from_f32(between), half + (half & 1), "{half:#x}");
        }
    }
}
