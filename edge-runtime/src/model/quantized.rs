//! Maps in 8-bit steps of one size, and weights in steps of a size for each output channel.

use std::ops::RangeInclusive;

use model_spec::contract::STEP_SIZES;

use super::contract;
use super::fact::{Fact, fact};
use super::node::{Attributes, expect_float, title};
use crate::RuntimeError;
use crate::onnx::{NodeProto, data_type};

/// Sizes of a step of maps and kernels.
const STEPS: RangeInclusive<f32> = STEP_SIZES[0]..=STEP_SIZES[1];
/// Sizes of a step of sums, which is a product of two of those.
const SUM_STEPS: RangeInclusive<f32> = 1e-24..=1e24;

/// f32 to u8 in steps: `x / step + zero`, rounded and clamped.
pub(super) fn quantize(
    node: &NodeProto,
    x: &Fact<'_>,
    [step, zero]: [&Fact<'_>; 2],
) -> Result<Fact<'static>, RuntimeError> {
    Attributes::of(node, &[])?;
    expect_float(node, x)?;
    expect_steps(node, (step, &[]), STEPS)?;
    expect_zero(node, zero)?;
    Ok(fact(x.shape.clone(), data_type::UINT8))
}

/// The way back, for maps.
pub(super) fn dequantize(
    node: &NodeProto,
    x: &Fact<'_>,
    [step, zero]: [&Fact<'_>; 2],
) -> Result<Fact<'static>, RuntimeError> {
    Attributes::of(node, &[])?;
    if x.data_type != data_type::UINT8 || x.weight.is_some() {
        return Err(contract(title(node), "a map of u8", x.describe()));
    }
    expect_steps(node, (step, &[]), STEPS)?;
    expect_zero(node, zero)?;
    Ok(fact(x.shape.clone(), data_type::FLOAT))
}

/// A kernel `[out, in, 2, 2]` in i8 or a bias `[out]` in i32, with a step for each output channel.
pub(super) fn dequantize_weight(
    node: &NodeProto,
    weight: &Fact<'_>,
    steps: &Fact<'_>,
) -> Result<Fact<'static>, RuntimeError> {
    let axis = Attributes::of(node, &["axis"])?.integer("axis", 1);
    let (channels, range) = match (&weight.shape[..], weight.data_type) {
        ([channels, _, 2, 2], data_type::INT8) => (*channels, STEPS),
        ([channels], data_type::INT32) => (*channels, SUM_STEPS),
        _ => (0, STEPS),
    };
    if channels == 0 || weight.weight.is_none() || axis != 0 {
        let found = format!("{}, axis {axis}", weight.describe());
        return Err(contract(title(node), "a kernel [out, in, 2, 2] in i8 or a bias [out] in i32, axis 0", found));
    }
    expect_steps(node, (steps, &[channels]), range)?;
    Ok(fact(weight.shape.clone(), data_type::FLOAT))
}

fn expect_steps(
    node: &NodeProto,
    (steps, shape): (&Fact<'_>, &[usize]),
    range: RangeInclusive<f32>,
) -> Result<(), RuntimeError> {
    let numbers = steps.weight.filter(|_| steps.data_type == data_type::FLOAT && steps.shape == shape);
    let Some(numbers) = numbers else {
        let expected = format!("f32 scales of shape {shape:?} among the weights");
        return Err(contract(title(node), expected, steps.describe()));
    };
    let mut numbers = numbers.raw_data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
    match numbers.find(|step| !range.contains(step)) {
        Some(step) => {
            let expected = format!("scales from {:e} to {:e}", range.start(), range.end());
            Err(contract(title(node), expected, format!("{step:e}")))
        }
        None => Ok(()),
    }
}

fn expect_zero(node: &NodeProto, zero: &Fact<'_>) -> Result<(), RuntimeError> {
    match zero.weight {
        Some(_) if zero.data_type == data_type::UINT8 && zero.shape.is_empty() => Ok(()),
        _ => Err(contract(title(node), "a zero point of one u8 among the weights", zero.describe())),
    }
}
