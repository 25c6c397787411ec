//! What a run shows of itself: fixed latents with a row a label, and walks between two latents.

use model_spec::{Labels, latent};
use tch::{Device, Kind, Tensor};

use crate::augment::Augment;
use crate::dataset::places_by_label;
use crate::networks::{Generator, Mode};
use crate::sheet::{self, Sheet};

/// Pictures in a row of a sheet.
pub const COLUMNS: u32 = 10;
/// Rows of a sheet at most: the first labels.
pub const MOST_ROWS: usize = 24;

/// The first [`MOST_ROWS`] labels under the same ten latents, evaluation mode.
pub fn fixed(generator: &Generator, labels: &Labels, seed: u64) -> Sheet {
    let latents: Vec<Vec<f32>> =
        (0..COLUMNS).map(|index| latent::latent(seed, index, generator.latent_dim())).collect();
    rows_by_label(generator, labels, &latents)
}

/// Ten linear steps between two latents, both ends included, the same for each label.
pub fn interpolation(generator: &Generator, labels: &Labels, seed: u64) -> Sheet {
    let [start, end] = [0, 1].map(|index| latent::latent(seed, index, generator.latent_dim()));
    let between = |step: u32| {
        let ratio = step as f32 / (COLUMNS - 1) as f32;
        start.iter().zip(&end).map(|(a, b)| (1.0 - ratio) * a + ratio * b).collect()
    };
    let latents: Vec<Vec<f32>> = (0..COLUMNS).map(between).collect();
    rows_by_label(generator, labels, &latents)
}

/// Training pictures, spread evenly over each of the first [`MOST_ROWS`] labels, a row a label.
pub fn reals(images: &Tensor, label_of: &[i64], labels: &Labels) -> Sheet {
    let columns = COLUMNS as usize;
    let picked: Vec<i64> = places_by_label(label_of, labels.len())
        .into_iter()
        .take(MOST_ROWS)
        .flat_map(|of_label| (0..columns).map(move |column| of_label[column * of_label.len() / columns]))
        .collect();
    draw_pictures(images, &picked, COLUMNS)
}

/// Training pictures u8 `[n, channels, side, side]` at the given places.
pub fn draw_pictures(images: &Tensor, places: &[i64], columns: u32) -> Sheet {
    sheet::draw(&picked(images, places), columns)
}

/// Training pictures at the given places, [`COLUMNS`] at most, above what the discriminator sees of them in three steps.
pub fn augmented(images: &Tensor, places: &[i64], augment: &Augment) -> Sheet {
    let places = &places[..places.len().min(COLUMNS as usize)];
    let plain = picked(images, places);
    let mut rows = vec![plain.shallow_clone()];
    rows.extend((0..3).map(|_| augment.apply(&plain)));
    sheet::draw(&Tensor::cat(&rows, 0), places.len() as u32)
}

/// The pictures at the given places of u8 `[n, channels, side, side]`, as f32 in [-1, 1].
pub(crate) fn picked(images: &Tensor, places: &[i64]) -> Tensor {
    let places = Tensor::from_slice(places).to_device(images.device());
    crate::step::signed_from_u8(&images.index_select(0, &places))
}

fn rows_by_label(generator: &Generator, labels: &Labels, latents: &[Vec<f32>]) -> Sheet {
    let device: Device = generator.device();
    let flat: Vec<f32> = latents.concat();
    let latents = Tensor::from_slice(&flat).view([latents.len() as i64, -1]).to_device(device);
    let rows: Vec<Tensor> = (0..labels.len().min(MOST_ROWS) as i64)
        .map(|label| {
            let label = Tensor::full([latents.size()[0]], label, (Kind::Int64, device));
            tch::no_grad(|| generator.forward(&latents, &label, Mode::Evaluate))
        })
        .collect();
    sheet::draw(&Tensor::cat(&rows, 0), COLUMNS)
}
