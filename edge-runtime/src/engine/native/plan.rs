//! Recognizes the family of networks in a graph, node by node.

use std::collections::HashMap;

use model_spec::architecture::STEM_SIZE;
use model_spec::contract;

use crate::RuntimeError;
use crate::model::node_title;
use crate::onnx::{GraphProto, NodeProto, TensorProto, data_type};

use super::numbers::{Activation, Numbers};

/// Pixels of the stem's feature map.
pub(super) const STEM: usize = STEM_SIZE * STEM_SIZE;

/// A network, with weights as the file stores them.
#[derive(Debug, Clone)]
pub(super) struct Plan<'a> {
    pub stem: Stem<'a>,
    /// In their order; the last one ends in tanh instead of its activation.
    pub blocks: Vec<Block<'a>>,
}

/// From latent and label to `[channels + label_channels, 4, 4]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stem<'a> {
    pub dense: Dense<'a>,
    /// `[labels, label_channels * 16]`
    pub table: Numbers<'a>,
    pub labels: usize,
}

/// From a latent to `[outputs]`, which are `[outputs / 16, 4, 4]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dense<'a> {
    /// `[outputs, inputs]` where `transposed`, else `[inputs, outputs]`
    pub weight: Numbers<'a>,
    pub transposed: bool,
    pub bias: Option<Numbers<'a>>,
    pub inputs: usize,
    pub outputs: usize,
    pub activation: Activation,
}

/// A transposed convolution: kernel 4, stride 2, padding 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block<'a> {
    /// `[inputs, outputs, 4, 4]`
    pub weight: Numbers<'a>,
    pub bias: Option<Numbers<'a>>,
    pub inputs: usize,
    pub outputs: usize,
    pub activation: Activation,
}

/// What a tensor is, told by how it is made.
#[derive(Debug, Clone)]
enum Value<'a> {
    Latent,
    Label,
    Weight(&'a TensorProto),
    Dense(Dense<'a>),
    DenseMap(Dense<'a>),
    Row(&'a TensorProto),
    RowMap(&'a TensorProto),
    Maps(Plan<'a>),
    Picture(Plan<'a>),
}

/// Reads a graph that [`crate::Model`] has checked.
///
/// # Errors
/// The first node that this engine doesn't know, by name.
pub(super) fn read(graph: &GraphProto) -> Result<Plan<'_>, RuntimeError> {
    let mut values = HashMap::from([(contract::LATENT, Value::Latent), (contract::LABEL, Value::Label)]);
    values.extend(graph.initializer.iter().map(|weight| (weight.name.as_str(), Value::Weight(weight))));
    for node in &graph.node {
        let inputs: Option<Vec<&Value<'_>>> = node.input.iter().map(|name| values.get(name.as_str())).collect();
        let value = inputs.and_then(|inputs| step(node, &inputs)).ok_or_else(|| refused(node))?;
        values.extend(node.output.first().map(|output| (output.as_str(), value)));
    }
    let makes_picture = |node: &&NodeProto| node.output.iter().any(|output| output == contract::IMAGE);
    match (values.remove(contract::IMAGE), graph.node.iter().find(makes_picture)) {
        (Some(Value::Picture(plan)), _) => Ok(plan),
        (_, Some(node)) => Err(refused(node)),
        (_, None) => Err(RuntimeError::Unsupported { engine: super::NAME, node: "the graph".to_owned() }),
    }
}

fn refused(node: &NodeProto) -> RuntimeError {
    RuntimeError::Unsupported { engine: super::NAME, node: node_title(node) }
}

/// What a node makes of its inputs, or none where this engine has no kernel for it.
fn step<'a>(node: &NodeProto, inputs: &[&Value<'a>]) -> Option<Value<'a>> {
    match (node.op_type.as_str(), inputs) {
        ("Cast", [value]) => Some((*value).clone()),
        ("Gemm", [Value::Latent, Value::Weight(weight), rest @ ..]) => dense(node, weight, rest),
        ("Relu", [value]) => active(value, Activation::Relu),
        ("LeakyRelu", [value]) => active(value, Activation::Leaky(float(node, "alpha", 0.01))),
        ("Gather", [Value::Weight(table), Value::Label]) => Some(Value::Row(table)),
        ("Reshape", [value, Value::Weight(shape)]) => reshaped(value, shape),
        ("Concat", [Value::DenseMap(dense), Value::RowMap(table)]) => {
            let labels = side(table, 0)?;
            let stem = Stem { dense: *dense, table: Numbers::of(table)?, labels };
            Some(Value::Maps(Plan { stem, blocks: Vec::new() }))
        }
        ("ConvTranspose", [Value::Maps(plan), Value::Weight(weight), rest @ ..]) => block(plan, weight, rest),
        ("Tanh", [Value::Maps(plan)]) if plan.blocks.last()?.activation == Activation::None => {
            Some(Value::Picture(plan.clone()))
        }
        _ => None,
    }
}

fn dense<'a>(node: &NodeProto, weight: &'a TensorProto, rest: &[&Value<'a>]) -> Option<Value<'a>> {
    if float(node, "alpha", 1.0) != 1.0 || float(node, "beta", 1.0) != 1.0 {
        return None;
    }
    let transposed = node.attribute.iter().any(|attribute| attribute.name == "transB" && attribute.i != 0);
    let (first, second) = (side(weight, 0)?, side(weight, 1)?);
    let (inputs, outputs) = if transposed { (second, first) } else { (first, second) };
    let (weight, bias) = (Numbers::of(weight)?, bias(rest)?);
    Some(Value::Dense(Dense { weight, transposed, bias, inputs, outputs, activation: Activation::None }))
}

fn block<'a>(plan: &Plan<'a>, weight: &'a TensorProto, rest: &[&Value<'a>]) -> Option<Value<'a>> {
    let (inputs, outputs) = (side(weight, 0)?, side(weight, 1)?);
    let (weight, bias) = (Numbers::of(weight)?, bias(rest)?);
    let mut plan = plan.clone();
    plan.blocks.push(Block { weight, bias, inputs, outputs, activation: Activation::None });
    Some(Value::Maps(plan))
}

/// The bias among the inputs after the weight: `Some(None)` where there is none.
fn bias<'a>(rest: &[&Value<'a>]) -> Option<Option<Numbers<'a>>> {
    match rest {
        [] => Some(None),
        [Value::Weight(bias)] => Numbers::of(bias).map(Some),
        _ => None,
    }
}

/// Fuses an activation into the layer before it, which can take one.
fn active<'a>(value: &Value<'a>, activation: Activation) -> Option<Value<'a>> {
    match value {
        Value::Dense(dense) if dense.activation == Activation::None => {
            Some(Value::Dense(Dense { activation, ..*dense }))
        }
        Value::Maps(plan) => {
            let mut plan = plan.clone();
            let last = plan.blocks.last_mut().filter(|last| last.activation == Activation::None)?;
            last.activation = activation;
            Some(Value::Maps(plan))
        }
        _ => None,
    }
}

fn reshaped<'a>(value: &Value<'a>, shape: &TensorProto) -> Option<Value<'a>> {
    let numbers = match value {
        Value::Dense(dense) => dense.outputs,
        Value::Row(table) => side(table, 1)?,
        _ => return None,
    };
    let sides: Vec<i64> = shape.raw_data.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect();
    let [batch @ -1..=1, channels, 4, 4] = sides[..] else { return None };
    let inferred = channels == -1 && batch != -1;
    if !numbers.is_multiple_of(STEM) || !(inferred || usize::try_from(channels) == Ok(numbers / STEM)) {
        return None;
    }
    match value {
        Value::Dense(dense) => Some(Value::DenseMap(*dense)),
        Value::Row(table) => Some(Value::RowMap(table)),
        _ => None,
    }
}

fn float(node: &NodeProto, name: &str, default: f32) -> f32 {
    node.attribute.iter().find(|attribute| attribute.name == name).map_or(default, |attribute| attribute.f)
}

fn side(weight: &TensorProto, axis: usize) -> Option<usize> {
    usize::try_from(*weight.dims.get(axis)?).ok()
}

impl<'a> Numbers<'a> {
    fn of(weight: &'a TensorProto) -> Option<Self> {
        match weight.data_type {
            data_type::FLOAT => Some(Self::F32(weight.raw_data.as_chunks().0)),
            data_type::FLOAT16 => Some(Self::F16(weight.raw_data.as_chunks().0)),
            _ => None,
        }
    }
}
