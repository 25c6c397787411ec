//! How far latents are drawn to their mean.

use std::fmt;
use std::str::FromStr;

use crate::RuntimeError;

/// A factor on latents, over 0 and at most 2: below 1 pictures become more alike and more usual, above 1 less.
///
/// The linear form of the truncation trick (Karras et al., arXiv 1812.04948, appendix B), on the latent itself, whose
/// mean is 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Truncation(f32);

/// It is never NaN.
impl Eq for Truncation {}

impl Truncation {
    /// None outside its range.
    pub fn new(factor: f32) -> Option<Self> {
        (factor > 0.0 && factor <= 2.0).then_some(Self(factor))
    }

    /// Whether latents stay as they are.
    pub fn is_none(self) -> bool {
        self.0 == 1.0
    }

    /// Multiplies a latent.
    pub fn apply(self, latent: &mut [f32]) {
        if !self.is_none() {
            latent.iter_mut().for_each(|number| *number *= self.0);
        }
    }
}

impl Default for Truncation {
    fn default() -> Self {
        Self(1.0)
    }
}

impl fmt::Display for Truncation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for Truncation {
    type Err = RuntimeError;

    fn from_str(text: &str) -> Result<Self, RuntimeError> {
        text.parse().ok().and_then(Self::new).ok_or_else(|| RuntimeError::Text {
            what: "truncation",
            expected: "a number over 0 and at most 2".to_owned(),
            found: text.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_factors_in_the_range_are_taken_and_written_as_they_were() {
        for text in ["0.7", "1", "2", "0.001"] {
            assert_eq!(text.parse::<Truncation>().expect("in range").to_string(), text);
        }
        for text in ["0", "-1", "2.1", "NaN", "inf", "", "x"] {
            assert!(text.parse::<Truncation>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_latent_is_multiplied_and_left_alone_by_one() {
        let mut latent = [1.5, -2.0];
        Truncation::default().apply(&mut latent);
        assert_eq!(latent, [1.5, -2.0]);
        Truncation::new(0.5).expect("in range").apply(&mut latent);
        assert_eq!(latent, [0.75, -1.0]);
    }
}
