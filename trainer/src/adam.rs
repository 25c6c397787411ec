//! Adam (arXiv 1412.6980) over plain tensors, so that its state can be saved; tch's optimizers keep theirs hidden.

use tch::Tensor;

use crate::flat::Flat;
use crate::weights::Weights;

/// The recipe's numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamOptions {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the mean of gradients and of their squares.
    pub betas: (f64, f64),
    /// Added to the root of the mean square.
    pub eps: f64,
}

/// What Adam remembers of one trained weight.
#[derive(Debug)]
pub struct Slot<'a> {
    /// The weight's name.
    pub name: &'a str,
    /// Running mean of gradients.
    pub mean: &'a Tensor,
    /// Running mean of squared gradients.
    pub square: &'a Tensor,
}

/// Adam for the trained weights of one network.
#[derive(Debug)]
pub struct Adam {
    options: AdamOptions,
    names: Vec<String>,
    weights: Flat, // the network's own
    means: Flat,
    squares: Flat,
    /// Steps taken.
    pub steps: u64,
}

impl Adam {
    /// An optimizer with empty memory.
    pub fn new(weights: &Weights, options: AdamOptions) -> Self {
        let (names, weights) = weights.trained();
        let (means, squares) = (weights.zeros_like(), weights.zeros_like());
        Self { options, names, weights, means, squares, steps: 0 }
    }

    /// State by weight, in state-dict order.
    pub fn slots(&self) -> impl Iterator<Item = Slot<'_>> {
        let memories = self.means.views().iter().zip(self.squares.views());
        self.names.iter().zip(memories).map(|(name, (mean, square))| Slot { name, mean, square })
    }

    /// Changes the step size from the next step on.
    pub fn set_learning_rate(&mut self, learning_rate: f64) {
        self.options.learning_rate = learning_rate;
    }

    #[cfg(test)]
    pub(crate) fn learning_rate(&self) -> f64 {
        self.options.learning_rate
    }

    /// Moves every weight against its gradient of `loss`. Other tensors' gradients are not computed.
    pub fn step(&mut self, loss: &Tensor) {
        let gradients = Tensor::run_backward(&[loss], self.weights.views(), false, false);
        self.steps += 1;
        let AdamOptions { learning_rate, betas: (beta1, beta2), eps } = self.options;
        let steps = self.steps as i32;
        let step_size = learning_rate / (1.0 - beta1.powi(steps));
        let root_correction = (1.0 - beta2.powi(steps)).sqrt();
        let root_scale = -1.0 / (step_size * root_correction);
        let _guard = tch::no_grad_guard();
        let gradient = self.weights.gathered(&gradients);
        let (mut mean, mut square) = (self.means.numbers(), self.squares.numbers());
        let _ = mean.lerp_(&gradient, 1.0 - beta1);
        let _ = square.lerp_(&gradient.square(), 1.0 - beta2);
        // mean / (-(root / root_correction + eps) / step_size): the sign and the step size sit in the divisor
        let divisor = square.sqrt().g_mul_scalar_(root_scale).g_add_scalar_(-eps / step_size);
        let _ = self.weights.numbers().addcdiv_(&mean, &divisor);
    }
}
