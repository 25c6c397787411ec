//! A model repository for Triton Inference Server: `FOLDER/NAME/{config.pbtxt, 1/model.onnx}`.
//!
//! Fields and their meaning are those of `protobuf/model_config.proto` in the repository
//! <https://github.com/triton-inference-server/common>.

use std::fs;
use std::path::{Path, PathBuf};

use edge_runtime::output::{CompleteFile, OutputFile};
use edge_runtime::restore::Restored;
use model_spec::variant::{LabelInput, Output};
use model_spec::{Metadata, contract};

use crate::ExportError;

/// The most requests that the server may join into one run.
const MOST_JOINED: usize = 16;
/// How long the server may hold a request back to join it with others, in microseconds.
const DELAY_US: usize = 2000;

/// The folder of a model's only version.
const VERSION: &str = "1";

/// A place for one model in a repository, open to be written.
#[derive(Debug)]
pub struct Place {
    name: String,
    model: OutputFile,
    config: OutputFile,
    /// Last, so that the files in it go before it.
    folder: Folder,
}

impl Place {
    /// Opens the files of a model of this name.
    ///
    /// # Errors
    /// A place that can't be written.
    pub fn create(repository: &Path, name: String) -> Result<Self, ExportError> {
        let folder = Folder::new(repository.join(&name));
        let model = OutputFile::create(&model_path(repository, &name))?;
        let config = OutputFile::create(&folder.path.join("config.pbtxt"))?;
        Ok(Self { name, model, config, folder })
    }

    /// Writes the model and its configuration.
    ///
    /// # Errors
    /// A write that fails.
    pub fn write(self, metadata: &Metadata, bytes: &[u8]) -> Result<CompletePlace, ExportError> {
        let model = self.model.write_synced(bytes)?;
        let config = self.config.write_synced(config(&self.name, metadata).as_bytes())?;
        Ok(CompletePlace { model, config, folder: self.folder })
    }
}

/// A model and its configuration, complete and without their names.
#[derive(Debug)]
pub struct CompletePlace {
    model: CompleteFile,
    config: CompleteFile,
    folder: Folder,
}

impl CompletePlace {
    /// Gives both their names, one right after the other; returns the model's folder.
    ///
    /// # Errors
    /// A name that a file can't get.
    pub fn give_names(self) -> Result<PathBuf, ExportError> {
        self.model.give_name()?;
        self.config.give_name()?;
        Ok(self.folder.path.clone())
    }
}

/// The folder of a model.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    _restored: Restored<PathBuf>,
}

impl Folder {
    /// In the end this folder and that of the version are taken away where they are empty, as of a model that was not written.
    fn new(path: PathBuf) -> Self {
        let restored = Restored::new(path.clone(), |path| {
            for folder in [path.join(VERSION), path] {
                // Others are not empty, and stay.
                let _ = fs::remove_dir(folder);
            }
        });
        Self { path, _restored: restored }
    }
}

/// Where a repository has the model of a name.
pub fn model_path(repository: &Path, name: &str) -> PathBuf {
    repository.join(name).join(VERSION).join("model.onnx")
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

    use model_spec::variant::Precision;
    use model_spec::{Architecture, Labels, Variant};

    use super::*;

    #[test]
    fn a_model_that_is_not_written_leaves_no_folder() {
        let repository = tempfile::tempdir().expect("a folder");
        let place = || Place::create(repository.path(), "gen".to_owned()).expect("a place");
        let complete = || place().write(&metadata(Variant::default()), b"a model").expect("writable");
        let folder = repository.path().join("gen");
        drop(place());
        assert!(!folder.exists());
        drop(complete());
        assert!(!folder.exists());
        let written = complete().give_names().expect("written");
        drop(place());
        assert_eq!((&written, fs::read(folder.join("1/model.onnx")).expect("there")), (&folder, b"a model".to_vec()));
        assert!(folder.join("config.pbtxt").is_file());
    }

    #[test]
    fn a_model_has_no_name_before_its_configuration_is_complete() {
        let repository = tempfile::tempdir().expect("a folder");
        let place = Place::create(repository.path(), "gen".to_owned()).expect("a place");
        let complete = place.write(&metadata(Variant::default()), b"a model").expect("writable");
        let files = ["gen/1/model.onnx", "gen/config.pbtxt"].map(|name| repository.path().join(name));
        assert!(files.iter().all(|file| !file.exists()));
        complete.give_names().expect("written");
        assert!(files.iter().all(|file| file.is_file()));
    }

    #[test]
    fn a_place_of_which_one_file_cannot_be_opened_leaves_nothing_of_the_other() {
        let repository = tempfile::tempdir().expect("a folder");
        let folder = repository.path().join("gen");
        fs::create_dir_all(folder.join("config.pbtxt")).expect("writable");
        Place::create(repository.path(), "gen".to_owned()).expect_err("refused");
        assert!(!folder.join(VERSION).exists() && folder.join("config.pbtxt").is_dir());
    }

    fn configured(variant: Variant) -> String {
        config("hands", &metadata(variant))
    }

    fn metadata(variant: Variant) -> Metadata {
        Metadata {
            labels: Labels::new(vec!["a".into(), "b".into(), "c".into()]).expect("valid"),
            architecture: Architecture::reference(64, 1).expect("valid"),
            weights: Precision::F16,
            variant,
            stated_bound: None,
            recipe: "reference".into(),
            data_set: None,
            progress: None,
            scores: BTreeMap::new(),
            features: None,
            exporter: "tests".into(),
            golden: Vec::new(),
        }
    }

    /// `cargo xtask test` holds files of each kind against NVIDIA's own messages; this goes without Python.
    #[test]
    fn a_configuration_says_what_the_file_has() {
        let plain = r#"name: "hands"
backend: "onnxruntime"
default_model_filename: "model.onnx"
max_batch_size: 16
dynamic_batching {
  preferred_batch_size: [ 4, 8, 16 ]
  max_queue_delay_microseconds: 2000
}
input [
  {
    name: "latent"
    data_type: TYPE_FP32
    dims: [ 100 ]
  },
  {
    name: "label"
    data_type: TYPE_INT64
    dims: [ 1 ]
    reshape { shape: [ ] }
  }
]
output [
  {
    name: "image"
    data_type: TYPE_FP32
    dims: [ 1, 64, 64 ]
  }
]
instance_group [
  {
    count: 1
    kind: KIND_AUTO
  }
]
version_policy { latest { num_versions: 1 } }
"#;
        assert_eq!(configured(Variant::default()), plain);
        let mix = configured(Variant { label_input: LabelInput::Mix, output: Output::Levels, ..Variant::default() });
        let expected = plain
            .replace("TYPE_INT64\n    dims: [ 1 ]\n    reshape { shape: [ ] }", "TYPE_FP32\n    dims: [ 3 ]")
            .replace("TYPE_FP32\n    dims: [ 1, 64, 64 ]", "TYPE_UINT8\n    dims: [ 1, 64, 64 ]");
        assert_eq!(mix, expected);
        let fixed = configured(Variant { batch: Some(4), ..Variant::default() });
        assert!(fixed.contains("max_batch_size: 0\ninput"), "{fixed}");
        for dims in ["dims: [ 4, 100 ]", "TYPE_INT64\n    dims: [ 4 ]\n  }", "dims: [ 4, 1, 64, 64 ]"] {
            assert!(fixed.contains(dims), "{dims}: {fixed}");
        }
    }

    #[test]
    fn a_models_name_has_only_letters_that_the_server_takes() {
        for (path, expected) in [("models/gen.onnx", "gen"), ("a b.c.onnx", "a_b_c"), ("ä.onnx", "_"), ("..", "model")]
        {
            assert_eq!(name_from_path(Path::new(path)), expected);
        }
    }
}
