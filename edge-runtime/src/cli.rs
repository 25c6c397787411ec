//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use edge_runtime::interpolation::Curve;
use edge_runtime::keys::Button;
use edge_runtime::sink::display::Display;
use edge_runtime::{EngineKind, EngineSpec, OrtSettings, Provider, Truncation, verification};
use model_spec::variant::Compute;

use crate::shard::Shard;

/// The most pictures of one label.
const MAX_COUNT: usize = 1_000_000;
const MAX_SCALE: usize = 32;
const MAX_THREADS: usize = 1024;
const MAX_STEPS: usize = 10_000;
const MAX_FPS: usize = 240;
const DISPLAYS: &str = "terminal|fb:PATH|PANEL:BUS";

/// Makes pictures of a label from a model file; the same label and seed make the same picture, byte for byte
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, max_term_width = 110)]
#[command(after_help = "Exit code 0: done, 1: failed, 2: wrong usage, 130: interrupted.")]
pub struct Options {
    #[command(flatten)]
    pub generate: Generate,
    #[command(subcommand)]
    pub command: Option<Command>,
}

impl Options {
    /// Whether a GPU may compute in TF32.
    pub fn allows_tf32(&self) -> bool {
        let engine = match &self.command {
            None => &self.generate.engine,
            Some(Command::Interpolate(interpolate)) => &interpolate.engine,
            Some(Command::Verify(verify)) => return verify.place.tf32,
            Some(Command::Info(info)) => &info.engine,
            Some(Command::Regenerate(regenerate)) => &regenerate.engine,
            Some(Command::Bench(bench)) => &bench.engine,
            Some(Command::Prepare(prepare)) => &prepare.engine,
            Some(Command::Play(play)) => &play.engine,
            Some(Command::PhotoBooth(booth)) => &booth.engine,
            Some(Command::Serve(serve)) => &serve.engine,
            Some(Command::Doctor(_) | Command::Manual(_)) => return false,
        };
        engine.place.tf32
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Draw the way from one seed to another, a row for each label, or the way between two labels
    Interpolate(Interpolate),
    /// Make the model's golden pictures again and compare: one level of 255 is allowed in f32, a stated bound in fewer bits
    Verify(Verify),
    /// Show a model and what would run it, or what a PNG was made from
    Info(Info),
    /// Make a PNG again from what it says about itself, and compare: exit code 0 where every pixel is the same
    Regenerate(Regenerate),
    /// Time single pictures
    Bench(Bench),
    /// Have TensorRT prepare the model once, which may take minutes
    Prepare(Prepare),
    /// Show what this machine offers and lacks, and what to do about it
    Doctor(Doctor),
    /// Walk through seeds and between labels on a display, until Ctrl-C, q or an end that is given
    Play(Play),
    /// Count down, make a picture, show it and keep it, each time that Enter or a button is pressed; q ends
    PhotoBooth(PhotoBooth),
    /// Make pictures over HTTP, and show a page to play with them
    Serve(Serve),
    /// Write man pages and completions for bash, zsh and fish
    Manual(Manual),
}

#[derive(Debug, Args)]
pub struct Generate {
    /// Label by name or index, or all of them [default for --grid: all]
    #[arg(short, long, value_name = "NAME|INDEX|all", allow_hyphen_values = true)]
    pub label: Option<String>,
    /// PNG, JPEG or WebP file for one picture, folder for several, - for PNG on standard output
    #[arg(short, long, value_name = "FILE|FOLDER/|-")]
    pub out: Option<PathBuf>,
    /// Seed of the pictures [default: a fresh one, which is printed]
    #[arg(short, long, value_name = "SEED", value_parser = seed)]
    pub seed: Option<u64>,
    /// Pictures of each label
    #[arg(short = 'n', long, value_name = "N", default_value = "1", value_parser = ranged(1, MAX_COUNT))]
    pub count: usize,
    /// Write pictures this many times larger
    #[arg(long, value_name = "K", default_value = "1", value_parser = ranged(1, MAX_SCALE))]
    pub scale: usize,
    /// Also write a sheet with a row for each label
    #[arg(long, value_name = "FILE")]
    pub grid: Option<PathBuf>,
    /// Make only share I of N, told apart by index; the pictures are those of the whole
    #[arg(long, value_name = "I/N", conflicts_with = "grid")]
    pub shard: Option<Shard>,
    /// Draw latents to their mean (below 1: more usual pictures, more alike)
    #[arg(long, value_name = "FACTOR", default_value = "1")]
    pub truncation: Truncation,
    /// Read requests as JSON lines: label, seed, index, out; answer each with a line, the PNG in base64 without out
    #[arg(long, conflicts_with_all = ["label", "out", "seed", "count", "grid", "display", "shard"])]
    pub stdin: bool,
    /// Show each picture: terminal, fb:/dev/fb0, or a panel as in st7789:spi0.0,dc=25; docs/displays.md tells all
    #[arg(long, value_name = "terminal|fb:PATH")]
    pub display: Option<Display>,
    #[command(flatten)]
    pub engine: EngineOptions,
}

#[derive(Debug, Args)]
pub struct Interpolate {
    /// Label by name or index, or all of them
    #[arg(short, long, value_name = "NAME|INDEX|all", default_value = "all", allow_hyphen_values = true)]
    pub label: String,
    /// Two labels by name or index, to go from the first to the second; the seed stays unless --to says where it goes
    #[arg(long, value_name = "A,B", value_delimiter = ',', conflicts_with = "label", allow_hyphen_values = true)]
    pub between: Option<Vec<String>>,
    /// PNG, JPEG or WebP file for a sheet, GIF file for an animation
    #[arg(short, long, value_name = "FILE")]
    pub out: PathBuf,
    /// Seed of the first picture [default: a fresh one, which is printed]
    #[arg(short = 's', long, visible_alias = "seed", value_name = "SEED", value_parser = seed)]
    pub from: Option<u64>,
    /// Seed of the last picture [default: a fresh one, which is printed; with --between that of the first]
    #[arg(long, value_name = "SEED", value_parser = seed)]
    pub to: Option<u64>,
    /// Pictures from one to the other, with both
    #[arg(long, value_name = "N", default_value = "10", value_parser = ranged(2, MAX_STEPS))]
    pub steps: usize,
    /// The way between the two latents: a line, or the great circle
    #[arg(long, value_name = "CURVE", value_enum, default_value = "linear")]
    curve: CurveName,
    /// Draw latents to their mean (below 1: more usual pictures, more alike)
    #[arg(long, value_name = "FACTOR", default_value = "1")]
    pub truncation: Truncation,
    /// Write pictures this many times larger
    #[arg(long, value_name = "K", default_value = "1", value_parser = ranged(1, MAX_SCALE))]
    pub scale: usize,
    #[command(flatten)]
    pub engine: EngineOptions,
}

impl Interpolate {
    /// The curve asked for.
    pub fn curve(&self) -> Curve {
        match self.curve {
            CurveName::Linear => Curve::Linear,
            CurveName::Slerp => Curve::Slerp,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CurveName {
    Linear,
    Slerp,
}

#[derive(Debug, Args)]
pub struct Info {
    /// PNG of ours, or model file [default: as --model]
    #[arg(value_name = "FILE", conflicts_with = "model")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub engine: EngineOptions,
}

#[derive(Debug, Args)]
pub struct Regenerate {
    /// PNG of ours
    #[arg(value_name = "FILE.png")]
    pub file: PathBuf,
    /// Also write the picture that was made again
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub engine: EngineOptions,
}

#[derive(Debug, Args)]
pub struct Bench {
    /// Pictures to time, after the first and three more
    #[arg(short = 'n', long, value_name = "N", default_value = "50", value_parser = ranged(1, MAX_COUNT))]
    pub runs: usize,
    /// Print a JSON object; temperature is in degrees Celsius, null is what this machine doesn't tell
    #[arg(long)]
    pub json: bool,
    /// Print a row for the table of boards in docs/boards.md
    #[arg(long, conflicts_with = "json")]
    pub report: bool,
    /// Print the time of each layer instead, as far as the engine can tell it: native can
    #[arg(long, conflicts_with_all = ["json", "report"])]
    pub profile: bool,
    #[command(flatten)]
    pub engine: EngineOptions,
}

#[derive(Debug, Args)]
pub struct Manual {
    /// Folder to write to
    #[arg(value_name = "FOLDER")]
    pub out: PathBuf,
}

#[derive(Debug, Args)]
pub struct Prepare {
    #[command(flatten)]
    pub engine: EngineOptions,
}

#[derive(Debug, Args)]
pub struct Doctor {
    /// ONNX Runtime library to look at [default: ORT_DYLIB_PATH, then the usual places]
    #[arg(long, value_name = "FILE")]
    pub ort_lib: Option<PathBuf>,
    /// Print a JSON array of part, state, found and remedy
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Play {
    /// Label by name or index, or all of them in turn
    #[arg(short, long, value_name = "NAME|INDEX|all", default_value = "all", allow_hyphen_values = true)]
    pub label: String,
    /// Where to play: docs/displays.md tells all that can be named
    #[arg(long, value_name = DISPLAYS, default_value = "terminal")]
    pub display: Display,
    /// Pictures a second
    #[arg(long, value_name = "N", default_value = "30", value_parser = ranged(1, MAX_FPS))]
    pub fps: usize,
    /// Seed of the way [default: a fresh one, which is printed]
    #[arg(short, long, value_name = "SEED", value_parser = seed)]
    pub seed: Option<u64>,
    /// End after this time
    #[arg(long, value_name = "N", value_parser = ranged(1, MAX_COUNT))]
    pub seconds: Option<usize>,
    /// End after so many pictures
    #[arg(long, value_name = "N", conflicts_with = "seconds", value_parser = ranged(1, MAX_COUNT))]
    pub frames: Option<usize>,
    /// Draw latents to their mean (below 1: more usual pictures, more alike)
    #[arg(long, value_name = "FACTOR", default_value = "1")]
    pub truncation: Truncation,
    #[command(flatten)]
    pub engine: EngineOptions,
}

#[derive(Debug, Args)]
pub struct PhotoBooth {
    /// Label by name or index, or all of them, of which each picture takes one
    #[arg(short, long, value_name = "NAME|INDEX|all", default_value = "all", allow_hyphen_values = true)]
    pub label: String,
    /// Where to show pictures: docs/displays.md tells all that can be named
    #[arg(long, value_name = DISPLAYS, default_value = "terminal")]
    pub display: Display,
    /// Folder that keeps the pictures
    #[arg(short, long, value_name = "FOLDER", default_value = "photos")]
    pub out: PathBuf,
    /// GPIO line of a button to ground, or CHIP:LINE; needs the feature panels
    #[arg(long, value_name = "LINE")]
    pub button: Option<Button>,
    /// Seconds to count down before each picture
    #[arg(long, value_name = "N", default_value = "3", value_parser = ranged(0, 60))]
    pub countdown: usize,
    /// Seed of the pictures [default: a fresh one, which is printed]
    #[arg(short, long, value_name = "SEED", value_parser = seed)]
    pub seed: Option<u64>,
    /// End after so many pictures
    #[arg(short = 'n', long, value_name = "N", value_parser = ranged(1, MAX_COUNT))]
    pub count: Option<usize>,
    /// Draw latents to their mean (below 1: more usual pictures, more alike)
    #[arg(long, value_name = "FACTOR", default_value = "1")]
    pub truncation: Truncation,
    #[command(flatten)]
    pub engine: EngineOptions,
}

#[derive(Debug, Args)]
pub struct Serve {
    /// Address and port; port 0 takes a free one, which is printed
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080", value_parser = address)]
    pub listen: SocketAddr,
    /// File with the token that requests must carry [default: EDGE_RUNTIME_TOKEN, else none]
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Let every machine that reaches the address use it, without a token
    #[arg(long, conflicts_with = "token_file")]
    pub public: bool,
    /// Another name by which this machine may be addressed, as by a reverse proxy; may be given several times. With
    /// --listen on other addresses than loopback ones, names are only looked at where one is given
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,
    /// Pictures that may wait for their turn; who comes then is told to come again
    #[arg(long, value_name = "N", default_value = "32", value_parser = ranged(1, 1024))]
    pub queue: usize,
    /// Pictures to keep, in MB of 10^6 bytes
    #[arg(long, value_name = "MB", default_value = "16", value_parser = ranged(0, 4000))]
    pub cache: usize,
    /// Seconds for a request to arrive; a picture has three times that to be made, and as long to be taken
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = ranged(1, 3600))]
    pub timeout: usize,
    #[command(flatten)]
    pub engine: EngineOptions,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// Model file [default: gen.onnx beside this program, models/gen.onnx, the one built in]
    #[arg(short, long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// Engines to compare; all are those built in
    #[arg(long, value_name = "ENGINE", default_value = ALL_ENGINES, value_parser = engines())]
    pub engine: Engines,
    #[command(flatten)]
    place: Place,
    /// Print nothing but the table and errors
    #[arg(short, long)]
    pub quiet: bool,
}

impl Verify {
    /// The engines that these options ask for.
    pub fn specs(&self) -> Vec<EngineSpec> {
        let spec = |kind| self.place.spec(kind);
        match self.engine {
            Engines::All => verification::all_engines(&spec(EngineKind::Auto)),
            Engines::One(kind) => vec![spec(kind)],
        }
    }
}

/// Engines of `verify`.
#[derive(Debug, Clone, Copy)]
pub enum Engines {
    All,
    One(EngineKind),
}

const ALL_ENGINES: &str = "all";

/// The names of all engines, and one for all of them.
fn engines() -> impl TypedValueParser<Value = Engines> {
    let possible = EngineName::value_variants().iter().filter_map(EngineName::to_possible_value);
    PossibleValuesParser::new(possible.chain([PossibleValue::new(ALL_ENGINES)]))
        .map(|text| EngineName::from_str(&text, false).map_or(Engines::All, |name| Engines::One(name.into())))
}

/// Where engines compute.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
struct Place {
    /// What the engine computes on; a GPU needs engine ort
    #[arg(long, value_name = "PROVIDER", value_enum, default_value = "auto")]
    provider: ProviderName,
    /// What native multiplies in; f32 unless the file says int8 [default: the file's]
    #[arg(long, value_name = "NUMBERS", value_enum)]
    compute: Option<ComputeName>,
    /// CPU threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = ranged(1, MAX_THREADS))]
    threads: Option<usize>,
    /// ONNX Runtime library for engine ort [default: ORT_DYLIB_PATH, then the usual places]
    #[arg(long, value_name = "FILE")]
    ort_lib: Option<PathBuf>,
    /// Fail where a GPU was asked for and a node would run on the CPU
    #[arg(long)]
    strict: bool,
    /// Let TensorRT compute in 16 bits
    #[arg(long)]
    f16: bool,
    /// Let a GPU compute in TF32, which is faster and less exact
    #[arg(long)]
    tf32: bool,
}

impl Place {
    fn spec(&self, kind: EngineKind) -> EngineSpec {
        EngineSpec {
            kind,
            provider: self.provider.into(),
            threads: self.threads,
            compute: self.compute.map(Into::into),
            ort_library: self.ort_lib.clone(),
            ort: OrtSettings { strict: self.strict, f16: self.f16, tf32: self.tf32, ..OrtSettings::default() },
        }
    }
}

/// Which model runs on what.
#[derive(Debug, Args)]
pub struct EngineOptions {
    /// Model file [default: gen.onnx beside this program, models/gen.onnx, the one built in]
    #[arg(short, long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// What runs the model; auto is native, else tract, or ort for a GPU
    #[arg(long, value_name = "ENGINE", value_enum, default_value = "auto")]
    engine: EngineName,
    #[command(flatten)]
    place: Place,
    /// Print nothing but results and errors
    #[arg(short, long)]
    pub quiet: bool,
}

impl EngineOptions {
    /// The engine that these options ask for.
    pub fn spec(&self) -> EngineSpec {
        self.place.spec(self.engine.into())
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ComputeName {
    F32,
    Bf16,
    F16,
    Int8,
}

impl From<ComputeName> for Compute {
    fn from(name: ComputeName) -> Self {
        match name {
            ComputeName::F32 => Self::F32,
            ComputeName::Bf16 => Self::Bf16,
            ComputeName::F16 => Self::F16,
            ComputeName::Int8 => Self::Int8,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum EngineName {
    Auto,
    Native,
    Tract,
    Ort,
}

impl From<EngineName> for EngineKind {
    fn from(name: EngineName) -> Self {
        match name {
            EngineName::Auto => Self::Auto,
            EngineName::Native => Self::Native,
            EngineName::Tract => Self::Tract,
            EngineName::Ort => Self::Ort,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ProviderName {
    Auto,
    Cpu,
    Cuda,
    Tensorrt,
}

impl From<ProviderName> for Provider {
    fn from(name: ProviderName) -> Self {
        match name {
            ProviderName::Auto => Self::Auto,
            ProviderName::Cpu => Self::Cpu,
            ProviderName::Cuda => Self::Cuda,
            ProviderName::Tensorrt => Self::TensorRt,
        }
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected an IP address and a port, as in 127.0.0.1:8080 or [::1]:8080".to_owned())
}

fn ranged(least: usize, most: usize) -> impl TypedValueParser<Value = usize> {
    move |text: &str| match text.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("expected a whole number from {least} to {most}")),
    }
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "expected a whole number from 0 to 2^64 - 1".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }
}
