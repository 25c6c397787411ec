//! Which label a picture shows, or which mix of labels.

use model_spec::Labels;

use super::problem::Problem;
use super::query::{Query, decode};

/// The largest weight of a label in a mix, before the weights are made to add up to 1.
pub(super) const MAX_WEIGHT: f32 = 1000.0;
const MIX: &str = "mix";
const LABEL: &str = "label";

/// One label, or several with weights.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Look {
    One(usize),
    /// `[labels]`; they add up to 1, and at least two are over 0.
    Mixed(Vec<f32>),
}

impl Look {
    /// Takes `label` or `mix`; a model with one label needs neither.
    ///
    /// # Errors
    /// None of them or both, a label that the model doesn't have, a weight out of range.
    pub fn take(query: &mut Query, labels: &Labels) -> Result<Self, Problem> {
        let (label, mix) = (query.take(LABEL)?, query.take_raw(MIX));
        match (label, mix) {
            (Some(_), Some(mix)) => Err(Problem::parameter(MIX, "none beside label", &mix)),
            (Some(label), None) => Ok(Self::One(index(labels, LABEL, &label)?)),
            (None, Some(mix)) => Self::mixed(labels, &mix),
            (None, None) if labels.len() == 1 => Ok(Self::One(0)),
            (None, None) => Err(Problem::missing(LABEL, &format!("{}, or mix", known(labels)))),
        }
    }

    /// Reads `NAME:WEIGHT,NAME:WEIGHT`. Commas and colons inside a name are percent-encoded; so may the whole be, where
    /// no name has any.
    fn mixed(labels: &Labels, raw: &str) -> Result<Self, Problem> {
        const FORM: &str = "NAME:WEIGHT,NAME:WEIGHT,... with each label once and weights from 0 to 1000, not all 0";
        let wrong = |found: &str| Problem::parameter(MIX, FORM, found);
        let whole;
        let (text, is_decoded) = if raw.contains(':') {
            (raw, false)
        } else {
            whole = decode(raw).ok_or_else(|| wrong(raw))?;
            (whole.as_str(), true)
        };
        let mut weights = vec![None; labels.len()];
        for part in text.split(',') {
            let (name, weight) = part.rsplit_once(':').ok_or_else(|| wrong(part))?;
            let name = if is_decoded { name.to_owned() } else { decode(name).ok_or_else(|| wrong(part))? };
            let weight: f32 =
                weight.parse().ok().filter(|weight| (0.0..=MAX_WEIGHT).contains(weight)).ok_or_else(|| wrong(part))?;
            let slot = weights.get_mut(index(labels, MIX, &name)?);
            if slot.is_none_or(|slot| slot.replace(weight).is_some()) {
                return Err(wrong(part));
            }
        }
        let sum: f64 = weights.iter().flatten().map(|weight| f64::from(*weight)).sum();
        let share = |weight: &Option<f32>| (f64::from(weight.unwrap_or(0.0)) / sum) as f32;
        let shares: Vec<f32> = weights.iter().map(share).collect();
        let mut present = shares.iter().enumerate().filter(|(_, share)| **share > 0.0).map(|(label, _)| label);
        match (present.next(), present.next()) {
            (Some(only), None) => Ok(Self::One(only)),
            (Some(_), Some(_)) => Ok(Self::Mixed(shares)),
            (None, _) => Err(wrong(text)),
        }
    }

    /// Labels and weights that are over 0.
    fn parts(&self) -> Vec<(usize, f32)> {
        match self {
            Self::One(label) => vec![(*label, 1.0)],
            Self::Mixed(shares) => shares.iter().copied().enumerate().filter(|(_, share)| *share > 0.0).collect(),
        }
    }

    /// A text that is another one for every other look.
    pub fn key(&self) -> String {
        self.parts().iter().map(|(label, share)| format!("{label}:{share}")).collect::<Vec<_>>().join(",")
    }

    /// What a file's texts say: `rock`, or `rock 0.25, paper 0.75`.
    pub fn title(&self, labels: &Labels) -> String {
        let name = |label| labels.name(label).unwrap_or_default();
        match self {
            Self::One(label) => name(*label).to_owned(),
            Self::Mixed(_) => self
                .parts()
                .iter()
                .map(|(label, share)| format!("{} {share}", name(*label)))
                .collect::<Vec<_>>()
                .join(", "),
        }
    }
}

/// A label by name, or else by index.
fn index(labels: &Labels, parameter: &str, text: &str) -> Result<usize, Problem> {
    labels.find(text).ok_or_else(|| Problem::parameter(parameter, &known(labels), text))
}

fn known(labels: &Labels) -> String {
    const MOST_LISTED: usize = 20;
    let names: Vec<String> = labels.names().iter().take(MOST_LISTED).map(|name| format!("{name:?}")).collect();
    let more = if labels.len() > MOST_LISTED { ", ..." } else { "" };
    format!("an index from 0 to {} or one of {}{more}", labels.len() - 1, names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(query: &str) -> Result<Look, Problem> {
        let labels = ["rock", "a,b:c", "ä"].map(str::to_owned).to_vec();
        Look::take(&mut Query::parse(query).expect("well formed"), &Labels::new(labels).expect("valid"))
    }

    #[test]
    fn labels_and_mixes_are_read_in_every_way_of_writing_them() {
        for (query, expected) in [
            ("label=rock", "0:1"),
            ("label=2", "2:1"),
            ("label=%C3%A4", "2:1"),
            ("mix=rock:0.5,%C3%A4:0.5", "0:0.5,2:0.5"),
            ("mix=%C3%A4:3,rock:1", "0:0.25,2:0.75"),
            ("mix=a%2Cb%3Ac:1,rock:1", "0:0.5,1:0.5"),
            ("mix=rock%3A1%2C2%3A1", "0:0.5,2:0.5"),
            ("mix=rock:1,2:0", "0:1"),
            ("mix=2:0.001", "2:1"),
        ] {
            assert_eq!(look(query).expect(query).key(), expected, "{query}");
        }
        assert_eq!(
            look("mix=rock:1,2:3")
                .expect("valid")
                .title(&Labels::new(vec!["r".into(), "x".into(), "ä".into()]).expect("valid")),
            "r 0.25, ä 0.75"
        );
    }

    #[test]
    fn wrong_labels_and_mixes_name_their_parameter() {
        for (query, parameter) in [
            ("", "label"),
            ("label=", "label"),
            ("label=all", "label"),
            ("label=3", "label"),
            ("label=-1", "label"),
            ("label=rock&mix=rock:1", "mix"),
            ("mix=", "mix"),
            ("mix=rock", "mix"),
            ("mix=rock:", "mix"),
            ("mix=rock:0", "mix"),
            ("mix=rock:-1", "mix"),
            ("mix=rock:NaN", "mix"),
            ("mix=rock:inf", "mix"),
            ("mix=rock:1001", "mix"),
            ("mix=rock:1,rock:1", "mix"),
            ("mix=rock:1,0:1", "mix"),
            ("mix=rock:1,", "mix"),
            ("mix=lizard:1", "mix"),
            ("mix=%zz:1", "mix"),
        ] {
            let problem = look(query).expect_err(query);
            assert_eq!(problem.parameter_name(), Some(parameter), "{query}");
        }
    }
}
