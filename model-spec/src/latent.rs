//! The latent sampler: (seed, index) to a latent, bit-identical on every target.
//!
//! Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) with the seed as key and the
//! index as part of the counter gives uniform numbers; Box-Muller in f64 with the pure-Rust `libm` makes them normal.

use std::f64::consts::TAU;

/// Name of this sampler in a model's metadata; another algorithm needs another name.
pub const SAMPLER: &str = "philox4x32-10/box-muller-f64/1";

/// One latent of `dim` standard normal numbers.
///
/// The same on every machine for the same arguments; latents of one seed and several indices are independent.
///
/// ```
/// let latent = model_spec::latent::latent(7, 0, 100);
/// assert_eq!(latent.len(), 100);
/// assert_eq!(latent, model_spec::latent::latent(7, 0, 100));
/// ```
pub fn latent(seed: u64, index: u32, dim: usize) -> Vec<f32> {
    let mut numbers = Vec::with_capacity(dim + 1);
    let mut block = 0;
    while numbers.len() < dim {
        let [a, b, c, d] = philox(seed, [block, index, 0, 0]);
        let radius = libm::sqrt(-2.0 * libm::log(unit_interval(a, b)));
        let angle = TAU * unit_interval(c, d);
        numbers.push((radius * libm::cos(angle)) as f32);
        numbers.push((radius * libm::sin(angle)) as f32);
        block += 1;
    }
    numbers.truncate(dim);
    numbers
}

/// A latent on the great circle between two: `share` 0 is the first and 1 the last, bit for bit. Where they point the same
/// way or opposite ways, there is no one circle and the line between them is taken.
///
/// Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985. Unlike a line it keeps to lengths that standard
/// normal latents have. Of latents of two lengths the longer one's end is left out.
pub fn slerp(first: &[f32], last: &[f32], share: f64) -> Vec<f32> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let lengths = libm::sqrt(dot(first, first)) * libm::sqrt(dot(last, last));
    let angle = libm::acos((dot(first, last) / lengths).clamp(-1.0, 1.0));
    let sine = libm::sin(angle);
    let (a, b) = if sine > 1e-6 {
        (libm::sin((1.0 - share) * angle) / sine, libm::sin(share * angle) / sine)
    } else {
        (1.0 - share, share)
    };
    first.iter().zip(last).map(|(first, last)| (a * f64::from(*first) + b * f64::from(*last)) as f32).collect()
}

/// A uniform number strictly between 0 and 1 with 52 random bits.
fn unit_interval(high: u32, low: u32) -> f64 {
    let bits = (u64::from(high) << 32 | u64::from(low)) >> 12;
    (bits as f64 + 0.5) / (1u64 << 52) as f64
}

/// Ten rounds of Philox4x32: four random words for a key and a counter.
pub fn philox(seed: u64, mut counter: [u32; 4]) -> [u32; 4] {
    const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
    const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
    let mut key = [seed as u32, (seed >> 32) as u32];
    for _ in 0..10 {
        let first = u64::from(MULTIPLIERS[0]) * u64::from(counter[0]);
        let second = u64::from(MULTIPLIERS[1]) * u64::from(counter[2]);
        counter = [
            (second >> 32) as u32 ^ counter[1] ^ key[0],
            second as u32,
            (first >> 32) as u32 ^ counter[3] ^ key[1],
            first as u32,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of the Random123 library (kat_vectors, philox4x32-10).
    #[test]
    fn philox_gives_the_published_answers() {
        assert_eq!(philox(0, [0; 4]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox(u64::MAX, [u32::MAX; 4]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            philox(0x299f_31d0_a409_3822, [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    /// Every bit of a list, in its order.
    fn checksum(numbers: impl IntoIterator<Item = f32>) -> u32 {
        numbers.into_iter().fold(0u32, |sum, number| sum.rotate_left(1) ^ number.to_bits())
    }

    /// Python's `math` gives the same bits by the same formulas, each number rounded to f32 at the end.
    #[test]
    fn latents_have_the_committed_bits() {
        struct Case(u64, u32, [u32; 5]);
        let cases = [
            Case(0, 0, [0xbdf8_de6b, 0xbfac_cddf, 0xbda7_adaa, 0xbe64_0dd8, 0x3fe3_61df]),
            Case(7, 3, [0x3f66_63d1, 0xbf24_9556, 0xbd0b_5c7e, 0xbe61_b5cf, 0xbf68_c695]),
            Case(1 << 40, 5, [0x3e89_a3e0, 0x3ebb_1f81, 0x3f97_f388, 0x3fd8_96f9, 0xbf09_34af]),
            Case(0, u32::MAX, [0xbe7d_e418, 0xbe03_d9f8, 0xbfed_5799, 0x3f6e_3dba, 0x3f96_6891]),
            Case(u64::MAX, 0, [0xbf69_9a0e, 0xbf61_3aa3, 0xbfce_8b05, 0xbfb3_b0d9, 0x3fd2_f096]),
            Case(u64::MAX, u32::MAX, [0x3e4e_b3f4, 0xbfa8_2911, 0xbfc0_2d2e, 0x3ea4_64af, 0xbf35_afc0]),
        ];
        for Case(seed, index, expected) in cases {
            let found: Vec<u32> = latent(seed, index, 5).into_iter().map(f32::to_bits).collect();
            assert_eq!(found, expected, "seed {seed}, index {index}: {found:#010x?}");
        }
        assert_eq!(checksum((0..64).flat_map(|index| latent(1, index, 100))), 0x5bc9_36ec);
    }

    #[test]
    fn latents_between_two_have_the_committed_bits() {
        let (first, last) = (latent(1, 0, 100), latent(2, 0, 100));
        let quarter: Vec<u32> = slerp(&first, &last, 0.25).into_iter().take(5).map(f32::to_bits).collect();
        assert_eq!(quarter, [0x3e08_4cc7, 0xbea4_5858, 0x3d8b_caf3, 0xbda5_a427, 0xbf1e_2ff8], "{quarter:#010x?}");
        let shares = (1..64).map(|step| f64::from(step) / 64.0);
        assert_eq!(checksum(shares.flat_map(|share| slerp(&first, &last, share))), 0xc1a1_ca80);
    }

    #[test]
    fn a_shorter_latent_is_a_prefix_and_an_index_is_another_latent() {
        let long = latent(3, 5, 101);
        assert_eq!(latent(3, 5, 7), long[..7]);
        assert_ne!(latent(3, 6, 7), long[..7]);
        assert_ne!(latent(4, 5, 7), long[..7]);
        assert!(latent(3, 5, 0).is_empty());
    }

    #[test]
    fn slerp_keeps_its_ends_and_the_length_between_them() {
        let (first, last) = (latent(1, 0, 100), latent(2, 0, 100));
        assert_eq!(slerp(&first, &last, 0.0), first);
        assert_eq!(slerp(&first, &last, 1.0), last);
        let middle = slerp(&[3.0, 0.0], &[0.0, 3.0], 0.5);
        assert!(middle.iter().all(|x| (f64::from(*x) - 3.0 / 2f64.sqrt()).abs() < 1e-6), "{middle:?}");
        let third = slerp(&[1.0, 0.0], &[0.0, 1.0], 1.0 / 3.0);
        assert!((f64::from(third[1]) - 0.5).abs() < 1e-6, "{third:?}");
    }

    #[test]
    fn slerp_takes_the_line_where_there_is_no_circle() {
        let ends = [1.0, 2.0];
        assert_eq!(slerp(&ends, &ends, 0.5), ends);
        assert_eq!(slerp(&ends, &[-1.0, -2.0], 0.5), [0.0, 0.0]);
        assert!(slerp(&[0.0; 2], &ends, 0.5).iter().all(|x| x.is_finite()));
    }

    #[test]
    fn the_numbers_are_standard_normal() {
        let numbers: Vec<f64> = (0..200).flat_map(|index| latent(1, index, 500)).map(f64::from).collect();
        let moment = |power: i32| numbers.iter().map(|x| x.powi(power)).sum::<f64>() / numbers.len() as f64;
        assert!(moment(1).abs() < 0.015, "mean {}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.02, "variance {}", moment(2));
        assert!(moment(3).abs() < 0.05, "third moment {}", moment(3));
        assert!((moment(4) - 3.0).abs() < 0.15, "fourth moment {}", moment(4));
    }
}
