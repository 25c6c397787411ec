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

#[cfg(test)]
mod tests {
    use image::RgbImage;
    use model_spec::pixels::hwc8_from_chw_signed;

    use super::*;
    use crate::recipe::{Preset, Recipe};

    /// The cell of a sheet of 32-pixel pictures.
    fn cell(sheet: &Sheet, row: u32, column: u32) -> Vec<u8> {
        let sheet: RgbImage = image::load_from_memory(&sheet.png).expect("a PNG").to_rgb8();
        let (x, y) = (sheet::BORDER + column * (32 + sheet::BORDER), sheet::BORDER + row * (32 + sheet::BORDER));
        image::imageops::crop_imm(&sheet, x, y, 32, 32).to_image().into_raw()
    }

    #[test]
    fn a_row_is_a_label_and_a_column_a_latent() {
        let recipe = Recipe::Paired;
        let architecture = recipe.architecture(Preset::Small, 32, 3).expect("valid");
        let labels = Labels::new(["fist", "palm", "peace"].map(str::to_owned).to_vec()).expect("valid");
        let generator = Generator::initial(&architecture, 3, recipe.method().generator_start, Device::Cpu);
        let made = |latent: &[f32], label: i64| {
            let (latent, label) = (Tensor::from_slice(latent).unsqueeze(0), Tensor::from_slice(&[label]));
            let made = tch::no_grad(|| generator.forward(&latent, &label, Mode::Evaluate));
            hwc8_from_chw_signed(&Vec::<f32>::try_from(made.flatten(0, -1)).expect("numbers"), 3)
        };
        let is_near = |a: &[u8], b: &[u8]| a.iter().zip(b).all(|(a, b)| a.abs_diff(*b) <= 1);
        let of = |index| latent::latent(7, index, architecture.latent_dim);
        let (fixed, walk) = (fixed(&generator, &labels, 7), interpolation(&generator, &labels, 7));
        assert_eq!((fixed.width, fixed.height), (342, 104));
        for (row, column) in [(0, 0), (1, 0), (2, 3), (1, 9)] {
            let expected = made(&of(column), i64::from(row));
            assert!(is_near(&cell(&fixed, row, column), &expected), "row {row}, column {column}");
            assert!(!is_near(&cell(&fixed, (row + 1) % 3, column), &expected), "each label has its own pictures");
            assert!(!is_near(&cell(&fixed, row, (column + 1) % 10), &expected), "and each latent");
        }
        let middle: Vec<f32> = of(0).iter().zip(of(1)).map(|(a, b)| a * 5.0 / 9.0 + b * 4.0 / 9.0).collect();
        for (column, latent) in [(0, of(0)), (4, middle), (9, of(1))] {
            assert!(is_near(&cell(&walk, 2, column), &made(&latent, 2)), "column {column} of the walk");
        }
    }

    #[test]
    fn real_pictures_stand_in_the_row_of_their_label() {
        let labels = Labels::new(["fist", "palm"].map(str::to_owned).to_vec()).expect("valid");
        let label_of = [0, 1, 1, 0, 1];
        let levels = Tensor::from_slice(&[10u8, 20, 30, 40, 50]).view([5, 1, 1, 1]);
        let sheet = reals(&levels.expand([5, 3, 32, 32], false), &label_of, &labels);
        let first_levels = |row| Vec::from_iter((0..COLUMNS).map(|column| cell(&sheet, row, column)[0]));
        assert_eq!(first_levels(0), [10, 10, 10, 10, 10, 40, 40, 40, 40, 40]);
        assert_eq!(first_levels(1), [20, 20, 20, 20, 30, 30, 30, 50, 50, 50]);
    }
}
