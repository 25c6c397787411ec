//! Names in the ONNX file: inputs, output and metadata keys.

/// f32 `[batch, latent_dim]`
pub const LATENT: &str = "latent";
/// i64 `[batch]`, or where labels can be mixed f32 `[batch, labels]`
pub const LABEL: &str = "label";
/// `[batch, channels, side, side]`, f32 in [-1, 1] or u8
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
/// Layout of the output, [`PICTURE`] or [`PICTURE_LEVELS`].
pub const PICTURE_KEY: &str = "mudra.picture";
/// How the weights whose products are of f32 are stored, the name of a [`crate::variant::Precision`].
pub const WEIGHTS_KEY: &str = "mudra.weights";
/// What the label input takes, where it is no index: [`crate::variant::LabelInput`].
pub const LABEL_INPUT_KEY: &str = "mudra.label_input";
/// Pictures of one run, where their number is fixed.
pub const BATCH_KEY: &str = "mudra.batch";
/// How transposed convolutions are written, where they are not as such: [`crate::variant::Rewrite`].
pub const REWRITE_KEY: &str = "mudra.rewrite";
/// What the products of the blocks are computed in, where it is not f32: [`crate::variant::Compute`].
pub const COMPUTE_KEY: &str = "mudra.compute";
/// How far pictures may be from the golden ones, where it is more than one level: [`crate::metadata::Bound`], a JSON object.
pub const BOUND_KEY: &str = "mudra.bound";
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

/// The plain picture layout.
pub const PICTURE: &str = "nchw rgb-or-gray [-1,1]";
/// The picture layout of 8-bit levels.
pub const PICTURE_LEVELS: &str = "nchw rgb-or-gray u8 [0,255]";
/// The steps from [-1, 1] to 8-bit levels, each an ONNX operator with the number that it takes: `floor((floor((x + 1) * 255)
/// + 1) / 2)` is [`crate::pixels::u8_from_signed`] to the level, where ONNX's own `Round` takes halves to even ones.
pub const LEVEL_STEPS: [(&str, Option<f32>); 7] = [
    ("Add", Some(1.0)),
    ("Mul", Some(255.0)),
    ("Floor", None),
    ("Add", Some(1.0)),
    ("Mul", Some(0.5)),
    ("Floor", None),
    ("Cast", None),
];
/// The least and the greatest size of a step of 8-bit maps and kernels: f32 still holds products and quotients of them.
pub const STEP_SIZES: [f32; 2] = [1e-12, 1e12];
/// The most pictures of one run that a file may fix.
pub const MOST_BATCH: usize = 256;
/// The most bytes that all golden pictures may take, in base64.
pub const GOLDEN_BYTES: usize = 150_000;
