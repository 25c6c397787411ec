//! Our own kernels for the family of networks.
//!
//! A transposed convolution of kernel 4, stride 2, padding 1 is four 2x2 convolutions, one for each parity of output row and
//! column. `plan` recognizes the family in a graph, `pack` brings its weights into the order of the kernels, `layers`
//! and `network` run it over feature maps (`maps`), in tiles of squares (`tile`) or in larger
//! `patches`; `kernels` calls the kernels of a `level` of this CPU, which are written once in `lanes`, and in plain Rust in
//! `plain`.

mod clock;
mod elementwise;
mod halves;
mod kernels;
mod lanes;
mod last;
mod layers;
mod level;
mod machine;
mod maps;
mod network;
mod numbers;
mod pack;
mod patches;
mod plain;
mod plan;
mod reduced;
mod threads;
mod tile;

#[cfg(feature = "tract")]
pub(super) use elementwise::Work;
pub use level::Level;

use clock::Clock;
use kernels::Kernels;
use layers::Label;
use machine::Machine;
use network::Network;
use threads::Threads;

use model_spec::pixels;
use model_spec::variant::{Compute, Output};

use super::{Batch, BatchLabels, Engine, EngineSpec, LayerTime, Opened, Provider, Sizes, threads_text};
use crate::{Model, RuntimeError};

const NAME: &str = "native";

/// Does work with the instructions of the best level of this CPU.
#[cfg(feature = "tract")]
pub(super) fn vectorized<W: Work>(work: W) -> W::Made {
    match Kernels::of(Level::best()) {
        Some(kernels) => kernels.vectorized(work),
        None => work.run(),
    }
}

struct Native {
    network: Network,
    sizes: Sizes,
}

pub(super) fn open(spec: &EngineSpec, model: &Model) -> Result<Opened, RuntimeError> {
    open_at(Level::best(), spec, model)
}

/// Opens the engine with kernels of another level than this CPU's best, for tests and comparisons.
///
/// # Errors
/// A level that this CPU doesn't have, or a model that the engine doesn't know.
pub fn open_at(level: Level, spec: &EngineSpec, model: &Model) -> Result<Opened, RuntimeError> {
    let failed =
        |problem: &str| RuntimeError::Engine { engine: NAME, doing: "load the model", problem: problem.to_owned() };
    let plan = plan::read(model.graph())?;
    let kernels = Kernels::of(level).ok_or_else(|| failed("this CPU lacks the instructions"))?;
    let machine = Machine { kernels, threads: Threads::start(spec.thread_count())? };
    let own = Some(model.metadata().variant.compute).filter(|compute| level.multiplies(*compute));
    let compute = spec.compute.or(own).unwrap_or_default();
    if !level.multiplies(compute) {
        let needed = match compute {
            Compute::F32 => "none",
            Compute::Bf16 => "AVX512_BF16",
            Compute::F16 => "FEAT_FP16 of ARM",
            Compute::Int8 => "AVX512_VNNI, AVX-VNNI or, on ARM, dot products",
        };
        return Err(failed(&format!("products in {} need {needed}, which this CPU lacks: use f32", compute.name())));
    }
    let network = Network::new(&plan, compute, machine).ok_or_else(|| failed("expected a block, found none"))?;
    let numbers = if compute == Compute::F32 { String::new() } else { format!(" {}", compute.name()) };
    let name = format!("{NAME} {} {}{numbers}", env!("CARGO_PKG_VERSION"), level.name());
    Ok(Opened {
        description: format!("{name}, {}", threads_text(spec.thread_count())),
        name,
        engine: Box::new(Native { network, sizes: Sizes::of(model.metadata()) }),
        provider: Provider::Cpu.name(),
        kernels: format!("{}{numbers}", level.name()),
        compute,
        can_mix: true,
        threads: spec.thread_count(),
        placement: Vec::new(),
        notes: Vec::new(),
    })
}

impl Engine for Native {
    fn run(&mut self, batch: &Batch<'_>) -> Result<Vec<f32>, RuntimeError> {
        self.timed(batch, &mut Clock::default())
    }

    fn profile(&mut self, batch: &Batch<'_>) -> Result<Option<Vec<LayerTime>>, RuntimeError> {
        let mut clock = Clock::running();
        self.timed(batch, &mut clock)?;
        Ok(Some(clock.steps()))
    }
}

impl Native {
    fn timed(&mut self, batch: &Batch<'_>, clock: &mut Clock) -> Result<Vec<f32>, RuntimeError> {
        let count = self.sizes.check(batch)?;
        if count == 0 {
            return Ok(Vec::new());
        }
        let labels: Vec<Label<'_>> = match batch.labels {
            BatchLabels::Indices(indices) => {
                indices.iter().filter_map(|index| usize::try_from(*index).ok().map(Label::Index)).collect()
            }
            BatchLabels::Weights(weights) => weights.chunks(self.sizes.labels).map(Label::Mix).collect(),
        };
        let mut pictures = vec![0.0; count * self.sizes.pixels];
        self.network.run(batch.latents, &labels, &mut pictures, clock);
        self.sizes.check_pictures(NAME, count, &pictures)?;
        if self.sizes.output == Output::Levels {
            pictures.iter_mut().for_each(|x| *x = pixels::signed_from_u8(pixels::u8_from_signed(*x)));
        }
        Ok(pictures)
    }
}
