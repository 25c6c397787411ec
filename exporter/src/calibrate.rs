//! From a folded network to one of integer products: how the maps between its blocks are rounded to 8 bits.

use model_spec::{Architecture, latent};

use crate::calibration::{Calibration, Range};
use crate::equalize::equalize;
use crate::fold::Folded;
use crate::forward::{Forward, Maps};

/// Latents that calibration takes without `--calibrate`, each with every label.
pub const SEEDS: usize = 64;
/// The most pictures of a calibration, with the labels in turn, so that it ends.
pub const MOST_PICTURES: usize = 10_000;
/// Seed of the first of these latents: far from those that users and measurements take.
const FIRST_SEED: u64 = 1 << 40;

/// How many pictures a number of latents with every label are, [`MOST_PICTURES`] at most.
pub fn pictures(seeds: usize, labels: usize) -> usize {
    seeds.saturating_mul(labels).min(MOST_PICTURES)
}

/// The same network with every block calibrated: its maps over [`pictures`] give the ranges, after [`equalize`] has evened
/// them out between channels. `tick` is told how many of these are done.
pub fn calibrated(folded: &Folded, architecture: &Architecture, seeds: usize, tick: impl Fn(usize) + Sync) -> Folded {
    let ranges = ranges(folded, architecture, &cases(seeds, folded.labels()), tick);
    let (mut folded, ranges) = equalize(folded, ranges);
    for (block, ranges) in folded.blocks.iter_mut().zip(&ranges) {
        block.calibration = Some(Calibration::of(ranges));
    }
    folded
}

/// Seed and label of each picture.
fn cases(seeds: usize, labels: usize) -> Vec<(u64, usize)> {
    (0..pictures(seeds, labels)).map(|at| (FIRST_SEED + (at / labels) as u64, at % labels)).collect()
}

/// What each channel of each block's input reaches over cases of a seed and a label.
fn ranges(
    folded: &Folded,
    architecture: &Architecture,
    cases: &[(u64, usize)],
    tick: impl Fn(usize) + Sync,
) -> Vec<Vec<Range>> {
    let forward = Forward::new(folded);
    let none: Vec<Vec<Range>> = folded.blocks.iter().map(|block| vec![Range::NONE; block.inputs]).collect();
    let seen = in_parallel(cases, |cases| {
        let mut ranges = none.clone();
        for (seed, label) in cases {
            let latent = latent::latent(*seed, 0, architecture.latent_dim);
            forward.run(&latent, *label, |block, maps| widen(&mut ranges[block], maps));
            tick(1);
        }
        ranges
    });
    seen.into_iter().fold(none.clone(), |all, part| {
        let join = |(all, part): (Vec<Range>, Vec<Range>)| all.into_iter().zip(part).map(|(a, b)| a.with(b)).collect();
        all.into_iter().zip(part).map(join).collect()
    })
}

fn widen(ranges: &mut [Range], maps: &Maps) {
    for pixel in maps.values.chunks_exact(maps.channels) {
        ranges.iter_mut().zip(pixel).for_each(|(range, x)| *range = range.with(Range { low: *x, high: *x }));
    }
}

/// Parts of a list, each on a core of its own, in their order.
pub fn in_parallel<T: Sync, R: Send>(list: &[T], work: impl Fn(&[T]) -> R + Sync) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let parts = list.chunks(list.len().div_ceil(cores).max(1));
    std::thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> = parts.map(|part| scope.spawn(move || work(part))).collect();
        running.into_iter().map(|part| part.join().expect("no part panics")).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_latent_has_every_label_until_there_are_enough_pictures() {
        assert_eq!(cases(2, 2), [0, 1].map(|at| [(FIRST_SEED + at, 0), (FIRST_SEED + at, 1)]).concat());
        let many = cases(SEEDS, 300);
        assert_eq!((many.len(), many[MOST_PICTURES - 1]), (MOST_PICTURES, (FIRST_SEED + 33, 99)));
        assert_eq!(cases(usize::MAX, 3).len(), MOST_PICTURES);
    }

    #[test]
    fn parts_come_back_in_order() {
        let list: Vec<usize> = (0..37).collect();
        assert_eq!(in_parallel(&list, <[usize]>::to_vec).concat(), list);
        assert!(in_parallel(&[0; 0], <[usize]>::len).is_empty());
    }
}
