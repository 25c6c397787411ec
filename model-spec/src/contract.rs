//! Names in the ONNX file: inputs, output and metadata keys.

/// f32 `[batch, latent_dim]`
pub const LATENT: &str = "latent";
/// i64 `[batch]`
pub const LABEL: &str = "label";
/// f32 `[batch, channels, side, side]` in [-1, 1]
pub const IMAGE: &str = "image";
/// Name of the symbolic first dimension.
pub const BATCH: &str = "batch";

/// Every metadata key of ours starts with this.
pub const PREFIX: &str = "mudra.";
/// Version of the metadata, a decimal number.
pub const SCHEMA_VERSION_KEY: &str = "mudra.schema_version";
/// Labels in index order, a JSON array of strings.
pub const LABELS_KEY: &str = "mudra.labels";
/// The numbers of [`crate::Architecture`], a JSON object.
pub const ARCHITECTURE_KEY: &str = "mudra.architecture";
/// Name of the latent sampler, [`crate::latent::SAMPLER`].
pub const SAMPLER_KEY: &str = "mudra.sampler";
/// Layout of the output, [`PICTURE`].
pub const PICTURE_KEY: &str = "mudra.picture";
/// Stored precision of the weights: `f32` or `f16`.
pub const WEIGHTS_KEY: &str = "mudra.weights";
/// Recipe name.
pub const RECIPE_KEY: &str = "mudra.recipe";
/// [`crate::manifest::DataSet`], a JSON object.
pub const DATA_SET_KEY: &str = "mudra.data_set";
/// [`crate::manifest::Progress`], a JSON object.
pub const PROGRESS_KEY: &str = "mudra.progress";
/// Scores by name, a JSON object.
pub const SCORES_KEY: &str = "mudra.scores";
/// SHA-256 of the network whose features the quality scores come from.
pub const FEATURES_KEY: &str = "mudra.features";
/// Name and version of the program that wrote the file.
pub const EXPORTER_KEY: &str = "mudra.exporter";
/// Golden pictures, a JSON array of [`crate::metadata::Golden`].
pub const GOLDEN_KEY: &str = "mudra.golden";

/// The one picture layout of the contract.
pub const PICTURE: &str = "nchw rgb-or-gray [-1,1]";
/// The most bytes that all golden pictures may take, in base64.
pub const GOLDEN_BYTES: usize = 150_000;
