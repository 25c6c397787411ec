//! A network that is ready to run.

use super::clock::Clock;
use super::last::Last;
use super::layers::{Hidden, Label, Machine, Stem};
use super::maps::Maps;
use super::plan::Plan;

/// Images that go through the layers together: more would only take caches from each other.
const IMAGES: usize = 4;

/// Packed layers, and the maps between them, which are kept from run to run.
#[derive(Debug)]
pub(super) struct Network {
    machine: Machine,
    stem: Stem,
    hidden: Vec<Hidden>,
    last: Last,
    maps: Vec<Maps>,
}

impl Network {
    /// Packs a network; a plan has at least one block.
    pub fn new(plan: &Plan<'_>, machine: Machine) -> Option<Self> {
        let (last, hidden) = plan.blocks.split_last()?;
        Some(Self {
            stem: Stem::new(&plan.stem, &machine),
            hidden: hidden.iter().map(|block| Hidden::new(block, &machine)).collect(),
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
                for (layer, to) in hidden.iter().zip(rest) {
                    from.differentiate(machine);
                    clock.end("differences");
                    layer.run(from, to, machine);
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
fn make(maps: &mut Vec<Maps>, images: usize, stem: &Stem, hidden: &[Hidden]) {
    if maps.first().is_some_and(|first| first.images == images) {
        return;
    }
    let channels = std::iter::once(stem.outputs()).chain(hidden.iter().map(|layer| layer.outputs));
    maps.clear();
    maps.extend(
        channels.enumerate().map(|(index, channels)| Maps::new(images, 4 << index, channels, index < hidden.len())),
    );
}
