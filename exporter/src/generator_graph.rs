//! The folded generator as a graph.

use model_spec::architecture::{LEAKY_SLOPE, STEM_SIZE};
use model_spec::variant::{LabelInput, Output, Rewrite};
use model_spec::weights::KERNEL;
use model_spec::{Architecture, Variant, contract};

use crate::calibration::Calibration;
use crate::fold::{Block, Folded};
use crate::graph::{ElementType, Graph, Operator, Port, Storage};
use crate::subpixel::squares_from_kernel;
use crate::{ExportError, integers};

/// Pixels of the stem's feature map.
const STEM: usize = STEM_SIZE * STEM_SIZE;

/// In which form a network is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// How weights are stored.
    pub storage: Storage,
    /// How the file differs from the plain one.
    pub variant: Variant,
}

impl Form {
    /// The plain file, of some storage.
    pub fn plain(storage: Storage) -> Self {
        Self { storage, variant: Variant::default() }
    }
}

/// Lays a folded generator out: latent and label in, picture out. Calibrated blocks compute in integers, where convolutions are
/// written as subpixel ones; the last one rounds what it reads and keeps weights of floats.
///
/// # Errors
/// A weight outside the range of f16, where the form rounds to it.
pub fn build(folded: &Folded, architecture: &Architecture, form: Form) -> Result<Graph, ExportError> {
    let Form { storage, variant } = form;
    let labels = folded.label_table.len() / STEM;
    let mut graph = Graph::new(inputs(architecture, labels, variant), output(architecture, variant), storage);
    let mut xs = stem(&mut graph, folded, architecture, variant.label_input)?;
    for (index, block) in folded.blocks.iter().enumerate() {
        if let Some(Calibration { scale, zero }) = block.calibration {
            graph.number(&format!("block{index}.scale"), scale);
            graph.step(&format!("block{index}.zero"), zero);
        }
    }
    for (index, block) in folded.blocks.iter().enumerate() {
        let next = folded.blocks.get(index + 1);
        xs = match variant.rewrite {
            Rewrite::None => transposed(&mut graph, (index, next.is_none()), block, &xs)?,
            Rewrite::Subpixel => subpixel(&mut graph, (index, next), block, &xs)?,
        };
    }
    match variant.output {
        Output::Float => graph.node_to("tanh", Operator::Tanh, &[&xs], contract::IMAGE),
        Output::Levels => levels(&mut graph, &xs),
    };
    Ok(graph)
}

/// `[N, stem_channels + 1, 4, 4]`
fn stem(
    graph: &mut Graph,
    folded: &Folded,
    architecture: &Architecture,
    label_input: LabelInput,
) -> Result<String, ExportError> {
    let (latent_dim, channels) = (architecture.latent_dim, architecture.stem_channels);
    let shape = [channels * STEM, latent_dim];
    let weight = graph.kernel("latent.weight", (&shape, 0), &folded.latent_weight)?;
    let bias = graph.offsets("latent.bias", &[channels * STEM], &folded.latent_bias);
    let dense = graph.node("latent.linear", Operator::Linear, &[contract::LATENT, &weight, &bias]);
    let active = graph.node("latent.leaky_relu", Operator::LeakyRelu { slope: LEAKY_SLOPE as f32 }, &[&dense]);
    let latent_map = reshape(graph, "latent.map", &active, channels);

    let labels = folded.label_table.len() / STEM;
    let table = graph.offsets("label.table", &[labels, STEM], &folded.label_table);
    let row = match label_input {
        LabelInput::Index => graph.node("label.row", Operator::Gather, &[&table, contract::LABEL]),
        LabelInput::Mix => graph.node("label.row", Operator::MatMul, &[contract::LABEL, &table]),
    };
    let label_map = reshape(graph, "label.map", &row, 1);
    Ok(graph.node("stem", Operator::Concat { axis: 1 }, &[&latent_map, &label_map]))
}

fn transposed(
    graph: &mut Graph,
    (index, is_last): (usize, bool),
    block: &Block,
    xs: &str,
) -> Result<String, ExportError> {
    let name = |part: &str| format!("block{index}.{part}");
    let shape = [block.inputs, block.outputs, KERNEL, KERNEL];
    let mut inputs = vec![xs.to_owned(), graph.kernel(&name("weight"), (&shape, 1), &block.kernel)?];
    if let Some(bias) = &block.bias {
        inputs.push(graph.offsets(&name("bias"), &[block.outputs], bias));
    }
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let xs = graph.node(&name("deconv"), Operator::DoublingConvTranspose, &inputs);
    Ok(if is_last { xs } else { graph.node(&name("relu"), Operator::Relu, &[&xs]) })
}

/// The activation stands right after the convolution, where engines can fuse it, and so does what rounds for the next block.
/// Around what moves pixels, maps are rounded once more, to the same values: engines that know move bytes, others floats.
fn subpixel(
    graph: &mut Graph,
    (index, next): (usize, Option<&Block>),
    block: &Block,
    xs: &str,
) -> Result<String, ExportError> {
    let name = |part: &str| format!("block{index}.{part}");
    let xs = rounded(graph, (index, block), xs, [&name("steps"), &name("input")]);
    let (weight, bias) = match block.calibration {
        Some(calibration) if next.is_some() => integer_weights(graph, index, block, calibration),
        _ => float_weights(graph, index, block)?,
    };
    let inputs: Vec<&str> = [&xs, &weight].into_iter().chain(&bias).map(String::as_str).collect();
    let mut xs = graph.node(&name("conv"), Operator::SquareConv, &inputs);
    if let Some(next) = next {
        xs = graph.node(&name("relu"), Operator::Relu, &[&xs]);
        xs = rounded(graph, (index + 1, next), &xs, [&name("rounded"), &name("values")]);
    }
    let wide = graph.node(&name("pixels"), Operator::DepthToSpace, &[&xs]);
    let bounds = [("starts", [1, 1]), ("ends", [-1, -1]), ("axes", [2, 3])];
    let bounds = bounds.map(|(part, numbers)| graph.shape(&name(part), &numbers));
    Ok(graph.node(&name("crop"), Operator::Slice, &[&wide, &bounds[0], &bounds[1], &bounds[2]]))
}

fn float_weights(graph: &mut Graph, index: usize, block: &Block) -> Result<(String, Option<String>), ExportError> {
    let name = |part: &str| format!("block{index}.{part}");
    let shape = [4 * block.outputs, block.inputs, 2, 2];
    let squares = squares_from_kernel(&block.kernel, [block.inputs, block.outputs]);
    let weight = graph.kernel(&name("weight"), (&shape, 0), &squares)?;
    let bias = block.bias.as_ref().map(|bias| graph.offsets(&name("bias"), &shape[..1], &bias.repeat(4)));
    Ok((weight, bias))
}

fn integer_weights(
    graph: &mut Graph,
    index: usize,
    block: &Block,
    calibration: Calibration,
) -> (String, Option<String>) {
    let name = |part: &str| format!("block{index}.{part}");
    let shape = [4 * block.outputs, block.inputs, 2, 2];
    let weights = integers::of_block(block, calibration);
    let bias = integers::bias_of_block(block, calibration, &weights);
    let weight = graph.integers(&name("weight"), &shape, weights);
    (weight, bias.map(|(steps, sizes)| graph.bias(&name("bias"), steps, sizes)))
}

/// Rounds what a block reads, where it is calibrated, to steps and back to values.
fn rounded(graph: &mut Graph, (index, block): (usize, &Block), xs: &str, [steps, values]: [&str; 2]) -> String {
    if block.calibration.is_none() {
        return xs.to_owned();
    }
    let [scale, zero] = ["scale", "zero"].map(|part| format!("block{index}.{part}"));
    let steps = graph.node(steps, Operator::Quantize, &[xs, &scale, &zero]);
    graph.node(values, Operator::Dequantize { rows: false }, &[&steps, &scale, &zero])
}

/// From the last map to 8-bit levels, rounded as every picture of ours is.
fn levels(graph: &mut Graph, xs: &str) -> String {
    let mut xs = graph.node("tanh", Operator::Tanh, &[xs]);
    for (step, (operator, number)) in contract::LEVEL_STEPS.iter().enumerate() {
        let name = format!("levels{step}");
        let number = number.map(|number| graph.number(&format!("{name}.number"), number));
        let inputs: Vec<&str> = std::iter::once(xs.as_str()).chain(number.as_deref()).collect();
        let operator = match *operator {
            "Add" => Operator::Add,
            "Mul" => Operator::Mul,
            "Floor" => Operator::Floor,
            _ => Operator::CastToU8,
        };
        let is_last = step + 1 == contract::LEVEL_STEPS.len();
        xs = graph.node_to(&name, operator, &inputs, if is_last { contract::IMAGE } else { &name });
    }
    xs
}

fn reshape(graph: &mut Graph, name: &str, input: &str, channels: usize) -> String {
    let sides = [-1, channels as i64, STEM_SIZE as i64, STEM_SIZE as i64];
    let shape = graph.shape(&format!("{name}.shape"), &sides);
    graph.node(name, Operator::Reshape, &[input, &shape])
}

fn inputs(architecture: &Architecture, labels: usize, variant: Variant) -> Vec<Port> {
    let label = match variant.label_input {
        LabelInput::Index => port(contract::LABEL, ElementType::I64, &[], variant),
        LabelInput::Mix => port(contract::LABEL, ElementType::F32, &[labels], variant),
    };
    vec![port(contract::LATENT, ElementType::F32, &[architecture.latent_dim], variant), label]
}

fn output(architecture: &Architecture, variant: Variant) -> Port {
    let side = architecture.image_size;
    let element_type = match variant.output {
        Output::Float => ElementType::F32,
        Output::Levels => ElementType::U8,
    };
    port(contract::IMAGE, element_type, &[architecture.channels, side, side], variant)
}

fn port(name: &str, element_type: ElementType, sides: &[usize], variant: Variant) -> Port {
    Port { name: name.to_owned(), element_type, batch: variant.batch, sides: sides.to_vec() }
}
