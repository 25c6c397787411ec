//! Distances between two sets of features: kernel inception distance and Fréchet distance.

use tch::{Kind, Tensor};

use crate::order::epoch_order;

const SUBSETS: u64 = 50;
const EIGEN_UPPER: &str = "U";

/// A kernel distance and how much it varies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kid {
    /// Unbiased squared maximum mean discrepancy; around 0, also below it, for samples of one distribution.
    pub mean: f64,
    /// Standard deviation over random halves of both sets.
    pub spread: f64,
}

/// Kernel inception distance (arXiv 1801.01401) of features `[n, d]` and `[m, d]`, n and m at least 2, with the paper's kernel
/// `(x . y / d + 1)^3` and its unbiased estimator over all pairs.
pub fn kid(real: &Tensor, fake: &Tensor) -> Kid {
    let kernels = Kernels::of(real, fake);
    let (reals, fakes) = (real.size()[0] as usize, fake.size()[0] as usize);
    let halves: Vec<f64> = (0..SUBSETS)
        .map(|subset| {
            let half = |count: usize, stream: u64| {
                let order = epoch_order(stream, subset, count);
                Tensor::from_slice(&order[..count.div_ceil(2).max(2)]).to_device(real.device())
            };
            kernels.select(&half(reals, 0), &half(fakes, 1)).discrepancy()
        })
        .collect();
    let mean = halves.iter().sum::<f64>() / halves.len() as f64;
    let variance = halves.iter().map(|half| (half - mean).powi(2)).sum::<f64>() / halves.len() as f64;
    Kid { mean: kernels.discrepancy(), spread: variance.sqrt() }
}

/// Kernel values of all pairs.
struct Kernels {
    real: Tensor,  // [n, n]
    fake: Tensor,  // [m, m]
    cross: Tensor, // [n, m]
}

impl Kernels {
    fn of(real: &Tensor, fake: &Tensor) -> Self {
        let (real, fake) = (real.to_kind(Kind::Double), fake.to_kind(Kind::Double));
        let dimensions = real.size()[1] as f64;
        let kernel = |xs: &Tensor, ys: &Tensor| (xs.matmul(&ys.tr()) / dimensions + 1.0).pow_tensor_scalar(3);
        Self { real: kernel(&real, &real), fake: kernel(&fake, &fake), cross: kernel(&real, &fake) }
    }

    fn select(&self, reals: &Tensor, fakes: &Tensor) -> Self {
        let part =
            |matrix: &Tensor, rows: &Tensor, columns: &Tensor| matrix.index_select(0, rows).index_select(1, columns);
        Self {
            real: part(&self.real, reals, reals),
            fake: part(&self.fake, fakes, fakes),
            cross: part(&self.cross, reals, fakes),
        }
    }

    /// The unbiased estimate: a picture is not paired with itself.
    fn discrepancy(&self) -> f64 {
        let within = |matrix: &Tensor| {
            let count = matrix.size()[0] as f64;
            (sum(matrix) - sum(&matrix.diag(0))) / (count * (count - 1.0))
        };
        within(&self.real) + within(&self.fake) - 2.0 * self.cross.mean(Kind::Double).double_value(&[])
    }
}

/// Fréchet distance (arXiv 1706.08500) of Gaussians fitted to features `[n, d]` and `[m, d]`, n and m at least 2. It grows
/// as the sets shrink: compare it at equal sizes only.
pub fn frechet(real: &Tensor, fake: &Tensor) -> f64 {
    let (real_mean, real_covariance) = gaussian(real);
    let (fake_mean, fake_covariance) = gaussian(fake);
    let means = sum(&(real_mean - fake_mean).square());
    // tr((A B)^1/2) = tr((A^1/2 B A^1/2)^1/2), of a symmetric matrix
    let root = symmetric_root(&real_covariance);
    let product = root.matmul(&fake_covariance).matmul(&root);
    let traces = sum(&real_covariance.diag(0)) + sum(&fake_covariance.diag(0));
    means + traces - 2.0 * sum(&product.linalg_eigvalsh(EIGEN_UPPER).clamp_min(0.0).sqrt())
}

fn gaussian(features: &Tensor) -> (Tensor, Tensor) {
    let features = features.to_kind(Kind::Double);
    let mean = features.mean_dim(0, false, Kind::Double); // [d]
    let centered = &features - &mean;
    let covariance = centered.tr().matmul(&centered) / (features.size()[0] - 1) as f64; // [d, d]
    (mean, covariance)
}

fn symmetric_root(matrix: &Tensor) -> Tensor {
    let (values, vectors) = matrix.linalg_eigh(EIGEN_UPPER);
    (&vectors * values.clamp_min(0.0).sqrt()).matmul(&vectors.tr())
}

fn sum(tensor: &Tensor) -> f64 {
    tensor.sum(Kind::Double).double_value(&[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::testing::{cluster, rows};

    /// The estimator of the paper's equation 4, pair by pair.
    fn plain_kid(real: &[Vec<f64>], fake: &[Vec<f64>]) -> f64 {
        let kernel = |xs: &[f64], ys: &[f64]| {
            let product: f64 = xs.iter().zip(ys).map(|(x, y)| x * y).sum();
            (product / xs.len() as f64 + 1.0).powi(3)
        };
        let within = |set: &[Vec<f64>]| {
            let mut total = 0.0;
            for (i, xs) in set.iter().enumerate() {
                for (j, ys) in set.iter().enumerate() {
                    total += if i == j { 0.0 } else { kernel(xs, ys) };
                }
            }
            total / (set.len() * (set.len() - 1)) as f64
        };
        let cross: f64 = real.iter().flat_map(|xs| fake.iter().map(|ys| kernel(xs, ys))).sum();
        within(real) + within(fake) - 2.0 * cross / (real.len() * fake.len()) as f64
    }

    #[test]
    fn kid_is_the_papers_estimator() {
        let (real, fake) = (cluster(1, 17, 5, 0.0), cluster(2, 12, 5, 0.7));
        let found = kid(&real, &fake).mean;
        let expected = plain_kid(&rows(&real), &rows(&fake));
        assert!((found - expected).abs() < 1e-9 * expected.abs(), "{found} is not {expected}");
    }

    #[test]
    fn kid_is_around_zero_for_one_distribution_and_far_from_it_for_two() {
        let real = cluster(1, 300, 8, 0.0);
        let same = kid(&real, &cluster(2, 300, 8, 0.0));
        let other = kid(&real, &cluster(3, 300, 8, 1.0));
        assert!(same.mean.abs() < 4.0 * same.spread, "{same:?}");
        assert!(other.mean > 8.0 * other.spread && other.mean > 100.0 * same.mean.abs(), "{other:?}, {same:?}");
    }

    #[test]
    fn frechet_has_the_closed_form_of_axis_aligned_gaussians() {
        // Scaled so that each column has mean m and deviation s exactly: |m1 - m2|^2 + sum (s1 - s2)^2.
        let shaped = |seed: u64, means: &[f64], deviations: &[f64]| {
            let (_, vectors) = gaussian(&cluster(seed, 400, 3, 0.0)).1.linalg_eigh(EIGEN_UPPER);
            let turned = cluster(seed, 400, 3, 0.0).to_kind(Kind::Double).matmul(&vectors);
            let centered = &turned - turned.mean_dim(0, true, Kind::Double);
            let unit = &centered / centered.std_dim(0, true, true);
            unit * Tensor::from_slice(deviations) + Tensor::from_slice(means)
        };
        let real = shaped(1, &[0.0, 1.0, -2.0], &[1.0, 2.0, 0.5]);
        let fake = shaped(2, &[0.5, 1.0, 1.0], &[1.5, 2.0, 1.5]);
        let expected = 0.25 + 9.0 + 0.25 + 1.0;
        let found = frechet(&real, &fake);
        assert!((found - expected).abs() < 1e-9, "{found}");
        assert!(frechet(&real, &real).abs() < 1e-6);
    }

    #[test]
    fn frechet_of_turned_gaussians_is_that_of_a_plain_square_root() {
        let mix = Tensor::from_slice(&[1.0f32, 0.5, 0.0, 0.0, 1.0, 0.8, 0.3, 0.0, 1.0]).view([3, 3]);
        let (real, fake) = (cluster(1, 200, 3, 0.0), cluster(2, 200, 3, 0.4).matmul(&mix));
        let ((mean_a, a), (mean_b, b)) = (gaussian(&real), gaussian(&fake));
        // Denman and Beavers: (Y, Z) -> ((Y + Z^-1) / 2, (Z + Y^-1) / 2) converges to the root of Y.
        let (mut y, mut z) = (a.matmul(&b), Tensor::eye(3, (Kind::Double, a.device())));
        for _ in 0..60 {
            (y, z) = ((&y + z.inverse()) / 2.0, (&z + y.inverse()) / 2.0);
        }
        let expected = sum(&(mean_a - mean_b).square()) + sum(&(a + b - y * 2.0).diag(0));
        let found = frechet(&real, &fake);
        assert!((found - expected).abs() < 1e-8, "{found} is not {expected}");
    }
}
