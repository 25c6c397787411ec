//! A graph as an ONNX file.

use std::collections::BTreeMap;

use edge_runtime::onnx::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto, attribute_type, data_type,
};
use model_spec::contract;
use prost::Message;

use crate::graph::{Constant, ElementType, Graph, Node, Numbers, Operator, Port};

/// The operator set of a plain file.
pub const OPSET: i64 = 17;
/// The oldest operator set: the first with every operator of these graphs in the form that is written here.
pub const OLDEST_OPSET: i64 = 13;
/// The newest operator set in which nothing about these operators has changed.
pub const NEWEST_OPSET: i64 = 23;
/// Version of the file format that each operator set came with, from the oldest on (ONNX's `Versioning.md`).
const IR_VERSIONS: [i64; 11] = [7, 7, 8, 8, 8, 8, 9, 9, 10, 10, 11];

/// The bytes of a file of an operator set, from [`OLDEST_OPSET`] to [`NEWEST_OPSET`], with `metadata` as its key and text
/// pairs.
pub fn file_bytes(graph: &Graph, opset: i64, metadata: &BTreeMap<String, String>) -> Vec<u8> {
    let opset = opset.clamp(OLDEST_OPSET, NEWEST_OPSET);
    let entry = |(key, value): (&String, &String)| StringStringEntryProto { key: key.clone(), value: value.clone() };
    ModelProto {
        ir_version: IR_VERSIONS[(opset - OLDEST_OPSET) as usize],
        producer_name: env!("CARGO_PKG_NAME").to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(GraphProto {
            node: graph.nodes.iter().map(node).collect(),
            name: "generator".to_owned(),
            initializer: graph.constants.iter().map(constant).collect(),
            input: graph.inputs.iter().map(port).collect(),
            output: vec![port(&graph.output)],
        }),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: opset }],
        metadata_props: metadata.iter().map(entry).collect(),
    }
    .encode_to_vec()
}

fn node(node: &Node) -> NodeProto {
    let (op_type, attribute) = operator(node.operator);
    NodeProto {
        input: node.inputs.clone(),
        output: vec![node.output.clone()],
        name: node.name.clone(),
        op_type: op_type.to_owned(),
        attribute,
        domain: String::new(),
    }
}

fn operator(operator: Operator) -> (&'static str, Vec<AttributeProto>) {
    match operator {
        Operator::Linear => ("Gemm", vec![integer("transB", 1)]),
        Operator::LeakyRelu { slope } => ("LeakyRelu", vec![float("alpha", slope)]),
        Operator::Reshape => ("Reshape", vec![]),
        Operator::Gather => ("Gather", vec![integer("axis", 0)]),
        Operator::MatMul => ("MatMul", vec![]),
        Operator::Concat { axis } => ("Concat", vec![integer("axis", axis)]),
        Operator::DoublingConvTranspose => (
            "ConvTranspose",
            vec![integers("kernel_shape", &[4, 4]), integers("strides", &[2, 2]), integers("pads", &[1, 1, 1, 1])],
        ),
        Operator::SquareConv => (
            "Conv",
            vec![integers("kernel_shape", &[2, 2]), integers("strides", &[1, 1]), integers("pads", &[1, 1, 1, 1])],
        ),
        Operator::DepthToSpace => ("DepthToSpace", vec![integer("blocksize", 2), text("mode", "DCR")]),
        Operator::Slice => ("Slice", vec![]),
        Operator::Relu => ("Relu", vec![]),
        Operator::Tanh => ("Tanh", vec![]),
        Operator::CastToF32 => ("Cast", vec![integer("to", i64::from(data_type::FLOAT))]),
        Operator::CastToU8 => ("Cast", vec![integer("to", i64::from(data_type::UINT8))]),
        Operator::Add => ("Add", vec![]),
        Operator::Mul => ("Mul", vec![]),
        Operator::Floor => ("Floor", vec![]),
        Operator::Quantize => ("QuantizeLinear", vec![]),
        Operator::Dequantize { rows: false } => ("DequantizeLinear", vec![]),
        Operator::Dequantize { rows: true } => ("DequantizeLinear", vec![integer("axis", 0)]),
    }
}

fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.to_owned(), i: value, r#type: attribute_type::INT, ..Default::default() }
}

fn integers(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { name: name.to_owned(), ints: values.to_vec(), r#type: attribute_type::INTS, ..Default::default() }
}

fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { name: name.to_owned(), f: value, r#type: attribute_type::FLOAT, ..Default::default() }
}

fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        s: value.as_bytes().to_vec(),
        r#type: attribute_type::STRING,
        ..Default::default()
    }
}

fn constant(constant: &Constant) -> TensorProto {
    let (data_type, raw_data) = match &constant.numbers {
        Numbers::F32(numbers) => (data_type::FLOAT, numbers.iter().flat_map(|number| number.to_le_bytes()).collect()),
        Numbers::F16(numbers) => (data_type::FLOAT16, numbers.iter().flat_map(|number| number.to_le_bytes()).collect()),
        Numbers::I8(numbers) => (data_type::INT8, numbers.iter().flat_map(|number| number.to_le_bytes()).collect()),
        Numbers::U8(numbers) => (data_type::UINT8, numbers.clone().into()),
        Numbers::I32(numbers) => (data_type::INT32, numbers.iter().flat_map(|number| number.to_le_bytes()).collect()),
        Numbers::I64(numbers) => (data_type::INT64, numbers.iter().flat_map(|number| number.to_le_bytes()).collect()),
    };
    TensorProto {
        dims: constant.shape.iter().map(|side| *side as i64).collect(),
        data_type,
        name: constant.name.clone(),
        raw_data,
        data_location: 0,
    }
}

fn port(port: &Port) -> ValueInfoProto {
    let elem_type = match port.element_type {
        ElementType::F32 => data_type::FLOAT,
        ElementType::I64 => data_type::INT64,
        ElementType::U8 => data_type::UINT8,
    };
    let side = |side: &usize| DimensionProto { dim_value: Some(*side as i64), dim_param: None };
    let batch = match &port.batch {
        Some(batch) => side(batch),
        None => DimensionProto { dim_param: Some(contract::BATCH.to_owned()), dim_value: None },
    };
    let dim = std::iter::once(batch).chain(port.sides.iter().map(side)).collect();
    let shape = Some(TensorShapeProto { dim });
    ValueInfoProto {
        name: port.name.clone(),
        r#type: Some(TypeProto { tensor_type: Some(TensorTypeProto { elem_type, shape }) }),
    }
}
