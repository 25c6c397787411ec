//! Small generators with made-up weights, as checkpoint folders, and what they compute in slow, plain Rust.
//!
//! Running statistics are far from 0 and 1, pictures far from flat, and labels far from each other, so that a missing
//! step, a wrong fold or a swap of any kind shows.

#![allow(dead_code, reason = "every test uses its own part")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use edge_runtime::model::sha256_hex;
use model_spec::architecture::{Doubling, Family, LEAKY_SLOPE, NORM_EPS, Opponent};
use model_spec::manifest::{self, DataSet, Progress, reference};
use model_spec::weights::{Role, generator as names, generator_weights};
use model_spec::{Architecture, Labels, Manifest, latent};
use safetensors::tensor::{Dtype, TensorView};

pub const LABELS: [&str; 3] = ["zebra", "a b", "ä"];

/// Numbers of a tensor in a safetensors file.
#[derive(Clone)]
pub enum Numbers {
    F32(Vec<f32>),
    I64(Vec<i64>),
}

/// A tensor in a safetensors file.
#[derive(Clone)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub numbers: Numbers,
}

pub type Tensors = BTreeMap<String, Tensor>;

/// A checkpoint that tests may spoil before they write it.
#[derive(Clone)]
pub struct Checkpoint {
    pub manifest: Manifest,
    pub weights: Tensors,
    pub reference: Tensors,
}

/// 32 pixels, odd numbers of everything.
pub fn small_architecture(channels: usize) -> Architecture {
    Architecture {
        family: Family::Cdcgan,
        image_size: 32,
        channels,
        latent_dim: 7,
        embedding_dim: 5,
        stem_channels: 6,
        widths: vec![8, 5],
        doubling: Doubling::Transposed,
        discriminator: Opponent::Concatenation,
        discriminator_widths: vec![4; 4],
    }
}

impl Checkpoint {
    pub fn small() -> Self {
        Self::new(&LABELS, small_architecture(3))
    }

    pub fn new(labels: &[&str], architecture: Architecture) -> Self {
        let weights = made_up(&architecture, labels.len());
        let names = labels.iter().map(|label| (*label).to_owned()).collect();
        let manifest = Manifest {
            schema_version: manifest::SCHEMA_VERSION,
            architecture,
            labels: Labels::new(names).expect("valid labels"),
            picture_range: manifest::PICTURE_RANGE,
            recipe: "made up".to_owned(),
            seed: 1,
            data_set: DataSet { name: "none".into(), sha256: "00".into(), pictures: 3, licence: Some("CC0".into()) },
            progress: Progress { images: 3000, epochs: 2, steps: 40 },
            scores: BTreeMap::new(),
            features: None,
            files: BTreeMap::new(),
        };
        let mut made = Self { manifest, weights, reference: Tensors::new() };
        made.renew_reference();
        made
    }

    /// The small one with a weight that 16 bits can't hold, for a channel that is always 0.
    pub fn beyond_f16() -> Self {
        let mut made = Self::small();
        made.weight(&names::norm(1).bias)[2] = -1e3;
        made.weight(&names::kernel(2))[2 * 3 * 16] = 70_000.0;
        made.renew_reference();
        made
    }

    /// Makes the reference of the weights as they are now: a row a label, each of another seed.
    pub fn renew_reference(&mut self) {
        let architecture = &self.manifest.architecture;
        let count = self.manifest.labels.len();
        let latents: Vec<Vec<f32>> =
            (0..count).map(|row| latent::latent(row as u64 + 1, 0, architecture.latent_dim)).collect();
        let images = latents.iter().enumerate().flat_map(|(label, latent)| self.forward(latent, label)).collect();
        let side = architecture.image_size;
        self.reference = BTreeMap::from([
            (reference::LATENT.to_owned(), floats(&[count, architecture.latent_dim], latents.concat())),
            (reference::LABEL.to_owned(), integers((0..count as i64).collect())),
            (reference::SEED.to_owned(), integers((1..=count as i64).collect())),
            (reference::IMAGE.to_owned(), floats(&[count, architecture.channels, side, side], images)),
        ]);
    }

    pub fn weight(&mut self, name: &str) -> &mut Vec<f32> {
        match &mut self.weights.get_mut(name).expect("a weight of this name").numbers {
            Numbers::F32(numbers) => numbers,
            Numbers::I64(_) => panic!("{name} has no floats"),
        }
    }

    pub fn reference(&mut self, name: &str) -> &mut Vec<f32> {
        match &mut self.reference.get_mut(name).expect("a tensor of this name").numbers {
            Numbers::F32(numbers) => numbers,
            Numbers::I64(_) => panic!("{name} has no floats"),
        }
    }

    /// Writes the folder, with the hashes of what it writes.
    pub fn write(&self, folder: &Path) -> PathBuf {
        std::fs::create_dir_all(folder).expect("a writable folder");
        let mut manifest = self.manifest.clone();
        let state = Tensors::from([("step".to_owned(), integers(vec![40]))]);
        for (name, tensors) in
            [(manifest::GENERATOR, &self.weights), (manifest::REFERENCE, &self.reference), (manifest::STATE, &state)]
        {
            let bytes = safetensors_bytes(tensors);
            manifest.files.insert(name.to_owned(), sha256_hex(&bytes));
            std::fs::write(folder.join(name), bytes).expect("a writable folder");
        }
        let text = serde_json::to_string_pretty(&manifest).expect("plain data");
        std::fs::write(folder.join(manifest::MANIFEST), text).expect("a writable folder");
        folder.to_owned()
    }

    /// The picture `[channels, side, side]`, every output pixel gathered from the inputs that reach it.
    pub fn forward(&self, latent: &[f32], label: usize) -> Vec<f32> {
        let architecture = &self.manifest.architecture;
        let size = architecture.embedding_dim;
        let embedded = &self.numbers(names::LABEL_EMBEDDING)[label * size..][..size];
        let mut map = self.linear(names::LATENT_WEIGHT, names::LATENT_BIAS, latent);
        map.iter_mut().filter(|x| **x < 0.0).for_each(|x| *x *= LEAKY_SLOPE);
        map.extend(self.linear(names::LABEL_WEIGHT, names::LABEL_BIAS, embedded));
        let mut side = 4;
        for (block, (_, outputs)) in architecture.block_channels().into_iter().enumerate() {
            let kernel = self.numbers(&names::kernel(block));
            map = (0..outputs * 4 * side * side)
                .map(|place| {
                    let (output, y, x) =
                        (place / (4 * side * side), place / (2 * side) % (2 * side), place % (2 * side));
                    match architecture.doubling {
                        Doubling::Transposed => gathered(&map, kernel, [side, outputs], [output, y, x]),
                        Doubling::Upsampled => upsampled(&map, kernel, side, [output, y, x]),
                    }
                })
                .collect();
            side *= 2;
            if block + 1 < architecture.blocks() {
                self.normalize(&mut map, block, side * side);
            }
        }
        map.into_iter().map(|x| x.tanh() as f32).collect()
    }

    fn normalize(&self, map: &mut [f64], block: usize, plane: usize) {
        let norm = names::norm(block);
        let [weight, bias, mean, variance] =
            [&norm.weight, &norm.bias, &norm.running_mean, &norm.running_var].map(|name| self.numbers(name));
        for (channel, values) in map.chunks_exact_mut(plane).enumerate() {
            let deviation = (f64::from(variance[channel]) + NORM_EPS).sqrt();
            for x in values {
                let normal = (*x - f64::from(mean[channel])) / deviation;
                *x = (normal * f64::from(weight[channel]) + f64::from(bias[channel])).max(0.0);
            }
        }
    }

    fn linear(&self, weight: &str, bias: &str, xs: &[f32]) -> Vec<f64> {
        let rows = self.numbers(weight).chunks_exact(xs.len()).zip(self.numbers(bias));
        let product = |row: &[f32]| row.iter().zip(xs).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum::<f64>();
        rows.map(|(row, bias)| product(row) + f64::from(*bias)).collect()
    }

    fn numbers(&self, name: &str) -> &[f32] {
        match &self.weights[name].numbers {
            Numbers::F32(numbers) => numbers,
            Numbers::I64(_) => panic!("{name} has no floats"),
        }
    }
}

/// Output (y, x) of a transposed convolution of kernel 4, stride 2, padding 1: input (iy, ix) reaches it through the tap
/// (y + 1 - 2 iy, x + 1 - 2 ix).
fn gathered(map: &[f64], kernel: &[f32], [side, outputs]: [usize; 2], [output, y, x]: [usize; 3]) -> f64 {
    let reach = |to: usize| (0..side).filter(move |from| (2 * from..2 * from + 4).contains(&(to + 1)));
    let mut sum = 0.0;
    for (input, plane) in map.chunks_exact(side * side).enumerate() {
        for iy in reach(y) {
            for ix in reach(x) {
                let tap = (y + 1 - 2 * iy) * 4 + x + 1 - 2 * ix;
                sum += plane[iy * side + ix] * f64::from(kernel[(input * outputs + output) * 16 + tap]);
            }
        }
    }
    sum
}

/// Output (y, x) of a convolution of kernel 3, padding 1, over a map with each pixel four times.
fn upsampled(map: &[f64], kernel: &[f32], side: usize, [output, y, x]: [usize; 3]) -> f64 {
    let planes = map.chunks_exact(side * side);
    let taps = kernel[output * planes.len() * 9..].chunks_exact(9);
    let read = |plane: &[f64], y: usize, x: usize| {
        let inside = (1..=2 * side).contains(&y) && (1..=2 * side).contains(&x);
        if inside { plane[(y - 1) / 2 * side + (x - 1) / 2] } else { 0.0 }
    };
    let one = |(plane, taps): (&[f64], &[f32])| {
        taps.iter()
            .enumerate()
            .map(|(tap, weight)| f64::from(*weight) * read(plane, y + tap / 3, x + tap % 3))
            .sum::<f64>()
    };
    planes.zip(taps).map(one).sum()
}

fn made_up(architecture: &Architecture, labels: usize) -> Tensors {
    let weight = |(place, spec): (usize, model_spec::weights::WeightSpec)| {
        let inputs = spec.shape.get(1).copied().unwrap_or(1) as f32;
        let (mean, deviation) = match spec.role {
            Role::Embedding => (0.0, 2.0),
            Role::LinearWeight => (0.0, 1.0 / inputs.sqrt()),
            Role::LinearBias => (0.0, 0.3),
            Role::ConvWeight => (0.0, 0.8 / (spec.shape[0] as f32).sqrt()),
            Role::NormWeight => (1.5, 0.3),
            Role::NormBias => (0.1, 0.5),
            Role::RunningMean => (-0.4, 0.6),
            Role::RunningVar => (0.2, 1.5),
        };
        let normal = latent::latent(11, place as u32, spec.shape.iter().product());
        let value = |x: &f32| match spec.role {
            Role::RunningVar => mean + deviation * x.abs(),
            _ => mean + deviation * x,
        };
        let numbers = normal.iter().map(value).collect();
        (spec.name, floats(&spec.shape, numbers))
    };
    generator_weights(architecture, labels).into_iter().enumerate().map(weight).collect()
}

pub fn floats(shape: &[usize], numbers: Vec<f32>) -> Tensor {
    Tensor { shape: shape.to_vec(), numbers: Numbers::F32(numbers) }
}

pub fn integers(numbers: Vec<i64>) -> Tensor {
    Tensor { shape: vec![numbers.len()], numbers: Numbers::I64(numbers) }
}

fn safetensors_bytes(tensors: &Tensors) -> Vec<u8> {
    let raw = tensors.iter().map(|(name, tensor)| {
        let (dtype, bytes): (_, Vec<u8>) = match &tensor.numbers {
            Numbers::F32(numbers) => (Dtype::F32, numbers.iter().flat_map(|number| number.to_le_bytes()).collect()),
            Numbers::I64(numbers) => (Dtype::I64, numbers.iter().flat_map(|number| number.to_le_bytes()).collect()),
        };
        (name, dtype, tensor.shape.clone(), bytes)
    });
    let raw: Vec<_> = raw.collect();
    let views = raw.iter().map(|(name, dtype, shape, bytes)| {
        (*name, TensorView::new(*dtype, shape.clone(), bytes).expect("as many numbers as the shape says"))
    });
    safetensors::serialize(views, None).expect("plain tensors")
}

/// Standard deviation of all values.
pub fn deviation(values: &[f32]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
    (values.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / count).sqrt()
}

/// Mean absolute difference.
pub fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>() / a.len() as f64
}

/// An error with its causes, as the command prints it.
pub fn message(error: impl std::error::Error + Send + Sync + 'static) -> String {
    format!("{:#}", anyhow::Error::new(error))
}
