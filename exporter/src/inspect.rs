//! `exporter inspect`: what an ONNX file holds.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use edge_runtime::onnx::{ModelProto, TensorProto, ValueInfoProto, data_type};
use model_spec::contract;
use model_spec::metadata::Golden;
use prost::Message;

use crate::ExportError;

const MOST_BYTES: u64 = 1 << 30;
const LONGEST_TEXT: usize = 300;

/// Inputs, output, operators, weights, sizes and metadata as text.
///
/// # Errors
/// A file that can't be read, is over 1 GiB, or is no ONNX file.
pub fn text(path: &Path) -> Result<String, ExportError> {
    let format = |found: String| ExportError::Format {
        path: path.to_owned(),
        expected: "an ONNX file of at most 1 GiB".to_owned(),
        found,
    };
    let failed = |source| ExportError::Read { path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > MOST_BYTES {
        return Err(format(format!("{size} bytes")));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    let model = ModelProto::decode(bytes.as_slice()).map_err(|error| format(error.to_string()))?;
    let graph = model.graph.as_ref().ok_or_else(|| format("no graph".to_owned()))?;

    let mut text = format!("{}: {} bytes, ", path.display(), bytes.len());
    let opsets = model.opset_import.iter().map(|set| format!("{} {}", domain(&set.domain), set.version));
    let opsets = opsets.collect::<Vec<_>>().join(", ");
    let _ = writeln!(text, "{} {}, operator set {opsets}", model.producer_name, model.producer_version);
    for (title, values) in [("input", &graph.input), ("output", &graph.output)] {
        for value in values {
            let _ = writeln!(text, "{title:<9} {:<12} {}", value.name, value_type(value));
        }
    }
    let mut operators: BTreeMap<&str, usize> = BTreeMap::new();
    graph.node.iter().for_each(|node| *operators.entry(&node.op_type).or_default() += 1);
    let listed = operators.iter().map(|(operator, count)| format!("{operator} {count}")).collect::<Vec<_>>();
    let _ = writeln!(text, "operators {}", listed.join(", "));
    weights(&mut text, &graph.initializer);
    for entry in &model.metadata_props {
        let _ = writeln!(text, "{:<22} {}", entry.key, summarized(&entry.key, &entry.value));
    }
    Ok(text)
}

fn weights(text: &mut String, weights: &[TensorProto]) {
    let count = |weight: &TensorProto| weight.dims.iter().map(|side| side.max(&0)).product::<i64>();
    let floats = weights.iter().filter(|weight| weight.data_type != data_type::INT64);
    let _ = writeln!(text, "weights   {}, {} parameters", weights.len(), floats.map(count).sum::<i64>());
    for weight in weights {
        let kind = type_name(weight.data_type);
        let _ = writeln!(text, "  {:<24} {kind} {:?}, {} bytes", weight.name, weight.dims, weight.raw_data.len());
    }
}

fn summarized(key: &str, value: &str) -> String {
    if key == contract::GOLDEN_KEY
        && let Ok(golden) = parse_golden(value)
    {
        let listed = golden.iter().map(|golden| {
            format!(
                "label {} seed {} index {} ({} bytes)",
                golden.label,
                golden.seed,
                golden.index,
                golden.png_base64.len()
            )
        });
        return listed.collect::<Vec<_>>().join(", ");
    }
    let shown: String =
        value.chars().take(LONGEST_TEXT).map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    if shown.len() < value.len() { format!("{shown}... ({} bytes)", value.len()) } else { shown }
}

fn parse_golden(value: &str) -> Result<Vec<Golden>, serde_json::Error> {
    serde_json::from_str(value)
}

fn value_type(value: &ValueInfoProto) -> String {
    let Some(tensor) = value.r#type.as_ref().and_then(|value| value.tensor_type.as_ref()) else {
        return "no tensor".to_owned();
    };
    let dims = tensor.shape.iter().flat_map(|shape| &shape.dim).map(|dim| match (&dim.dim_value, &dim.dim_param) {
        (Some(side), _) => side.to_string(),
        (None, Some(name)) => name.clone(),
        (None, None) => "?".to_owned(),
    });
    format!("{} [{}]", type_name(tensor.elem_type), dims.collect::<Vec<_>>().join(", "))
}

fn type_name(data_type: i32) -> String {
    match data_type {
        data_type::FLOAT => "f32".to_owned(),
        data_type::FLOAT16 => "f16".to_owned(),
        data_type::INT64 => "i64".to_owned(),
        other => format!("type {other}"),
    }
}

fn domain(domain: &str) -> &str {
    if domain.is_empty() { "ai.onnx" } else { domain }
}
