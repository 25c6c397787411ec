//! Generated pictures to measure: from a generator in training, a model file, or a folder.

use std::path::Path;

use edge_runtime::{EngineSpec, Model, Request};
use model_spec::pixels::chw8_from_hwc8;
use model_spec::{Labels, latent};
use tch::{Device, Tensor};

use super::meter::Fakes;
use crate::dataset::{self, DataSet, FolderOptions};
use crate::error::TrainError;
use crate::networks::{Generator, Mode};
use crate::step::u8_from_signed;

/// Pictures that are made at once.
const BATCH: usize = 32;

/// The pictures that a set of fakes must match.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Pictures of each label.
    pub counts: &'a [usize],
    /// Seed of the latents; each picture has an index of its own.
    pub seed: u64,
    /// In index order.
    pub labels: &'a Labels,
    /// Side in pixels.
    pub size: usize,
    /// 3 or 1.
    pub channels: usize,
    /// Where the pictures are measured.
    pub device: Device,
}

impl Wanted<'_> {
    fn label_of(&self) -> Vec<i64> {
        (0..).zip(self.counts).flat_map(|(label, count)| std::iter::repeat_n(label, *count)).collect()
    }
}

/// Pictures of a generator in evaluation mode.
pub fn from_generator(generator: &Generator, wanted: &Wanted<'_>) -> Fakes {
    let _guard = tch::no_grad_guard();
    let label_of = wanted.label_of();
    let device = generator.device();
    let mut index = 0u32;
    let parts: Vec<Tensor> = label_of
        .chunks(BATCH)
        .map(|labels| {
            let latents: Vec<f32> = labels
                .iter()
                .flat_map(|_| {
                    index += 1;
                    latent::latent(wanted.seed, index - 1, generator.latent_dim())
                })
                .collect();
            let latents = Tensor::from_slice(&latents).view([labels.len() as i64, -1]).to_device(device);
            let labels = Tensor::from_slice(labels).to_device(device);
            u8_from_signed(&generator.forward(&latents, &labels, Mode::Evaluate))
        })
        .collect();
    // A generator on a GPU may be measured beside pictures that stay in main memory.
    Fakes { images: Tensor::cat(&parts, 0).to_device(wanted.device), label_of }
}

/// Pictures of a model file. `progress` is called with (done, total) pictures.
///
/// # Errors
/// A file that can't be run, or makes pictures of other labels or another size.
pub fn from_model(path: &Path, wanted: &Wanted<'_>, progress: &dyn Fn(usize, usize)) -> Result<Fakes, TrainError> {
    let model = Model::open(path)?;
    let mut generator = edge_runtime::Generator::of(&model, &EngineSpec::default())?;
    let (labels, architecture) = (&generator.metadata().labels, &generator.metadata().architecture);
    refuse_other(path, wanted, labels, (architecture.image_size, architecture.channels))?;
    let label_of = wanted.label_of();
    let mut levels = Vec::new();
    for first in (0..label_of.len()).step_by(BATCH) {
        let last = (first + BATCH).min(label_of.len());
        let requests: Vec<Request> = (first..last)
            .map(|place| Request { label: label_of[place] as usize, seed: wanted.seed, index: place as u32 })
            .collect();
        for frame in generator.frames(&requests)? {
            levels.extend(chw8_from_hwc8(frame.picture.levels(), wanted.channels));
        }
        progress(last, label_of.len());
    }
    Ok(Fakes { images: images(&levels, wanted), label_of })
}

/// The first pictures of each label of a folder with one sub-folder a label, resized as training pictures are.
///
/// # Errors
/// A folder that is no data set, or one of other labels.
pub fn from_folder(path: &Path, wanted: &Wanted<'_>) -> Result<Fakes, TrainError> {
    let options = FolderOptions { size: wanted.size, channels: wanted.channels, strict: true, cache: None };
    let DataSet { labels, pictures, label_of, .. } = dataset::load(path, &options, &|_, _| {})?;
    refuse_other(path, wanted, &labels, (wanted.size, wanted.channels))?;
    let mut seen = vec![0; labels.len()];
    let mut is_wanted = |label: i64| {
        seen[label as usize] += 1;
        seen[label as usize] <= wanted.counts[label as usize]
    };
    let (places, label_of): (Vec<i64>, Vec<i64>) = (0..).zip(label_of).filter(|(_, label)| is_wanted(*label)).unzip();
    let places = Tensor::from_slice(&places).to_device(wanted.device);
    Ok(Fakes { images: images(&pictures, wanted).index_select(0, &places), label_of })
}

fn images(levels: &[u8], wanted: &Wanted<'_>) -> Tensor {
    let side = wanted.size as i64;
    Tensor::from_slice(levels).to_device(wanted.device).view([-1, wanted.channels as i64, side, side])
}

fn refuse_other(path: &Path, wanted: &Wanted<'_>, labels: &Labels, shape: (usize, usize)) -> Result<(), TrainError> {
    let expected = (wanted.labels, (wanted.size, wanted.channels));
    if expected == (labels, shape) {
        return Ok(());
    }
    let text = |labels: &Labels, (size, channels): (usize, usize)| {
        format!("labels {:?} of {size} pixels and {channels} channels", labels.names())
    };
    Err(TrainError::BadFile {
        path: path.to_owned(),
        problem: format!(
            "expected pictures of the data set's {}, found {}",
            text(expected.0, expected.1),
            text(labels, shape)
        ),
    })
}
