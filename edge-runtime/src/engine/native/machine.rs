//! What runs a layer.

use super::kernels::Kernels;
use super::numbers::Numbers;
use super::pack::{self, Packed};
use super::threads::Threads;

/// Kernels, and the threads that share out the work.
#[derive(Debug)]
pub(super) struct Machine {
    pub kernels: Kernels,
    pub threads: Threads,
}

impl Machine {
    /// Packs the weights of a layer.
    pub fn pack(&self, order: &impl pack::Order, numbers: Numbers<'_>) -> Packed {
        pack::pack(order, numbers, self.kernels.level().widens(), &self.threads)
    }
}
