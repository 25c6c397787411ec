//! Walks a graph once, for one picture, and works out the shape of every tensor: what follows can trust the file.

use std::collections::HashMap;

use model_spec::variant::{Compute, LabelInput};
use model_spec::{Metadata, contract as names};

use super::fact::{Fact, fact};
use super::interface::picture_type;
use super::node::title;
use super::{contract, operators};
use crate::RuntimeError;
use crate::onnx::{GraphProto, TensorProto, data_type};

/// The most numbers in one tensor: 4096 channels at 128 x 128.
const MAX_NUMBERS: usize = 1 << 26;
/// The most nodes in a graph; the largest network of the family has fewer than 100.
const MAX_NODES: usize = 1000;

/// The operator that only files of int8 compute have.
const QUANTIZE: &str = "QuantizeLinear";

/// Checks every weight and every node, and that the walk ends in the picture of the architecture.
pub(super) fn check(graph: &GraphProto, metadata: &Metadata) -> Result<(), RuntimeError> {
    if graph.node.len() > MAX_NODES {
        return Err(contract("graph", format!("at most {MAX_NODES} nodes"), graph.node.len().to_string()));
    }
    let quantized = graph.node.iter().find(|node| node.op_type == QUANTIZE);
    match (metadata.variant.compute, quantized) {
        (Compute::Int8, None) => return Err(contract("graph", format!("a {QUANTIZE} for int8 compute"), "none")),
        (Compute::F32 | Compute::Bf16 | Compute::F16, Some(node)) => {
            return Err(contract(title(node), "f32 compute, as the metadata say", QUANTIZE));
        }
        _ => {}
    }
    let architecture = &metadata.architecture;
    let mut facts = HashMap::new();
    facts.insert(names::LATENT, fact(vec![1, architecture.latent_dim], data_type::FLOAT));
    let labels = metadata.labels.len();
    let label = match metadata.variant.label_input {
        LabelInput::Index => fact(vec![1], data_type::INT64),
        LabelInput::Mix => fact(vec![1, labels], data_type::FLOAT),
    };
    facts.insert(names::LABEL, label);
    for weight in &graph.initializer {
        add(&mut facts, &weight.name, weight_fact(weight)?)?;
    }
    let mut convolutions = Vec::new();
    for node in &graph.node {
        let [output] = node.output.as_slice() else {
            return Err(contract(title(node), "one output", node.output.len().to_string()));
        };
        let mut inputs = Vec::with_capacity(node.input.len());
        for name in &node.input {
            let known = facts.get(name.as_str());
            inputs.push(known.ok_or_else(|| contract(title(node), format!("input {name:?}"), "none"))?);
        }
        let result = operators::infer(node, &inputs, labels)?;
        // A Conv makes the four pixels of each output one beside the other.
        if let ("ConvTranspose" | "Conv", [x, ..], [_, made, ..]) = (&*node.op_type, &*inputs, &*result.shape) {
            convolutions.push((x.shape[1], if node.op_type == "Conv" { made / 4 } else { *made }));
        }
        add(&mut facts, output, result)?;
    }
    let blocks = architecture.block_channels();
    if convolutions != blocks {
        let expected = format!("(inputs, outputs) of the architecture: {blocks:?}");
        return Err(contract("channels of the convolutions", expected, format!("{convolutions:?}")));
    }
    let expected = [1, architecture.channels, architecture.image_size, architecture.image_size];
    let picture = picture_type(metadata.variant.output);
    match facts.get(names::IMAGE) {
        Some(image) if image.shape == expected && image.data_type == picture => Ok(()),
        Some(image) => {
            let expected = format!("{} {expected:?}", data_type::name(picture));
            Err(contract("what the graph computes", expected, image.describe()))
        }
        None => Err(contract("graph", format!("a node that makes {:?}", names::IMAGE), "none")),
    }
}

fn add<'a>(facts: &mut HashMap<&'a str, Fact<'a>>, name: &'a str, fact: Fact<'a>) -> Result<(), RuntimeError> {
    let numbers = fact.shape.iter().try_fold(1usize, |product, side| product.checked_mul(*side));
    if numbers.is_none_or(|numbers| numbers == 0 || numbers > MAX_NUMBERS) {
        let part = format!("tensor {name:?}");
        return Err(contract(part, format!("1 to {MAX_NUMBERS} numbers"), format!("shape {:?}", fact.shape)));
    }
    match facts.insert(name, fact) {
        None => Ok(()),
        Some(_) => Err(contract(format!("tensor {name:?}"), "one definition", "two")),
    }
}

fn weight_fact(weight: &TensorProto) -> Result<Fact<'_>, RuntimeError> {
    let part = || format!("weight {:?}", weight.name);
    let shape: Option<Vec<usize>> = weight.dims.iter().map(|side| usize::try_from(*side).ok()).collect();
    let shape = shape.ok_or_else(|| contract(part(), "sides of 0 or more", format!("{:?}", weight.dims)))?;
    let bytes = match weight.data_type {
        data_type::FLOAT | data_type::INT32 => 4,
        data_type::FLOAT16 => 2,
        data_type::INT8 | data_type::UINT8 => 1,
        data_type::INT64 => 8,
        other => return Err(contract(part(), "f32, f16, i8, u8, i32 or i64", data_type::name(other))),
    };
    if weight.data_location != 0 {
        return Err(contract(part(), "its numbers in this file", "a reference to another"));
    }
    let length = shape.iter().try_fold(bytes, |product: usize, side| product.checked_mul(*side));
    if length != Some(weight.raw_data.len()) {
        let expected = format!("raw data of shape {shape:?}");
        return Err(contract(part(), expected, format!("{} bytes", weight.raw_data.len())));
    }
    if !is_finite(weight) {
        return Err(contract(part(), "numbers", "NaN or an infinity"));
    }
    Ok(Fact { shape, data_type: weight.data_type, weight: Some(weight) })
}

/// Engines disagree about what such weights do, so no file may have them.
fn is_finite(weight: &TensorProto) -> bool {
    match weight.data_type {
        data_type::FLOAT => every(&weight.raw_data, |bytes| f32::from_le_bytes(bytes).is_finite()),
        // The exponent of all ones (IEEE 754, binary16).
        data_type::FLOAT16 => every(&weight.raw_data, |bytes| u16::from_le_bytes(bytes) & 0x7C00 != 0x7C00),
        _ => true,
    }
}

/// Whether all numbers pass. Looks at a part to its end, without a branch, since files have millions of them.
fn every<const N: usize>(raw: &[u8], passes: impl Fn([u8; N]) -> bool) -> bool {
    raw.as_chunks::<N>().0.chunks(4096).all(|part| part.iter().fold(true, |all, bytes| all & passes(*bytes)))
}
