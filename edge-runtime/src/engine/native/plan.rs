//! Recognizes the family of networks in a graph, node by node.

use std::collections::HashMap;

use model_spec::architecture::STEM_SIZE;
use model_spec::contract;

use crate::RuntimeError;
use crate::model::node_title;
use crate::onnx::{AttributeProto, GraphProto, NodeProto, TensorProto, data_type};

use super::numbers::{Activation, Numbers, Scaled};

/// Pixels of the stem's feature map.
pub(super) const STEM: usize = STEM_SIZE * STEM_SIZE;

/// A network, with weights as the file stores them.
#[derive(Debug, Clone)]
pub(super) struct Plan<'a> {
    pub stem: Stem<'a>,
    /// In their order; the last one ends in tanh instead of its activation.
    pub blocks: Vec<Block<'a>>,
    /// What has been done to the maps that the next block reads.
    rounding: Rounding,
}

/// What a block adds to its sums.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bias<'a> {
    Numbers(Numbers<'a>),
    /// Integers, each with a factor of its own.
    Steps {
        integers: &'a [[u8; 4]],
        factors: &'a [[u8; 4]],
    },
}

impl Bias<'_> {
    pub fn get(&self, index: usize) -> f32 {
        match self {
            Self::Numbers(numbers) => numbers.get(index),
            Self::Steps { integers, factors } => {
                i32::from_le_bytes(integers[index]) as f32 * f32::from_le_bytes(factors[index])
            }
        }
    }

    /// How far a number may be from the one that it stands for.
    fn rounding(&self, index: usize) -> f32 {
        match self {
            Self::Numbers(_) => 0.0,
            Self::Steps { factors, .. } => f32::from_le_bytes(factors[index]),
        }
    }
}

/// How maps are rounded to 8 bits: `x / scale + zero`, to the nearest of 0 to 255.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Calibration {
    /// Size of a step, above 0.
    pub scale: f32,
    /// The step of the value 0, which borders have.
    pub zero: u8,
}

/// What maps are between two blocks.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rounding {
    /// Values as the layer made them.
    None,
    /// Steps.
    Steps(Calibration),
    /// Values again, each of a step.
    Values(Calibration),
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
    /// In the order of the kernel.
    pub weight: Numbers<'a>,
    /// `[outputs]`, maybe more of the same, or the same in other steps
    pub bias: Option<Bias<'a>>,
    pub kernel: Kernel,
    pub activation: Activation,
    /// How the file rounds the maps that this block reads, in a file of int8 compute. Weights of [`Numbers::I8`] then mean
    /// products of integers; the last block's weights stay floats, and it reads rounded maps.
    pub calibration: Option<Calibration>,
}

impl Block<'_> {
    /// The bias of each of so many output channels, 0 of those that there are not.
    pub fn biases(&self, channels: usize) -> Vec<f32> {
        let own = |channel| self.bias.filter(|_| channel < self.kernel.outputs).map_or(0.0, |bias| bias.get(channel));
        (0..channels).map(own).collect()
    }
}

/// The numbers of a transposed convolution's kernel, and in which order a file has them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernel {
    pub inputs: usize,
    pub outputs: usize,
    /// `[row of the square, column of the square, outputs, inputs, 2, 2]`, else `[inputs, outputs, 4, 4]`
    pub subpixel: bool,
}

impl Kernel {
    /// Where the file has a kernel's number.
    pub fn index(self, input: usize, output: usize, [row, column]: [usize; 2]) -> usize {
        if !self.subpixel {
            return ((input * self.outputs + output) * 4 + row) * 4 + column;
        }
        // A square's row `a` under row `t` of the convolution is row `2 - 2 t + a` of the kernel.
        let (square, taps) = (row % 2 * 2 + column % 2, (1 - row / 2) * 2 + (1 - column / 2));
        ((square * self.outputs + output) * self.inputs + input) * 4 + taps
    }
}

/// What a tensor is, told by how it is made.
#[derive(Debug, Clone)]
enum Value<'a> {
    Latent,
    Label,
    Weight(Weight<'a>),
    Dense(Dense<'a>),
    DenseMap(Dense<'a>),
    Row(&'a TensorProto),
    RowMap(&'a TensorProto),
    Maps(Plan<'a>),
    /// Maps whose last block still has its squares' pixels as channels.
    Squares(Plan<'a>),
    /// Maps with a border of one pixel too many.
    Bordered(Plan<'a>),
    /// And how many of the steps to levels have been taken.
    Picture(Plan<'a>, usize),
}

/// A weight, and the factor of each channel where it has integers.
#[derive(Debug, Clone, Copy)]
struct Weight<'a> {
    tensor: &'a TensorProto,
    factors: Option<Factors<'a>>,
}

/// The factors of a weight's integers.
#[derive(Debug, Clone, Copy)]
enum Factors<'a> {
    /// Of as many dimensions as the weight, of which one at most is longer than 1.
    Spread(&'a TensorProto),
    /// One for each row along the weight's first dimension.
    Rows(&'a TensorProto),
}

/// Reads a graph that [`crate::Model`] has checked.
///
/// # Errors
/// The first node that this engine doesn't know, by name.
pub(super) fn read(graph: &GraphProto) -> Result<Plan<'_>, RuntimeError> {
    let mut values = HashMap::from([(contract::LATENT, Value::Latent), (contract::LABEL, Value::Label)]);
    values.extend(graph.initializer.iter().map(|weight| (weight.name.as_str(), stored(weight))));
    for node in &graph.node {
        let inputs: Option<Vec<&Value<'_>>> = node.input.iter().map(|name| values.get(name.as_str())).collect();
        let value = inputs.and_then(|inputs| step(node, &inputs)).ok_or_else(|| refused(node))?;
        values.extend(node.output.first().map(|output| (output.as_str(), value)));
    }
    let makes_picture = |node: &&NodeProto| node.output.iter().any(|output| output == contract::IMAGE);
    match (values.remove(contract::IMAGE), graph.node.iter().find(makes_picture)) {
        (Some(Value::Picture(plan, 0 | LEVELS)), _) => Ok(plan),
        (_, Some(node)) => Err(refused(node)),
        (_, None) => Err(RuntimeError::Unsupported { engine: super::NAME, node: "the graph".to_owned() }),
    }
}

const LEVELS: usize = contract::LEVEL_STEPS.len();

fn stored(tensor: &TensorProto) -> Value<'_> {
    Value::Weight(Weight { tensor, factors: None })
}

fn refused(node: &NodeProto) -> RuntimeError {
    RuntimeError::Unsupported { engine: super::NAME, node: node_title(node) }
}

/// What a node makes of its inputs, or none where this engine has no kernel for it.
fn step<'a>(node: &NodeProto, inputs: &[&Value<'a>]) -> Option<Value<'a>> {
    match (node.op_type.as_str(), inputs) {
        (_, [Value::Picture(plan, steps), rest @ ..]) => level_step(node, plan, *steps, rest),
        ("Cast", [value]) => Some((*value).clone()),
        ("Mul", [Value::Weight(weight), Value::Weight(factors)]) if weight.factors.is_none() => {
            Some(Value::Weight(Weight { factors: Some(Factors::Spread(factors.tensor)), ..*weight }))
        }
        ("DequantizeLinear", [Value::Weight(weight), Value::Weight(factors)]) if weight.factors.is_none() => {
            Some(Value::Weight(Weight { factors: Some(Factors::Rows(factors.tensor)), ..*weight }))
        }
        ("QuantizeLinear", [value, Value::Weight(scale), Value::Weight(zero)]) => {
            let given = calibration(scale, zero)?;
            let is_same = |found| found == Rounding::None || found == Rounding::Values(given);
            rounded(value, |found| is_same(found).then_some(Rounding::Steps(given)))
        }
        ("DequantizeLinear", [value, Value::Weight(scale), Value::Weight(zero)]) => {
            let given = calibration(scale, zero)?;
            rounded(value, |found| (found == Rounding::Steps(given)).then_some(Rounding::Values(given)))
        }
        ("Gemm", [Value::Latent, Value::Weight(weight), rest @ ..]) => dense(node, weight, rest),
        ("Relu", [value]) => active(value, Activation::Relu),
        ("LeakyRelu", [value]) => active(value, Activation::Leaky(float(node, "alpha", 0.01))),
        ("Gather", [Value::Weight(table), Value::Label]) | ("MatMul", [Value::Label, Value::Weight(table)])
            if table.factors.is_none() =>
        {
            Some(Value::Row(table.tensor))
        }
        ("Reshape", [value, Value::Weight(shape)]) => reshaped(value, shape.tensor),
        ("Concat", [Value::DenseMap(dense), Value::RowMap(table)]) => {
            let labels = side(table, 0)?;
            let stem = Stem { dense: *dense, table: Weight { tensor: table, factors: None }.numbers()?, labels };
            Some(Value::Maps(Plan { stem, blocks: Vec::new(), rounding: Rounding::None }))
        }
        ("ConvTranspose", [Value::Maps(plan), Value::Weight(weight), rest @ ..]) => block(plan, weight, rest),
        ("Conv", [Value::Maps(plan), Value::Weight(weight), rest @ ..]) => squares(plan, weight, rest),
        ("DepthToSpace", [Value::Squares(plan)]) => Some(Value::Bordered(plan.clone())),
        ("Slice", [Value::Bordered(plan), ..]) => Some(Value::Maps(plan.clone())),
        ("Tanh", [Value::Maps(plan)])
            if plan.blocks.last()?.activation == Activation::None && plan.rounding == Rounding::None =>
        {
            Some(Value::Picture(plan.clone(), 0))
        }
        _ => None,
    }
}

/// One of the steps from [-1, 1] to levels, in their order.
fn level_step<'a>(node: &NodeProto, plan: &Plan<'a>, steps: usize, rest: &[&Value<'a>]) -> Option<Value<'a>> {
    let (operator, number) = contract::LEVEL_STEPS.get(steps)?;
    let given = match rest {
        [] => None,
        [Value::Weight(weight)] if weight.tensor.raw_data.len() == 4 => Some(weight.numbers()?.get(0)),
        _ => return None,
    };
    // A file of float pictures may end in the same steps and a cast to f32: another picture.
    let to_levels = |cast: &AttributeProto| cast.name == "to" && cast.i == i64::from(data_type::UINT8);
    let is_cast_right = *operator != "Cast" || node.attribute.iter().any(to_levels);
    (node.op_type == *operator && given == *number && is_cast_right).then(|| Value::Picture(plan.clone(), steps + 1))
}

fn dense<'a>(node: &NodeProto, weight: &Weight<'a>, rest: &[&Value<'a>]) -> Option<Value<'a>> {
    if float(node, "alpha", 1.0) != 1.0 || float(node, "beta", 1.0) != 1.0 {
        return None;
    }
    let transposed = node.attribute.iter().any(|attribute| attribute.name == "transB" && attribute.i != 0);
    let (first, second) = (side(weight.tensor, 0)?, side(weight.tensor, 1)?);
    let (inputs, outputs) = if transposed { (second, first) } else { (first, second) };
    let (weight, bias) = (weight.numbers()?, bias(rest)?);
    Some(Value::Dense(Dense { weight, transposed, bias, inputs, outputs, activation: Activation::None }))
}

fn block<'a>(plan: &Plan<'a>, weight: &Weight<'a>, rest: &[&Value<'a>]) -> Option<Value<'a>> {
    let kernel = Kernel { inputs: side(weight.tensor, 0)?, outputs: side(weight.tensor, 1)?, subpixel: false };
    let (weight, bias) = (weight.numbers()?, block_bias(rest)?);
    let mut plan = plan.clone();
    let calibration = plan.take_calibration()?;
    plan.blocks.push(Block { weight, bias, kernel, activation: Activation::None, calibration });
    Some(Value::Maps(plan))
}

/// The convolution of a block that is written with squares: the same one only where all pixels of a square share a bias.
fn squares<'a>(plan: &Plan<'a>, weight: &Weight<'a>, rest: &[&Value<'a>]) -> Option<Value<'a>> {
    let (channels, inputs) = (side(weight.tensor, 0)?, side(weight.tensor, 1)?);
    let (weight, bias) = (weight.numbers()?, block_bias(rest)?);
    let outputs = channels / 4;
    let is_shared = |bias: &Bias<'_>| {
        let first = |at: usize| at % outputs;
        (0..channels)
            .all(|at| (bias.get(at) - bias.get(first(at))).abs() <= bias.rounding(at).max(bias.rounding(first(at))))
    };
    if outputs * 4 != channels || bias.as_ref().is_some_and(|bias| !is_shared(bias)) {
        return None;
    }
    let mut plan = plan.clone();
    let kernel = Kernel { inputs, outputs, subpixel: true };
    let calibration = plan.take_calibration()?;
    plan.blocks.push(Block { weight, bias, kernel, activation: Activation::None, calibration });
    Some(Value::Squares(plan))
}

impl Plan<'_> {
    /// How the maps are rounded that the block reads which comes next, whose own are not: `Some(None)` where they are values
    /// as they were made.
    fn take_calibration(&mut self) -> Option<Option<Calibration>> {
        match std::mem::replace(&mut self.rounding, Rounding::None) {
            Rounding::None => Some(None),
            Rounding::Values(calibration) => Some(Some(calibration)),
            Rounding::Steps(_) => None,
        }
    }
}

/// One f32 and one u8, which [`crate::Model`] has checked.
fn calibration(scale: &Weight<'_>, zero: &Weight<'_>) -> Option<Calibration> {
    let ([scale], [zero]) = (scale.tensor.raw_data.as_chunks().0, &zero.tensor.raw_data[..]) else { return None };
    Some(Calibration { scale: f32::from_le_bytes(*scale), zero: *zero })
}

/// The same maps after a step of rounding.
fn rounded<'a>(value: &Value<'a>, step: impl Fn(Rounding) -> Option<Rounding>) -> Option<Value<'a>> {
    let after = |plan: &Plan<'a>| Some(Plan { rounding: step(plan.rounding)?, ..plan.clone() });
    match value {
        Value::Maps(plan) => after(plan).map(Value::Maps),
        Value::Squares(plan) => after(plan).map(Value::Squares),
        _ => None,
    }
}

/// The bias of a block, likewise.
fn block_bias<'a>(rest: &[&Value<'a>]) -> Option<Option<Bias<'a>>> {
    match rest {
        [Value::Weight(Weight { tensor, factors: Some(Factors::Rows(factors)) })]
            if tensor.data_type == data_type::INT32 =>
        {
            let (integers, factors) = (tensor.raw_data.as_chunks().0, factors.raw_data.as_chunks().0);
            (integers.len() == factors.len()).then_some(Some(Bias::Steps { integers, factors }))
        }
        rest => bias(rest).map(|bias| bias.map(Bias::Numbers)),
    }
}

/// The bias among the inputs after the weight: `Some(None)` where there is none.
fn bias<'a>(rest: &[&Value<'a>]) -> Option<Option<Numbers<'a>>> {
    match rest {
        [] => Some(None),
        [Value::Weight(bias)] => bias.numbers().map(Some),
        _ => None,
    }
}

/// Fuses an activation into the layer before it, which can take one.
fn active<'a>(value: &Value<'a>, activation: Activation) -> Option<Value<'a>> {
    match value {
        Value::Dense(dense) if dense.activation == Activation::None => {
            Some(Value::Dense(Dense { activation, ..*dense }))
        }
        Value::Maps(plan) => Some(Value::Maps(activated(plan, activation)?)),
        Value::Squares(plan) => Some(Value::Squares(activated(plan, activation)?)),
        Value::Bordered(plan) => Some(Value::Bordered(activated(plan, activation)?)),
        _ => None,
    }
}

fn activated<'a>(plan: &Plan<'a>, activation: Activation) -> Option<Plan<'a>> {
    let mut plan = plan.clone();
    let is_free = |last: &&mut Block<'_>| last.activation == Activation::None;
    plan.blocks.last_mut().filter(is_free).filter(|_| plan.rounding == Rounding::None)?.activation = activation;
    Some(plan)
}

fn reshaped<'a>(value: &Value<'a>, shape: &TensorProto) -> Option<Value<'a>> {
    let numbers = match value {
        Value::Dense(dense) => dense.outputs,
        Value::Row(table) => side(table, 1)?,
        _ => return None,
    };
    let [batch @ -1..=1, channels, 4, 4] = shape.integers()[..] else { return None };
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

impl<'a> Weight<'a> {
    fn numbers(&self) -> Option<Numbers<'a>> {
        let raw = &self.tensor.raw_data;
        match (self.tensor.data_type, self.factors) {
            (data_type::FLOAT, None) => Some(Numbers::F32(raw.as_chunks().0)),
            (data_type::FLOAT16, None) => Some(Numbers::F16(raw.as_chunks().0)),
            (data_type::INT8, Some(Factors::Spread(factors))) => Some(Numbers::I8(scaled(self.tensor, factors)?)),
            (data_type::INT8, Some(Factors::Rows(factors))) => {
                let factors = factors.raw_data.as_chunks().0;
                let inner = raw.len().checked_div(factors.len())?;
                Some(Numbers::I8(Scaled { integers: raw, factors, inner }))
            }
            _ => None,
        }
    }
}

/// Integers with factors of as many dimensions, of which one at most is longer than 1.
fn scaled<'a>(weight: &'a TensorProto, factors: &'a TensorProto) -> Option<Scaled<'a>> {
    let sides = |tensor: &TensorProto| -> Option<Vec<usize>> {
        tensor.dims.iter().map(|side| usize::try_from(*side).ok()).collect()
    };
    let (whole, part) = (sides(weight)?, sides(factors)?);
    let axis = part.iter().position(|side| *side != 1).unwrap_or(0);
    let one_side = part.iter().enumerate().all(|(place, side)| place == axis || *side == 1);
    if part.len() != whole.len()
        || !one_side
        || !matches!(part.get(axis), Some(side) if *side == 1 || *side == whole[axis])
    {
        return None;
    }
    (factors.data_type == data_type::FLOAT).then(|| Scaled {
        integers: &weight.raw_data,
        factors: factors.raw_data.as_chunks().0,
        inner: whole[axis + 1..].iter().product(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(name: &str, data_type: i32, dims: &[i64], raw_data: Vec<u8>) -> TensorProto {
        TensorProto {
            dims: dims.to_vec(),
            data_type,
            name: name.to_owned(),
            raw_data: raw_data.into(),
            data_location: 0,
        }
    }

    fn floats(name: &str, dims: &[i64], number: f32) -> TensorProto {
        let count = dims.iter().product::<i64>() as usize;
        tensor(name, data_type::FLOAT, dims, number.to_le_bytes().repeat(count))
    }

    fn node(op_type: &str, inputs: &[&str], output: &str) -> NodeProto {
        NodeProto {
            input: inputs.iter().map(|name| (*name).to_owned()).collect(),
            output: vec![output.to_owned()],
            name: output.to_owned(),
            op_type: op_type.to_owned(),
            ..Default::default()
        }
    }

    /// Two blocks of one channel in, the first with integers.
    fn quantized() -> GraphProto {
        let shape = |name: &str, sides: [i64; 4]| {
            tensor(name, data_type::INT64, &[4], sides.iter().flat_map(|side| side.to_le_bytes()).collect())
        };
        let initializer = vec![
            floats("dense", &[16, 2], 0.5),
            floats("table", &[3, 16], 0.5),
            shape("shape", [-1, 1, 4, 4]),
            floats("scale0", &[], 0.25),
            tensor("zero0", data_type::UINT8, &[], vec![9]),
            tensor("int8", data_type::INT8, &[4, 2, 2, 2], (0..32).collect()),
            tensor("factors", data_type::FLOAT, &[4], [1.0f32, 2.0, 3.0, 4.0].map(f32::to_le_bytes).concat()),
            floats("scale1", &[], 0.5),
            tensor("zero1", data_type::UINT8, &[], vec![0]),
            floats("last", &[4, 1, 2, 2], 0.125),
            tensor("steps", data_type::INT32, &[4], [12i32, 6, 4, 3].map(i32::to_le_bytes).concat()),
        ];
        let transposed = AttributeProto { name: "transB".to_owned(), i: 1, ..Default::default() };
        let node = vec![
            NodeProto { attribute: vec![transposed], ..node("Gemm", &[contract::LATENT, "dense"], "linear") },
            node("Reshape", &["linear", "shape"], "map"),
            node("Gather", &["table", contract::LABEL], "row"),
            node("Reshape", &["row", "shape"], "label map"),
            node("Concat", &["map", "label map"], "stem"),
            node("QuantizeLinear", &["stem", "scale0", "zero0"], "steps0"),
            node("DequantizeLinear", &["steps0", "scale0", "zero0"], "values0"),
            node("DequantizeLinear", &["int8", "factors"], "weight"),
            node("DequantizeLinear", &["steps", "factors"], "bias"),
            node("Conv", &["values0", "weight", "bias"], "conv0"),
            node("Relu", &["conv0"], "relu0"),
            node("QuantizeLinear", &["relu0", "scale1", "zero1"], "rounded0"),
            node("DequantizeLinear", &["rounded0", "scale1", "zero1"], "again0"),
            node("DepthToSpace", &["again0"], "pixels0"),
            node("Slice", &["pixels0"], "crop0"),
            node("QuantizeLinear", &["crop0", "scale1", "zero1"], "steps1"),
            node("DequantizeLinear", &["steps1", "scale1", "zero1"], "values1"),
            node("Conv", &["values1", "last"], "conv1"),
            node("DepthToSpace", &["conv1"], "pixels1"),
            node("Slice", &["pixels1"], "crop1"),
            node("Tanh", &["crop1"], contract::IMAGE),
        ];
        GraphProto { node, initializer, ..Default::default() }
    }

    #[test]
    fn integers_are_read_with_the_calibration_of_their_block_and_the_factor_of_their_row() {
        let graph = quantized();
        let plan = read(&graph).expect("a network of the family");
        let [first, last] = &plan.blocks[..] else { panic!("{:?}", plan.blocks) };
        assert_eq!(first.calibration, Some(Calibration { scale: 0.25, zero: 9 }));
        assert_eq!(last.calibration, Some(Calibration { scale: 0.5, zero: 0 }));
        assert!(first.kernel.subpixel && first.activation == Activation::Relu);
        assert!(matches!(first.weight, Numbers::I8(Scaled { inner: 8, .. })) && matches!(last.weight, Numbers::F32(_)));
        assert_eq!([0, 9, 31].map(|index| first.weight.get(index)), [0.0, 18.0, 124.0]);
        assert_eq!(first.bias.map(|bias| [0, 1, 2, 3].map(|at| bias.get(at))), Some([12.0; 4]));
        // Pixels may move as steps, too.
        let mut bytes = quantized();
        bytes.node.retain(|node| !matches!(node.output[0].as_str(), "again0" | "steps1"));
        let input = |graph: &mut GraphProto, output: &str, input: &str| at(graph, output).input[0] = input.to_owned();
        input(&mut bytes, "pixels0", "rounded0");
        input(&mut bytes, "values1", "crop0");
        assert_eq!(read(&bytes).expect("the same network").blocks[1].calibration, last.calibration);
    }

    fn at<'a>(graph: &'a mut GraphProto, output: &str) -> &'a mut NodeProto {
        graph.node.iter_mut().find(|node| node.output[0] == output).expect("such a node")
    }

    #[test]
    fn steps_that_are_read_as_others_are_refused_by_the_name_of_the_node() {
        struct Case(&'static str, fn(&mut GraphProto), &'static str);
        let cases = [
            Case("another scale", |graph| at(graph, "values0").input[1] = "scale1".to_owned(), "values0"),
            Case("another zero", |graph| at(graph, "values0").input[2] = "zero1".to_owned(), "values0"),
            Case("no way back", |graph| at(graph, "conv0").input[0] = "steps0".to_owned(), "conv0"),
            Case("steps of steps", |graph| at(graph, "steps0").input[0] = "steps0".to_owned(), "steps0"),
            Case("rounded twice", |graph| at(graph, "steps1").input[1] = "scale0".to_owned(), "steps1"),
            Case("an activation of rounded values", |graph| at(graph, "relu0").input[0] = "again0".to_owned(), "relu0"),
            Case("a rounded picture", |graph| at(graph, "image").input[0] = "values0".to_owned(), contract::IMAGE),
            Case("a weight in steps", |graph| at(graph, "steps0").input[0] = "last".to_owned(), "steps0"),
            Case("a bias of its own", |graph| graph.initializer[10].raw_data = vec![9; 16].into(), "conv0"),
        ];
        for Case(name, spoil, expected) in cases {
            let mut graph = quantized();
            spoil(&mut graph);
            let message = read(&graph).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(message.contains(&format!("{expected:?}")), "{name}: {message}");
        }
    }
}
