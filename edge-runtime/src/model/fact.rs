//! What is known about a tensor.

use crate::onnx::{TensorProto, data_type};

/// Shape, type and, of a weight, its numbers.
#[derive(Debug, Clone)]
pub(super) struct Fact<'a> {
    /// Outermost dimension first.
    pub shape: Vec<usize>,
    /// ONNX's number of its element type.
    pub data_type: i32,
    /// The weight itself, where it is one.
    pub weight: Option<&'a TensorProto>,
}

impl Fact<'_> {
    /// Type and shape for a message.
    pub fn describe(&self) -> String {
        format!("{} {:?}", data_type::name(self.data_type), self.shape)
    }

    /// The numbers of a constant list of i64.
    pub fn integers(&self) -> Option<Vec<i64>> {
        let is_list = self.data_type == data_type::INT64 && self.shape.len() == 1;
        self.weight.filter(|_| is_list).map(TensorProto::integers)
    }
}

pub(super) fn fact(shape: Vec<usize>, data_type: i32) -> Fact<'static> {
    Fact { shape, data_type, weight: None }
}

/// Shapes for a message.
pub(super) fn shapes(parts: &[&Fact<'_>]) -> String {
    parts.iter().map(|part| part.describe()).collect::<Vec<_>>().join(" and ")
}
