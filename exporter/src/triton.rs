//! A model repository for Triton Inference Server: `FOLDER/NAME/{config.pbtxt, 1/model.onnx}`.
//!
//! Fields and their meaning are those of `protobuf/model_config.proto` in the repository
//! <https://github.com/triton-inference-server/common>.

use std::path::{Path, PathBuf};

use edge_runtime::output::OutputFile;
use model_spec::variant::{LabelInput, Output};
use model_spec::{Metadata, contract};

use crate::ExportError;

/// The most requests that the server may join into one run.
const MOST_JOINED: usize = 16;
/// How long the server may hold a request back to join it with others, in microseconds.
const DELAY_US: usize = 2000;

/// Writes the repository; returns the model's folder in it.
///
/// # Errors
/// A place that can't be written.
pub fn write(folder: &Path, name: &str, metadata: &Metadata, model: &[u8]) -> Result<PathBuf, ExportError> {
    let folder = folder.join(name);
    OutputFile::create(&folder.join("1/model.onnx"))?.commit(model)?;
    OutputFile::create(&folder.join("config.pbtxt"))?.commit(config(name, metadata).as_bytes())?;
    Ok(folder)
}

/// A model's name in the server: letters, digits, `-` and `_` of a file's name.
pub fn name_from_path(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
    match stem.chars().map(plain).collect::<String>() {
        empty if empty.is_empty() => "model".to_owned(),
        name => name,
    }
}

/// The model's configuration as protobuf text.
///
/// A file with a free batch is given requests one by one and joined by the server; one with a fixed batch takes whole batches,
/// whose size is part of each shape.
pub fn config(name: &str, metadata: &Metadata) -> String {
    let (architecture, variant) = (&metadata.architecture, metadata.variant);
    let side = architecture.image_size;
    let labels = metadata.labels.len();
    let dims = |sides: &[usize]| {
        let sides: Vec<String> = variant.batch.iter().chain(sides).map(usize::to_string).collect();
        format!("dims: [ {} ]", sides.join(", "))
    };
    let label = match (variant.label_input, variant.batch) {
        (LabelInput::Mix, _) => format!("data_type: TYPE_FP32\n    {}", dims(&[labels])),
        (LabelInput::Index, Some(_)) => format!("data_type: TYPE_INT64\n    {}", dims(&[])),
        // The server wants a side beside the batch, which the file doesn't have.
        (LabelInput::Index, None) => "data_type: TYPE_INT64\n    dims: [ 1 ]\n    reshape { shape: [ ] }".to_owned(),
    };
    let picture = match variant.output {
        Output::Float => "TYPE_FP32",
        Output::Levels => "TYPE_UINT8",
    };
    let batching = match variant.batch {
        Some(_) => "max_batch_size: 0\n".to_owned(),
        None => format!(
            "max_batch_size: {MOST_JOINED}\ndynamic_batching {{\n  preferred_batch_size: [ 4, 8, {MOST_JOINED} ]\n  \
             max_queue_delay_microseconds: {DELAY_US}\n}}\n"
        ),
    };
    format!(
        "name: \"{name}\"\nbackend: \"onnxruntime\"\ndefault_model_filename: \"model.onnx\"\n{batching}input [\n  {{\n    \
         name: \"{}\"\n    data_type: TYPE_FP32\n    {}\n  }},\n  {{\n    name: \"{}\"\n    {label}\n  }}\n]\noutput [\n  \
         {{\n    name: \"{}\"\n    data_type: {picture}\n    {}\n  }}\n]\ninstance_group [\n  {{\n    count: 1\n    kind: \
         KIND_AUTO\n  }}\n]\nversion_policy {{ latest {{ num_versions: 1 }} }}\n",
        contract::LATENT,
        dims(&[architecture.latent_dim]),
        contract::LABEL,
        contract::IMAGE,
        dims(&[architecture.channels, side, side]),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model_spec::{Architecture, Labels, Variant};

    use super::*;

    /// Message, its fields, and the message of a field that is one: those that are used here, from `model_config.proto`.
    const SCHEMA: [(&str, &[(&str, &str)]); 8] = [
        (
            "ModelConfig",
            &[
                ("name", "string"),
                ("backend", "string"),
                ("default_model_filename", "string"),
                ("max_batch_size", "int32"),
                ("dynamic_batching", "ModelDynamicBatching"),
                ("input", "ModelInput"),
                ("output", "ModelOutput"),
                ("instance_group", "ModelInstanceGroup"),
                ("version_policy", "ModelVersionPolicy"),
            ],
        ),
        ("ModelDynamicBatching", &[("preferred_batch_size", "int32"), ("max_queue_delay_microseconds", "uint64")]),
        (
            "ModelInput",
            &[("name", "string"), ("data_type", "enum"), ("dims", "int64"), ("reshape", "ModelTensorReshape")],
        ),
        ("ModelOutput", &[("name", "string"), ("data_type", "enum"), ("dims", "int64")]),
        ("ModelTensorReshape", &[("shape", "int64")]),
        ("ModelInstanceGroup", &[("count", "int32"), ("kind", "enum")]),
        ("ModelVersionPolicy", &[("latest", "Latest")]),
        ("Latest", &[("num_versions", "uint32")]),
    ];
    const ENUMS: [&str; 4] = ["TYPE_FP32", "TYPE_INT64", "TYPE_UINT8", "KIND_AUTO"];

    fn tokens(text: &str) -> Vec<String> {
        let mut spaced = text.to_owned();
        for sign in ["{", "}", "[", "]", ":", ","] {
            spaced = spaced.replace(sign, &format!(" {sign} "));
        }
        spaced.split_whitespace().map(str::to_owned).collect()
    }

    /// Reads the fields of a message up to its end, each with its values; a message's own fields are checked on the way.
    fn read(message: &str, tokens: &mut std::vec::IntoIter<String>, found: &mut BTreeMap<String, Vec<String>>) {
        let schema: BTreeMap<_, _> = SCHEMA.into_iter().collect();
        let fields: BTreeMap<_, _> = schema[message].iter().copied().collect();
        while let Some(field) = tokens.next().filter(|token| token != "}") {
            let kind = *fields.get(field.as_str()).unwrap_or_else(|| panic!("{message} has no field {field}"));
            let mut next = tokens.next().expect("a value");
            if next == ":" {
                next = tokens.next().expect("a value");
            }
            let is_list = next == "[";
            let mut values = if is_list { Vec::new() } else { vec![next] };
            while let Some(value) = values.pop().or_else(|| tokens.next()).filter(|value| value != "]") {
                match (value.as_str(), schema.contains_key(kind)) {
                    (",", _) => {}
                    ("{", true) => read(kind, tokens, found),
                    (value, false) => {
                        let fits = match kind {
                            "string" => value.starts_with('"') && value.ends_with('"'),
                            "enum" => ENUMS.contains(&value),
                            _ => value.parse::<u64>().is_ok(),
                        };
                        assert!(fits, "{message}.{field}: {value} is no {kind}");
                        found.entry(format!("{message}.{field}")).or_default().push(value.to_owned());
                    }
                    (value, true) => panic!("{message}.{field}: {value} is no message"),
                }
                if !is_list {
                    break;
                }
            }
        }
    }

    fn configured(variant: Variant) -> BTreeMap<String, Vec<String>> {
        let metadata = Metadata {
            labels: Labels::new(vec!["a".into(), "b".into(), "c".into()]).expect("valid"),
            architecture: Architecture::reference(64, 1).expect("valid"),
            weights: "f16".into(),
            variant,
            stated_bound: None,
            recipe: "reference".into(),
            data_set: None,
            progress: None,
            scores: BTreeMap::new(),
            features: None,
            exporter: "tests".into(),
            golden: Vec::new(),
        };
        let mut found = BTreeMap::new();
        read("ModelConfig", &mut tokens(&config("hands", &metadata)).into_iter(), &mut found);
        found
    }

    #[test]
    fn every_field_is_one_of_the_schema_and_says_what_the_file_has() {
        let plain = configured(Variant::default());
        for (field, expected) in [
            ("ModelConfig.name", &["\"hands\""][..]),
            ("ModelConfig.backend", &["\"onnxruntime\""]),
            ("ModelConfig.max_batch_size", &["16"]),
            ("ModelDynamicBatching.preferred_batch_size", &["4", "8", "16"]),
            ("ModelInput.name", &["\"latent\"", "\"label\""]),
            ("ModelInput.data_type", &["TYPE_FP32", "TYPE_INT64"]),
            ("ModelInput.dims", &["100", "1"]),
            ("ModelOutput.data_type", &["TYPE_FP32"]),
            ("ModelOutput.dims", &["1", "64", "64"]),
            ("Latest.num_versions", &["1"]),
        ] {
            assert_eq!(plain[field], expected, "{field}");
        }
        let mix = configured(Variant { label_input: LabelInput::Mix, output: Output::Levels, ..Variant::default() });
        assert_eq!(mix["ModelInput.dims"], ["100", "3"]);
        assert_eq!(mix["ModelOutput.data_type"], ["TYPE_UINT8"]);
        let fixed = configured(Variant { batch: Some(4), ..Variant::default() });
        assert_eq!(fixed["ModelConfig.max_batch_size"], ["0"]);
        assert_eq!(fixed["ModelInput.dims"], ["4", "100", "4"]);
        assert_eq!(fixed["ModelOutput.dims"], ["4", "1", "64", "64"]);
        assert!(!fixed.contains_key("ModelDynamicBatching.preferred_batch_size"));
    }

    #[test]
    fn a_models_name_has_only_letters_that_the_server_takes() {
        for (path, expected) in [("models/gen.onnx", "gen"), ("a b.c.onnx", "a_b_c"), ("ä.onnx", "_"), ("..", "model")]
        {
            assert_eq!(name_from_path(Path::new(path)), expected);
        }
    }
}
