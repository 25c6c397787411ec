//! Both networks of the reference recipe, as functions over named weights.

mod discriminator;
mod generator;
mod layers;

pub use discriminator::Discriminator;
pub use generator::Generator;

/// Whether batch statistics and dropout are those of training or of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Statistics of the batch, running statistics updated, dropout on.
    Train,
    /// Running statistics, no dropout.
    Evaluate,
}
