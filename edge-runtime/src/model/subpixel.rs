//! A doubling transposed convolution in three nodes: a 2x2 convolution to four times the channels, which become pixels
//! (arXiv 1609.05158), without the border pixel that no output has.

use super::contract;
use super::fact::{Fact, fact, shapes};
use super::node::{Attributes, expect_float, title};
use crate::RuntimeError;
use crate::onnx::{NodeProto, data_type};

/// Of kernel 2, stride 1, padding 1: one pixel more than its input each way.
pub(super) fn convolution(
    node: &NodeProto,
    x: &Fact<'_>,
    weight: &Fact<'_>,
    bias: Option<&Fact<'_>>,
) -> Result<Fact<'static>, RuntimeError> {
    let attributes = Attributes::of(node, &["kernel_shape", "strides", "pads", "dilations", "group", "auto_pad"])?;
    attributes.expect_convolution(&[
        ("kernel_shape", &[2, 2], &[2, 2]),
        ("strides", &[1, 1], &[1, 1]),
        ("pads", &[1, 1, 1, 1], &[0, 0, 0, 0]),
        ("dilations", &[1, 1], &[1, 1]),
    ])?;
    let parts: Vec<_> = [x, weight].into_iter().chain(bias).collect();
    for part in &parts {
        expect_float(node, part)?;
    }
    match (x.shape.as_slice(), weight.shape.as_slice()) {
        ([batch, channels, height, width], [outputs, inputs, 2, 2])
            if channels == inputs && bias.is_none_or(|bias| bias.shape == [*outputs]) =>
        {
            Ok(fact(vec![*batch, *outputs, height.saturating_add(1), width.saturating_add(1)], data_type::FLOAT))
        }
        _ => Err(contract(title(node), "a feature map and weights [out, in, 2, 2]", shapes(&parts))),
    }
}

/// Four channels become the four pixels of a square, of f32 or u8.
pub(super) fn depth_to_space(node: &NodeProto, x: &Fact<'_>) -> Result<Fact<'static>, RuntimeError> {
    let attributes = Attributes::of(node, &["blocksize", "mode"])?;
    expect_map(node, x)?;
    let block = attributes.integer("blocksize", 0);
    if block != 2 || !matches!(attributes.text("mode"), b"" | b"DCR") {
        return Err(contract(title(node), "blocksize 2, mode DCR", format!("blocksize {block}")));
    }
    match x.shape[..] {
        [batch, channels, height, width] if channels.is_multiple_of(4) => {
            Ok(fact(vec![batch, channels / 4, height.saturating_mul(2), width.saturating_mul(2)], x.data_type))
        }
        _ => Err(contract(title(node), "a feature map of four times some channels", x.describe())),
    }
}

/// One pixel less on each side, of f32 or u8.
pub(super) fn crop(node: &NodeProto, x: &Fact<'_>, bounds: [&Fact<'_>; 3]) -> Result<Fact<'static>, RuntimeError> {
    Attributes::of(node, &[])?;
    expect_map(node, x)?;
    for (bound, expected) in bounds.into_iter().zip([[1, 1], [-1, -1], [2, 3]]) {
        let found = bound.integers();
        if found.as_deref() != Some(&expected[..]) {
            return Err(contract(title(node), format!("the constant {expected:?}"), format!("{found:?}")));
        }
    }
    match x.shape[..] {
        [batch, channels, height, width] if height > 2 && width > 2 => {
            Ok(fact(vec![batch, channels, height - 2, width - 2], x.data_type))
        }
        _ => Err(contract(title(node), "a feature map of more than 2 pixels", x.describe())),
    }
}

fn expect_map(node: &NodeProto, x: &Fact<'_>) -> Result<(), RuntimeError> {
    if x.data_type == data_type::UINT8 && x.weight.is_none() { Ok(()) } else { expect_float(node, x) }
}
