//! What a picture's texts say about how it was made, so that it can be made again.

use std::collections::BTreeMap;
use std::str::FromStr;

use model_spec::variant::Compute;

use crate::engine::{self, EngineKind, EngineSpec, OrtSettings, Provider};
use crate::{RuntimeError, Truncation};

/// All that a picture depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// Name of the label.
    pub label: String,
    /// Seed of the latent.
    pub seed: u64,
    /// Index of the latent.
    pub index: u32,
    /// How far the latent was drawn to its mean.
    pub truncation: Truncation,
    /// SHA-256 of the model file, in hexadecimal.
    pub model_sha256: String,
    /// Name and version of the engine, and for ort the provider.
    pub engine: String,
}

impl Provenance {
    /// Reads the texts that [`crate::encode::texts`] wrote.
    ///
    /// # Errors
    /// A text that is missing or no number where one must be, as in a picture of something else or a sheet.
    pub fn from_texts(texts: &BTreeMap<String, String>) -> Result<Self, RuntimeError> {
        let truncation = match texts.get("Truncation") {
            Some(_) => number(texts, "Truncation")?,
            None => Truncation::default(),
        };
        Ok(Self {
            label: text(texts, "Label")?.to_owned(),
            seed: number(texts, "Seed")?,
            index: number(texts, "Index")?,
            truncation,
            model_sha256: text(texts, "Model")?.to_owned(),
            engine: text(texts, "Engine")?.to_owned(),
        })
    }

    /// The engine that made the picture; what it computed in and on too, but where `spec` names another; the rest from
    /// `spec`.
    ///
    /// # Errors
    /// An engine that this build lacks.
    pub fn spec(&self, spec: EngineSpec) -> Result<EngineSpec, RuntimeError> {
        let mut words = self.engine.split([' ', ',']).filter(|word| !word.is_empty());
        let name = words.next().unwrap_or_default();
        let kind = engine::built_in().iter().find(|kind| kind.name() == name).copied().ok_or_else(|| {
            let names: Vec<&str> = engine::built_in().iter().map(|kind| kind.name()).collect();
            wrong("Engine", &format!("one of {}; name another with --engine", names.join(", ")), &self.engine)
        })?;
        let mut words: Vec<&str> = words.collect();
        let compute = words.iter().find_map(|word| Compute::ALL.into_iter().find(|compute| compute.name() == *word));
        let compute = spec.compute.or((kind == EngineKind::Native).then(|| compute.unwrap_or_default()));
        if kind != EngineKind::Ort {
            words.clear();
        }
        let providers = [Provider::Cpu, Provider::Cuda, Provider::TensorRt];
        let made_on = words.iter().find_map(|word| providers.into_iter().find(|provider| provider.name() == *word));
        let asked = Some(spec.provider).filter(|provider| *provider != Provider::Auto);
        let provider = asked.or(made_on).unwrap_or(Provider::Cpu);
        let allowed = |asked: bool, word: &str| asked || provider != Provider::Cpu && words.contains(&word);
        let ort = OrtSettings { f16: allowed(spec.ort.f16, "f16"), tf32: allowed(spec.ort.tf32, "tf32"), ..spec.ort };
        Ok(EngineSpec { kind, provider, compute, ort, ..spec })
    }
}

fn text<'a>(texts: &'a BTreeMap<String, String>, keyword: &'static str) -> Result<&'a str, RuntimeError> {
    texts.get(keyword).map(String::as_str).ok_or_else(|| wrong(keyword, "one, as in a single picture of ours", "none"))
}

fn number<T: FromStr>(texts: &BTreeMap<String, String>, keyword: &'static str) -> Result<T, RuntimeError> {
    let found = text(texts, keyword)?;
    found.parse().map_err(|_| wrong(keyword, "a number in its range", found))
}

fn wrong(keyword: &'static str, expected: &str, found: &str) -> RuntimeError {
    RuntimeError::Contract {
        part: format!("text {keyword:?}"),
        expected: expected.to_owned(),
        found: format!("{found:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode;
    use crate::generator::Origin;
    use crate::{Frame, Picture};

    fn texts(truncation: &str, engine: &str) -> BTreeMap<String, String> {
        let picture = Picture::new(1, 1, 1, vec![0]).expect("one pixel");
        let frame = Frame { picture, label: "ä".to_owned(), seed: u64::MAX, index: 7 };
        let origin = Origin {
            model_sha256: "ab".repeat(32),
            engine: engine.to_owned(),
            truncation: truncation.parse().expect("in range"),
        };
        encode::texts(&frame, &origin).into_iter().map(|(keyword, text)| (keyword.to_owned(), text)).collect()
    }

    #[test]
    fn what_is_written_is_read_again() {
        for truncation in ["1", "0.7"] {
            let read = Provenance::from_texts(&texts(truncation, "tract 0.23.9")).expect("whole");
            assert_eq!((read.label.as_str(), read.seed, read.index), ("ä", u64::MAX, 7));
            assert_eq!(read.truncation, truncation.parse().expect("in range"));
        }
        assert!(!texts("1", "tract 0").contains_key("Truncation"));
    }

    #[test]
    fn the_engine_that_made_it_is_asked_for_again() {
        let spec =
            |engine| Provenance::from_texts(&texts("1", engine)).and_then(|read| read.spec(EngineSpec::default()));
        assert_eq!(spec("native 0.1.0 avx2").expect("built in").kind, EngineKind::Native);
        for (text, compute) in [("native 0.1.0 avx512 bf16", Compute::Bf16), ("native 0.1.0 neon", Compute::F32)] {
            assert_eq!(spec(text).expect("built in").compute, Some(compute), "{text}");
        }
        let message = spec("magic 1").expect_err("unknown").to_string();
        assert!(message.contains("native") && message.contains("\"magic 1\""), "{message}");
        #[cfg(feature = "ort")]
        for (text, provider) in [("ort 1.32.0, cpu", Provider::Cpu), ("ort 1.32.0, cuda", Provider::Cuda)] {
            let found = spec(text).expect("built in");
            assert_eq!((found.kind, found.provider), (EngineKind::Ort, provider), "{text}");
        }
        #[cfg(feature = "ort")]
        for (text, f16, tf32) in [("ort 1.32.0, tensorrt f16 tf32", true, true), ("ort 1.32.0, cuda tf32", false, true)]
        {
            let found = spec(text).expect("built in").ort;
            assert_eq!((found.f16, found.tf32), (f16, tf32), "{text}");
        }
    }

    #[test]
    fn what_the_user_names_is_kept() {
        let read = Provenance::from_texts(&texts("1", "native 0.1.0 avx512 bf16")).expect("whole");
        let asked = EngineSpec { provider: Provider::Cuda, compute: Some(Compute::F32), ..EngineSpec::default() };
        let spec = read.spec(asked).expect("built in");
        assert_eq!((spec.provider, spec.compute), (Provider::Cuda, Some(Compute::F32)));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (keyword, text) in
            [("Seed", "-1"), ("Seed", ""), ("Index", "4294967296"), ("Truncation", "NaN"), ("Truncation", "0")]
        {
            let mut texts = texts("1", "tract 0");
            texts.insert(keyword.to_owned(), text.to_owned());
            let message = Provenance::from_texts(&texts).expect_err("refused").to_string();
            assert!(message.contains(keyword), "{message}");
        }
        for keyword in ["Label", "Seed", "Index", "Model", "Engine"] {
            let mut texts = texts("1", "tract 0");
            texts.remove(keyword);
            let message = Provenance::from_texts(&texts).expect_err("refused").to_string();
            assert!(message.contains(keyword) && message.contains("none"), "{message}");
        }
    }
}
