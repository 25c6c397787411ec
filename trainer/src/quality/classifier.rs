//! The measuring network: a small classifier of the data set's own labels, whose middle layer gives the features.
//!
//! Features of the last layer would forget all that labels don't need, so that a collapse within a label stayed unseen.

use std::collections::BTreeMap;
use std::path::Path;

use edge_runtime::model::sha256_hex;
use model_spec::weights::{Role, WeightSpec};
use tch::{Kind, Reduction, Tensor};

use super::Cache;
use super::holdout::{Rule, Split};
use crate::adam::{Adam, AdamOptions};
use crate::dataset::DataSet;
use crate::error::{IoContext, TrainError};
use crate::networks::leaky_relu;
use crate::step::signed_from_u8;
use crate::tensor_file;
use crate::weights::{Convolutions, Weights};
use crate::{interrupt, order};

/// Channels after each convolution of kernel 4, stride 2, padding 1.
const WIDTHS: [usize; 4] = [24, 48, 64, 128];
/// Convolutions before the features.
const FEATURE_LAYER: usize = 3;
/// Features keep a grid of so many cells a side: where things are, coarsely.
const GRID: i64 = 2;
const KERNEL: usize = 4;
const DROPOUT: f64 = 0.3;
const STEPS: u64 = 400;
const BATCH: usize = 64;
const LEARNING_RATE: f64 = 1e-3;
const SEED: u64 = 0x6d75_6472;
/// Pictures are moved by up to this share of their side, and their light changes by up to [`LIGHT`], so that neither
/// decides a label.
const SHIFT: i64 = 16;
const LIGHT: f64 = 0.25;
/// How much less of held-out pictures a network may label right than of those that it was fitted on.
const MOST_WORSE: f64 = 0.2;
/// Pictures that are read at once.
const READ_BATCH: i64 = 128;

const SHIFT_NAME: &str = "feature_mean";
const SCALE_NAME: &str = "feature_deviation";
const TRIED_NAME: &str = "held_out";

/// What the network sees in pictures.
#[derive(Debug)]
pub struct Reading {
    /// f32 `[n, d]`, each column of mean 0 and deviation 1 over the data set.
    pub features: Tensor,
    /// i64 `[n]`: the likeliest label.
    pub labels: Tensor,
}

/// A frozen measuring network.
#[derive(Debug)]
pub struct Classifier {
    weights: Weights,
    mean: Tensor,      // [d]
    deviation: Tensor, // [d]
    /// SHA-256 of its file: scores of different networks can't be compared.
    pub sha256: String,
    /// How well it knows held-out pictures.
    pub tried: Tried,
}

/// Accuracy on pictures that a network did not learn from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tried {
    /// Labelled right.
    pub right: u64,
    /// All.
    pub pictures: u64,
    /// How they were chosen.
    pub rule: Rule,
}

/// Pictures of a data set on a device.
#[derive(Debug)]
pub struct OnDevice<'a> {
    /// u8 `[n, channels, side, side]`
    pub images: &'a Tensor,
    /// The same pictures, for names and labels.
    pub data: &'a DataSet,
}

impl Classifier {
    /// Reads the network of a data set from `cache`, or fits one on the learned side of `split` and keeps it there.
    ///
    /// `progress` is called with (done, total) steps of fitting.
    ///
    /// # Errors
    /// `cache` can't be read or written, or holds a file that is not such a network; Ctrl-C.
    pub fn of_data(
        pictures: &OnDevice<'_>,
        split: &Split,
        cache: &Cache,
        progress: &dyn Fn(u64, u64),
    ) -> Result<Self, TrainError> {
        let shape = pictures.images.size();
        let hash = pictures.data.sha256.get(..12).unwrap_or_default();
        let path = cache.file(&format!("features-{}x{}-{hash}.safetensors", shape[1], shape[3]));
        if !path.is_file() {
            std::fs::create_dir_all(&cache.folder).during("create", &cache.folder)?;
            let fitted = fit(pictures, split, progress)?;
            // Runs that began together are measured by one network.
            crate::atomic::first_file(&path, |temporary| fitted.write(temporary))?;
        }
        Self::read(&path, pictures, split.rule)
    }

    /// Features and likeliest labels of pictures u8 `[n, channels, side, side]`.
    pub fn look(&self, images: &Tensor) -> Reading {
        let _guard = tch::no_grad_guard();
        let parts: Vec<(Tensor, Tensor)> = images
            .split(READ_BATCH, 0)
            .iter()
            .map(|part| {
                let middle = convolutions(&signed_from_u8(part), &self.weights, 0..FEATURE_LAYER);
                let features = middle.adaptive_avg_pool2d([GRID, GRID]).flatten(1, -1);
                let labels = judged(&middle, &self.weights, false).argmax(1, false);
                ((features - &self.mean) / &self.deviation, labels)
            })
            .collect();
        let (features, labels): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        Reading { features: Tensor::cat(&features, 0), labels: Tensor::cat(&labels, 0) }
    }

    /// Whether the network of a file knows these pictures, by what it sees in them.
    ///
    /// # Errors
    /// It labels fewer of the held-out ones right than of those that it was fitted on, or has labels exchanged.
    pub fn check(&self, path: &Path, pictures: &OnDevice<'_>, split: &Split, seen: &Reading) -> Result<(), TrainError> {
        let right = right(seen, pictures, split) as f64 / split.held_out.len() as f64;
        let expected = self.tried.right as f64 / self.tried.pictures as f64;
        let labels = Vec::<i64>::try_from(&seen.labels).expect("one label a picture");
        let found = if right < expected - MOST_WORSE {
            format!("{:.1} %", right * 100.0)
        } else if let Some([label, seen_as]) = exchanged(&pictures.data.label_of, &labels) {
            let names = pictures.data.labels.names();
            format!("labels exchanged, most pictures of {:?} seen as {:?}", names[label], names[seen_as])
        } else {
            return Ok(());
        };
        let problem = format!(
            "expected a network of these pictures, with {:.1} % of the held-out ones labelled right, found {found}: it was fitted \
             on another data set, picture size or order of labels",
            expected * 100.0
        );
        Err(TrainError::BadFile { path: path.to_owned(), problem })
    }

    /// Reads a network that was fitted before, for pictures of this shape and as many labels.
    ///
    /// # Errors
    /// A file that can't be read or is not such a network.
    pub fn read(path: &Path, pictures: &OnDevice<'_>, rule: Rule) -> Result<Self, TrainError> {
        let bytes = std::fs::read(path).during("read", path)?;
        let reader = tensor_file::Reader::new(path, &bytes)?;
        let device = pictures.images.device();
        let specs = specs(pictures.images.size()[1] as usize, pictures.data.labels.len());
        let weights = Weights::initial(specs, Convolutions::He, device);
        weights.iter().try_for_each(|(spec, tensor)| reader.copy_to(&spec.name, tensor))?;
        let numbers = || Tensor::zeros([feature_count()], (Kind::Float, device));
        let (mean, deviation) = (numbers(), numbers());
        reader.copy_to(SHIFT_NAME, &mean)?;
        reader.copy_to(SCALE_NAME, &deviation)?;
        let tried = Tensor::zeros([2], (Kind::Int64, device));
        reader.copy_to(TRIED_NAME, &tried)?;
        let [right, pictures] = [0, 1].map(|place| tried.int64_value(&[place]) as u64);
        let sha256 = sha256_hex(&bytes);
        Ok(Self { weights, mean, deviation, sha256, tried: Tried { right, pictures, rule } })
    }
}

/// Weights and figures before they are frozen in a file.
struct Fitted {
    weights: Weights,
    mean: Tensor,
    deviation: Tensor,
    tried: Tensor,
}

impl Fitted {
    fn write(&self, path: &Path) -> Result<(), TrainError> {
        let named = self.weights.iter().map(|(spec, tensor)| (spec.name.clone(), tensor));
        let figures = [(SHIFT_NAME, &self.mean), (SCALE_NAME, &self.deviation), (TRIED_NAME, &self.tried)];
        tensor_file::write(path, named.chain(figures.map(|(name, tensor)| (name.to_owned(), tensor))))
    }
}

fn fit(pictures: &OnDevice<'_>, split: &Split, progress: &dyn Fn(u64, u64)) -> Result<Fitted, TrainError> {
    let images = pictures.images;
    let device = images.device();
    let label_of = Tensor::from_slice(&pictures.data.label_of).to_device(device);
    tch::manual_seed(SEED as i64);
    let specs = specs(images.size()[1] as usize, pictures.data.labels.len());
    let weights = Weights::initial(specs, Convolutions::He, device);
    let options = AdamOptions { learning_rate: LEARNING_RATE, betas: (0.9, 0.99), eps: 1e-8 };
    let mut adam = Adam::new(&weights, options);
    let batch = BATCH.min(split.learned.len());
    let steps_an_epoch = (split.learned.len() / batch) as u64;
    for step in 0..STEPS {
        if interrupt::asked() {
            return Err(TrainError::Interrupted);
        }
        tch::manual_seed(order::step_seed(SEED, step));
        let order = order::epoch_order(SEED, step / steps_an_epoch, split.learned.len());
        let first = (step % steps_an_epoch) as usize * batch;
        let places: Vec<i64> = order[first..first + batch].iter().map(|place| split.learned[*place as usize]).collect();
        let places = Tensor::from_slice(&places).to_device(device);
        let xs = varied(&signed_from_u8(&images.index_select(0, &places)), step);
        let middle = convolutions(&xs, &weights, 0..FEATURE_LAYER);
        let loss = judged(&middle, &weights, true).cross_entropy_loss(
            &label_of.index_select(0, &places),
            None::<&Tensor>,
            Reduction::Mean,
            -100,
            0.05,
        );
        let left = 1.0 - step as f64 / STEPS as f64;
        adam.set_learning_rate(LEARNING_RATE * left);
        adam.step(&loss);
        progress(step + 1, STEPS);
    }
    Ok(measured(weights, pictures, split))
}

/// A network that knows nothing, for tests that have no time to fit one.
#[cfg(test)]
pub(super) fn write_unfitted(path: &Path, pictures: &OnDevice<'_>, split: &Split) {
    let specs = specs(pictures.images.size()[1] as usize, pictures.data.labels.len());
    let weights = Weights::initial(specs, Convolutions::He, pictures.images.device());
    measured(weights, pictures, split).write(path).expect("written");
}

/// The deviation of each feature over the data set, and the accuracy on held-out pictures.
fn measured(weights: Weights, pictures: &OnDevice<'_>, split: &Split) -> Fitted {
    let device = pictures.images.device();
    let options = (Kind::Float, device);
    let plain = Classifier {
        weights,
        mean: Tensor::zeros([feature_count()], options),
        deviation: Tensor::ones([feature_count()], options),
        sha256: String::new(),
        tried: Tried { right: 0, pictures: 0, rule: split.rule },
    };
    let reading = plain.look(pictures.images);
    let right = right(&reading, pictures, split);
    let features = reading.features;
    Fitted {
        mean: features.mean_dim(0, false, Kind::Float),
        deviation: features.std_dim(0, true, false).clamp_min(1e-6),
        tried: Tensor::from_slice(&[right, split.held_out.len() as i64]).to_device(device),
        weights: plain.weights,
    }
}

/// Held-out pictures whose label was seen.
fn right(seen: &Reading, pictures: &OnDevice<'_>, split: &Split) -> i64 {
    let device = seen.labels.device();
    let label_of = Tensor::from_slice(&pictures.data.label_of).to_device(device);
    let held_out = Tensor::from_slice(&split.held_out).to_device(device);
    seen.labels.eq_tensor(&label_of).index_select(0, &held_out).sum(Kind::Int64).int64_value(&[])
}

/// A label that stands in another's place, and that: what is seen in more than half of a label's pictures, learned ones too,
/// leads from label to label and back.
fn exchanged(labels: &[i64], seen: &[i64]) -> Option<[usize; 2]> {
    let (mut all, mut taken) = (BTreeMap::new(), BTreeMap::new());
    for (label, seen) in labels.iter().copied().zip(seen.iter().copied()) {
        *all.entry(label).or_insert(0) += 1;
        *taken.entry([label, seen]).or_insert(0) += 1;
    }
    taken.retain(|[label, _], times| 2 * *times > all[label]);
    let seen_as: BTreeMap<i64, i64> = taken.into_keys().map(|[label, seen]| (label, seen)).collect();
    let leads_back = |label: i64, first: i64| {
        let others = std::iter::successors(Some(first), |label| seen_as.get(label).copied());
        label != first && others.take(seen_as.len()).any(|other| other == label)
    };
    let (label, seen) = seen_as.iter().find(|(label, seen)| leads_back(**label, **seen))?;
    Some([*label as usize, *seen as usize])
}

/// The batch moved as one and each picture's light changed.
fn varied(xs: &Tensor, step: u64) -> Tensor {
    let side = xs.size()[3];
    let most = (side / SHIFT).max(1);
    let offset = |axis: u64| order::epoch_order(SEED ^ axis, step, 2 * most as usize + 1)[0];
    let moved = xs.reflection_pad2d([most; 4]).narrow(2, offset(1), side).narrow(3, offset(2), side);
    let light =
        |low: f64, high: f64| Tensor::empty([xs.size()[0], 1, 1, 1], (Kind::Float, xs.device())).uniform_(low, high);
    moved * light(1.0 - LIGHT, 1.0 + LIGHT) + light(-LIGHT, LIGHT)
}

fn convolutions(xs: &Tensor, weights: &Weights, layers: std::ops::Range<usize>) -> Tensor {
    layers.fold(xs.shallow_clone(), |xs, layer| {
        let bias = Some(weights.get(&bias_name(layer)));
        leaky_relu(&xs.conv2d(weights.get(&weight_name(layer)), bias, [2], [1], [1], 1))
    })
}

/// Logits `[N, labels]` from the middle layer.
fn judged(middle: &Tensor, weights: &Weights, learns: bool) -> Tensor {
    convolutions(middle, weights, FEATURE_LAYER..WIDTHS.len())
        .mean_dim([2i64, 3].as_slice(), false, Kind::Float)
        .dropout(DROPOUT, learns)
        .linear(weights.get("labels.weight"), Some(weights.get("labels.bias")))
}

fn specs(channels: usize, labels: usize) -> Vec<WeightSpec> {
    let spec = |name: String, shape: &[usize], role| WeightSpec { name, shape: shape.to_vec(), role };
    let mut inputs = channels;
    let mut specs = Vec::new();
    for (layer, outputs) in WIDTHS.into_iter().enumerate() {
        specs.push(spec(weight_name(layer), &[outputs, inputs, KERNEL, KERNEL], Role::ConvWeight));
        specs.push(spec(bias_name(layer), &[outputs], Role::NormBias));
        inputs = outputs;
    }
    specs.push(spec("labels.weight".to_owned(), &[labels, inputs], Role::LinearWeight));
    specs.push(spec("labels.bias".to_owned(), &[labels], Role::LinearBias));
    specs
}

fn weight_name(layer: usize) -> String {
    format!("convolution{layer}.weight")
}

fn bias_name(layer: usize) -> String {
    format!("convolution{layer}.bias")
}

fn feature_count() -> i64 {
    WIDTHS[FEATURE_LAYER - 1] as i64 * GRID * GRID
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_in_another_order_are_seen_and_mistakes_are_not() {
        // Ten labels of six pictures each.
        let labels: Vec<i64> = (0..60).map(|picture| picture / 6).collect();
        assert_eq!(exchanged(&labels, &labels), None);
        assert_eq!(exchanged(&labels, &[4; 60]), None, "a network that knows nothing");
        let order = |order: [i64; 10]| labels.iter().map(|label| order[*label as usize]).collect::<Vec<i64>>();
        let two = order([0, 1, 2, 3, 4, 5, 6, 8, 7, 9]);
        assert_eq!(exchanged(&labels, &two), Some([7, 8]));
        assert_eq!(exchanged(&labels, &order([0, 1, 2, 4, 5, 3, 6, 7, 8, 9])), Some([3, 4]));
        // Half of a label.
        let mut half = two;
        half[7 * 6..][..3].fill(7);
        assert_eq!(exchanged(&labels, &half), None);
    }
}
