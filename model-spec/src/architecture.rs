//! The family of networks, as numbers: which generator and discriminator a run trains and a file holds.

use serde::{Deserialize, Serialize};

use crate::SpecError;

/// Side of the first feature map.
pub const STEM_SIZE: usize = 4;
/// Slope of every leaky ReLU.
pub const LEAKY_SLOPE: f64 = 0.2;
/// Epsilon of every batch normalization.
pub const NORM_EPS: f64 = 0.8;
/// Share of the new batch in the running statistics.
pub const NORM_MOMENTUM: f64 = 0.1;
/// Share of features that the discriminator's dropout removes.
pub const DROPOUT: f64 = 0.4;

const SIZES: [usize; 4] = [32, 64, 128, 256];
/// The most channels of a layer.
pub const MAX_WIDTH: usize = 4096;
const LAST_WIDTH: usize = 64;
const MOST_STEM_CHANNELS: usize = 512;
const CONCATENATION_LAYERS: usize = 4;

/// Which family member; serialized by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Label-conditioned DCGAN (arXiv 1511.06434, 1411.1784): dense stem, convolutions that double the side.
    Cdcgan,
}

/// Which discriminator a generator is trained against; serialized by name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Opponent {
    /// The reference's: the label as further picture channels, four convolutions with batch normalization.
    #[default]
    Concatenation,
    /// One convolution for each halving down to 4x4, no normalization, minibatch deviation within each label (after arXiv
    /// 1710.10196), the label by projection (arXiv 1802.05637).
    Projection,
}

impl Opponent {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How a block of the generator doubles the side; serialized by name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doubling {
    /// A transposed convolution of kernel 4, stride 2, padding 1.
    #[default]
    Transposed,
    /// Each pixel four times, then a convolution of kernel 3, padding 1. It is computed and exported as the transposed
    /// convolution that it is, whose weights are [sums](crate::weights::UPSAMPLED) of nine.
    Upsampled,
}

impl Doubling {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The numbers that make one generator and its discriminator.
///
/// The generator's stem is `[N, stem_channels + 1, 4, 4]`; block `i` doubles the side and has `widths[i]` channels; one
/// more block ends in `channels`. So the picture's side is `4 * 2^(widths.len() + 1)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Family member.
    pub family: Family,
    /// Side of the square picture in pixels: 32, 64, 128 or 256.
    pub image_size: usize,
    /// Channels of the picture: 1 (gray) or 3 (RGB).
    pub channels: usize,
    /// Numbers in one latent.
    pub latent_dim: usize,
    /// Numbers in one label embedding, in both networks.
    pub embedding_dim: usize,
    /// Channels that the latent becomes at 4x4.
    pub stem_channels: usize,
    /// Channels after each block of the generator but the last.
    pub widths: Vec<usize>,
    /// How its blocks double the side.
    #[serde(default, skip_serializing_if = "Doubling::is_default")]
    pub doubling: Doubling,
    /// Which discriminator.
    #[serde(default, skip_serializing_if = "Opponent::is_default")]
    pub discriminator: Opponent,
    /// Channels after each of the discriminator's convolutions: four, or for [`Opponent::Projection`] one for each halving
    /// down to 4x4.
    pub discriminator_widths: Vec<usize>,
}

impl Architecture {
    /// The reference architecture at a picture size: 512, 256, 128, 64 channels at 128 pixels.
    ///
    /// # Errors
    /// A size other than 32, 64, 128 or 256.
    pub fn reference(image_size: usize, channels: usize) -> Result<Self, SpecError> {
        let hidden = block_count(image_size)? - 1;
        let widths: Vec<_> = (0..hidden).rev().map(|i| (LAST_WIDTH << i).min(MOST_STEM_CHANNELS)).collect();
        let stem_channels = (widths[0] * 2).min(MOST_STEM_CHANNELS);
        let made = Self {
            family: Family::Cdcgan,
            image_size,
            channels,
            latent_dim: 100,
            embedding_dim: 100,
            stem_channels,
            widths,
            doubling: Doubling::Transposed,
            discriminator: Opponent::Concatenation,
            discriminator_widths: vec![64, 128, 256, 512],
        };
        made.check()?;
        Ok(made)
    }

    /// The same networks with a projection discriminator whose first convolution has `width` channels.
    pub fn against_projection(self, width: usize) -> Self {
        let levels = 0..self.blocks();
        let discriminator_widths = levels.map(|level| (width << level).min(8 * width)).collect();
        Self { discriminator: Opponent::Projection, discriminator_widths, ..self }
    }

    /// Multiplications of one picture in the generator.
    pub fn generator_macs(&self) -> usize {
        let stem = STEM_SIZE * STEM_SIZE;
        let dense = (self.latent_dim * self.stem_channels + self.embedding_dim) * stem;
        let blocks = self.block_channels().into_iter().enumerate();
        // Each of the kernel's 16 weights meets each input pixel once.
        dense + blocks.map(|(block, (inputs, outputs))| inputs * outputs * 16 * (stem << (2 * block))).sum::<usize>()
    }

    /// Checks numbers that come from outside.
    ///
    /// # Errors
    /// The first number that leaves the family, by name.
    pub fn check(&self) -> Result<(), SpecError> {
        let blocks = block_count(self.image_size)?;
        if self.channels != 1 && self.channels != 3 {
            return Err(problem("channels", "1 or 3", self.channels));
        }
        if self.widths.len() + 1 != blocks {
            let expected = format!("{} numbers for {} pixels", blocks - 1, self.image_size);
            return Err(problem("widths", &expected, self.widths.len()));
        }
        let levels = match self.discriminator {
            Opponent::Concatenation => CONCATENATION_LAYERS,
            Opponent::Projection => blocks,
        };
        if self.discriminator_widths.len() != levels {
            let expected = format!("{levels} numbers for this discriminator");
            return Err(problem("discriminator_widths", &expected, self.discriminator_widths.len()));
        }
        let named = [
            ("latent_dim", self.latent_dim),
            ("embedding_dim", self.embedding_dim),
            ("stem_channels", self.stem_channels),
        ];
        let widths = self.widths.iter().map(|width| ("widths", *width));
        let others = self.discriminator_widths.iter().map(|width| ("discriminator_widths", *width));
        for (field, value) in named.into_iter().chain(widths).chain(others) {
            if !(1..=MAX_WIDTH).contains(&value) {
                return Err(problem(field, &format!("1 to {MAX_WIDTH}"), value));
            }
        }
        Ok(())
    }

    /// Blocks that double the side: `log2(image_size / 4)`.
    pub fn blocks(&self) -> usize {
        self.widths.len() + 1
    }

    /// Input and output channels of each block, first to last: the label adds one channel to the first.
    pub fn block_channels(&self) -> Vec<(usize, usize)> {
        let inputs = std::iter::once(self.stem_channels + 1).chain(self.widths.iter().copied());
        let outputs = self.widths.iter().copied().chain(std::iter::once(self.channels));
        inputs.zip(outputs).collect()
    }

    /// Side of the feature map after each of the discriminator's convolutions of kernel 4: stride 2, pad 1, and in the
    /// reference's three more of stride 3, pad 2.
    pub fn discriminator_sides(&self) -> Vec<usize> {
        let next = |side: &usize, layer: usize| match self.discriminator {
            Opponent::Concatenation if layer > 0 => side / 3 + 1,
            _ => side / 2,
        };
        let mut sides = vec![self.image_size];
        for layer in 0..self.discriminator_widths.len() {
            sides.extend(sides.last().map(|side| next(side, layer)));
        }
        sides.split_off(1)
    }

    /// Features that the discriminator's first dense layer reads, without the minibatch deviation's: 4608 for the
    /// reference at 128 pixels.
    pub fn discriminator_features(&self) -> usize {
        let side = self.discriminator_sides().last().copied().unwrap_or(0);
        self.discriminator_widths.last().copied().unwrap_or(0) * side * side
    }

    /// Values in one picture.
    pub fn pixels(&self) -> usize {
        self.channels * self.image_size * self.image_size
    }
}

fn block_count(image_size: usize) -> Result<usize, SpecError> {
    if SIZES.contains(&image_size) {
        Ok((image_size / STEM_SIZE).ilog2() as usize)
    } else {
        Err(problem("image_size", "32, 64, 128 or 256", image_size))
    }
}

fn problem(field: &'static str, expected: &str, found: usize) -> SpecError {
    SpecError::Architecture { field, expected: expected.to_owned(), found: found.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_at_128_pixels_has_the_notebooks_numbers() {
        let reference = Architecture::reference(128, 3).expect("valid");
        assert_eq!(reference.block_channels(), [(513, 512), (512, 256), (256, 128), (128, 64), (64, 3)]);
        assert_eq!(reference.discriminator_sides(), [64, 22, 8, 3]);
        assert_eq!(reference.discriminator_features(), 4608);
        assert_eq!(reference.pixels(), 49152);
        assert_eq!(reference.generator_macs(), 483_296_832);
    }

    #[test]
    fn a_projection_discriminator_halves_the_side_down_to_4() {
        let made = Architecture::reference(128, 3).expect("valid").against_projection(32);
        made.check().expect("valid");
        assert_eq!(made.discriminator_widths, [32, 64, 128, 256, 256]);
        assert_eq!(made.discriminator_sides(), [64, 32, 16, 8, 4]);
        assert_eq!(made.discriminator_features(), 256 * 4 * 4);
    }

    #[test]
    fn the_reference_is_written_as_before_there_were_other_networks() {
        let text = serde_json::to_string(&Architecture::reference(64, 3).expect("valid")).expect("plain data");
        assert!(text.ends_with(r#""widths":[256,128,64],"discriminator_widths":[64,128,256,512]}"#), "{text}");
    }

    #[test]
    fn every_size_of_the_family_checks_and_others_are_refused() {
        for size in SIZES {
            let made = Architecture::reference(size, 3).expect("valid");
            assert_eq!(STEM_SIZE << made.blocks(), size);
        }
        for size in [0, 4, 16, 96, 512] {
            assert!(Architecture::reference(size, 3).is_err(), "{size}");
        }
        assert!(Architecture::reference(64, 2).is_err());
    }

    #[test]
    fn numbers_outside_the_family_are_named() {
        let reference = Architecture::reference(64, 1).expect("valid");
        let broken = Architecture { widths: vec![0, 1, 2], ..reference.clone() };
        assert!(broken.check().expect_err("refused").to_string().contains("widths"));
        let broken = Architecture { widths: vec![8; 5], ..reference.clone() };
        assert!(broken.check().expect_err("refused").to_string().contains("3 numbers for 64 pixels"));
        let broken = Architecture { latent_dim: usize::MAX, ..reference };
        assert!(broken.check().expect_err("refused").to_string().contains("latent_dim"));
    }
}
