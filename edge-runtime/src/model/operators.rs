//! The operators of the family, each with the shape that it makes of its inputs.

use super::fact::{Fact, fact, shapes};
use super::node::{Attributes, expect_float, title};
use super::{contract, quantized, subpixel};
use crate::RuntimeError;
use crate::onnx::{NodeProto, data_type};

/// The result of a node, or why it is outside the family. `labels` is the number of rows that a label selects from.
pub(super) fn infer(node: &NodeProto, inputs: &[&Fact<'_>], labels: usize) -> Result<Fact<'static>, RuntimeError> {
    if !super::interface::is_standard_domain(&node.domain) {
        return Err(contract(title(node), "ONNX's own domain", format!("domain {:?}", node.domain)));
    }
    match (node.op_type.as_str(), inputs) {
        ("Cast", [x]) => cast(node, x),
        ("Relu" | "Tanh" | "Floor", [x]) => same(node, x, &[]),
        ("Add" | "Mul", [x, y]) => with_constant(node, x, y),
        ("MatMul", [weights, table]) => mix(node, weights, table, labels),
        ("Conv", [x, weight, rest @ ..]) if rest.len() < 2 => {
            subpixel::convolution(node, x, weight, rest.first().copied())
        }
        ("DepthToSpace", [x]) => subpixel::depth_to_space(node, x),
        ("Slice", [x, starts, ends, axes]) => subpixel::crop(node, x, [starts, ends, axes]),
        ("QuantizeLinear", [x, step, zero]) => quantized::quantize(node, x, [step, zero]),
        ("DequantizeLinear", [x, step, zero]) => quantized::dequantize(node, x, [step, zero]),
        ("DequantizeLinear", [weight, steps]) => quantized::dequantize_weight(node, weight, steps),
        ("LeakyRelu", [x]) => same(node, x, &["alpha"]),
        ("Gemm", [x, weight, rest @ ..]) if rest.len() < 2 => gemm(node, x, weight, rest.first().copied()),
        ("Gather", [table, index]) => gather(node, table, index, labels),
        ("Reshape", [x, shape]) => reshape(node, x, shape),
        ("Concat", [first, rest @ ..]) => concat(node, first, rest),
        ("ConvTranspose", [x, weight, rest @ ..]) if rest.len() < 2 => {
            conv_transpose(node, x, weight, rest.first().copied())
        }
        (operator, inputs) => {
            let found = format!("{operator} of {} inputs", inputs.len());
            Err(contract(title(node), "an operator of the family of networks", found))
        }
    }
}

fn cast(node: &NodeProto, x: &Fact<'_>) -> Result<Fact<'static>, RuntimeError> {
    let attributes = Attributes::of(node, &["to", "saturate"])?;
    let to = attributes.integer("to", 0);
    let to = i32::try_from(to).unwrap_or(0);
    match (x.data_type, to) {
        (data_type::FLOAT | data_type::FLOAT16 | data_type::INT8, data_type::FLOAT)
        | (data_type::FLOAT, data_type::UINT8) => Ok(fact(x.shape.clone(), to)),
        (from, to) => {
            let found = format!("{} to {}", data_type::name(from), data_type::name(to));
            Err(contract(title(node), "f16, i8 or f32 to f32, or f32 to u8", found))
        }
    }
}

/// A weight that is as large as `x`, or one long along some sides.
fn with_constant(node: &NodeProto, x: &Fact<'_>, y: &Fact<'_>) -> Result<Fact<'static>, RuntimeError> {
    Attributes::of(node, &[])?;
    expect_float(node, x)?;
    expect_float(node, y)?;
    let spreads = y.shape.len() <= x.shape.len()
        && y.shape.iter().rev().zip(x.shape.iter().rev()).all(|(part, whole)| *part == 1 || part == whole);
    if y.weight.is_none() || !spreads {
        return Err(contract(title(node), format!("a weight that fits {:?}", x.shape), y.describe()));
    }
    Ok(fact(x.shape.clone(), data_type::FLOAT))
}

fn mix(node: &NodeProto, weights: &Fact<'_>, table: &Fact<'_>, labels: usize) -> Result<Fact<'static>, RuntimeError> {
    Attributes::of(node, &[])?;
    expect_float(node, weights)?;
    expect_float(node, table)?;
    match (weights.shape.as_slice(), table.shape.as_slice()) {
        ([1, given], [rows, columns]) if *given == labels && *rows == labels => {
            Ok(fact(vec![1, *columns], data_type::FLOAT))
        }
        _ => Err(contract(title(node), format!("weights and a table of {labels} labels"), shapes(&[weights, table]))),
    }
}

fn same(node: &NodeProto, x: &Fact<'_>, known: &[&str]) -> Result<Fact<'static>, RuntimeError> {
    Attributes::of(node, known)?;
    expect_float(node, x)?;
    Ok(fact(x.shape.clone(), data_type::FLOAT))
}

fn gemm(
    node: &NodeProto,
    x: &Fact<'_>,
    weight: &Fact<'_>,
    bias: Option<&Fact<'_>>,
) -> Result<Fact<'static>, RuntimeError> {
    let attributes = Attributes::of(node, &["alpha", "beta", "transA", "transB"])?;
    let transposed = attributes.integer("transB", 0);
    for part in [x, weight].into_iter().chain(bias) {
        expect_float(node, part)?;
    }
    let (rows, columns) = match (x.shape.as_slice(), weight.shape.as_slice(), transposed) {
        ([rows, inner], [found, columns], 0) if inner == found => (*rows, *columns),
        ([rows, inner], [columns, found], 1) if inner == found => (*rows, *columns),
        _ => return Err(contract(title(node), "two matrices that fit", shapes(&[x, weight]))),
    };
    if attributes.integer("transA", 0) != 0 {
        return Err(contract(title(node), "transA 0", "another"));
    }
    match bias {
        Some(bias) if bias.shape != [columns] => {
            Err(contract(title(node), format!("a bias of shape [{columns}]"), bias.describe()))
        }
        _ => Ok(fact(vec![rows, columns], data_type::FLOAT)),
    }
}

fn gather(node: &NodeProto, table: &Fact<'_>, index: &Fact<'_>, labels: usize) -> Result<Fact<'static>, RuntimeError> {
    let axis = Attributes::of(node, &["axis"])?.integer("axis", 0);
    expect_float(node, table)?;
    let [rows, columns] = table.shape.as_slice() else {
        return Err(contract(title(node), "a table [labels, numbers]", table.describe()));
    };
    if *rows != labels || axis != 0 {
        return Err(contract(title(node), format!("a table of {labels} rows, axis 0"), table.describe()));
    }
    if index.shape != [1] || index.data_type != data_type::INT64 || index.weight.is_some() {
        return Err(contract(title(node), "the label", index.describe()));
    }
    Ok(fact(vec![1, *columns], data_type::FLOAT))
}

fn reshape(node: &NodeProto, x: &Fact<'_>, shape: &Fact<'_>) -> Result<Fact<'static>, RuntimeError> {
    let attributes = Attributes::of(node, &["allowzero"])?;
    expect_float(node, x)?;
    let Some(sides) = shape.integers() else {
        return Err(contract(title(node), "a constant i64 shape", shape.describe()));
    };
    let refused = || contract(title(node), format!("a shape for {:?}", x.shape), format!("{sides:?}"));
    if attributes.integer("allowzero", 0) != 0 || sides.iter().filter(|side| **side == -1).count() > 1 {
        return Err(refused());
    }
    let mut made = Vec::with_capacity(sides.len());
    for (axis, side) in sides.iter().enumerate() {
        match side {
            -1 => made.push(1),
            0 => made.push(*x.shape.get(axis).ok_or_else(refused)?),
            side => made.push(usize::try_from(*side).map_err(|_| refused())?),
        }
    }
    let total: usize = x.shape.iter().product();
    let known = made.iter().try_fold(1usize, |product, side| product.checked_mul(*side)).ok_or_else(refused)?;
    if known == 0 || !total.is_multiple_of(known) {
        return Err(refused());
    }
    match sides.iter().position(|side| *side == -1) {
        Some(axis) => made[axis] = total / known,
        None if known != total => return Err(refused()),
        None => {}
    }
    Ok(fact(made, data_type::FLOAT))
}

fn concat(node: &NodeProto, first: &Fact<'_>, rest: &[&Fact<'_>]) -> Result<Fact<'static>, RuntimeError> {
    let axis = Attributes::of(node, &["axis"])?.integer("axis", 0);
    expect_float(node, first)?;
    let [batch, channels, height, width] = first.shape[..] else {
        return Err(contract(title(node), "four dimensions", first.describe()));
    };
    let mut total = channels;
    for part in rest {
        expect_float(node, part)?;
        match part.shape[..] {
            [b, c, h, w] if (b, h, w) == (batch, height, width) && axis == 1 => total = total.saturating_add(c),
            _ => return Err(contract(title(node), "feature maps of one size, axis 1", shapes(&[first, part]))),
        }
    }
    Ok(fact(vec![batch, total, height, width], data_type::FLOAT))
}

fn conv_transpose(
    node: &NodeProto,
    x: &Fact<'_>,
    weight: &Fact<'_>,
    bias: Option<&Fact<'_>>,
) -> Result<Fact<'static>, RuntimeError> {
    let known = ["kernel_shape", "strides", "pads", "dilations", "group", "output_padding", "auto_pad"];
    let attributes = Attributes::of(node, &known)?;
    attributes.expect_convolution(&[
        ("kernel_shape", &[4, 4], &[4, 4]),
        ("strides", &[2, 2], &[1, 1]),
        ("pads", &[1, 1, 1, 1], &[0, 0, 0, 0]),
        ("dilations", &[1, 1], &[1, 1]),
        ("output_padding", &[0, 0], &[0, 0]),
    ])?;
    for part in [x, weight].into_iter().chain(bias) {
        expect_float(node, part)?;
    }
    let ([batch, channels, height, width], [inputs, outputs, 4, 4]) = (&x.shape[..], &weight.shape[..]) else {
        return Err(contract(title(node), "a feature map and weights [in, out, 4, 4]", shapes(&[x, weight])));
    };
    let fits = channels == inputs && bias.is_none_or(|bias| bias.shape == [*outputs]);
    if !fits {
        let parts: Vec<_> = [x, weight].into_iter().chain(bias).collect();
        return Err(contract(title(node), "as many channels on both sides", shapes(&parts)));
    }
    Ok(fact(vec![*batch, *outputs, height.saturating_mul(2), width.saturating_mul(2)], data_type::FLOAT))
}
