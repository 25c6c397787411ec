//! A summary of both networks: layers, output shapes, parameters, multiplications.

use std::fmt::Write;

use edge_runtime::output;
use model_spec::Architecture;
use model_spec::architecture::{Doubling, Opponent, STEM_SIZE};
use model_spec::weights::{KERNEL, UPSAMPLED_KERNEL, WeightSpec, discriminator_weights, generator_weights};

use crate::cli::SummaryOptions;

const CHANNELS: usize = 3;

/// Prints the summary of a recipe's networks at a size.
///
/// # Errors
/// A size outside the family.
pub fn run(options: &SummaryOptions) -> anyhow::Result<()> {
    let architecture = options.recipe.architecture(options.preset, options.size, CHANNELS)?;
    Ok(output::print(&format!("{}\n", text(&architecture, options.labels)))?)
}

/// Both networks as text.
pub fn text(architecture: &Architecture, labels: usize) -> String {
    let generator = table("generator", &generator_rows(architecture, labels), &generator_weights(architecture, labels));
    let discriminator = discriminator_weights(architecture, labels);
    format!("{generator}\n{}", table("discriminator", &discriminator_rows(architecture, labels), &discriminator))
}

/// One layer of one picture's way through a network.
struct Row {
    layer: String,
    output: Vec<usize>,
    parameters: usize,
    macs: usize,
}

impl Row {
    fn new(layer: impl Into<String>, output: &[usize], parameters: usize, macs: usize) -> Self {
        Self { layer: layer.into(), output: output.to_vec(), parameters, macs }
    }

    fn linear(name: &str, inputs: usize, outputs: usize) -> Self {
        let layer = format!("{name}: Linear({inputs}, {outputs})");
        Self::new(layer, &[outputs], inputs * outputs + outputs, inputs * outputs)
    }
}

fn generator_rows(architecture: &Architecture, labels: usize) -> Vec<Row> {
    let (embedding, stem) = (architecture.embedding_dim, STEM_SIZE * STEM_SIZE);
    let mut rows = vec![
        Row::new(format!("label: Embedding({labels}, {embedding})"), &[embedding], labels * embedding, 0),
        Row::linear("label", embedding, stem),
        Row::linear("latent", architecture.latent_dim, architecture.stem_channels * stem),
        Row::new("LeakyReLU, joined", &[architecture.stem_channels + 1, STEM_SIZE, STEM_SIZE], 0, 0),
    ];
    let mut side = STEM_SIZE;
    for (block, (inputs, outputs)) in architecture.block_channels().into_iter().enumerate() {
        let macs = inputs * outputs * KERNEL * KERNEL * side * side;
        side *= 2;
        let output = [outputs, side, side];
        let (layer, kernel) = match architecture.doubling {
            Doubling::Transposed => (format!("ConvTranspose2d({inputs}, {outputs}, 4, 2, 1)"), KERNEL),
            Doubling::Upsampled => (format!("Upsample(2), Conv2d({inputs}, {outputs}, 3, 1, 1)"), UPSAMPLED_KERNEL),
        };
        rows.push(Row::new(layer, &output, inputs * outputs * kernel * kernel, macs));
        let last = block + 1 == architecture.blocks();
        let (layer, parameters) = if last { ("Tanh", 0) } else { ("BatchNorm2d, ReLU", 2 * outputs) };
        rows.push(Row::new(layer, &output, parameters, 0));
    }
    rows
}

fn discriminator_rows(architecture: &Architecture, labels: usize) -> Vec<Row> {
    match architecture.discriminator {
        Opponent::Concatenation => concatenation_rows(architecture, labels),
        Opponent::Projection => projection_rows(architecture, labels),
    }
}

fn projection_rows(architecture: &Architecture, labels: usize) -> Vec<Row> {
    let mut inputs = architecture.channels;
    let mut rows = Vec::new();
    let layers = architecture.discriminator_widths.iter().copied().zip(architecture.discriminator_sides());
    for (outputs, side) in layers {
        let kernel = inputs * outputs * KERNEL * KERNEL;
        let layer = format!("Conv2d({inputs}, {outputs}, 4, 2, 1), LeakyReLU");
        rows.push(Row::new(layer, &[outputs, side, side], kernel + outputs, kernel * side * side));
        inputs = outputs;
    }
    rows.push(Row::new("joined with deviation by label", &[inputs + 1, STEM_SIZE, STEM_SIZE], 0, 0));
    let kernel = (inputs + 1) * inputs * KERNEL * KERNEL;
    let layer = format!("Conv2d({}, {inputs}, 4), LeakyReLU", inputs + 1);
    rows.push(Row::new(layer, &[inputs], kernel + inputs, kernel));
    rows.push(Row::linear("output", inputs, 1));
    rows.push(Row::new(format!("label: Embedding({labels}, {inputs})"), &[inputs], labels * inputs, 0));
    rows.push(Row::new("output + features . label", &[1], 0, inputs));
    rows
}

fn concatenation_rows(architecture: &Architecture, labels: usize) -> Vec<Row> {
    let embedding = architecture.embedding_dim;
    let mut inputs = 2 * architecture.channels;
    let side = architecture.image_size;
    let mut rows = vec![
        Row::new(format!("label: Embedding({labels}, {embedding})"), &[embedding], labels * embedding, 0),
        Row::linear("label", embedding, architecture.pixels()),
        Row::new("joined", &[inputs, side, side], 0, 0),
    ];
    let layers = architecture.discriminator_widths.iter().copied().zip(architecture.discriminator_sides());
    for (index, (outputs, side)) in layers.enumerate() {
        let (stride, padding) = if index == 0 { (2, 1) } else { (3, 2) };
        let kernel = inputs * outputs * KERNEL * KERNEL;
        let output = [outputs, side, side];
        let layer = format!("Conv2d({inputs}, {outputs}, 4, {stride}, {padding})");
        rows.push(Row::new(layer, &output, kernel, kernel * side * side));
        let (layer, parameters) = if index == 0 { ("LeakyReLU", 0) } else { ("BatchNorm2d, LeakyReLU", 2 * outputs) };
        rows.push(Row::new(layer, &output, parameters, 0));
        inputs = outputs;
    }
    let features = architecture.discriminator_features();
    rows.push(Row::new("Flatten, Dropout(0.4)", &[features], 0, 0));
    rows.push(Row::linear("output", features, 1));
    rows.push(Row::new("Sigmoid", &[1], 0, 0));
    rows
}

fn table(name: &str, rows: &[Row], weights: &[WeightSpec]) -> String {
    let mut text = format!("{name:<42} {:<20} {:>12} {:>16}\n", "output [N, ...]", "parameters", "multiplications");
    for row in rows {
        let output = format!("{:?}", row.output);
        let _ = writeln!(
            text,
            "  {:<40} {output:<20} {:>12} {:>16}",
            row.layer,
            or_dash(row.parameters),
            or_dash(row.macs)
        );
    }
    let parameters: usize =
        weights.iter().filter(|spec| spec.role.is_trained()).map(|spec| spec.shape.iter().product::<usize>()).sum();
    debug_assert_eq!(parameters, rows.iter().map(|row| row.parameters).sum::<usize>());
    let macs: usize = rows.iter().map(|row| row.macs).sum();
    let _ = writeln!(text, "  {:<40} {:<20} {parameters:>12} {macs:>16}", "total", "");
    text
}

fn or_dash(number: usize) -> String {
    if number == 0 { "-".to_owned() } else { number.to_string() }
}
