//! Adam (arXiv 1412.6980) over plain tensors, so that its state can be saved; tch's optimizers keep theirs hidden.

use model_spec::weights::WeightSpec;
use tch::Tensor;

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

/// One trained weight and what Adam remembers of it.
#[derive(Debug)]
pub struct Slot {
    /// The weight's name.
    pub name: String,
    /// The weight itself, shared with the network.
    pub weight: Tensor,
    /// Running mean of gradients.
    pub mean: Tensor,
    /// Running mean of squared gradients.
    pub square: Tensor,
}

/// Adam for the trained weights of one network.
#[derive(Debug)]
pub struct Adam {
    options: AdamOptions,
    /// State by weight, in state-dict order.
    pub slots: Vec<Slot>,
    /// Steps taken.
    pub steps: u64,
}

impl Adam {
    /// An optimizer with empty memory.
    pub fn new(weights: &Weights, options: AdamOptions) -> Self {
        let slot = |(spec, weight): (&WeightSpec, &Tensor)| Slot {
            name: spec.name.clone(),
            weight: weight.shallow_clone(),
            mean: weight.zeros_like(),
            square: weight.zeros_like(),
        };
        Self { options, slots: weights.trained().map(slot).collect(), steps: 0 }
    }

    /// Changes the step size from the next step on.
    pub fn set_learning_rate(&mut self, learning_rate: f64) {
        self.options.learning_rate = learning_rate;
    }

    /// Moves every weight against its gradient of `loss`. Other tensors' gradients are not computed.
    pub fn step(&mut self, loss: &Tensor) {
        let inputs: Vec<&Tensor> = self.slots.iter().map(|slot| &slot.weight).collect();
        let gradients = Tensor::run_backward(&[loss], &inputs, false, false);
        self.steps += 1;
        let AdamOptions { learning_rate, betas: (beta1, beta2), eps } = self.options;
        let steps = self.steps as i32;
        let step_size = learning_rate / (1.0 - beta1.powi(steps));
        let root_correction = (1.0 - beta2.powi(steps)).sqrt();
        let root_scale = -1.0 / (step_size * root_correction);
        let _guard = tch::no_grad_guard();
        for (slot, gradient) in self.slots.iter_mut().zip(&gradients) {
            let _ = slot.mean.lerp_(gradient, 1.0 - beta1);
            let _ = slot.square.lerp_(&gradient.square(), 1.0 - beta2);
            // mean / (-(root / root_correction + eps) / step_size): the sign and the step size sit in the divisor
            let divisor = slot.square.sqrt().g_mul_scalar_(root_scale).g_add_scalar_(-eps / step_size);
            let _ = slot.weight.addcdiv_(&slot.mean, &divisor);
        }
    }
}
