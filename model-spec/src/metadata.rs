//! The metadata that travels inside an ONNX file, as key and text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::manifest::{DataSet, Progress};
use crate::pairs::{expect, parse, parse_optional, problem, text};
use crate::variant::{Compute, Precision, Variant};
use crate::{Architecture, Labels, SpecError, contract, latent};

/// Version of the keys and their meaning.
pub const SCHEMA_VERSION: u32 = 1;

/// A whole 8-bit picture that the model must reproduce, within [`Metadata::bound`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Golden {
    /// Label index.
    pub label: usize,
    /// Seed of the latent.
    pub seed: u64,
    /// Index of the latent.
    pub index: u32,
    /// PNG in base64 (RFC 4648, standard alphabet, padded).
    pub png_base64: String,
}

/// How far pictures may be from those that they should be, in 8-bit levels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// Of any level.
    pub max: u8,
    /// On average.
    pub mean: f64,
}

impl Bound {
    /// What binds every file but those of [`Compute::Int8`], which state their own.
    pub const ONE_LEVEL: Self = Self { max: 1, mean: 1.0 };
    /// The widest that a file may state: more makes other pictures.
    pub const WIDEST: Self = Self { max: 128, mean: 4.0 };

    /// What products in such numbers may make of an exact file's pictures. Over 1,000 pictures of each model in `models/`
    /// bfloat16 led to 18 levels at most and 0.2 on average of a picture, 8 bits to 45 and 0.4; f16, over 166, to 5 and 0.05.
    pub fn of(compute: Compute) -> Self {
        match compute {
            Compute::F32 => Self::ONE_LEVEL,
            Compute::Bf16 => Self { max: 32, mean: 0.5 },
            Compute::F16 => Self { max: 12, mean: 0.1 },
            Compute::Int8 => Self { max: 64, mean: 1.0 },
        }
    }

    /// The wider of both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { max: self.max.max(other.max), mean: self.mean.max(other.mean) }
    }

    fn is_in_range(&self) -> bool {
        self.max >= 1 && self.max <= Self::WIDEST.max && self.mean > 0.0 && self.mean <= Self::WIDEST.mean
    }
}

/// What a model file says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata {
    /// In label-index order.
    pub labels: Labels,
    /// The network's numbers.
    pub architecture: Architecture,
    /// How the weights whose products are of f32 are stored.
    pub weights: Precision,
    /// How the file differs from the plain one.
    pub variant: Variant,
    /// How far its pictures may be from the golden ones, stated by files of [`Compute::Int8`] only; see
    /// [`Metadata::bound`].
    pub stated_bound: Option<Bound>,
    /// Recipe name.
    pub recipe: String,
    /// What it was trained on, where known.
    pub data_set: Option<DataSet>,
    /// How long it was trained, where known.
    pub progress: Option<Progress>,
    /// Losses and measured quality by name.
    pub scores: BTreeMap<String, f64>,
    /// SHA-256 of the network whose features the quality scores come from, where quality was measured.
    pub features: Option<String>,
    /// Name and version of the program that wrote the file.
    pub exporter: String,
    /// Golden pictures, one a label while they fit.
    pub golden: Vec<Golden>,
}

impl Metadata {
    /// How far an engine's pictures may be from the golden ones.
    pub fn bound(&self) -> Bound {
        self.stated_bound.unwrap_or(Bound::ONE_LEVEL)
    }

    /// Key and text of every entry, sorted by key.
    pub fn to_pairs(&self) -> BTreeMap<String, String> {
        let mut pairs = BTreeMap::new();
        let mut put = |key: &str, text: String| pairs.insert(key.to_owned(), text);
        put(contract::SCHEMA_VERSION_KEY, SCHEMA_VERSION.to_string());
        put(contract::LABELS_KEY, json(&self.labels));
        put(contract::ARCHITECTURE_KEY, json(&self.architecture));
        put(contract::SAMPLER_KEY, latent::SAMPLER.to_owned());
        for (key, text) in self.variant.to_pairs() {
            put(key, text);
        }
        put(contract::WEIGHTS_KEY, self.weights.name().to_owned());
        if let Some(bound) = &self.stated_bound {
            put(contract::BOUND_KEY, json(bound));
        }
        put(contract::RECIPE_KEY, self.recipe.clone());
        if let Some(data_set) = &self.data_set {
            put(contract::DATA_SET_KEY, json(data_set));
        }
        if let Some(progress) = &self.progress {
            put(contract::PROGRESS_KEY, json(progress));
        }
        put(contract::SCORES_KEY, json(&self.scores));
        if let Some(features) = &self.features {
            put(contract::FEATURES_KEY, features.clone());
        }
        put(contract::EXPORTER_KEY, self.exporter.clone());
        put(contract::GOLDEN_KEY, json(&self.golden));
        pairs
    }

    /// Checks the entries of a model file. Keys outside [`contract::PREFIX`] are ignored.
    ///
    /// # Errors
    /// A missing or malformed entry by its key, another schema version, sampler or picture layout, bad labels, or an
    /// architecture outside the family.
    pub fn from_pairs(pairs: &BTreeMap<String, String>) -> Result<Self, SpecError> {
        let found: u32 = parse(pairs, contract::SCHEMA_VERSION_KEY)?;
        if found != SCHEMA_VERSION {
            return Err(SpecError::SchemaVersion { what: "model metadata", expected: SCHEMA_VERSION, found });
        }
        expect(pairs, contract::SAMPLER_KEY, latent::SAMPLER)?;
        text(pairs, contract::PICTURE_KEY)?;
        let architecture: Architecture = parse(pairs, contract::ARCHITECTURE_KEY)?;
        architecture.check()?;
        let labels = Labels::new(parse(pairs, contract::LABELS_KEY)?)?;
        let variant = Variant::from_pairs(pairs)?;
        let metadata = Self {
            stated_bound: stated_bound(pairs, variant.compute)?,
            variant,
            architecture,
            weights: Precision::from_pairs(pairs)?,
            recipe: text(pairs, contract::RECIPE_KEY)?.to_owned(),
            data_set: parse_optional(pairs, contract::DATA_SET_KEY)?,
            progress: parse_optional(pairs, contract::PROGRESS_KEY)?,
            scores: parse(pairs, contract::SCORES_KEY)?,
            features: pairs.get(contract::FEATURES_KEY).cloned(),
            exporter: text(pairs, contract::EXPORTER_KEY)?.to_owned(),
            golden: parse(pairs, contract::GOLDEN_KEY)?,
            labels,
        };
        match metadata.golden.iter().find(|golden| golden.label >= metadata.labels.len()) {
            Some(golden) => {
                Err(problem(contract::GOLDEN_KEY, format!("label {} is none of the model's", golden.label)))
            }
            None => Ok(metadata),
        }
    }
}

/// A file of integer products must state its bound; no other one may loosen its own.
fn stated_bound(pairs: &BTreeMap<String, String>, compute: Compute) -> Result<Option<Bound>, SpecError> {
    let key = contract::BOUND_KEY;
    match (compute, parse_optional::<Bound>(pairs, key)?) {
        (Compute::Int8, Some(bound)) if bound.is_in_range() => Ok(Some(bound)),
        (Compute::Int8, Some(_)) => {
            let widest = Bound::WIDEST;
            Err(problem(key, format!("expected a max of 1 to {} and a mean up to {}", widest.max, widest.mean)))
        }
        (Compute::Int8, None) => Err(problem(key, "is missing, which int8 compute needs".to_owned())),
        (_, Some(_)) => Err(problem(key, format!("is only for {} compute", Compute::Int8.name()))),
        (_, None) => Ok(None),
    }
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plain data with text keys always serializes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variant::Rewrite;

    fn example() -> Metadata {
        Metadata {
            labels: Labels::new(vec!["zebra".into(), "a b".into(), "ä".into()]).expect("valid"),
            architecture: Architecture::reference(64, 3).expect("valid"),
            weights: Precision::F16,
            variant: Variant::default(),
            stated_bound: None,
            recipe: "reference".into(),
            data_set: None,
            progress: Some(Progress { images: 12, epochs: 3, steps: 6 }),
            scores: BTreeMap::from([("d_loss".to_owned(), 0.25)]),
            features: Some("ab".repeat(32)),
            exporter: "exporter 0.1.0".into(),
            golden: vec![Golden { label: 2, seed: u64::MAX, index: 0, png_base64: "AA==".into() }],
        }
    }

    #[test]
    fn metadata_survives_the_round_trip_with_the_label_order() {
        let pairs = example().to_pairs();
        assert!(pairs.keys().all(|key| key.starts_with(contract::PREFIX)));
        assert_eq!(Metadata::from_pairs(&pairs).expect("valid"), example());
    }

    #[test]
    fn a_file_of_integer_products_states_its_bound_and_no_other_does() {
        let variant = Variant { rewrite: Rewrite::Subpixel, compute: Compute::Int8, ..Variant::default() };
        let bound = Bound { max: 40, mean: 0.75 };
        let int8 = Metadata { variant, stated_bound: Some(bound), ..example() };
        let read = Metadata::from_pairs(&int8.to_pairs()).expect("valid");
        assert_eq!((&read, read.bound(), example().bound()), (&int8, bound, Bound::ONE_LEVEL));
        let refused = |metadata: &Metadata, text: Option<&str>| {
            let mut pairs = metadata.to_pairs();
            pairs.remove(contract::BOUND_KEY);
            pairs.extend(text.map(|text| (contract::BOUND_KEY.to_owned(), text.to_owned())));
            Metadata::from_pairs(&pairs).expect_err("refused").to_string()
        };
        for (metadata, text, expected) in [
            (&int8, None, "is missing"),
            (&int8, Some(r#"{"max":0,"mean":0.5}"#), "1 to 128"),
            (&int8, Some(r#"{"max":129,"mean":0.5}"#), "1 to 128"),
            (&int8, Some(r#"{"max":9,"mean":0.0}"#), "mean up to 4"),
            (&int8, Some(r#"{"max":9,"mean":-1.0}"#), "mean up to 4"),
            (&int8, Some(r#"{"max":9,"mean":4.5}"#), "mean up to 4"),
            (&int8, Some(r#"{"max":9,"mean":null}"#), "mudra.bound"),
            (&int8, Some(r#"{"max":9}"#), "mudra.bound"),
            (&example(), Some(r#"{"max":9,"mean":0.5}"#), "only for int8 compute"),
        ] {
            let message = refused(metadata, text);
            assert!(message.contains(expected), "{text:?}: {message}");
        }
    }

    #[test]
    fn a_changed_entry_is_named() {
        struct Case(&'static str, Option<&'static str>, &'static str);
        let cases = [
            Case(contract::LABELS_KEY, None, "missing"),
            Case(contract::LABELS_KEY, Some("[\"a\",\"../b\"]"), "separator"),
            Case(contract::LABELS_KEY, Some("{}"), "mudra.labels"),
            Case(contract::SCHEMA_VERSION_KEY, Some("2"), "expected schema version 1, found 2"),
            Case(contract::SAMPLER_KEY, Some("other"), "expected \"philox"),
            Case(contract::PICTURE_KEY, Some("nhwc"), "mudra.picture"),
            Case(contract::WEIGHTS_KEY, Some("f64"), "mudra.weights\": expected f32, f16, int8, found \"f64\""),
            Case(contract::WEIGHTS_KEY, None, "mudra.weights\": is missing"),
            Case(contract::GOLDEN_KEY, Some("[{\"label\":3,\"seed\":1,\"index\":0,\"png_base64\":\"\"}]"), "label 3"),
        ];
        for Case(key, text, expected) in cases {
            let mut pairs = example().to_pairs();
            match text {
                Some(text) => pairs.insert(key.to_owned(), text.to_owned()),
                None => pairs.remove(key),
            };
            let message = Metadata::from_pairs(&pairs).expect_err("refused").to_string();
            assert!(message.contains(expected), "{key} = {text:?}: {message}");
        }
    }
}
