//! The order of pictures and the seeds of steps, as functions of the run's seed: nothing to save, nothing to drift.

use model_spec::latent::philox;

// The third word of the counter keeps these streams apart from each other and from the latent sampler's 0.
const ORDER_STREAM: u32 = 1;
const STEP_STREAM: u32 = 2;

/// The order in which an epoch (from 0) shows pictures `0..count`: a Fisher-Yates shuffle.
pub fn epoch_order(seed: u64, epoch: u64, count: usize) -> Vec<i64> {
    let mut order: Vec<i64> = (0..count as i64).collect();
    for last in (1..count).rev() {
        let [high, low, ..] = philox(seed, [last as u32, epoch as u32, ORDER_STREAM, (epoch >> 32) as u32]);
        let random = u64::from(high) << 32 | u64::from(low);
        let other = (u128::from(random) * (last as u128 + 1)) >> 64;
        order.swap(last, other as usize);
    }
    order
}

/// The seed of libtorch's generator for a step (from 0): latents and dropout do not depend on what ran before.
pub fn step_seed(seed: u64, step: u64) -> i64 {
    let [high, low, ..] = philox(seed, [step as u32, (step >> 32) as u32, STEP_STREAM, 0]);
    i64::from(high) << 32 | i64::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_a_permutation_that_changes_with_seed_and_epoch() {
        let order = epoch_order(1, 0, 1000);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<i64>>());
        assert_eq!(order, epoch_order(1, 0, 1000));
        assert_ne!(order, epoch_order(1, 1, 1000));
        assert_ne!(order, epoch_order(2, 0, 1000));
        let unmoved = order.iter().enumerate().filter(|(place, picture)| *place as i64 == **picture).count();
        assert!(unmoved < 10, "{unmoved} of 1000 unmoved");
    }

    #[test]
    fn step_seeds_differ() {
        let seeds: std::collections::HashSet<i64> = (0..10_000).map(|step| step_seed(1, step)).collect();
        assert_eq!(seeds.len(), 10_000);
        assert_ne!(step_seed(1, 0), step_seed(2, 0));
    }
}
