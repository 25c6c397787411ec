//! A graph of operators over named tensors: no GAN, no file format.

use half::f16;

use crate::ExportError;
use crate::quantize::Quantized;

/// The numbers of a constant.
#[derive(Debug, Clone, PartialEq)]
pub enum Numbers {
    /// 32-bit.
    F32(Vec<f32>),
    /// 16-bit, for storage.
    F16(Vec<f16>),
    /// 8-bit integers.
    I8(Vec<i8>),
    /// Steps of a rounded map.
    U8(Vec<u8>),
    /// Steps of sums.
    I32(Vec<i32>),
    /// Shapes.
    I64(Vec<i64>),
}

/// A named constant.
#[derive(Debug, Clone, PartialEq)]
pub struct Constant {
    /// Its name.
    pub name: String,
    /// Outermost dimension first.
    pub shape: Vec<usize>,
    /// As many as the shape says.
    pub numbers: Numbers,
}

/// Element type of an input or output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementType {
    /// 32-bit float.
    F32,
    /// 64-bit signed integer.
    I64,
    /// 8-bit unsigned integer.
    U8,
}

/// An input or output, whose first dimension is the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Of its elements.
    pub element_type: ElementType,
    /// Pictures of one run; any number where there is none.
    pub batch: Option<usize>,
    /// Dimensions after the batch.
    pub sides: Vec<usize>,
}

/// An operator with its settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operator {
    /// `x * transpose(weight) + bias`.
    Linear,
    /// `x < 0 ? slope * x : x`.
    LeakyRelu {
        /// For negative values.
        slope: f32,
    },
    /// To a constant shape.
    Reshape,
    /// Rows of a table.
    Gather,
    /// Mixes of a table's rows.
    MatMul,
    /// Along an axis.
    Concat {
        /// Which.
        axis: i64,
    },
    /// Kernel 4, stride 2, padding 1: doubles the side.
    DoublingConvTranspose,
    /// Kernel 2, stride 1, padding 1: adds one to the side.
    SquareConv,
    /// Four channels become the pixels of a square.
    DepthToSpace,
    /// Along given axes.
    Slice,
    /// `max(x, 0)`.
    Relu,
    /// Hyperbolic tangent.
    Tanh,
    /// To 32-bit float.
    CastToF32,
    /// To 8-bit levels, of whole numbers.
    CastToU8,
    /// Sum.
    Add,
    /// Product.
    Mul,
    /// Whole number at or below.
    Floor,
    /// To 8-bit steps of a size, of which one is 0.
    Quantize,
    /// The values of steps; of weights, with a size of a step for each row along their first dimension.
    Dequantize {
        /// Whether these are weights.
        rows: bool,
    },
}

/// One operation on named tensors.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its own name.
    pub name: String,
    /// What it does.
    pub operator: Operator,
    /// What it reads.
    pub inputs: Vec<String>,
    /// What it makes.
    pub output: String,
}

/// How weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// As they are.
    F32,
    /// Kernels rounded to 16 bits, each cast to f32 by one node; the rest as it is.
    F16,
    /// The weights of [`Storage::F16`], stored as f32.
    F32Rounded,
    /// Kernels as 8-bit integers, each cast to f32 and multiplied by a factor for each output channel; the rest as it is.
    Int8,
    /// The weights of [`Storage::Int8`], stored as f32.
    F32FromInt8,
}

/// A graph under construction: nodes in the order in which they can run.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// Inputs.
    pub inputs: Vec<Port>,
    /// The one output.
    pub output: Port,
    /// Nodes.
    pub nodes: Vec<Node>,
    /// Constants.
    pub constants: Vec<Constant>,
    storage: Storage,
}

impl Graph {
    /// A graph without nodes.
    pub fn new(inputs: Vec<Port>, output: Port, storage: Storage) -> Self {
        Self { inputs, output, nodes: Vec::new(), constants: Vec::new(), storage }
    }

    /// Adds a node whose output has the node's name.
    pub fn node(&mut self, name: &str, operator: Operator, inputs: &[&str]) -> String {
        self.node_to(name, operator, inputs, name)
    }

    /// Adds a node that makes `output`.
    pub fn node_to(&mut self, name: &str, operator: Operator, inputs: &[&str], output: &str) -> String {
        let inputs = inputs.iter().map(|input| (*input).to_owned()).collect();
        self.nodes.push(Node { name: name.to_owned(), operator, inputs, output: output.to_owned() });
        output.to_owned()
    }

    /// Adds what is added to sums, or a table of labels, stored as it is: it is small, and rounding it would move pixels further.
    /// Returns the name of the tensor to read.
    pub fn offsets(&mut self, name: &str, shape: &[usize], numbers: &[f32]) -> String {
        self.constant(name, shape, Numbers::F32(numbers.to_vec()));
        name.to_owned()
    }

    /// Adds a weight with output channels along an axis of its shape, stored as the graph stores weights; returns the name of
    /// the f32 tensor to read.
    ///
    /// # Errors
    /// A number outside the range of f16, where weights are rounded to it.
    pub fn kernel(
        &mut self,
        name: &str,
        (shape, axis): (&[usize], usize),
        numbers: &[f32],
    ) -> Result<String, ExportError> {
        match self.storage {
            Storage::F32 => self.constant(name, shape, Numbers::F32(numbers.to_vec())),
            Storage::F32Rounded => {
                let rounded = halves(name, numbers)?.iter().map(|half| half.to_f32()).collect();
                self.constant(name, shape, Numbers::F32(rounded));
            }
            Storage::F16 => {
                let stored = format!("{name}.f16");
                self.constant(&stored, shape, Numbers::F16(halves(name, numbers)?));
                self.node(name, Operator::CastToF32, &[&stored]);
            }
            Storage::F32FromInt8 => {
                self.constant(name, shape, Numbers::F32(Quantized::of(shape, axis, numbers).weights()));
            }
            Storage::Int8 => {
                let Quantized { integers, factors, .. } = Quantized::of(shape, axis, numbers);
                let mut sides = vec![1; shape.len()];
                sides[axis] = factors.len();
                let [stored, whole, factor] = ["int8", "integers", "factor"].map(|part| format!("{name}.{part}"));
                self.constant(&stored, shape, Numbers::I8(integers));
                self.constant(&factor, &sides, Numbers::F32(factors));
                self.node(&whole, Operator::CastToF32, &[&stored]);
                self.node(name, Operator::Mul, &[&whole, &factor]);
            }
        }
        Ok(name.to_owned())
    }

    /// Adds a weight as integers whose products engines can add up as such: 8 bits with a factor for each row along its first
    /// dimension.
    pub fn integers(&mut self, name: &str, shape: &[usize], weight: Quantized) -> String {
        self.steps((name, "int8"), shape, Numbers::I8(weight.integers), weight.factors)
    }

    /// Adds a bias of such products in steps of their sums, one size for each channel.
    pub fn bias(&mut self, name: &str, steps: Vec<i32>, sizes: Vec<f32>) -> String {
        self.steps((name, "int32"), &[sizes.len()], Numbers::I32(steps), sizes)
    }

    fn steps(&mut self, (name, kind): (&str, &str), shape: &[usize], steps: Numbers, sizes: Vec<f32>) -> String {
        let [stored, factor] = [kind, "factor"].map(|part| format!("{name}.{part}"));
        self.constant(&factor, &[sizes.len()], Numbers::F32(sizes));
        self.constant(&stored, shape, steps);
        self.node(name, Operator::Dequantize { rows: true }, &[&stored, &factor])
    }

    /// Adds the step of the value 0.
    pub fn step(&mut self, name: &str, step: u8) -> String {
        self.constant(name, &[], Numbers::U8(vec![step]));
        name.to_owned()
    }

    /// Adds a single number.
    pub fn number(&mut self, name: &str, number: f32) -> String {
        self.constant(name, &[], Numbers::F32(vec![number]));
        name.to_owned()
    }

    /// Adds a constant shape.
    pub fn shape(&mut self, name: &str, sides: &[i64]) -> String {
        self.constant(name, &[sides.len()], Numbers::I64(sides.to_vec()));
        name.to_owned()
    }

    fn constant(&mut self, name: &str, shape: &[usize], numbers: Numbers) {
        self.constants.push(Constant { name: name.to_owned(), shape: shape.to_vec(), numbers });
    }
}

fn halves(name: &str, numbers: &[f32]) -> Result<Vec<f16>, ExportError> {
    let half = |value: &f32| match f16::from_f32(*value) {
        half if half.is_finite() => Ok(half),
        _ => Err(ExportError::HalfRange { name: name.to_owned(), value: *value }),
    };
    numbers.iter().map(half).collect()
}
