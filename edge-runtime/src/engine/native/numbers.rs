//! Weights as a file stores them, the activation after a layer, and memory that starts at a cache line.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line and of the widest vector.
const LINE: usize = 64;

/// Numbers in the bytes of a file, little-endian.
#[derive(Debug, Clone, Copy)]
pub(super) enum Numbers<'a> {
    F32(&'a [[u8; 4]]),
    F16(&'a [[u8; 2]]),
    I8(Scaled<'a>),
}

/// Integers with a factor for each channel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scaled<'a> {
    pub integers: &'a [u8],
    /// `[channels]`
    pub factors: &'a [[u8; 4]],
    /// Integers from one channel to the next.
    pub inner: usize,
}

impl Numbers<'_> {
    pub fn len(&self) -> usize {
        match self {
            Self::F32(numbers) => numbers.len(),
            Self::F16(numbers) => numbers.len(),
            Self::I8(scaled) => scaled.integers.len(),
        }
    }

    pub fn get(&self, index: usize) -> f32 {
        match self {
            Self::F32(numbers) => f32::from_le_bytes(numbers[index]),
            Self::F16(numbers) => f32_from_f16(u16::from_le_bytes(numbers[index])),
            Self::I8(scaled) => f32::from(i8::from_le_bytes([scaled.integers[index]])) * scaled.factor(index),
        }
    }

    /// What all of these integers are multiplied by; none of floats, or where each has its own.
    pub fn shared_factor(&self, indices: &[usize]) -> Option<f32> {
        let Self::I8(scaled) = self else { return None };
        let first = *indices.first()?;
        let is_shared = indices.iter().all(|index| scaled.place(*index) == scaled.place(first));
        is_shared.then(|| scaled.factor(first))
    }
}

impl Scaled<'_> {
    fn factor(&self, index: usize) -> f32 {
        f32::from_le_bytes(self.factors[self.place(index)])
    }

    fn place(&self, index: usize) -> usize {
        index / self.inner % self.factors.len()
    }
}

/// The bits of the half-precision number (IEEE 754, binary16) nearest to one, ties to even; what is not a number stays none.
#[inline(always)]
pub(super) fn f16_from_f32(x: f32) -> u16 {
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

/// What a layer's sums go through.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Activation {
    None,
    Relu,
    /// Slope below zero.
    Leaky(f32),
}

impl Activation {
    /// Not a number stays not a number.
    pub fn apply(self, x: f32) -> f32 {
        match self {
            Self::Relu if x < 0.0 => 0.0,
            Self::Leaky(slope) if x < 0.0 => x * slope,
            _ => x,
        }
    }
}

/// Memory that starts at a cache line.
#[derive(Debug, Default)]
pub(super) struct Aligned<T> {
    data: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Copy + Default> Aligned<T> {
    /// Zeros.
    pub fn new(len: usize) -> Self
    where
        T: Zero,
    {
        let data = T::zeros(len + LINE / size_of::<T>());
        let start = data.as_ptr().align_offset(LINE).min(LINE / size_of::<T>());
        Self { data, start, len }
    }

    /// Makes it zeros of a length where it is shorter.
    pub fn grow(&mut self, len: usize)
    where
        T: Zero,
    {
        if self.len < len {
            *self = Self::new(len);
        }
    }
}

/// A number whose zeros the system can hand out without writing them.
pub(super) trait Zero: Sized {
    fn zeros(len: usize) -> Vec<Self>;
}

impl Zero for f32 {
    fn zeros(len: usize) -> Vec<Self> {
        vec![0.0; len]
    }
}

impl Zero for u32 {
    fn zeros(len: usize) -> Vec<Self> {
        vec![0; len]
    }
}

impl Zero for u16 {
    fn zeros(len: usize) -> Vec<Self> {
        vec![0; len]
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.data[self.start..][..self.len]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.data[self.start..][..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weights `[inputs, outputs]` of two each.
    #[test]
    fn a_factor_is_shared_along_the_other_axis_only() {
        let factors = [2.0_f32, 3.0].map(f32::to_le_bytes);
        let of = |inner| Numbers::I8(Scaled { integers: &[1, 2, 3, 4], factors: &factors, inner });
        let (of_outputs, of_inputs) = (of(1), of(2));
        assert_eq!([0, 1, 2, 3].map(|index| of_outputs.get(index)), [2.0, 6.0, 6.0, 12.0]);
        assert_eq!([0, 1, 2, 3].map(|index| of_inputs.get(index)), [2.0, 4.0, 9.0, 12.0]);
        // The weights of output 1.
        assert_eq!([of_outputs, of_inputs].map(|numbers| numbers.shared_factor(&[1, 3])), [Some(3.0), None]);
        assert_eq!(Numbers::F32(&factors).shared_factor(&[0]), None);
    }

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

    #[test]
    fn activations_keep_what_is_not_a_number() {
        assert_eq!([-2.0, -0.0, 3.0].map(|x| Activation::Leaky(0.5).apply(x)), [-1.0, 0.0, 3.0]);
        assert_eq!([f32::NEG_INFINITY, 3.0].map(|x| Activation::Relu.apply(x)), [0.0, 3.0]);
        for activation in [Activation::None, Activation::Relu, Activation::Leaky(0.2)] {
            assert!(activation.apply(f32::NAN).is_nan());
        }
    }

    #[test]
    fn memory_starts_at_a_line_and_is_zero() {
        for len in [0, 1, 17, 5000] {
            let memory = Aligned::<u16>::new(len);
            assert_eq!((memory.len(), memory.as_ptr() as usize % LINE), (len, 0));
            assert!(memory.iter().all(|x| *x == 0));
        }
    }
}
