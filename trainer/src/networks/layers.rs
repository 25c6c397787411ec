//! The layers that both networks share, and whether they train.

use model_spec::architecture::{LEAKY_SLOPE, NORM_EPS, NORM_MOMENTUM};
use model_spec::weights::NormNames;
use tch::Tensor;

use crate::weights::Weights;

/// Whether batch statistics and dropout are those of training or of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Statistics of the batch, running statistics updated, dropout on.
    Train,
    /// Running statistics, no dropout.
    Evaluate,
}

/// Leaky ReLU of the recipe's slope as one kernel each way, without a second copy of the gradient.
///
/// tch binds `leaky_relu` with PyTorch's default slope only. Its backward kernel takes the slope and computes
/// `x > 0 ? y : slope * y` for any `y`: with the input itself as `y` that is the function, and since it is linear in `y`
/// and `x` is detached, libtorch differentiates it into the same kernel on the gradient.
pub fn leaky_relu(xs: &Tensor) -> Tensor {
    xs.detach().leaky_relu_backward(xs, LEAKY_SLOPE, false)
}

/// Batch normalization over `[N, C, H, W]`; in training it also moves the running statistics.
pub fn batch_norm(xs: &Tensor, weights: &Weights, names: &NormNames, mode: Mode) -> Tensor {
    xs.batch_norm(
        Some(weights.get(&names.weight)),
        Some(weights.get(&names.bias)),
        Some(weights.get(&names.running_mean)),
        Some(weights.get(&names.running_var)),
        mode == Mode::Train,
        NORM_MOMENTUM,
        NORM_EPS,
        true,
    )
}
