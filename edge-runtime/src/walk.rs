//! A way through latents and labels that never jumps and ends where it began.

use crate::{Generator, Request};

/// Latents on the way, those of the first indices of a seed.
const STOPS: u32 = 8;
/// From one latent to the next.
const SECONDS_TO_NEXT: f64 = 2.0;
/// A label is shown alone, then turns into the next one.
const SECONDS_ALONE: f64 = 2.5;
const SECONDS_TURNING: f64 = 1.5;

/// A closed way through some latents and some labels.
#[derive(Debug, Clone)]
pub struct Walk {
    stops: Vec<Vec<f32>>,
    labels: Vec<usize>,
    label_count: usize,
}

/// A place on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// `[latent_dim]`.
    pub latent: Vec<f32>,
    /// `[n_labels]`, adding up to 1.
    pub weights: Vec<f32>,
    /// The label that it comes from, the one that it turns to, and how far it has turned.
    pub labels: (usize, usize, f32),
}

impl Walk {
    /// The way of a seed through labels, at least one, by their indices.
    pub fn new(generator: &Generator, labels: &[usize], seed: u64) -> Self {
        let stop = |index| generator.latent(&Request { label: 0, seed, index });
        Self {
            stops: (0..STOPS).map(stop).collect(),
            labels: labels.to_vec(),
            label_count: generator.metadata().labels.len(),
        }
    }

    /// The place after some seconds. The way has no end: it comes back to its start.
    pub fn at(&self, seconds: f64) -> Place {
        let labels = self.labels_at(seconds);
        let mut weights = vec![0.0; self.label_count];
        for (label, weight) in [(labels.0, 1.0 - labels.2), (labels.1, labels.2)] {
            if let Some(sum) = weights.get_mut(label) {
                *sum += weight;
            }
        }
        Place { latent: self.latent_at(seconds), weights, labels }
    }

    fn labels_at(&self, seconds: f64) -> (usize, usize, f32) {
        let each = SECONDS_ALONE + SECONDS_TURNING;
        let count = self.labels.len().max(1);
        let step = (seconds / each).floor();
        let turned = ((seconds - step * each - SECONDS_ALONE) / SECONDS_TURNING).clamp(0.0, 1.0);
        let label = |step: f64| self.labels.get(step.rem_euclid(count as f64) as usize).copied().unwrap_or(0);
        // Starts and ends without speed (Perlin, "Improving noise", SIGGRAPH 2002).
        let share = turned * turned * turned * (turned * (turned * 6.0 - 15.0) + 10.0);
        (label(step), label(step + 1.0), share as f32)
    }

    /// A closed Catmull-Rom curve ("A class of local interpolating splines", 1974) through the stops, which has a velocity
    /// without jumps, at the distance from the mean that the stops have: normal latents lie on a thin shell.
    fn latent_at(&self, seconds: f64) -> Vec<f32> {
        let count = self.stops.len();
        let step = (seconds / SECONDS_TO_NEXT).floor();
        let way = seconds / SECONDS_TO_NEXT - step;
        let first = step.rem_euclid(count as f64) as usize;
        let near: [&[f32]; 4] = std::array::from_fn(|place| &*self.stops[(first + count + place - 1) % count]);
        let shares = catmull_rom(way);
        let mut mixed: Vec<f64> = vec![0.0; near[0].len()];
        for (stop, share) in near.iter().zip(shares) {
            mixed.iter_mut().zip(*stop).for_each(|(sum, number)| *sum += share * f64::from(*number));
        }
        let wanted: f64 =
            near.iter().zip(shares).map(|(stop, share)| share * length(stop.iter().copied().map(f64::from))).sum();
        let found = length(mixed.iter().copied());
        let factor = if found > 0.0 { wanted / found } else { 1.0 };
        mixed.into_iter().map(|number| (number * factor) as f32).collect()
    }
}

/// Shares of the stop before, the one left, the one ahead and the one after it.
fn catmull_rom(t: f64) -> [f64; 4] {
    let (t2, t3) = (t * t, t * t * t);
    [-t3 + 2.0 * t2 - t, 3.0 * t3 - 5.0 * t2 + 2.0, -3.0 * t3 + 4.0 * t2 + t, t3 - t2].map(|share| share / 2.0)
}

fn length(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.map(|number| number * number).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use model_spec::latent;

    use super::*;

    const STEP: f64 = 1e-3;

    fn walk(labels: &[usize]) -> Walk {
        let stops = (0..STOPS).map(|index| latent::latent(5, index, 100)).collect();
        Walk { stops, labels: labels.to_vec(), label_count: 4 }
    }

    fn distance(a: &[f32], b: &[f32]) -> f64 {
        length(a.iter().zip(b).map(|(a, b)| f64::from(a - b)))
    }

    #[test]
    fn it_goes_through_every_latent_and_ends_where_it_began() {
        let walk = walk(&[2, 0, 3]);
        for index in 0..STOPS {
            let place = walk.at(f64::from(index) * SECONDS_TO_NEXT);
            assert!(distance(&place.latent, &latent::latent(5, index, 100)) < 1e-4, "{index}");
        }
        // Seconds after which latents and labels are back at their start together.
        let period = 48.0;
        assert_eq!(walk.at(period), walk.at(0.0));
        assert_eq!(walk.at(period + 7.25), walk.at(7.25));
    }

    #[test]
    fn its_speed_never_jumps_and_it_stays_on_the_shell() {
        let walk = walk(&[0]);
        let speed = |seconds: f64| -> Vec<f32> {
            let (here, next) = (walk.at(seconds).latent, walk.at(seconds + STEP).latent);
            here.iter().zip(&next).map(|(a, b)| (b - a) / STEP as f32).collect()
        };
        let usual = length(speed(0.7).into_iter().map(f64::from));
        for index in 0..=STOPS {
            let at = f64::from(index) * SECONDS_TO_NEXT;
            let jump = distance(&speed(at - 2.0 * STEP), &speed(at + STEP));
            assert!(jump < 0.02 * usual, "{index}: {jump} of {usual}");
        }
        for tenth in 0..160 {
            let found = length(walk.at(f64::from(tenth) / 10.0).latent.into_iter().map(f64::from));
            assert!((8.0..12.0).contains(&found), "{tenth}: {found}");
        }
    }

    #[test]
    fn labels_stay_then_turn_into_the_next() {
        let walk = walk(&[2, 0]);
        assert_eq!(walk.at(0.0).weights, [0.0, 0.0, 1.0, 0.0]);
        assert_eq!(walk.at(2.5).labels, (2, 0, 0.0));
        let half = walk.at(3.25);
        assert_eq!((half.weights, half.labels), (vec![0.5, 0.0, 0.5, 0.0], (2, 0, 0.5)));
        assert_eq!(walk.at(4.0).weights, [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(walk.at(8.0).labels, (2, 0, 0.0));
        for hundredth in 0..800 {
            let weights = walk.at(f64::from(hundredth) / 100.0).weights;
            assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{weights:?}");
        }
        let alone = self::walk(&[3]).at(3.25);
        assert_eq!(alone.weights, [0.0, 0.0, 0.0, 1.0]);
    }
}
