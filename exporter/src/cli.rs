//! The command line.

use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use exporter::export::{Precision, Settings};
use exporter::source::Wanted;
use exporter::verify::{EXACT, ONE_LEVEL};
use exporter::{ExportError, calibrate, onnx};
use model_spec::Variant;
use model_spec::contract::MOST_BATCH;
use model_spec::variant::{Compute, LabelInput, Output, Rewrite};

/// The most latents of a calibration.
const MOST_SEEDS: u64 = calibrate::MOST_PICTURES as u64;

/// Writes a trained generator to an ONNX file, checked before it is written
#[derive(Debug, Parser)]
#[command(name = "exporter", version, args_conflicts_with_subcommands = true, max_term_width = 110)]
#[command(after_help = "Exit code 0: done, 1: failed, 2: wrong usage, 130: interrupted.")]
pub struct Cli {
    #[command(flatten)]
    pub export: ExportOptions,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print what each stored precision costs in quality, as a Markdown table
    Ladder(LadderOptions),
    /// Print an ONNX file's inputs, outputs, operators, weights and metadata
    Inspect {
        /// ONNX file, of any writer
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub struct LadderOptions {
    #[command(flatten)]
    pub source: SourceOptions,
    /// Pictures to make with each precision
    #[arg(short = 'n', long, value_name = "N", default_value = "1000", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    pub samples: usize,
    /// Latents that int8 compute is calibrated over, each with every label, 10,000 pictures at most
    #[arg(long, value_name = "N", default_value_t = calibrate::SEEDS, value_parser = RangedU64ValueParser::<usize>::new().range(1..=MOST_SEEDS))]
    pub calibrate: usize,
    /// Print nothing but the table and errors
    #[arg(short, long)]
    pub quiet: bool,
}

/// Where the generator comes from.
#[derive(Debug, Args)]
pub struct SourceOptions {
    /// Run (its best checkpoint, else its latest), folder of runs (of these the newest), checkpoint or state dict
    /// [default: latest, the newest in runs]
    #[arg(long, value_name = "RUN|CHECKPOINT|FILE.pth")]
    run: Option<PathBuf>,
    /// Model file of ours with f32 or f16 weights, in place of a run
    #[arg(long, value_name = "FILE.onnx", conflicts_with_all = ["run", "labels"])]
    from: Option<PathBuf>,
    /// Label names of a PyTorch state dict, in the order of training
    #[arg(long, value_name = "A,B,C", value_delimiter = ',', value_parser = label)]
    labels: Option<Vec<String>>,
}

impl SourceOptions {
    /// The source asked for.
    pub fn wanted(&self) -> Wanted<'_> {
        Wanted {
            run: self.run.as_deref(),
            from: self.from.as_deref(),
            labels: self.labels.as_deref(),
            data_licence: None,
        }
    }
}

#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub struct ExportOptions {
    #[command(flatten)]
    source: SourceOptions,
    /// Credit and licence of the data set, for the metadata [default: what the source says]
    #[arg(long, value_name = "TEXT")]
    data_licence: Option<String>,
    /// ONNX file to write
    #[arg(short, long, value_name = "FILE.onnx", default_value = "models/gen.onnx")]
    pub out: PathBuf,
    /// How weights of f32 products are stored; f16 moves no pixel by more than 1 of 255, int8 more (see ladder); left out,
    /// f32 where f16 would, or can't hold one [default: f16]
    #[arg(long, value_enum, value_name = "PRECISION")]
    weights: Option<PrecisionName>,
    /// What the label input takes: an index, or how much of each label, so that pictures can lie between two
    #[arg(long, value_enum, value_name = "KIND", default_value = "index")]
    label_input: LabelInputName,
    /// What the picture output gives: f32 in [-1, 1], or 8-bit levels
    #[arg(long, value_enum, value_name = "TYPE", default_value = "float")]
    output: OutputName,
    /// Pictures of one run: any number, or a fixed one
    #[arg(long, value_name = "N|dynamic", default_value = "dynamic", value_parser = batch)]
    batch: Batch,
    /// Write transposed convolutions as 2x2 convolutions to pixels of squares, which some engines run faster
    /// [default: none, with --compute int8 subpixel]
    #[arg(long, value_enum, value_name = "KIND")]
    rewrite: Option<RewriteName>,
    /// What products are computed in; int8 rounds what blocks read and their weights to 8 bits, which ONNX Runtime,
    /// OpenVINO and native multiply as integers, and moves pixels by more than a level (see ladder)
    #[arg(long, value_enum, value_name = "TYPE", default_value = "f32")]
    compute: ComputeName,
    /// Latents that --compute int8 is calibrated over, each with every label, 10,000 pictures at most [default: 64]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=MOST_SEEDS))]
    calibrate: Option<usize>,
    /// ONNX operator set, 13 to 23
    #[arg(long, value_name = "N", default_value_t = onnx::OPSET, value_parser = clap::value_parser!(i64).range(onnx::OLDEST_OPSET..=onnx::NEWEST_OPSET))]
    opset: i64,
    /// How far a value in [-1, 1] may be from the source's pictures in f32, up to one level of 255 (0.0078)
    #[arg(long, value_name = "X", default_value_t = EXACT, value_parser = atol)]
    atol: f32,
    /// Also write a model repository for Triton Inference Server
    #[arg(long, value_name = "FOLDER")]
    pub triton: Option<PathBuf>,
    /// Print nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
}

impl ExportOptions {
    /// The source asked for, and what the file is to say of its data.
    pub fn wanted(&self) -> Wanted<'_> {
        Wanted { data_licence: self.data_licence.as_deref(), ..self.source.wanted() }
    }

    /// Whether weights may be stored in more bits than [`Self::settings`] says.
    pub fn may_widen(&self) -> bool {
        self.weights.is_none()
    }

    /// The file asked for.
    ///
    /// # Errors
    /// Standard output as a file, integers in another form than theirs, or a calibration of what needs none.
    pub fn settings(&self) -> Result<Settings, ExportError> {
        if self.out.as_os_str() == "-" {
            let problem = "--out -: an ONNX file is read again before it counts as written; give it a name";
            return Err(ExportError::Usage(problem.to_owned()));
        }
        let compute = match self.compute {
            ComputeName::F32 => Compute::F32,
            ComputeName::Int8 => Compute::Int8,
        };
        let rewrite = match (self.rewrite, compute) {
            (Some(RewriteName::None), Compute::Int8) => {
                let problem = "--rewrite none: --compute int8 is written as subpixel convolutions; leave it out";
                return Err(ExportError::Usage(problem.to_owned()));
            }
            (Some(RewriteName::Subpixel), _) | (None, Compute::Int8) => Rewrite::Subpixel,
            (Some(RewriteName::None) | None, _) => Rewrite::None,
        };
        if self.calibrate.is_some() && compute != Compute::Int8 {
            let problem = "--calibrate: only --compute int8 is calibrated; add that or leave it out";
            return Err(ExportError::Usage(problem.to_owned()));
        }
        let variant = Variant {
            label_input: match self.label_input {
                LabelInputName::Index => LabelInput::Index,
                LabelInputName::Mix => LabelInput::Mix,
            },
            output: match self.output {
                OutputName::Float => Output::Float,
                OutputName::U8 => Output::Levels,
            },
            batch: self.batch.0,
            rewrite,
            compute,
        };
        let precision = match self.weights {
            Some(PrecisionName::F32) => Precision::F32,
            Some(PrecisionName::F16) | None => Precision::F16,
            Some(PrecisionName::Int8) => Precision::Int8,
        };
        let seeds = self.calibrate.unwrap_or(calibrate::SEEDS);
        Ok(Settings { precision, variant, seeds, opset: self.opset, atol: self.atol })
    }
}

/// Pictures of one run, where their number is fixed.
#[derive(Debug, Clone, Copy)]
struct Batch(Option<usize>);

/// A blank after a comma would become part of the name, by which pictures are asked for.
fn label(text: &str) -> Result<String, String> {
    if text.trim() == text { Ok(text.to_owned()) } else { Err("a name with a blank around it; write A,B,C".to_owned()) }
}

fn batch(text: &str) -> Result<Batch, String> {
    match text.parse() {
        Ok(batch) if (1..=MOST_BATCH).contains(&batch) => Ok(Batch(Some(batch))),
        _ if text == "dynamic" => Ok(Batch(None)),
        _ => Err(format!("expected dynamic or 1 to {MOST_BATCH}")),
    }
}

fn atol(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(atol) if (0.0..=ONE_LEVEL).contains(&atol) => Ok(atol),
        _ => Err("expected 0 to 0.0078, one level of 255".to_owned()),
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LabelInputName {
    Index,
    Mix,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OutputName {
    Float,
    U8,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RewriteName {
    None,
    Subpixel,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ComputeName {
    F32,
    Int8,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PrecisionName {
    F32,
    F16,
    Int8,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
