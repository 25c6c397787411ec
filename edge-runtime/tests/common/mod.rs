//! A small network of the contract with made-up weights, as an ONNX file and as slow, plain Rust.
//!
//! Its pictures differ strongly between labels and latents, so that swapped labels, inputs, channels, rows or columns
//! show.

#![allow(dead_code, reason = "every test uses its own part")]

use std::path::{Path, PathBuf};

use edge_runtime::onnx::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto, attribute_type, data_type,
};
use half::f16;
use model_spec::architecture::{Doubling, Family, LEAKY_SLOPE, Opponent};
use model_spec::metadata::Bound;
use model_spec::variant::{Compute, LabelInput, Output, Precision, Rewrite};
use model_spec::{Architecture, Labels, Metadata, Variant, contract, latent};
use prost::Message;

pub const LABELS: [&str; 3] = ["zebra", "a b", "ä"];
const STEM: usize = 4;

/// The network: what [`Network::proto`] writes and [`Network::forward`] computes.
#[derive(Clone)]
pub struct Network {
    pub labels: Vec<String>,
    pub architecture: Architecture,
    /// Stored as f16 with a Cast node each.
    pub half: bool,
    /// How its file differs from the plain one; its convolutions are transposed ones, unless it computes in integers.
    pub variant: Variant,
    /// Of the leaky activations behind blocks; 0 for plain ones.
    block_slope: f64,
    dense: Vec<f32>,      // [latent_dim, stem * 16]
    dense_bias: Vec<f32>, // [stem * 16]
    table: Vec<f32>,      // [labels, 16]
    blocks: Vec<Block>,
}

#[derive(Clone)]
struct Block {
    inputs: usize,
    outputs: usize,
    weight: Vec<f32>, // [in, out, 4, 4]
    bias: Vec<f32>,   // [out]
    rounding: Option<Rounding>,
}

/// How a block's input is rounded to 8 bits.
#[derive(Clone, Copy)]
struct Rounding {
    scale: f32,
    zero: u8,
}

impl Network {
    pub fn new(labels: &[&str], channels: usize) -> Self {
        Self::sized(labels, channels, 32, 6, &[8, 5])
    }

    /// One of another picture size and other numbers of channels.
    pub fn sized(labels: &[&str], channels: usize, image_size: usize, stem_channels: usize, widths: &[usize]) -> Self {
        let architecture = Architecture {
            family: Family::Cdcgan,
            image_size,
            channels,
            latent_dim: 7,
            embedding_dim: 5,
            stem_channels,
            widths: widths.to_vec(),
            doubling: Doubling::Transposed,
            discriminator: Opponent::Concatenation,
            discriminator_widths: vec![4; 4],
        };
        let dense = architecture.stem_channels * STEM * STEM;
        let mut numbers = Numbers(1);
        let blocks = architecture.block_channels().into_iter().map(|(inputs, outputs)| Block {
            inputs,
            outputs,
            // Four taps of each input channel reach an output pixel.
            weight: numbers.take(inputs * outputs * 16, 0.8 / (2.0 * inputs as f32).sqrt()),
            bias: numbers.take(outputs, 0.1),
            rounding: None,
        });
        let blocks = blocks.collect();
        Self {
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            half: false,
            block_slope: 0.0,
            variant: Variant::default(),
            dense: numbers.take(architecture.latent_dim * dense, 0.6),
            dense_bias: numbers.take(dense, 0.2),
            table: numbers.take(labels.len() * STEM * STEM, 3.0),
            blocks,
            architecture,
        }
    }

    /// The same network with leaky activations behind its blocks too.
    pub fn leaky(self) -> Self {
        Self { block_slope: LEAKY_SLOPE, ..self }
    }

    /// The same network with every weight rounded to f16, which its file stores.
    pub fn rounded(mut self) -> Self {
        self.half = true;
        let weights = [&mut self.dense, &mut self.dense_bias, &mut self.table].into_iter();
        for weight in weights.chain(self.blocks.iter_mut().flat_map(|block| [&mut block.weight, &mut block.bias])) {
            weight.iter_mut().for_each(|value| *value = f16::from_f32(*value).to_f32());
        }
        self
    }

    /// The same network with 8-bit integers as the weights of all blocks but the last, and the input of every block rounded
    /// to 8 bits: what [`Network::forward`] then computes too.
    pub fn int8(mut self) -> Self {
        self.variant = Variant { rewrite: Rewrite::Subpixel, compute: Compute::Int8, ..self.variant };
        for index in 0..self.blocks.len() {
            let (latents, labels) = self.batch_of(12);
            let (mut low, mut high) = (0.0f64, 0.0f64);
            for (latent, label) in latents.chunks(self.architecture.latent_dim).zip(labels) {
                let maps = self.maps(latent, &self.one(label as usize), index);
                maps.iter().for_each(|x| (low, high) = (low.min(*x), high.max(*x)));
            }
            let scale = ((high - low) / 255.0) as f32;
            self.blocks[index].rounding = Some(Rounding { scale, zero: (-low / f64::from(scale)).round() as u8 });
            if index + 1 < self.blocks.len() {
                let (integers, factors) = self.blocks[index].integers();
                let inputs = self.blocks[index].inputs;
                for (place, integer) in integers.iter().enumerate() {
                    let weight = f32::from(*integer) * factors[place / (4 * inputs)];
                    let moved = self.blocks[index].moved(place);
                    self.blocks[index].weight[moved] = weight;
                }
            }
        }
        self
    }

    pub fn metadata(&self) -> Metadata {
        Metadata {
            labels: Labels::new(self.labels.clone()).expect("valid labels"),
            architecture: self.architecture.clone(),
            weights: if self.half { Precision::F16 } else { Precision::F32 },
            variant: self.variant,
            stated_bound: (self.variant.compute == Compute::Int8).then_some(Bound { max: 24, mean: 0.75 }),
            recipe: "made up".to_owned(),
            data_set: None,
            progress: None,
            scores: Default::default(),
            features: None,
            exporter: "tests".to_owned(),
            golden: Vec::new(),
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.proto().encode_to_vec()
    }

    /// The model file in a folder.
    pub fn write(&self, folder: &Path) -> PathBuf {
        let path = folder.join("model.onnx");
        std::fs::write(&path, self.bytes()).expect("a writable folder");
        path
    }

    pub fn proto(&self) -> ModelProto {
        let mut graph = Graph { half: self.half, proto: GraphProto::default() };
        let architecture = &self.architecture;
        let stem = architecture.stem_channels;
        let dense = graph.weight("dense.weight", &[architecture.latent_dim, stem * STEM * STEM], &self.dense);
        let dense_bias = graph.weight("dense.bias", &[stem * STEM * STEM], &self.dense_bias);
        let table = graph.weight("label.table", &[self.labels.len(), STEM * STEM], &self.table);
        let latent_shape = graph.shape("latent.shape", &[-1, stem as i64, STEM as i64, STEM as i64]);
        let label_shape = graph.shape("label.shape", &[-1, 1, STEM as i64, STEM as i64]);
        graph.node("Gemm", &[contract::LATENT, &dense, &dense_bias], "dense", vec![]);
        graph.node("LeakyRelu", &["dense"], "active", vec![float("alpha", LEAKY_SLOPE as f32)]);
        graph.node("Reshape", &["active", &latent_shape], "latent.map", vec![]);
        match self.variant.label_input {
            LabelInput::Index => graph.node("Gather", &[&table, contract::LABEL], "label.row", vec![int("axis", 0)]),
            LabelInput::Mix => graph.node("MatMul", &[contract::LABEL, &table], "label.row", vec![]),
        }
        graph.node("Reshape", &["label.row", &label_shape], "label.map", vec![]);
        graph.node("Concat", &["latent.map", "label.map"], "x0", vec![int("axis", 1)]);
        if self.variant.compute == Compute::Int8 {
            self.quantized_blocks(&mut graph);
            return graph.into_model(self);
        }
        for (index, block) in self.blocks.iter().enumerate() {
            let shape = [block.inputs, block.outputs, 4, 4];
            let weight = graph.weight(&format!("block{index}.weight"), &shape, &block.weight);
            let bias = graph.weight(&format!("block{index}.bias"), &[block.outputs], &block.bias);
            let (input, made) = (format!("x{index}"), format!("y{index}"));
            let settings = vec![ints("kernel_shape", &[4, 4]), ints("strides", &[2, 2]), ints("pads", &[1; 4])];
            graph.node("ConvTranspose", &[&input, &weight, &bias], &made, settings);
            if index + 1 < self.blocks.len() {
                let (operator, settings) = match self.block_slope {
                    0.0 => ("Relu", vec![]),
                    slope => ("LeakyRelu", vec![float("alpha", slope as f32)]),
                };
                graph.node(operator, &[&made], &format!("x{}", index + 1), settings);
            } else {
                graph.picture(&made, self.variant.output);
            }
        }
        graph.into_model(self)
    }

    /// The blocks as 2x2 convolutions of rounded maps to pixels of squares.
    fn quantized_blocks(&self, graph: &mut Graph) {
        let bounds = [("starts", [1, 1]), ("ends", [-1, -1]), ("axes", [2, 3])];
        let bounds = bounds.map(|(name, sides)| graph.shape(name, &sides));
        let mut xs = "x0".to_owned();
        for (index, block) in self.blocks.iter().enumerate() {
            let name = |part: &str| format!("block{index}.{part}");
            let is_last = index + 1 == self.blocks.len();
            let Rounding { scale, zero } = block.rounding.expect("rounded");
            let step = [name("scale"), name("zero")];
            graph.tensor(&step[0], data_type::FLOAT, &[], scale.to_le_bytes().to_vec());
            graph.tensor(&step[1], data_type::UINT8, &[], vec![zero]);
            graph.node("QuantizeLinear", &[&xs, &step[0], &step[1]], &name("steps"), vec![]);
            graph.node("DequantizeLinear", &[&name("steps"), &step[0], &step[1]], &name("input"), vec![]);
            let shape = [4 * block.outputs, block.inputs, 2, 2];
            let weight = if is_last {
                let squares: Vec<f32> = (0..block.weight.len()).map(|place| block.weight[block.moved(place)]).collect();
                graph.weight(&name("weight"), &shape, &squares)
            } else {
                let (integers, factors) = block.integers();
                let bytes = integers.iter().map(|integer| integer.to_le_bytes()[0]).collect();
                graph.tensor(&name("int8"), data_type::INT8, &shape, bytes);
                let bytes = factors.iter().flat_map(|factor| factor.to_le_bytes()).collect();
                graph.tensor(&name("factors"), data_type::FLOAT, &shape[..1], bytes);
                let inputs = [name("int8"), name("factors")];
                graph.node("DequantizeLinear", &[&inputs[0], &inputs[1]], &name("weight"), vec![int("axis", 0)]);
                name("weight")
            };
            let bias = if is_last {
                graph.weight(&name("bias"), &shape[..1], &block.bias.repeat(4))
            } else {
                let steps: Vec<f32> = block.integers().1.iter().map(|factor| factor * scale).collect();
                let integers = block.bias.repeat(4).into_iter().zip(&steps).map(|(bias, step)| (bias / step).round());
                let bytes = integers.flat_map(|integer| (integer as i32).to_le_bytes()).collect();
                graph.tensor(&name("i32"), data_type::INT32, &shape[..1], bytes);
                let bytes = steps.iter().flat_map(|step| step.to_le_bytes()).collect();
                graph.tensor(&name("i32.steps"), data_type::FLOAT, &shape[..1], bytes);
                let inputs = [name("i32"), name("i32.steps")];
                graph.node("DequantizeLinear", &[&inputs[0], &inputs[1]], &name("bias"), vec![int("axis", 0)]);
                name("bias")
            };
            let settings = vec![ints("kernel_shape", &[2, 2]), ints("strides", &[1, 1]), ints("pads", &[1; 4])];
            graph.node("Conv", &[&name("input"), &weight, &bias], &name("conv"), settings);
            let mut made = name("conv");
            if let Some(next) = self.blocks.get(index + 1) {
                let Rounding { scale, zero } = next.rounding.expect("rounded");
                let step = [name("next.scale"), name("next.zero")];
                graph.tensor(&step[0], data_type::FLOAT, &[], scale.to_le_bytes().to_vec());
                graph.tensor(&step[1], data_type::UINT8, &[], vec![zero]);
                graph.node("Relu", &[&made], &name("relu"), vec![]);
                graph.node("QuantizeLinear", &[&name("relu"), &step[0], &step[1]], &name("rounded"), vec![]);
                graph.node("DequantizeLinear", &[&name("rounded"), &step[0], &step[1]], &name("values"), vec![]);
                made = name("values");
            }
            let settings = vec![int("blocksize", 2), text("mode", "DCR")];
            graph.node("DepthToSpace", &[&made], &name("pixels"), settings);
            let inputs = [&*name("pixels"), &bounds[0], &bounds[1], &bounds[2]];
            graph.node("Slice", &inputs, &name("crop"), vec![]);
            xs = name("crop");
        }
        graph.picture(&xs, self.variant.output);
    }

    fn one(&self, label: usize) -> Vec<f32> {
        (0..self.labels.len()).map(|other| f32::from(u8::from(other == label))).collect()
    }

    /// The picture `[channels, side, side]`, computed the slow way in f64.
    pub fn forward(&self, latent: &[f32], label: usize) -> Vec<f32> {
        self.forward_mix(latent, &self.one(label))
    }

    /// The picture of a mix of labels, `[labels]`.
    pub fn forward_mix(&self, latent: &[f32], weights: &[f32]) -> Vec<f32> {
        self.maps(latent, weights, self.blocks.len()).into_iter().map(|x| x as f32).collect()
    }

    /// What some of the blocks make.
    fn maps(&self, latent: &[f32], weights: &[f32], blocks: usize) -> Vec<f64> {
        let dense = self.dense_bias.len();
        let product =
            |to: usize| latent.iter().enumerate().map(move |(from, x)| wide(*x) * wide(self.dense[from * dense + to]));
        let mut map: Vec<f64> = (0..dense).map(|to| product(to).sum::<f64>() + wide(self.dense_bias[to])).collect();
        map.iter_mut().filter(|x| **x < 0.0).for_each(|x| *x *= LEAKY_SLOPE);
        let row = |pixel: usize| self.table.iter().skip(pixel).step_by(STEM * STEM);
        let mixed = |pixel| row(pixel).zip(weights).map(|(number, weight)| wide(*number) * wide(*weight)).sum::<f64>();
        map.extend((0..STEM * STEM).map(mixed));
        let mut side = STEM;
        for (index, block) in self.blocks.iter().enumerate().take(blocks) {
            let last = index + 1 == self.blocks.len();
            if let Some(rounding) = block.rounding {
                map.iter_mut().for_each(|x| *x = rounding.round(*x));
            }
            map = block.forward(&map, side);
            map.iter_mut().for_each(|x| *x = if last { x.tanh() } else { x.max(*x * self.block_slope) });
            side *= 2;
        }
        map
    }

    /// Latents and labels that show every label and several latents.
    pub fn batch(&self) -> (Vec<f32>, Vec<i64>) {
        self.batch_of(self.labels.len() + 2)
    }

    /// As many latents, with the labels in turn.
    pub fn batch_of(&self, count: usize) -> (Vec<f32>, Vec<i64>) {
        let labels: Vec<i64> = (0..count).map(|index| (index % self.labels.len()) as i64).collect();
        let dim = self.architecture.latent_dim;
        let latents = (0..labels.len() as u32).flat_map(|index| latent::latent(3, index, dim)).collect();
        (latents, labels)
    }
}

impl Rounding {
    /// As ONNX defines it: halves to even ones.
    fn round(self, x: f64) -> f64 {
        let step = (x / f64::from(self.scale)).round_ties_even() + f64::from(self.zero);
        (step.clamp(0.0, 255.0) - f64::from(self.zero)) * f64::from(self.scale)
    }
}

impl Block {
    /// Where the weight of a place in squares `[4 out, in, 2, 2]` stands in `[in, out, 4, 4]`.
    fn moved(&self, place: usize) -> usize {
        let (column, row, input, channel) =
            (place % 2, place / 2 % 2, place / 4 % self.inputs, place / 4 / self.inputs);
        let (square, output) = (channel / self.outputs, channel % self.outputs);
        let (ky, kx) = (2 * (1 - row) + square / 2, 2 * (1 - column) + square % 2);
        ((input * self.outputs + output) * 4 + ky) * 4 + kx
    }

    /// Integers `[4 out, in, 2, 2]` and the factor of each output channel.
    fn integers(&self) -> (Vec<i8>, Vec<f32>) {
        /// Products of two such weights with bytes add up within 16 bits, as ONNX Runtime has them on x86 without VNNI.
        const LARGEST: f32 = 64.0;
        let squares: Vec<f32> = (0..self.weight.len()).map(|place| self.weight[self.moved(place)]).collect();
        let rows = squares.chunks(4 * self.inputs);
        let factors: Vec<f32> =
            rows.clone().map(|row| row.iter().fold(0.0f32, |most, weight| most.max(weight.abs())) / LARGEST).collect();
        let integers = rows.zip(&factors).flat_map(|(row, factor)| row.iter().map(move |w| (w / factor).round() as i8));
        (integers.collect(), factors)
    }

    /// Scatters every input pixel over the 4x4 output pixels that it reaches: stride 2, padding 1.
    fn forward(&self, map: &[f64], side: usize) -> Vec<f64> {
        let twice = 2 * side;
        let mut made: Vec<f64> = self.bias.iter().flat_map(|bias| vec![wide(*bias); twice * twice]).collect();
        for input in 0..self.inputs {
            for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
                let value = map[(input * side + y) * side + x];
                for (output, ky, kx) in taps(self.outputs) {
                    let (row, column) = ((2 * y + ky).wrapping_sub(1), (2 * x + kx).wrapping_sub(1));
                    if row < twice && column < twice {
                        let weight = self.weight[((input * self.outputs + output) * 4 + ky) * 4 + kx];
                        made[(output * twice + row) * twice + column] += value * wide(weight);
                    }
                }
            }
        }
        made
    }
}

fn wide(value: f32) -> f64 {
    f64::from(value)
}

fn taps(outputs: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..outputs * 16).map(|place| (place / 16, place / 4 % 4, place % 4))
}

/// Collects nodes and weights.
struct Graph {
    half: bool,
    proto: GraphProto,
}

impl Graph {
    fn node(&mut self, operator: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>) {
        self.proto.node.push(NodeProto {
            input: inputs.iter().map(|name| (*name).to_owned()).collect(),
            output: vec![output.to_owned()],
            name: format!("{operator} {output}"),
            op_type: operator.to_owned(),
            attribute,
            domain: String::new(),
        });
    }

    fn tensor(&mut self, name: &str, data_type: i32, shape: &[usize], raw_data: Vec<u8>) {
        let (dims, raw_data) = (shape.iter().map(|side| *side as i64).collect(), raw_data.into());
        self.proto.initializer.push(TensorProto { dims, data_type, name: name.to_owned(), raw_data, data_location: 0 });
    }

    /// Adds a weight and returns the name under which it can be used as f32.
    fn weight(&mut self, name: &str, shape: &[usize], values: &[f32]) -> String {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "{name}");
        let (data_type, raw_data) = if self.half {
            (data_type::FLOAT16, values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect())
        } else {
            (data_type::FLOAT, values.iter().flat_map(|value| value.to_le_bytes()).collect())
        };
        self.tensor(name, data_type, shape, raw_data);
        if !self.half {
            return name.to_owned();
        }
        let full = format!("{name}.f32");
        self.node("Cast", &[name], &full, vec![int("to", i64::from(data_type::FLOAT))]);
        full
    }

    /// The tangent, and the steps to levels where they are asked for.
    fn picture(&mut self, made: &str, output: Output) {
        if output == Output::Float {
            return self.node("Tanh", &[made], contract::IMAGE, vec![]);
        }
        self.node("Tanh", &[made], "level0", vec![]);
        for (step, (operator, number)) in contract::LEVEL_STEPS.iter().enumerate() {
            let mut inputs = vec![format!("level{step}")];
            if let Some(number) = number {
                inputs.push(format!("number{step}"));
                self.proto.initializer.push(TensorProto {
                    dims: Vec::new(),
                    data_type: data_type::FLOAT,
                    name: format!("number{step}"),
                    raw_data: number.to_le_bytes().to_vec().into(),
                    data_location: 0,
                });
            }
            let is_last = step + 1 == contract::LEVEL_STEPS.len();
            let settings = if is_last { vec![int("to", i64::from(data_type::UINT8))] } else { vec![] };
            let output = if is_last { contract::IMAGE.to_owned() } else { format!("level{}", step + 1) };
            self.node(operator, &inputs.iter().map(String::as_str).collect::<Vec<_>>(), &output, settings);
        }
    }

    fn shape(&mut self, name: &str, sides: &[i64]) -> String {
        self.proto.initializer.push(TensorProto {
            dims: vec![sides.len() as i64],
            data_type: data_type::INT64,
            name: name.to_owned(),
            raw_data: sides.iter().flat_map(|side| side.to_le_bytes()).collect(),
            data_location: 0,
        });
        name.to_owned()
    }

    fn into_model(mut self, network: &Network) -> ModelProto {
        let (architecture, side) = (&network.architecture, network.architecture.image_size);
        self.proto.name = "test".to_owned();
        let value = |name, elem_type, sides: &[usize]| value(name, elem_type, network.variant.batch, sides);
        let label = match network.variant.label_input {
            LabelInput::Index => value(contract::LABEL, data_type::INT64, &[]),
            LabelInput::Mix => value(contract::LABEL, data_type::FLOAT, &[network.labels.len()]),
        };
        let image = match network.variant.output {
            Output::Float => data_type::FLOAT,
            Output::Levels => data_type::UINT8,
        };
        self.proto.input = vec![value(contract::LATENT, data_type::FLOAT, &[architecture.latent_dim]), label];
        self.proto.output = vec![value(contract::IMAGE, image, &[architecture.channels, side, side])];
        let pairs = network.metadata().to_pairs().into_iter();
        ModelProto {
            ir_version: 8,
            producer_name: "tests".to_owned(),
            producer_version: String::new(),
            graph: Some(self.proto),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
            metadata_props: pairs.map(|(key, value)| StringStringEntryProto { key, value }).collect(),
        }
    }
}

fn value(name: &str, elem_type: i32, batch: Option<usize>, sides: &[usize]) -> ValueInfoProto {
    let batch = match batch {
        Some(batch) => DimensionProto { dim_value: Some(batch as i64), dim_param: None },
        None => DimensionProto { dim_value: None, dim_param: Some(contract::BATCH.to_owned()) },
    };
    let sides = sides.iter().map(|side| DimensionProto { dim_value: Some(*side as i64), dim_param: None });
    let shape = TensorShapeProto { dim: std::iter::once(batch).chain(sides).collect() };
    let tensor_type = Some(TensorTypeProto { elem_type, shape: Some(shape) });
    ValueInfoProto { name: name.to_owned(), r#type: Some(TypeProto { tensor_type }) }
}

pub fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { name: name.to_owned(), i, r#type: attribute_type::INT, ..Default::default() }
}

pub fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { name: name.to_owned(), ints: values.to_vec(), r#type: attribute_type::INTS, ..Default::default() }
}

pub fn text(name: &str, s: &str) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        s: s.as_bytes().to_vec(),
        r#type: attribute_type::STRING,
        ..Default::default()
    }
}

pub fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto { name: name.to_owned(), f, r#type: attribute_type::FLOAT, ..Default::default() }
}

/// Even numbers around 0 from Weyl steps and a mixing function.
struct Numbers(u64);

impl Numbers {
    /// `count` numbers of a standard deviation.
    fn take(&mut self, count: usize, deviation: f32) -> Vec<f32> {
        (0..count).map(|_| (self.next() - 0.5) * 12f32.sqrt() * deviation).collect()
    }

    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((mixed ^ (mixed >> 32)) >> 40) as f32 / (1u64 << 24) as f32
    }
}
