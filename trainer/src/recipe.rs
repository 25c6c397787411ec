//! Named ways to train, and the numbers that make them.

use clap::ValueEnum;
use model_spec::architecture::Opponent;
use model_spec::{Architecture, SpecError};
use serde::{Deserialize, Serialize};

use crate::adam::AdamOptions;
use crate::augment::Augment;
use crate::error::TrainError;
use crate::weights::Convolutions;

/// A named way to train.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Recipe {
    /// Relativistic pairs with gradient penalties and averaged weights
    #[default]
    Paired,
    /// The reference notebook's, to the letter
    Reference,
}

/// How large a generator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// The reference's widths
    Full,
    /// About a quarter of the reference's multiplications (0.27 at 32 pixels, else less), for small boards
    Small,
}

/// The numbers of a recipe. What a recipe doesn't use is 0.
///
/// The losses follow from the discriminator: a concatenation gives probabilities and is trained with binary cross-entropy, a
/// projection gives logits and is trained with relativistic pairs (arXiv 1807.00734), each real picture against a fake of its
/// label, with R1 and R2 penalties (arXiv 1801.04406) as R3GAN has it (arXiv 2501.05441).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Method {
    /// Decay of Adam's means of gradients and of their squares.
    pub betas: [f64; 2],
    /// Weight of R1 and R2: half of this times the squared gradient.
    pub penalty: f64,
    /// Steps from one penalty to the next; each counts as many times.
    pub penalty_every: u64,
    /// Weight of the labels' cross-entropy in both losses.
    #[serde(default)]
    pub label_weight: f64,
    /// Thousands of pictures after which the learning rate falls as one over their number; 0: never.
    #[serde(default)]
    pub steady_kimg: f64,
    /// Thousands of pictures after which a weight counts half in the averaged generator (arXiv 1806.04498), at most a
    /// twentieth of those so far; 0: none.
    pub average_kimg: f64,
    /// What is done to all pictures that the discriminator sees.
    pub augment: Augment,
    /// The share of that which the first pictures get.
    #[serde(default)]
    pub augment_start: f64,
    /// Thousands of pictures over which the share grows to all; 0: all at once.
    #[serde(default)]
    pub augment_kimg: f64,
    /// How the generator's convolutions start.
    pub generator_start: Convolutions,
    /// Factor of the first layer's initial weights on the latent.
    pub latent_scale: f64,
    /// Deviation of the generator's initial label embedding.
    pub label_deviation: f64,
}

const PROJECTION_WIDTH: usize = 32;
const SMALL_WIDTHS: [usize; 5] = [32, 64, 128, 192, 192];

impl Recipe {
    /// The name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Paired => "paired",
        }
    }

    /// Its numbers.
    pub fn method(self) -> Method {
        match self {
            Self::Reference => Method {
                betas: [0.5, 0.999],
                penalty: 0.0,
                penalty_every: 0,
                label_weight: 0.0,
                steady_kimg: 0.0,
                average_kimg: 0.0,
                augment: Augment::default(),
                augment_start: 0.0,
                augment_kimg: 0.0,
                generator_start: Convolutions::Small,
                latent_scale: 1.0,
                label_deviation: 1.0,
            },
            Self::Paired => Method {
                betas: [0.0, 0.99],
                penalty: 0.5,
                penalty_every: 8,
                label_weight: 0.2,
                steady_kimg: 30.0,
                average_kimg: 20.0,
                augment: Augment { color: 0.5, translation: 0.125, cutout: 0.2 },
                augment_start: 0.4,
                augment_kimg: 200.0,
                generator_start: Convolutions::HeTransposed,
                latent_scale: 2.0,
                label_deviation: 8.0,
            },
        }
    }

    /// Pictures in a step.
    pub fn batch_size(self) -> usize {
        match self {
            Self::Reference => 128,
            Self::Paired => 32,
        }
    }

    /// Step size of both optimizers.
    pub fn learning_rate(self) -> f64 {
        match self {
            Self::Reference => 2e-4,
            Self::Paired => 8e-4,
        }
    }

    /// Its discriminator, which decides its losses.
    pub fn opponent(self) -> Opponent {
        match self {
            Self::Reference => Opponent::Concatenation,
            Self::Paired => Opponent::Projection,
        }
    }

    /// Both networks at a picture size.
    ///
    /// # Errors
    /// A size outside the family.
    pub fn architecture(self, preset: Preset, size: usize, channels: usize) -> Result<Architecture, SpecError> {
        let reference = Architecture::reference(size, channels)?;
        let sized = match preset {
            Preset::Full => reference,
            Preset::Small => {
                let widths: Vec<usize> = (0..reference.widths.len()).rev().map(|level| SMALL_WIDTHS[level]).collect();
                Architecture { stem_channels: SMALL_WIDTHS[reference.widths.len().min(4)], widths, ..reference }
            }
        };
        Ok(match self.opponent() {
            Opponent::Concatenation => sized,
            Opponent::Projection => sized.against_projection(PROJECTION_WIDTH),
        })
    }
}

impl Method {
    /// Whether all numbers are in their range.
    ///
    /// # Errors
    /// One that isn't, by its name in options.json.
    pub fn check(&self) -> Result<(), TrainError> {
        let Augment { color, translation, cutout } = self.augment;
        let shares = [
            ("augment.color", color),
            ("augment.translation", translation),
            ("augment.cutout", cutout),
            ("augment_start", self.augment_start),
        ];
        let amounts = [
            ("penalty", self.penalty),
            ("label_weight", self.label_weight),
            ("steady_kimg", self.steady_kimg),
            ("average_kimg", self.average_kimg),
            ("augment_kimg", self.augment_kimg),
            ("latent_scale", self.latent_scale),
            ("label_deviation", self.label_deviation),
        ];
        let decays = self.betas.map(|beta| ("betas", beta));
        let outside = |(name, value): &(&str, f64), allowed: bool, expected: &str| {
            let problem = format!("method.{name}: expected {expected}, found {value}");
            if allowed { Ok(()) } else { Err(TrainError::Options(problem)) }
        };
        shares.iter().try_for_each(|share| outside(share, (0.0..=1.0).contains(&share.1), "a share from 0 to 1"))?;
        decays.iter().try_for_each(|beta| outside(beta, (0.0..1.0).contains(&beta.1), "numbers from 0 to below 1"))?;
        amounts.iter().try_for_each(|amount| outside(amount, amount.1 >= 0.0 && amount.1.is_finite(), "0 or more"))
    }

    /// The optimizers' numbers.
    pub fn adam(&self, learning_rate: f64) -> AdamOptions {
        AdamOptions { learning_rate, betas: (self.betas[0], self.betas[1]), eps: 1e-8 }
    }

    /// What is done to pictures after so many of them.
    pub fn augment_after(&self, images: u64) -> Augment {
        if self.augment_kimg == 0.0 {
            return self.augment;
        }
        let grown = (images as f64 / (self.augment_kimg * 1000.0)).min(1.0);
        self.augment.scaled(self.augment_start + (1.0 - self.augment_start) * grown)
    }

    /// The learning rate after so many pictures, over the first one.
    pub fn rate_after(&self, images: u64) -> f64 {
        let steady = self.steady_kimg * 1000.0;
        if steady > 0.0 { (steady / (images as f64).max(1.0)).min(1.0) } else { 1.0 }
    }
}

impl Default for Method {
    /// The reference's.
    fn default() -> Self {
        Recipe::Reference.method()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_small_generator_takes_a_quarter_of_the_references_multiplications() {
        let macs = |preset: Preset, size: usize| {
            Recipe::Reference.architecture(preset, size, 3).expect("valid").generator_macs()
        };
        for (size, most) in [(32, 0.27), (64, 0.25), (128, 0.25), (256, 0.25)] {
            let share = macs(Preset::Small, size) as f64 / macs(Preset::Full, size) as f64;
            assert!(share > 0.1 && share <= most, "{size} pixels: {share}");
        }
    }

    #[test]
    fn numbers_outside_their_range_are_named() {
        let good = Recipe::Paired.method();
        assert!(good.check().is_ok() && Recipe::Reference.method().check().is_ok());
        let too_far = Augment { translation: 100.0, ..good.augment };
        let cases = [
            (Method { penalty: -1.0, ..good.clone() }, "method.penalty: expected 0 or more, found -1"),
            (Method { betas: [0.9, 1.0], ..good.clone() }, "method.betas: expected numbers from 0 to below 1, found 1"),
            (Method { augment: too_far, ..good.clone() }, "method.augment.translation: expected a share from 0 to 1"),
            (Method { label_weight: f64::INFINITY, ..good.clone() }, "method.label_weight: expected 0 or more"),
        ];
        for (method, expected) in cases {
            let message = method.check().expect_err(expected).to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn augmentation_grows_from_its_share_to_all_of_it() {
        let augment = Augment { color: 0.5, translation: 0.25, cutout: 1.0 };
        let method = Method { augment, augment_start: 0.5, augment_kimg: 100.0, ..Recipe::Paired.method() };
        let cutouts = [0, 50_000, 100_000, 1 << 40].map(|images| method.augment_after(images).cutout);
        assert_eq!(cutouts, [0.5, 0.75, 1.0, 1.0]);
        assert_eq!(method.augment_after(0), Augment { color: 0.25, translation: 0.125, cutout: 0.5 });
        let at_once = Method { augment_kimg: 0.0, ..method };
        assert_eq!(at_once.augment_after(0), augment);
    }

    #[test]
    fn the_rate_is_steady_and_then_falls_as_one_over_the_pictures() {
        let method = Method { steady_kimg: 25.0, ..Recipe::Paired.method() };
        let rates = [0, 25_000, 50_000, 200_000].map(|images| method.rate_after(images));
        assert_eq!(rates, [1.0, 1.0, 0.5, 0.125]);
        let never = Recipe::Reference.method();
        assert_eq!([0, 1, 1 << 40].map(|images| never.rate_after(images)), [1.0; 3]);
    }
}
