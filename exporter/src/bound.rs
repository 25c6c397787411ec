//! How far a file of integer products may be from the network that it was made of: measured, with a margin.

use edge_runtime::parity::Parity;
use model_spec::Architecture;
use model_spec::metadata::Bound;

use crate::calibrate::in_parallel;
use crate::fold::Folded;
use crate::integers::{Integers, Runner};

/// Pictures that are compared, at least; more where there are more labels, up to [`MOST_PICTURES`]. Calibration has seen none
/// of them.
const PICTURES: usize = 96;
/// All of them are kept, twice.
const MOST_PICTURES: usize = 1000;
/// An engine may round a sum that lies between two steps the other way, and other latents may move more.
const MARGIN: f64 = 1.5;
/// Levels that this may be where little is moved.
const LEVELS: f64 = 2.0;

/// What one network makes of pictures beside another.
#[derive(Debug, Clone, PartialEq)]
pub struct Distance {
    /// Over all pictures.
    pub all: Parity,
    /// The mean difference of the worst picture, in levels.
    pub worst_mean: f64,
}

impl Distance {
    /// Of a calibrated network from the plain one that it was made of, over seeds from 1 with the labels in turn.
    pub fn measure(plain: &Folded, calibrated: &Folded, architecture: &Architecture) -> Self {
        let labels = plain.labels();
        let pictures = labels.clamp(PICTURES, MOST_PICTURES);
        let cases: Vec<(u64, usize)> = (0..pictures).map(|at| (1 + (at / labels) as u64, at % labels)).collect();
        let integers = Integers::of(calibrated);
        let (exact, rounded) = (Runner::new(plain), integers.runner());
        let pairs = in_parallel(&cases, |cases| {
            let both = |case: &(u64, usize)| (exact.picture(architecture, *case), rounded.picture(architecture, *case));
            cases.iter().map(both).collect::<Vec<_>>()
        });
        let mut distance = Self { all: Parity::new(), worst_mean: 0.0 };
        for (expected, found) in pairs.iter().flatten() {
            distance.all.add(expected, found);
            let mut one = Parity::new();
            one.add(expected, found);
            distance.worst_mean = distance.worst_mean.max(one.mean());
        }
        distance
    }

    /// What the file states.
    pub fn bound(&self) -> Bound {
        let max = (MARGIN * f64::from(self.all.max()) + LEVELS).ceil().min(255.0) as u8;
        // Two decimals are enough, rounded up.
        let mean = (100.0 * (MARGIN * self.worst_mean + LEVELS / 100.0)).ceil() / 100.0;
        Bound { max, mean }
    }
}

/// Whether the contract allows a bound.
pub fn is_allowed(bound: Bound) -> bool {
    bound.max <= Bound::WIDEST.max && bound.mean <= Bound::WIDEST.mean
}
