//! The weights of one network, by the names of [`model_spec::weights`].

use std::collections::HashMap;

use model_spec::weights::{Role, WeightSpec};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::flat::Flat;

const CONV_DEVIATION: f64 = 0.02;
const NORM_DEVIATION: f64 = 0.02;

/// How the kernels of convolutions start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Convolutions {
    /// N(0, 0.02), as DCGAN's (arXiv 1511.06434): for networks with normalization.
    Small,
    /// N(0, sqrt(2 / fan_in)) (arXiv 1502.01852), which keeps the size of activations in networks without.
    He,
    /// The same for transposed convolutions of stride 2, in which a quarter of the kernel meets each output.
    HeTransposed,
}

/// Tensors in the order of their specifications, findable by name. Trained ones require gradients.
#[derive(Debug)]
pub struct Weights {
    specs: Vec<WeightSpec>,
    tensors: Vec<Tensor>,
    index: HashMap<String, usize>,
    /// The trained ones, and the others where there are any: what the tensors are views of.
    trained: Flat,
    measured: Option<Flat>,
}

impl Weights {
    /// Draws initial weights from libtorch's generator: convolutions as `convolutions` says, BatchNorm's factor N(1, 0.02) and offset 0, the rest PyTorch's defaults (Embedding N(0, 1), Linear U(±1/sqrt(fan_in))).
    pub fn initial(specs: Vec<WeightSpec>, convolutions: Convolutions, device: Device) -> Self {
        let draw = |spec: &WeightSpec| match (spec.role, convolutions) {
            (Role::ConvWeight, Convolutions::He) => he_tensor(spec, spec.shape[1..].iter().product(), device),
            (Role::ConvWeight, Convolutions::HeTransposed) => {
                he_tensor(spec, spec.shape[0] * spec.shape[2..].iter().product::<usize>() / 4, device)
            }
            _ => initial_tensor(spec, fan_in(spec, &specs), device),
        };
        let drawn = specs.iter().map(|spec| (spec.role.is_trained(), draw(spec)));
        let (trained, measured): (Vec<_>, Vec<_>) = drawn.partition(|(is_trained, _)| *is_trained);
        let flat =
            |drawn: Vec<(bool, Tensor)>| Flat::of(&drawn.into_iter().map(|(_, tensor)| tensor).collect::<Vec<_>>());
        let (trained, measured) = (flat(trained), (!measured.is_empty()).then(|| flat(measured)));
        let mut views = (trained.views().iter(), measured.iter().flat_map(Flat::views));
        let view = |spec: &WeightSpec| {
            let is_trained = spec.role.is_trained();
            let view = if is_trained { views.0.next() } else { views.1.next() };
            view.expect("one view for each specification").set_requires_grad(is_trained)
        };
        let tensors = specs.iter().map(view).collect();
        let index = specs.iter().enumerate().map(|(position, spec)| (spec.name.clone(), position)).collect();
        Self { specs, tensors, index, trained, measured }
    }

    /// The tensor of a name from [`model_spec::weights`].
    pub fn get(&self, name: &str) -> &Tensor {
        let position = self.index.get(name).expect("names come from the same module as the specifications");
        &self.tensors[*position]
    }

    /// Every weight with its specification, in state-dict order.
    pub fn iter(&self) -> impl Iterator<Item = (&WeightSpec, &Tensor)> {
        self.specs.iter().zip(&self.tensors)
    }

    /// Takes the numbers of a network of the same architecture.
    pub fn copy_from(&self, other: &Self) {
        self.approach(other, 1.0);
    }

    /// Moves every number, running statistics too, by `share` of its distance to that of a network of the same
    /// architecture.
    pub fn approach(&self, other: &Self, share: f64) {
        let _guard = tch::no_grad_guard();
        let pairs = std::iter::once((&self.trained, &other.trained)).chain(self.measured.iter().zip(&other.measured));
        for (own, other) in pairs {
            let _ = own.numbers().lerp_(&other.numbers(), share);
        }
    }

    /// The names of the trained weights, in state-dict order, and the weights in the same order.
    pub fn trained(&self) -> (Vec<String>, Flat) {
        let trained = self.specs.iter().filter(|spec| spec.role.is_trained());
        (trained.map(|spec| spec.name.clone()).collect(), self.trained.shared())
    }
}

fn initial_tensor(spec: &WeightSpec, fan_in: usize, device: Device) -> Tensor {
    let shape: Vec<i64> = spec.shape.iter().map(|size| *size as i64).collect();
    let options = (Kind::Float, device);
    match spec.role {
        Role::Embedding => Tensor::randn(&shape, options),
        Role::LinearWeight | Role::LinearBias => {
            let bound = 1.0 / (fan_in as f64).sqrt();
            Tensor::empty(&shape, options).uniform_(-bound, bound)
        }
        Role::ConvWeight => channels_last(&Tensor::empty(&shape, options).normal_(0.0, CONV_DEVIATION)),
        Role::NormWeight => Tensor::empty(&shape, options).normal_(1.0, NORM_DEVIATION),
        Role::NormBias | Role::RunningMean => Tensor::zeros(&shape, options),
        Role::RunningVar => Tensor::ones(&shape, options),
    }
}

fn he_tensor(spec: &WeightSpec, fan_in: usize, device: Device) -> Tensor {
    let shape: Vec<i64> = spec.shape.iter().map(|size| *size as i64).collect();
    channels_last(&Tensor::randn(&shape, (Kind::Float, device)).g_mul_scalar_((2.0 / fan_in as f64).sqrt()))
}

/// The same `[A, B, H, W]` with B innermost in memory: convolutions then keep activations in that layout, in which
/// oneDNN is faster.
fn channels_last(kernel: &Tensor) -> Tensor {
    kernel.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}

/// Inputs of the linear layer that a weight or bias belongs to.
fn fan_in(spec: &WeightSpec, specs: &[WeightSpec]) -> usize {
    let weight_name = spec.name.replace(".bias", ".weight");
    let weight = specs.iter().find(|other| other.name == weight_name);
    weight.and_then(|weight| weight.shape.get(1)).copied().unwrap_or(1)
}
