//! A network that is ready to run.

use std::ops::RangeInclusive;

use super::clock::Clock;
use super::last::Last;
use super::layers::{Hidden, Label, Machine, Stem};
use super::maps::Maps;
use super::plan::{Block, Plan, STEM};
use super::reduced::Reduced;

use model_spec::architecture::STEM_SIZE;
use model_spec::variant::Compute;

/// Images of a batch that go through the first blocks together.
const IMAGES: usize = 4;
/// Blocks that a batch goes through together, since their weights outweigh their maps; images go through later ones one by one,
/// lest their maps leave the caches.
const TOGETHER: usize = 2;

/// A block before the last.
#[derive(Debug)]
enum Layer {
    Exact(Hidden),
    Reduced(Reduced),
}

impl Layer {
    /// Packs the weights of the `index`-th block; inputs from `own` on are those of the label.
    fn new(block: &Block<'_>, index: usize, own: usize, compute: Compute, machine: &Machine) -> Self {
        /// Channels whose sums of four taps fit into 32 bits.
        const MOST: usize = i32::MAX as usize / (4 * 255 * 128);
        let is_exact = compute == Compute::F32 || (compute == Compute::Int8 && block.kernel.inputs > MOST);
        if is_exact {
            Self::Exact(Hidden::new(block, machine))
        } else {
            Self::Reduced(Reduced::new(block, STEM_SIZE << index, own, compute, machine))
        }
    }

    fn outputs(&self) -> usize {
        match self {
            Self::Exact(hidden) => hidden.outputs,
            Self::Reduced(reduced) => reduced.outputs,
        }
    }

    fn run(&mut self, from: &mut Maps, to: &mut Maps, machine: &Machine, clock: &mut Clock) {
        match self {
            Self::Exact(hidden) => {
                from.differentiate(machine);
                clock.end("differences");
                hidden.run(from, to, machine);
            }
            Self::Reduced(reduced) => reduced.run(from, to, machine),
        }
    }
}

/// Packed layers, and the maps between them, which are kept from run to run.
#[derive(Debug)]
pub(super) struct Network {
    machine: Machine,
    stem: Stem,
    hidden: Vec<Layer>,
    last: Last,
    /// Of a batch, up to the last block that it goes through together.
    batch: Vec<Maps>,
    /// Of one image, from there on.
    single: Vec<Maps>,
}

impl Network {
    /// Packs a network; a plan has at least one block. Of a file that was calibrated for integers only its calibrated blocks
    /// are multiplied in them.
    pub fn new(plan: &Plan<'_>, compute: Compute, machine: Machine) -> Option<Self> {
        let (last, hidden) = plan.blocks.split_last()?;
        let is_calibrated = hidden.iter().any(|block| block.calibration.is_some());
        let layer = |(index, block): (usize, &Block<'_>)| {
            let own = if index == 0 { plan.stem.dense.outputs / STEM } else { usize::MAX };
            let stays = compute == Compute::Int8 && is_calibrated && block.calibration.is_none();
            Layer::new(block, index, own, if stays { Compute::F32 } else { compute }, &machine)
        };
        Some(Self {
            stem: Stem::new(&plan.stem, &machine),
            hidden: hidden.iter().enumerate().map(layer).collect(),
            last: Last::new(last, &machine),
            machine,
            batch: Vec::new(),
            single: Vec::new(),
        })
    }

    /// Fills pictures `[n, channels, side, side]` from latents `[n, latent_dim]` and labels `[n]`, n at least 1.
    pub fn run(&mut self, latents: &[f32], labels: &[Label<'_>], pictures: &mut [f32], clock: &mut Clock) {
        let images = labels.len().max(1);
        let (latent, picture) = (latents.len() / images, pictures.len() / images);
        let Self { machine, stem, hidden, last, batch, single } = self;
        let machine = &*machine;
        let split = hidden.len().min(TOGETHER);
        machine.threads.enter(|| {
            let parts = latents.chunks(IMAGES * latent).zip(labels.chunks(IMAGES));
            for ((latents, labels), pictures) in parts.zip(pictures.chunks_mut(IMAGES * picture)) {
                if batch.first().is_none_or(|first| first.images != labels.len()) {
                    *batch = maps(labels.len(), stem, hidden, 0..=split);
                }
                if single.is_empty() {
                    *single = maps(1, stem, hidden, split..=hidden.len());
                }
                clock.begin();
                let Some(first) = batch.first_mut() else { return };
                stem.run(latents, labels, first, machine);
                clock.end("stem");
                let (together, alone) = hidden.split_at_mut(split);
                through(together, batch, machine, clock);
                for (image, picture) in pictures.chunks_mut(picture).enumerate() {
                    let (Some(from), Some(to)) = (batch.last(), single.first_mut()) else { return };
                    to.take(from, image);
                    through(alone, single, machine, clock);
                    let Some(from) = single.last() else { return };
                    last.run(from, picture, machine);
                    clock.end("last block and tanh");
                }
            }
        });
    }
}

/// Runs layers, each from one of the maps to the next.
fn through(layers: &mut [Layer], maps: &mut [Maps], machine: &Machine, clock: &mut Clock) {
    let mut maps = maps.iter_mut();
    let mut from = maps.next();
    for (layer, to) in layers.iter_mut().zip(maps) {
        if let Some(from) = from {
            layer.run(from, to, machine, clock);
            clock.end("block");
        }
        from = Some(to);
    }
}

/// Maps before some layers and after the last of them. Their borders are never written.
fn maps(images: usize, stem: &Stem, hidden: &[Layer], range: RangeInclusive<usize>) -> Vec<Maps> {
    let channels = |index: usize| if index == 0 { stem.outputs() } else { hidden[index - 1].outputs() };
    let end = *range.end();
    let make = |index| {
        let differences = index < end && matches!(hidden.get(index), Some(Layer::Exact(_)));
        Maps::new(images, STEM_SIZE << index, channels(index), differences)
    };
    range.map(make).collect()
}
