//! A plane of latents: the pad's two coordinates to a latent.

use crate::{Generator, Request};

/// The largest coordinate, either way.
pub(super) const REACH: f32 = 4.0;

/// A place in the plane through the latents of three seeds: (0, 0) is the first, (1, 0) the second, (0, 1) the third.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Place {
    pub x: f32,
    pub y: f32,
}

impl Place {
    /// Whether it is the first seed's own latent.
    pub fn is_origin(self) -> bool {
        self.x == 0.0 && self.y == 0.0
    }

    /// How much of each of the three latents is in this place. Their squares add up to 1, so that independent standard
    /// normal latents give a standard normal one, everywhere in the plane; it changes smoothly, since the sum of squares
    /// that it is divided by is nowhere under 1/3.
    fn shares(self) -> [f32; 3] {
        let shares = [1.0 - self.x - self.y, self.x, self.y];
        let length = shares.iter().map(|share| share * share).sum::<f32>().sqrt();
        shares.map(|share| share / length)
    }
}

/// The seeds whose latents span the plane of a seed: itself and the next two, 0 after the last.
pub(super) fn seeds(seed: u64) -> [u64; 3] {
    [seed, seed.wrapping_add(1), seed.wrapping_add(2)]
}

/// The latent at a place in the plane of a seed and an index; at the origin that of the seed, bit for bit.
pub(super) fn latent(generator: &Generator, (seed, index): (u64, u32), place: Place) -> Vec<f32> {
    let of = |seed| generator.latent(&Request { label: 0, seed, index });
    if place.is_origin() {
        return of(seed);
    }
    let [first, second, third] = seeds(seed).map(of);
    let [a, b, c] = place.shares();
    first.iter().zip(&second).zip(&third).map(|((first, second), third)| a * first + b * second + c * third).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corners_are_the_seeds_and_every_place_is_as_long() {
        for (x, y, expected) in [(0.0, 0.0, [1.0, 0.0, 0.0]), (1.0, 0.0, [0.0, 1.0, 0.0]), (0.0, 1.0, [0.0, 0.0, 1.0])]
        {
            assert_eq!(Place { x, y }.shares(), expected);
        }
        for (x, y) in [(0.5, 0.5), (-1.0, 1.0), (REACH, -REACH), (1.0 / 3.0, 1.0 / 3.0), (-REACH, -REACH)] {
            let squares: f32 = Place { x, y }.shares().iter().map(|share| share * share).sum();
            assert!((squares - 1.0).abs() < 1e-6, "{x}, {y}: {squares}");
        }
        assert_eq!(seeds(u64::MAX), [u64::MAX, 0, 1]);
    }
}
