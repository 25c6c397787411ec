//! A node of a graph: its name in messages, its attributes, and the type of its inputs.

use super::contract;
use super::fact::Fact;
use crate::RuntimeError;
use crate::onnx::{AttributeProto, NodeProto, attribute_type, data_type};

/// A node for a message: `node "deconv" (ConvTranspose)`.
pub(crate) fn title(node: &NodeProto) -> String {
    format!("node {:?} ({})", node.name, node.op_type)
}

/// Holds the type of an input against f32.
pub(super) fn expect_float(node: &NodeProto, part: &Fact<'_>) -> Result<(), RuntimeError> {
    if part.data_type == data_type::FLOAT { Ok(()) } else { Err(contract(title(node), "f32 inputs", part.describe())) }
}

/// A node's attributes, none of them unknown, double or of another kind of value.
pub(super) struct Attributes<'a> {
    node: &'a NodeProto,
}

impl<'a> Attributes<'a> {
    pub(super) fn of(node: &'a NodeProto, known: &[&str]) -> Result<Self, RuntimeError> {
        for (place, attribute) in node.attribute.iter().enumerate() {
            let twice = node.attribute[..place].iter().any(|earlier| earlier.name == attribute.name);
            if twice || !known.contains(&attribute.name.as_str()) {
                let found = format!("{:?}{}", attribute.name, if twice { " twice" } else { "" });
                return Err(contract(title(node), format!("attributes {known:?}"), found));
            }
            if attribute.r#type != kind(&attribute.name) {
                let part = format!("{}, attribute {:?}", title(node), attribute.name);
                return Err(contract(part, format!("kind {}", kind(&attribute.name)), attribute.r#type.to_string()));
            }
        }
        Ok(Self { node })
    }

    fn get(&self, name: &str) -> Option<&'a AttributeProto> {
        self.node.attribute.iter().find(|attribute| attribute.name == name)
    }

    pub(super) fn integer(&self, name: &str, default: i64) -> i64 {
        self.get(name).map_or(default, |attribute| attribute.i)
    }

    /// Holds a convolution's lists, each with its name, what it must be and ONNX's default, against the file; neither groups
    /// nor automatic padding are allowed.
    pub(super) fn expect_convolution(&self, lists: &[(&str, &[i64], &[i64])]) -> Result<(), RuntimeError> {
        for (name, expected, default) in lists {
            let found = self.get(name).map_or(*default, |attribute| attribute.ints.as_slice());
            if found != *expected {
                return Err(contract(title(self.node), format!("{name} {expected:?}"), format!("{found:?}")));
            }
        }
        let group = self.integer("group", 1);
        if group != 1 || !matches!(self.text("auto_pad"), b"" | b"NOTSET") {
            return Err(contract(title(self.node), "group 1 and no auto_pad", format!("group {group}")));
        }
        Ok(())
    }

    pub(super) fn text(&self, name: &str) -> &'a [u8] {
        self.get(name).map_or(&[], |attribute| attribute.s.as_slice())
    }
}

/// ONNX's number for the kind of value that an attribute has.
fn kind(attribute: &str) -> i32 {
    match attribute {
        "alpha" | "beta" => attribute_type::FLOAT,
        "auto_pad" | "mode" => attribute_type::STRING,
        "kernel_shape" | "strides" | "pads" | "dilations" | "output_padding" => attribute_type::INTS,
        _ => attribute_type::INT,
    }
}
