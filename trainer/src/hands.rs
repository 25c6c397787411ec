//! Built-in pictures, so that a first run needs no download: three hand poses, modelled from capsules and rendered.

mod capsule;
mod pose;
mod random;
mod render;
mod vector;

use std::sync::atomic::{AtomicUsize, Ordering};

use model_spec::Labels;
use rayon::prelude::*;

use crate::dataset::{self, DataSet};
use pose::{Gesture, Hand};
use random::Random;
use render::Look;

/// The data set's name in run folders and manifests.
pub const NAME: &str = "rendered-hands";
const GESTURES: [(&str, Gesture); 3] =
    [("paper", Gesture::Paper), ("rock", Gesture::Rock), ("scissors", Gesture::Scissors)];

/// `per_label` pictures of each gesture, `size` pixels wide, of random pose, size, skin tone and light.
///
/// The same for the same arguments. `progress` is called with (done, total) pictures.
pub fn rendered_hands(
    per_label: usize,
    size: usize,
    channels: usize,
    seed: u64,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> DataSet {
    let labels = GESTURES.iter().map(|(name, _)| (*name).to_owned()).collect();
    let labels = Labels::new(labels).expect("three plain names");
    let total = GESTURES.len() * per_label;
    let done = AtomicUsize::new(0);
    let pictures: Vec<Vec<u8>> = (0..total)
        .into_par_iter()
        .map(|index| {
            let (_, gesture) = GESTURES[index / per_label];
            let mut random = Random::new(seed, index as u32);
            let hand = Hand::random(gesture, &mut random);
            let hwc = render::picture(&hand.parts(), &Look::random(&mut random), size);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
            dataset::planes(&hwc, channels)
        })
        .collect();
    let label_of = (0..total).map(|index| (index / per_label) as i64).collect();
    let names = (0..total).map(|index| format!("{}/{index:05}.png", GESTURES[index / per_label].0)).collect();
    DataSet::new(NAME.to_owned(), labels, pictures.concat(), label_of, names)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 32;
    const PER_LABEL: usize = 12;

    fn hands(seed: u64) -> DataSet {
        rendered_hands(PER_LABEL, SIZE, 3, seed, &|_, _| {})
    }

    fn mean_picture(data: &DataSet, label: usize) -> Vec<f64> {
        let values = SIZE * SIZE * 3;
        let mut mean = vec![0.0; values];
        for picture in data.pictures.chunks_exact(values).skip(label * PER_LABEL).take(PER_LABEL) {
            mean.iter_mut().zip(picture).for_each(|(mean, level)| *mean += f64::from(*level) / PER_LABEL as f64);
        }
        mean
    }

    fn distance(left: &[f64], right: &[f64]) -> f64 {
        left.iter().zip(right).map(|(a, b)| (a - b).abs()).sum::<f64>() / left.len() as f64
    }

    #[test]
    fn the_same_seed_gives_the_same_pictures() {
        let data = hands(1);
        assert_eq!(data, hands(1));
        assert_ne!(data.sha256, hands(2).sha256);
        assert_eq!(data.labels.names(), ["paper", "rock", "scissors"]);
        assert_eq!(data.label_of.iter().filter(|label| **label == 1).count(), PER_LABEL);
    }

    #[test]
    fn gestures_differ_and_vary() {
        let data = hands(1);
        let means: Vec<_> = (0..3).map(|label| mean_picture(&data, label)).collect();
        for (left, right) in [(0, 1), (0, 2), (1, 2)] {
            assert!(distance(&means[left], &means[right]) > 4.0, "{left} and {right} look alike");
        }
        let values = SIZE * SIZE * 3;
        let pictures: Vec<Vec<f64>> = data
            .pictures
            .chunks_exact(values)
            .map(|picture| picture.iter().map(|level| f64::from(*level)).collect())
            .collect();
        for pair in pictures.windows(2) {
            assert!(distance(&pair[0], &pair[1]) > 4.0, "two pictures look alike");
        }
    }

    #[test]
    fn fingers_stay_inside_the_picture() {
        let data = hands(5);
        let values = SIZE * SIZE * 3;
        for (index, picture) in data.pictures.chunks_exact(values).enumerate() {
            let level = |channel: usize, x: usize, y: usize| picture[(channel * SIZE + y) * SIZE + x];
            let skin = |x: usize, y: usize| level(0, x, y) > level(2, x, y).saturating_add(20); // more red than blue
            let edge = (0..SIZE).map(|at| [skin(at, 0), skin(at, SIZE - 1), skin(0, at), skin(SIZE - 1, at)]);
            let touched = edge.fold([0; 4], |counts, sides| std::array::from_fn(|i| counts[i] + usize::from(sides[i])));
            let far = touched.iter().filter(|count| **count > 1).count();
            assert!((1..=2).contains(&far), "picture {index}: the forearm leaves by one side or a corner: {touched:?}");
        }
    }

    #[test]
    fn gray_pictures_have_one_plane() {
        assert_eq!(rendered_hands(1, SIZE, 1, 1, &|_, _| {}).pictures.len(), 3 * SIZE * SIZE);
    }
}
