//! A network that is ready to run.

use std::ops::RangeInclusive;

use super::clock::Clock;
use super::last::Last;
use super::layers::{Hidden, Label, Stem};
use super::level::Level;
use super::machine::Machine;
use super::maps::Maps;
use super::numbers::Aligned;
use super::patches;
use super::plan::{Block, Plan, STEM};
use super::reduced::Reduced;
use super::reduced::words::Words;
use super::threads::Threads;

use model_spec::architecture::{MAX_WIDTH, STEM_SIZE};
use model_spec::variant::Compute;

/// Images of a batch that go through the first blocks together, or as many more as give each thread the same number.
const IMAGES: usize = 4;
/// The same where blocks go patch by patch: where that goes product by product, a single image has too few of them.
const IMAGES_OF_PATCHES: usize = 8;
/// Blocks that a batch goes through together, since their weights outweigh their maps; images go through later ones one by one
/// on each thread, lest their maps leave the caches.
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
        // Of four taps of all channels, one of them the label's.
        const { assert!((MAX_WIDTH + 1) * 4 * 255 * 128 <= i32::MAX as usize, "sums of integers fit into 32 bits") };
        if compute == Compute::F32 {
            Self::Exact(Hidden::new(block, machine))
        } else {
            Self::Reduced(Reduced::new(block, STEM_SIZE << index, own, compute, machine))
        }
    }

    /// Whether it goes patch by patch where maps of a side come in.
    fn goes_by_patch(&self, side: usize, level: Level) -> bool {
        matches!(self, Self::Exact(_)) && patches::are_worth(side, level)
    }

    fn outputs(&self) -> usize {
        match self {
            Self::Exact(hidden) => hidden.outputs,
            Self::Reduced(reduced) => reduced.outputs,
        }
    }
}

/// Packed layers, and the maps between them, which are kept from run to run.
#[derive(Debug)]
pub(super) struct Network {
    machine: Machine,
    /// The same kernels for one thread.
    alone: Machine,
    stem: Stem,
    hidden: Vec<Layer>,
    last: Last,
    /// Of a batch, up to the last block that it goes through together: of its whole parts, and of what is left over.
    batch: [Option<Span>; 2],
    /// Of one image each, from there on: one where all threads share an image, or one for each thread.
    single: Vec<Span>,
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
            alone: Machine { kernels: machine.kernels, threads: Threads::own() },
            machine,
            batch: [None, None],
            single: Vec::new(),
        })
    }

    /// Fills pictures `[n, channels, side, side]` from latents `[n, latent_dim]` and labels `[n]`, n at least 1.
    pub fn run(&mut self, latents: &[f32], labels: &[Label<'_>], pictures: &mut [f32], clock: &mut Clock) {
        let images = labels.len().max(1);
        let (latent, picture) = (latents.len() / images, pictures.len() / images);
        let Self { machine, alone, stem, hidden, last, batch, single } = self;
        let (machine, stem, hidden, last) = (&*machine, &*stem, &*hidden, &*last);
        let (threads, level) = (machine.threads.count(), machine.kernels.level());
        let split = hidden.len().min(TOGETHER);
        let has_patches =
            hidden[..split].iter().enumerate().any(|(index, layer)| layer.goes_by_patch(STEM_SIZE << index, level));
        let part = if has_patches { IMAGES_OF_PATCHES } else { IMAGES }.next_multiple_of(threads);
        machine.threads.enter(|| {
            let parts = latents.chunks(part * latent).zip(labels.chunks(part));
            for ((latents, labels), pictures) in parts.zip(pictures.chunks_mut(part * picture)) {
                let batch = match &mut batch[usize::from(labels.len() < part)] {
                    Some(span) if span.images() == labels.len() => span,
                    none => none.insert(Span::new(labels.len(), stem, hidden, 0..=split, level)),
                };
                // Images that each thread finishes by itself; all threads share those that are left over.
                let own = if threads == 1 { 0 } else { labels.len() / threads };
                let spans = if own == 0 { 1 } else { threads };
                single.resize_with(spans.max(single.len()), || Span::new(1, stem, hidden, split..=hidden.len(), level));
                clock.begin();
                stem.run(latents, labels, &mut batch.first, machine);
                clock.end("stem");
                batch.run(&hidden[..split], machine, clock);
                let finish =
                    |image: usize, picture: &mut [f32], span: &mut Span, machine: &Machine, clock: &mut Clock| {
                        span.first.take(batch.last(), image);
                        span.run(&hidden[split..], machine, clock);
                        last.run(span.last(), picture, machine);
                    };
                let (by_one, by_all) = pictures.split_at_mut(own * threads * picture);
                if own > 0 {
                    let tasks = by_one.chunks_mut(own * picture).zip(&mut *single).enumerate().collect();
                    machine.threads.each(tasks, |(thread, (pictures, span))| {
                        for (image, picture) in (thread * own..).zip(pictures.chunks_mut(picture)) {
                            finish(image, picture, span, alone, &mut Clock::default());
                        }
                    });
                    clock.end("images of each thread");
                }
                let Some(span) = single.first_mut() else { return };
                for (image, picture) in (own * threads..).zip(by_all.chunks_mut(picture)) {
                    finish(image, picture, span, machine, clock);
                    clock.end("last block and tanh");
                }
            }
        });
    }
}

/// Maps before some layers and after each of them.
#[derive(Debug)]
struct Span {
    first: Maps,
    /// The words that each layer keeps of its input, where it makes any, and the map that it fills.
    after: Vec<(Option<Words>, Maps)>,
    /// Room for what a layer makes of its input.
    room: Aligned<f32>,
}

impl Span {
    /// Maps whose borders are never written.
    fn new(images: usize, stem: &Stem, hidden: &[Layer], range: RangeInclusive<usize>, level: Level) -> Self {
        let channels = |index: usize| if index == 0 { stem.outputs() } else { hidden[index - 1].outputs() };
        let end = *range.end();
        let make = |index| {
            let side = STEM_SIZE << index;
            let differences = |layer: &Layer| matches!(layer, Layer::Exact(_)) && !layer.goes_by_patch(side, level);
            let has_differences = level.goes_by_product() && hidden[..end].get(index).is_some_and(differences);
            Maps::new(images, side, channels(index), has_differences)
        };
        Self {
            first: make(*range.start()),
            after: (*range.start()..end).map(|index| (None, make(index + 1))).collect(),
            room: Aligned::default(),
        }
    }

    fn images(&self) -> usize {
        self.first.images
    }

    fn last(&self) -> &Maps {
        self.after.last().map_or(&self.first, |(_, maps)| maps)
    }

    /// Runs layers, each from one of the maps to the next.
    fn run(&mut self, layers: &[Layer], machine: &Machine, clock: &mut Clock) {
        let mut from = &mut self.first;
        for (layer, (words, to)) in layers.iter().zip(&mut self.after) {
            match layer {
                Layer::Exact(hidden) => hidden.run(from, &mut self.room, to, machine, clock),
                Layer::Reduced(reduced) => reduced.run(from, words, to, machine),
            }
            clock.end("block");
            from = to;
        }
    }
}
