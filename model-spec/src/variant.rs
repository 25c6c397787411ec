//! How a model file differs from the plain one: what it takes, what it gives, and how its network is written.

use std::collections::BTreeMap;

use crate::pairs::{problem, text};
use crate::{SpecError, contract};

/// What the label input takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LabelInput {
    /// i64 `[batch]`: the index of a label.
    #[default]
    Index,
    /// f32 `[batch, labels]`: how much of each label, adding up to 1.
    Mix,
}

/// What the picture output gives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Output {
    /// f32 in [-1, 1].
    #[default]
    Float,
    /// u8: the levels of [`crate::pixels::u8_from_signed`].
    Levels,
}

/// How transposed convolutions are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rewrite {
    /// As such.
    #[default]
    None,
    /// As 2x2 convolutions to four times the channels, which become pixels (arXiv 1609.05158).
    Subpixel,
}

/// What the products of the blocks are computed in; sums are at least 32 bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compute {
    /// f32.
    #[default]
    F32,
    /// Factors rounded to bfloat16, sums in f32.
    Bf16,
    /// Factors rounded to IEEE 754's binary16, sums of a few products in it, and sums of those in f32.
    F16,
    /// Factors quantized to 8 bits, sums in i32.
    Int8,
}

impl Compute {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::F32, Self::Bf16, Self::F16, Self::Int8];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
            Self::Int8 => "int8",
        }
    }
}

/// In how many bits a file stores the weights whose products are of f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 16 bits.
    F16,
    /// 8 bits with a factor for each output channel.
    Int8,
}

impl Precision {
    /// All of them, the most exact first.
    pub const ALL: [Self; 3] = [Self::F32, Self::F16, Self::Int8];

    /// Its name in metadata and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Int8 => "int8",
        }
    }

    pub(crate) fn from_pairs(pairs: &BTreeMap<String, String>) -> Result<Self, SpecError> {
        let found = text(pairs, contract::WEIGHTS_KEY)?;
        let named = Self::ALL.into_iter().find(|precision| precision.name() == found);
        named.ok_or_else(|| unknown(contract::WEIGHTS_KEY, &Self::ALL.map(Self::name).join(", "), found))
    }
}

/// What a file differs in; the default is the plain file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Variant {
    /// What the label input takes.
    pub label_input: LabelInput,
    /// What the picture output gives.
    pub output: Output,
    /// Pictures of one run, where their number is fixed.
    pub batch: Option<usize>,
    /// How transposed convolutions are written.
    pub rewrite: Rewrite,
    /// What the products of the blocks are computed in: [`Compute::F32`] or, in a file of [`Rewrite::Subpixel`],
    /// [`Compute::Int8`]. Bf16 and f16 are an engine's own choice, no file's.
    pub compute: Compute,
}

const MIX: &str = "mix";
const SUBPIXEL: &str = "subpixel";

impl Variant {
    /// What is not plain, in a few words: `label mix, u8 output`; empty for the plain file.
    pub fn text(&self) -> String {
        let mut parts = Vec::new();
        if self.label_input == LabelInput::Mix {
            parts.push("label mix".to_owned());
        }
        if self.output == Output::Levels {
            parts.push("u8 output".to_owned());
        }
        parts.extend(self.batch.map(|batch| format!("batch {batch}")));
        if self.rewrite == Rewrite::Subpixel {
            parts.push(SUBPIXEL.to_owned());
        }
        if self.compute != Compute::F32 {
            parts.push(format!("{} compute", self.compute.name()));
        }
        parts.join(", ")
    }

    /// Key and text of all that is not plain, and of the picture layout.
    pub(crate) fn to_pairs(self) -> Vec<(&'static str, String)> {
        let picture = match self.output {
            Output::Float => contract::PICTURE,
            Output::Levels => contract::PICTURE_LEVELS,
        };
        let mut pairs = vec![(contract::PICTURE_KEY, picture.to_owned())];
        if self.label_input == LabelInput::Mix {
            pairs.push((contract::LABEL_INPUT_KEY, MIX.to_owned()));
        }
        pairs.extend(self.batch.map(|batch| (contract::BATCH_KEY, batch.to_string())));
        if self.rewrite == Rewrite::Subpixel {
            pairs.push((contract::REWRITE_KEY, SUBPIXEL.to_owned()));
        }
        if self.compute != Compute::F32 {
            pairs.push((contract::COMPUTE_KEY, self.compute.name().to_owned()));
        }
        pairs
    }

    pub(crate) fn from_pairs(pairs: &BTreeMap<String, String>) -> Result<Self, SpecError> {
        let get = |key: &str| pairs.get(key).map(String::as_str);
        let int8 = Compute::Int8.name();
        Ok(Self {
            label_input: match get(contract::LABEL_INPUT_KEY) {
                None => LabelInput::Index,
                Some(MIX) => LabelInput::Mix,
                Some(other) => return Err(unknown(contract::LABEL_INPUT_KEY, MIX, other)),
            },
            output: match get(contract::PICTURE_KEY) {
                Some(contract::PICTURE) => Output::Float,
                Some(contract::PICTURE_LEVELS) => Output::Levels,
                other => {
                    let expected = format!("{} or {}", contract::PICTURE, contract::PICTURE_LEVELS);
                    return Err(unknown(contract::PICTURE_KEY, &expected, other.unwrap_or_default()));
                }
            },
            batch: match get(contract::BATCH_KEY) {
                None => None,
                Some(text) => match text.parse() {
                    Ok(batch) if (1..=contract::MOST_BATCH).contains(&batch) => Some(batch),
                    _ => return Err(unknown(contract::BATCH_KEY, &format!("1 to {}", contract::MOST_BATCH), text)),
                },
            },
            rewrite: match get(contract::REWRITE_KEY) {
                None => Rewrite::None,
                Some(SUBPIXEL) => Rewrite::Subpixel,
                Some(other) => return Err(unknown(contract::REWRITE_KEY, SUBPIXEL, other)),
            },
            compute: match get(contract::COMPUTE_KEY) {
                None => Compute::F32,
                Some(found) if found == int8 && get(contract::REWRITE_KEY) == Some(SUBPIXEL) => Compute::Int8,
                Some(found) if found == int8 => {
                    let needed = format!("{int8} needs {} {SUBPIXEL:?}", contract::REWRITE_KEY);
                    return Err(problem(contract::COMPUTE_KEY, needed));
                }
                Some(other) => return Err(unknown(contract::COMPUTE_KEY, int8, other)),
            },
        })
    }
}

fn unknown(key: &str, expected: &str, found: &str) -> SpecError {
    problem(key, format!("expected {expected}, found {found:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(variant: Variant) -> BTreeMap<String, String> {
        variant.to_pairs().into_iter().map(|(key, text)| (key.to_owned(), text)).collect()
    }

    #[test]
    fn every_variant_survives_the_round_trip_and_the_plain_one_adds_no_key() {
        assert_eq!(pairs(Variant::default()).len(), 1);
        for label_input in [LabelInput::Index, LabelInput::Mix] {
            for output in [Output::Float, Output::Levels] {
                for batch in [None, Some(1), Some(8)] {
                    for (rewrite, compute) in [
                        (Rewrite::None, Compute::F32),
                        (Rewrite::Subpixel, Compute::F32),
                        (Rewrite::Subpixel, Compute::Int8),
                    ] {
                        let variant = Variant { label_input, output, batch, rewrite, compute };
                        assert_eq!(Variant::from_pairs(&pairs(variant)).expect("valid"), variant);
                    }
                }
            }
        }
        let all = Variant {
            label_input: LabelInput::Mix,
            output: Output::Levels,
            batch: Some(4),
            rewrite: Rewrite::Subpixel,
            compute: Compute::Int8,
        };
        assert_eq!(all.text(), "label mix, u8 output, batch 4, subpixel, int8 compute");
    }

    #[test]
    fn an_unknown_variant_is_named() {
        for (key, text) in [
            (contract::LABEL_INPUT_KEY, "one-hot"),
            (contract::PICTURE_KEY, "nhwc"),
            (contract::BATCH_KEY, "0"),
            (contract::BATCH_KEY, "257"),
            (contract::REWRITE_KEY, "other"),
            (contract::COMPUTE_KEY, "bf16"),
            (contract::COMPUTE_KEY, "f32"),
            // Of transposed convolutions.
            (contract::COMPUTE_KEY, "int8"),
        ] {
            let mut pairs = pairs(Variant::default());
            pairs.insert(key.to_owned(), text.to_owned());
            let message = Variant::from_pairs(&pairs).expect_err("refused").to_string();
            assert!(message.contains(key) && message.contains(text), "{message}");
        }
    }

    #[test]
    fn the_steps_to_levels_make_the_levels_of_pixels() {
        let levels = |x: f32| {
            let step = |x: f32, (operator, number): &(&str, Option<f32>)| match (*operator, number) {
                ("Add", Some(number)) => x + number,
                ("Mul", Some(number)) => x * number,
                ("Floor", None) => x.floor(),
                ("Cast", None) => f32::from(x as u8),
                other => panic!("{other:?}"),
            };
            contract::LEVEL_STEPS.iter().fold(x, step) as u8
        };
        let halves = (0..=510).map(|half| half as f32 / 255.0 - 1.0);
        let near = halves.flat_map(|x| [x.next_down(), x, x.next_up()]);
        // The largest number that rounds to level 0 needs more than adding a half.
        for x in near.chain([65_793.0 / 16_777_216.0 - 1.0, -1.0, 1.0, -0.0, 1e-9]) {
            assert_eq!(levels(x), crate::pixels::u8_from_signed(x), "{x}");
        }
    }
}
