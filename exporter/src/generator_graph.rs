//! The folded generator as a graph.

use model_spec::architecture::{LEAKY_SLOPE, STEM_SIZE};
use model_spec::weights::KERNEL;
use model_spec::{Architecture, contract};

use crate::ExportError;
use crate::fold::Folded;
use crate::graph::{ElementType, Graph, Operator, Port, Storage};

/// Lays a folded generator out: latent and label in, picture out.
///
/// # Errors
/// A weight outside the range of f16, where `storage` rounds to it.
pub fn build(folded: &Folded, architecture: &Architecture, storage: Storage) -> Result<Graph, ExportError> {
    let stem = STEM_SIZE * STEM_SIZE;
    let (latent_dim, channels) = (architecture.latent_dim, architecture.stem_channels);
    let mut graph = Graph::new(inputs(architecture), output(architecture), storage);

    let weight = graph.weight("latent.weight", &[channels * stem, latent_dim], &folded.latent_weight)?;
    let bias = graph.weight("latent.bias", &[channels * stem], &folded.latent_bias)?;
    let dense = graph.node("latent.linear", Operator::Linear, &[contract::LATENT, &weight, &bias]);
    let active = graph.node("latent.leaky_relu", Operator::LeakyRelu { slope: LEAKY_SLOPE as f32 }, &[&dense]);
    let latent_map = reshape(&mut graph, "latent.map", &active, channels);

    let labels = folded.label_table.len() / stem;
    let table = graph.weight("label.table", &[labels, stem], &folded.label_table)?;
    let row = graph.node("label.row", Operator::Gather, &[&table, contract::LABEL]);
    let label_map = reshape(&mut graph, "label.map", &row, 1);

    let mut xs = graph.node("stem", Operator::Concat { axis: 1 }, &[&latent_map, &label_map]);
    for (index, block) in folded.blocks.iter().enumerate() {
        let name = |part: &str| format!("block{index}.{part}");
        let shape = [block.inputs, block.outputs, KERNEL, KERNEL];
        let kernel = graph.weight(&name("weight"), &shape, &block.kernel)?;
        xs = match &block.bias {
            Some(bias) => {
                let bias = graph.weight(&name("bias"), &[block.outputs], bias)?;
                graph.node(&name("deconv"), Operator::DoublingConvTranspose, &[&xs, &kernel, &bias])
            }
            None => graph.node(&name("deconv"), Operator::DoublingConvTranspose, &[&xs, &kernel]),
        };
        if index + 1 < folded.blocks.len() {
            xs = graph.node(&name("relu"), Operator::Relu, &[&xs]);
        }
    }
    graph.node_to("tanh", Operator::Tanh, &[&xs], contract::IMAGE);
    Ok(graph)
}

fn reshape(graph: &mut Graph, name: &str, input: &str, channels: usize) -> String {
    let sides = [-1, channels as i64, STEM_SIZE as i64, STEM_SIZE as i64];
    let shape = graph.shape(&format!("{name}.shape"), &sides);
    graph.node(name, Operator::Reshape, &[input, &shape])
}

fn inputs(architecture: &Architecture) -> Vec<Port> {
    vec![
        port(contract::LATENT, ElementType::F32, &[architecture.latent_dim]),
        port(contract::LABEL, ElementType::I64, &[]),
    ]
}

fn output(architecture: &Architecture) -> Port {
    let side = architecture.image_size;
    port(contract::IMAGE, ElementType::F32, &[architecture.channels, side, side])
}

fn port(name: &str, element_type: ElementType, sides: &[usize]) -> Port {
    Port { name: name.to_owned(), element_type, sides: sides.to_vec() }
}
