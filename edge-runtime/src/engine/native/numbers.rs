//! Weights as a file stores them, the activation after a layer, and memory that starts at a cache line.

use std::ops::{Deref, DerefMut};

use super::halves::f32_from_f16;

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
