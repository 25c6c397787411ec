//! `exporter inspect`: what an ONNX file holds, whoever wrote it.

use std::collections::BTreeMap;
use std::path::Path;

use edge_runtime::model;
use edge_runtime::onnx::{GraphProto, ModelProto, StringStringEntryProto, TensorProto, ValueInfoProto, data_type};
use model_spec::contract;
use model_spec::metadata::Golden;

use crate::shown::shown;
use crate::{ExportError, boards};

/// Inputs, outputs, operators, weights, sizes and metadata as text.
///
/// # Errors
/// Those of [`model::read_any`], and a file without a graph.
pub fn text(path: &Path) -> Result<String, ExportError> {
    let (bytes, model) = model::read_any(path)?;
    let graph = model.graph.as_ref().ok_or_else(|| ExportError::Format {
        path: path.to_owned(),
        expected: "an ONNX file with a graph".to_owned(),
        found: "none".to_owned(),
    })?;
    Ok([
        format!("{}\n", path.display()),
        about(&model, bytes.len()),
        values("input", &graph.input),
        values("output", &graph.output),
        operators(graph),
        boards::text(&bytes),
        weights(&graph.initializer),
        metadata(&model.metadata_props),
    ]
    .concat())
}

fn about(model: &ModelProto, bytes: usize) -> String {
    let name = |domain: &str| if domain.is_empty() { "ai.onnx".to_owned() } else { shown(domain) };
    let sets = model.opset_import.iter().map(|set| format!("{} {}", name(&set.domain), set.version));
    let sets = sets.collect::<Vec<_>>().join(", ");
    let (writer, version) = (shown(&model.producer_name), shown(&model.producer_version));
    format!(
        "size       {bytes} bytes\nformat     version {}, operator set {sets}\nwriter     {writer} {version}\n",
        model.ir_version
    )
}

fn values(title: &str, values: &[ValueInfoProto]) -> String {
    values.iter().map(|value| format!("{title:<10} {} {}\n", shown(&value.name), value_type(value))).collect()
}

fn value_type(value: &ValueInfoProto) -> String {
    let Some(tensor) = value.r#type.as_ref().and_then(|value| value.tensor_type.as_ref()) else {
        return "no tensor".to_owned();
    };
    let dims = tensor.shape.iter().flat_map(|shape| &shape.dim).map(|dim| match (&dim.dim_value, &dim.dim_param) {
        (Some(side), _) => side.to_string(),
        (None, Some(name)) => shown(name),
        (None, None) => "?".to_owned(),
    });
    format!("{} [{}]", data_type::name(tensor.elem_type), dims.collect::<Vec<_>>().join(", "))
}

fn operators(graph: &GraphProto) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    graph.node.iter().for_each(|node| *counts.entry(&node.op_type).or_default() += 1);
    let listed: Vec<_> = counts.iter().map(|(operator, count)| format!("{count} {}", shown(operator))).collect();
    format!("operators  {}: {}\n", graph.node.len(), listed.join(", "))
}

fn weights(weights: &[TensorProto]) -> String {
    let mut parameters = 0u64;
    let mut lines = String::new();
    for weight in weights {
        let sides = weight.dims.iter().map(|side| u64::try_from(*side).unwrap_or(0));
        let numbers = sides.fold(1, u64::saturating_mul);
        if weight.data_type != data_type::INT64 {
            parameters = parameters.saturating_add(numbers);
        }
        let place = match weight.raw_data.len() {
            // In another file, or in fields of other writers that are not read.
            0 if numbers > 0 => "elsewhere".to_owned(),
            bytes => format!("{bytes} bytes"),
        };
        let (name, kind) = (shown(&weight.name), data_type::name(weight.data_type));
        lines += &format!("  {name:<24} {kind} {:?}, {place}\n", weight.dims);
    }
    format!("weights    {}, with {parameters} parameters\n{lines}", weights.len())
}

fn metadata(entries: &[StringStringEntryProto]) -> String {
    let line = |entry: &StringStringEntryProto| {
        let value = match summary(entry) {
            Some(summary) => summary,
            None => shown(&entry.value),
        };
        format!("  {:<24} {value}\n", shown(&entry.key))
    };
    format!("metadata   {}\n{}", entries.len(), entries.iter().map(line).collect::<String>())
}

/// Golden pictures in few words.
fn summary(entry: &StringStringEntryProto) -> Option<String> {
    if entry.key != contract::GOLDEN_KEY {
        return None;
    }
    let golden: Vec<Golden> = serde_json::from_str(&entry.value).ok()?;
    let bytes: usize = golden.iter().map(|golden| golden.png_base64.len()).sum();
    let one = |golden: &Golden| format!("label {} seed {} index {}", golden.label, golden.seed, golden.index);
    let listed = golden.iter().map(one).collect::<Vec<_>>().join(", ");
    Some(format!("{} pictures, {bytes} bytes in base64: {}", golden.len(), shown(&listed)))
}
