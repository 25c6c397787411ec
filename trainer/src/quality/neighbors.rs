//! What nearest neighbors tell of two sets of features: fidelity, variety, memorisation.

use tch::{Kind, Tensor};

/// Distances in memory at once, 8 bytes each.
const AT_ONCE: i64 = 1 << 25;
/// Neighbors that make the radius of improved precision and recall, as in the paper.
pub const PRECISION_NEIGHBORS: i64 = 3;
/// Neighbors that make the radius of density and coverage, as in the paper.
pub const COVERAGE_NEIGHBORS: i64 = 5;
/// `cdist` without its shortcut through a matrix product, whose rounding keeps equal rows apart.
const EXACT: i64 = 2;

/// Fidelity and variety, each 1 at best; density may pass 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Manifold {
    /// Share of fakes that lie as near to a real picture as its third neighbor (arXiv 1904.06991).
    pub precision: f64,
    /// Share of real pictures that lie as near to a fake as its third neighbor (arXiv 1904.06991).
    pub recall: f64,
    /// Real pictures whose fifth neighbor is further away than a fake, over 5, in the mean of all fakes (arXiv 2002.09797).
    pub density: f64,
    /// Share of real pictures with a fake within the distance of their fifth neighbor (arXiv 2002.09797).
    pub coverage: f64,
}

/// Compares features `[n, d]` and `[m, d]`; n and m above [`COVERAGE_NEIGHBORS`].
pub fn manifold(real: &Tensor, fake: &Tensor) -> Manifold {
    let (among_reals, among_fakes) = (distances(real, real), distances(fake, fake));
    let cross = distances(real, fake); // [n, m]
    let reals_within = |neighbors| cross.le_tensor(&radii(&among_reals, neighbors).unsqueeze(1));
    let fakes_within = cross.le_tensor(&radii(&among_fakes, PRECISION_NEIGHBORS).unsqueeze(0));
    let near = reals_within(COVERAGE_NEIGHBORS); // [n, m]
    let fakes = fake.size()[0] as f64;
    let hits = near.sum(Kind::Double).double_value(&[]);
    Manifold {
        precision: share(&reals_within(PRECISION_NEIGHBORS).any_dim(0, false)),
        recall: share(&fakes_within.any_dim(1, false)),
        density: hits / (COVERAGE_NEIGHBORS as f64 * fakes),
        coverage: share(&near.any_dim(1, false)),
    }
}

/// Mean distance of two different rows of `[n, d]`, n at least 2.
pub fn mean_distance(features: &Tensor) -> f64 {
    let count = features.size()[0] as f64;
    distances(features, features).sum(Kind::Double).double_value(&[]) / (count * (count - 1.0))
}

/// For each row of `from` the place of and distance to its nearest row of `to`: i64 `[n]`, f64 `[n]`.
pub fn nearest(from: &Tensor, to: &Tensor) -> (Tensor, Tensor) {
    nearest_at_once(from, to, AT_ONCE)
}

/// The same with at most so many distances in memory, or those of one row.
fn nearest_at_once(from: &Tensor, to: &Tensor, most: i64) -> (Tensor, Tensor) {
    let to = to.to_kind(Kind::Double); // once, not with every part
    let parts = from.split((most / to.size()[0].max(1)).max(1), 0);
    let found: Vec<(Tensor, Tensor)> = parts.iter().map(|part| distances(part, &to).min_dim(1, false)).collect();
    let (distances, places): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    (Tensor::cat(&places, 0), Tensor::cat(&distances, 0))
}

/// The median of f64 `[n]`.
pub fn median(numbers: &Tensor) -> f64 {
    numbers.median().double_value(&[])
}

fn distances(xs: &Tensor, ys: &Tensor) -> Tensor {
    Tensor::cdist(&xs.to_kind(Kind::Double), &ys.to_kind(Kind::Double), 2.0, EXACT)
}

/// Distance of each row to its k-th nearest other: the row itself stands first.
fn radii(distances: &Tensor, neighbors: i64) -> Tensor {
    distances.kthvalue(neighbors + 1, 1, false).0
}

fn share(flags: &Tensor) -> f64 {
    flags.to_kind(Kind::Double).mean(Kind::Double).double_value(&[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::testing::{cluster, rows};

    fn distance(xs: &[f64], ys: &[f64]) -> f64 {
        xs.iter().zip(ys).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt()
    }

    fn radius(set: &[Vec<f64>], place: usize, neighbors: usize) -> f64 {
        let mut others: Vec<f64> =
            set.iter().enumerate().filter(|(i, _)| *i != place).map(|(_, ys)| distance(&set[place], ys)).collect();
        others.sort_by(f64::total_cmp);
        others[neighbors - 1]
    }

    /// Share of `points` inside the ball of any of `centers`, and the mean number of balls around a point.
    fn inside(points: &[Vec<f64>], centers: &[Vec<f64>], neighbors: usize) -> (f64, f64) {
        let radii: Vec<f64> = (0..centers.len()).map(|place| radius(centers, place, neighbors)).collect();
        let balls = |point: &Vec<f64>| {
            centers.iter().zip(&radii).filter(|(center, radius)| distance(center, point) <= **radius).count()
        };
        let counts: Vec<usize> = points.iter().map(balls).collect();
        let hit = counts.iter().filter(|count| **count > 0).count();
        (hit as f64 / points.len() as f64, counts.iter().sum::<usize>() as f64 / points.len() as f64)
    }

    #[test]
    fn the_nearest_are_the_same_a_few_at_a_time() {
        let (from, to) = (cluster(1, 23, 4, 0.0), cluster(2, 17, 4, 0.6));
        let (places, distances) = nearest(&from, &to);
        for most in [1, 3 * 17, 5 * 17 + 4] {
            let (few_places, few_distances) = nearest_at_once(&from, &to, most);
            assert_eq!((few_places, few_distances), (places.shallow_clone(), distances.shallow_clone()), "{most}");
        }
    }

    #[test]
    fn every_share_is_that_of_counting_balls() {
        let (real, fake) = (cluster(1, 40, 4, 0.0), cluster(2, 31, 4, 0.6));
        let found = manifold(&real, &fake);
        let (real, fake) = (rows(&real), rows(&fake));
        let covered = |place: usize| {
            let reach = radius(&real, place, 5);
            fake.iter().any(|point| distance(&real[place], point) <= reach)
        };
        let coverage = (0..real.len()).filter(|place| covered(*place)).count() as f64 / real.len() as f64;
        let expected = Manifold {
            precision: inside(&fake, &real, 3).0,
            recall: inside(&real, &fake, 3).0,
            density: inside(&fake, &real, 5).1 / 5.0,
            coverage,
        };
        for (found, expected) in [
            (found.precision, expected.precision),
            (found.recall, expected.recall),
            (found.density, expected.density),
            (found.coverage, expected.coverage),
        ] {
            assert!((found - expected).abs() < 1e-12 && found > 0.0 && found < 1.5, "{found} is not {expected}");
        }
    }

    #[test]
    fn identical_sets_are_perfect_and_disjoint_ones_have_nothing_in_common() {
        let real = cluster(1, 60, 4, 0.0);
        let same = manifold(&real, &real);
        assert_eq!((same.precision, same.recall, same.coverage), (1.0, 1.0, 1.0));
        assert!((same.density - 1.0).abs() < 0.3, "{same:?}");
        let apart = manifold(&real, &cluster(1, 60, 4, 100.0));
        assert_eq!((apart.precision, apart.recall, apart.density, apart.coverage), (0.0, 0.0, 0.0, 0.0));
    }

    #[test]
    fn repeated_pictures_drop_recall_and_coverage_but_not_precision() {
        let real = cluster(1, 100, 4, 0.0);
        let few = cluster(1, 4, 4, 0.0).repeat([25, 1]); // the first four real ones, again and again
        let found = manifold(&real, &few);
        assert_eq!(found.precision, 1.0);
        assert!(found.recall <= 0.05 && found.coverage < 0.4, "{found:?}");
    }

    #[test]
    fn the_mean_distance_leaves_a_picture_and_itself_out() {
        let features = Tensor::from_slice(&[0.0f32, 0.0, 3.0, 4.0, 0.0, 8.0]).view([3, 2]);
        assert!((mean_distance(&features) - (5.0 + 8.0 + 5.0) / 3.0).abs() < 1e-12);
    }

    #[test]
    fn the_nearest_row_is_found_with_its_distance() {
        let from = Tensor::from_slice(&[0.0f32, 0.0, 10.0, 0.0]).view([2, 2]);
        let to = Tensor::from_slice(&[9.0f32, 0.0, 0.0, 2.0]).view([2, 2]);
        let (places, distances) = nearest(&from, &to);
        assert_eq!(Vec::<i64>::try_from(places).expect("flat"), [1, 0]);
        assert_eq!(Vec::<f64>::try_from(&distances).expect("flat"), [2.0, 1.0]);
    }
}
