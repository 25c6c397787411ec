//! Tensors as views of one vector, so that what is done to every number alike is one kernel and not one for each tensor.

use tch::{Kind, Tensor};

/// Tensors begin at multiples of so many numbers: 64 bytes, which vector and matrix units like to read at once.
const STEP: i64 = 16;

/// f32 tensors that lie one after the other in one vector, each in its own memory layout. Gaps are 0.
#[derive(Debug)]
pub struct Flat {
    numbers: Tensor, // [n]
    views: Vec<Tensor>,
}

impl Flat {
    /// Copies of dense tensors on one device; at least one.
    pub fn of(tensors: &[Tensor]) -> Self {
        let flat = Self { numbers: joined(tensors.iter().map(in_memory_order)), views: Vec::new() };
        flat.with_views_like(tensors)
    }

    /// Zeros in the same layout.
    pub fn zeros_like(&self) -> Self {
        Self { numbers: self.numbers.zeros_like(), views: Vec::new() }.with_views_like(&self.views)
    }

    /// The same numbers.
    pub fn shared(&self) -> Self {
        let views = self.views.iter().map(Tensor::shallow_clone).collect();
        Self { numbers: self.numbers.shallow_clone(), views }
    }

    /// All numbers, f32 `[n]`. What changes them does not count as a change of the views in libtorch's eyes: change
    /// nothing that a backward pass is still to read.
    pub fn numbers(&self) -> Tensor {
        self.numbers.shallow_clone()
    }

    /// The tensors.
    pub fn views(&self) -> &[Tensor] {
        &self.views
    }

    /// Other tensors of the same shapes, one for each view, as one vector in this layout.
    pub fn gathered(&self, tensors: &[Tensor]) -> Tensor {
        let ordered = tensors.iter().zip(&self.views).map(|(tensor, view)| {
            if tensor.stride() == view.stride() {
                return in_memory_order(tensor);
            }
            let mut ordered = view.empty_like();
            ordered.copy_(tensor);
            in_memory_order(&ordered)
        });
        joined(ordered)
    }

    fn with_views_like(mut self, tensors: &[Tensor]) -> Self {
        let mut start = 0;
        for tensor in tensors {
            // `data` gives each view a count of changes of its own, so that moving one leaves others good for backward.
            self.views.push(self.numbers.as_strided(tensor.size(), tensor.stride(), start).data());
            start += padded(tensor.numel() as i64);
        }
        self
    }
}

fn padded(count: i64) -> i64 {
    (count + STEP - 1) / STEP * STEP
}

/// The numbers of a dense tensor in the order of memory, without a copy.
fn in_memory_order(tensor: &Tensor) -> Tensor {
    tensor.as_strided([tensor.numel() as i64], [1], None)
}

/// Vectors one after the other, each with zeros up to the next multiple of [`STEP`].
fn joined(vectors: impl Iterator<Item = Tensor>) -> Tensor {
    let mut parts: Vec<Tensor> = Vec::new();
    for vector in vectors {
        let count = vector.numel() as i64;
        let gap = padded(count) - count;
        let zeros = (gap > 0).then(|| Tensor::zeros([gap], (Kind::Float, vector.device())));
        parts.push(vector);
        parts.extend(zeros);
    }
    Tensor::cat(&parts, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{self, DeviceChoice};

    fn counted(shape: &[i64]) -> Tensor {
        let (device, _) = device::open(DeviceChoice::Cpu).expect("the CPU is always there");
        Tensor::arange(shape.iter().product::<i64>(), (Kind::Float, device)).view(shape)
    }

    fn channels_last(xs: &Tensor) -> Tensor {
        xs.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
    }

    #[test]
    fn views_keep_values_and_layouts_and_share_one_vector() {
        let tensors = [counted(&[3, 5]), channels_last(&counted(&[2, 3, 4, 4])), counted(&[1])];
        let flat = Flat::of(&tensors);
        assert_eq!(flat.numbers().size(), [16 + 96 + 16]);
        for (view, tensor) in flat.views().iter().zip(&tensors) {
            assert_eq!(view, tensor);
            assert_eq!(view.stride(), tensor.stride());
        }
        let _ = flat.numbers().g_mul_scalar_(2.0);
        for (view, tensor) in flat.shared().views().iter().zip(&tensors) {
            assert_eq!(*view, tensor * 2.0);
        }
        assert_eq!(flat.zeros_like().views()[1].stride(), tensors[1].stride());
    }

    #[test]
    fn tensors_of_another_layout_are_gathered_in_that_of_the_views() {
        let kernel = counted(&[2, 3, 4, 4]);
        let flat = Flat::of(&[counted(&[7]), channels_last(&kernel)]);
        for same in [kernel.shallow_clone(), channels_last(&kernel)] {
            assert_eq!(flat.gathered(&[counted(&[7]), same]), flat.numbers());
        }
    }
}
