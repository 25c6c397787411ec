//! A network that is ready to run.

use super::clock::Clock;
use super::last::Last;
use super::layers::{Hidden, Label, Machine, Stem};
use super::maps::Maps;
use super::plan::{Block, Plan, STEM};
use super::reduced::Reduced;

use model_spec::architecture::STEM_SIZE;
use model_spec::variant::Compute;

/// Images that go through the layers together: more would only take caches from each other.
const IMAGES: usize = 4;

/// A block before the last.
#[derive(Debug)]
enum Layer {
    Exact(Hidden),
    Reduced(Reduced),
}

impl Layer {
    /// Packs the weights of the `index`-th block; inputs from `own` on are those of the label.
    fn new(block: &Block<'_>, index: usize, own: usize, compute: Compute, machine: &Machine) -> Self {
        match compute {
            Compute::F32 => Self::Exact(Hidden::new(block, machine)),
            Compute::Bf16 | Compute::Int8 => {
                Self::Reduced(Reduced::new(block, STEM_SIZE << index, own, compute, machine))
            }
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
    maps: Vec<Maps>,
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
            maps: Vec::new(),
        })
    }

    /// Fills pictures `[n, channels, side, side]` from latents `[n, latent_dim]` and labels `[n]`, n at least 1.
    pub fn run(&mut self, latents: &[f32], labels: &[Label<'_>], pictures: &mut [f32], clock: &mut Clock) {
        let images = labels.len().max(1);
        let (latent, picture) = (latents.len() / images, pictures.len() / images);
        let Self { machine, stem, hidden, last, maps } = self;
        let machine = &*machine;
        machine.threads.enter(|| {
            let parts = latents.chunks(IMAGES * latent).zip(labels.chunks(IMAGES));
            for ((latents, labels), pictures) in parts.zip(pictures.chunks_mut(IMAGES * picture)) {
                make(maps, labels.len(), stem, hidden);
                clock.begin();
                let [first, rest @ ..] = &mut **maps else { return };
                stem.run(latents, labels, first, machine);
                clock.end("stem");
                let mut from = first;
                for (layer, to) in hidden.iter_mut().zip(rest) {
                    layer.run(from, to, machine, clock);
                    clock.end("block");
                    from = to;
                }
                last.run(from, pictures, machine);
                clock.end("last block and tanh");
            }
        });
    }
}

/// Makes the maps for a number of images, where the last run had another one. Their borders are never written.
fn make(maps: &mut Vec<Maps>, images: usize, stem: &Stem, hidden: &[Layer]) {
    if maps.first().is_some_and(|first| first.images == images) {
        return;
    }
    let channels = std::iter::once(stem.outputs()).chain(hidden.iter().map(Layer::outputs));
    maps.clear();
    maps.extend(channels.enumerate().map(|(index, channels)| {
        let differences = matches!(hidden.get(index), Some(Layer::Exact(_)));
        Maps::new(images, STEM_SIZE << index, channels, differences)
    }));
}
