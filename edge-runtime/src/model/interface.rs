//! Inputs, outputs and operator sets of a file, held against the contract.

use model_spec::variant::{LabelInput, Output};
use model_spec::{Metadata, contract as names};

use super::contract;
use crate::RuntimeError;
use crate::onnx::{DimensionProto, ModelProto, ValueInfoProto, data_type};

/// Checks names, types and shapes of inputs and output, and that nothing but ONNX's own operators is used.
pub(super) fn check(model: &ModelProto, metadata: &Metadata) -> Result<(), RuntimeError> {
    if let Some(other) = model.opset_import.iter().find(|set| !is_standard_domain(&set.domain)) {
        return Err(contract("operator set", "ONNX's own", format!("domain {:?}", other.domain)));
    }
    let Some(graph) = &model.graph else {
        return Err(contract("file", "a graph", "none"));
    };
    let architecture = &metadata.architecture;
    let side = architecture.image_size;
    let latent = Value { name: names::LATENT, data_type: data_type::FLOAT, sides: &[architecture.latent_dim] };
    let labels = [metadata.labels.len()];
    let label = match metadata.variant.label_input {
        LabelInput::Index => Value { name: names::LABEL, data_type: data_type::INT64, sides: &[] },
        LabelInput::Mix => Value { name: names::LABEL, data_type: data_type::FLOAT, sides: &labels },
    };
    let data_type = picture_type(metadata.variant.output);
    let image = Value { name: names::IMAGE, data_type, sides: &[architecture.channels, side, side] };
    let batch = metadata.variant.batch;
    check_values("inputs", &graph.input, &[latent, label], batch)?;
    check_values("outputs", &graph.output, &[image], batch)
}

/// ONNX's number of the element type of pictures.
pub(super) fn picture_type(output: Output) -> i32 {
    match output {
        Output::Float => data_type::FLOAT,
        Output::Levels => data_type::UINT8,
    }
}

pub(super) fn is_standard_domain(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

/// One input or output; `sides` follow the batch.
struct Value<'a> {
    name: &'a str,
    data_type: i32,
    sides: &'a [usize],
}

fn check_values(
    part: &str,
    found: &[ValueInfoProto],
    expected: &[Value<'_>],
    batch: Option<usize>,
) -> Result<(), RuntimeError> {
    let listed = |names: Vec<&str>| format!("{names:?}");
    let named = |name: &str| found.iter().find(|value| value.name == name);
    if found.len() != expected.len() || expected.iter().any(|value| named(value.name).is_none()) {
        let expected = listed(expected.iter().map(|value| value.name).collect());
        return Err(contract(part, expected, listed(found.iter().map(|value| value.name.as_str()).collect())));
    }
    for value in expected {
        if let Some(found) = named(value.name) {
            check_value(found, value, batch)?;
        }
    }
    Ok(())
}

fn check_value(found: &ValueInfoProto, expected: &Value<'_>, fixed: Option<usize>) -> Result<(), RuntimeError> {
    let tensor = found.r#type.as_ref().and_then(|found| found.tensor_type.as_ref());
    let dims = sides(found);
    let fits = match dims {
        [batch, sides @ ..] => {
            is_batch(batch, fixed)
                && sides.len() == expected.sides.len()
                && sides.iter().zip(expected.sides).all(|(found, side)| is_side(found, *side))
        }
        [] => false,
    };
    let found_type = tensor.map_or(0, |tensor| tensor.elem_type);
    if fits && found_type == expected.data_type {
        return Ok(());
    }
    let batch = fixed.map_or(names::BATCH.to_owned(), |batch| batch.to_string());
    let wanted: Vec<String> = std::iter::once(batch).chain(expected.sides.iter().map(usize::to_string)).collect();
    let text = |data_type: i32, sides: Vec<String>| format!("{} [{}]", data_type::name(data_type), sides.join(", "));
    let shown = text(found_type, dims.iter().map(describe).collect());
    Err(contract(format!("{:?}", expected.name), text(expected.data_type, wanted), shown))
}

/// The sides of a value, outermost first; none where it has no shape.
fn sides(value: &ValueInfoProto) -> &[DimensionProto] {
    let tensor = value.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    tensor.and_then(|tensor| tensor.shape.as_ref()).map_or(&[], |shape| &shape.dim)
}

/// The first side of a value, where it is a number.
pub(super) fn batch_of(value: &ValueInfoProto) -> Option<i64> {
    sides(value).first()?.dim_value
}

/// As the metadata fix it; else free, or one: every engine can run one picture at a time.
fn is_batch(dim: &DimensionProto, fixed: Option<usize>) -> bool {
    match fixed {
        Some(_) => dim.dim_value.and_then(|value| usize::try_from(value).ok()) == fixed,
        None => dim.dim_value.is_none_or(|value| value == 1),
    }
}

fn is_side(dim: &DimensionProto, side: usize) -> bool {
    dim.dim_value.is_some_and(|value| usize::try_from(value) == Ok(side))
}

fn describe(dim: &DimensionProto) -> String {
    match (&dim.dim_value, &dim.dim_param) {
        (Some(value), _) => value.to_string(),
        (None, Some(name)) => name.clone(),
        (None, None) => "?".to_owned(),
    }
}
