//! The labels of a model, in the one order that gives the label index its meaning.

use serde::{Deserialize, Serialize};

use crate::SpecError;

/// The most labels that a model may have.
pub const MAX_LABELS: usize = 100_000;
/// The most bytes in one label: it becomes a folder's name.
pub const MAX_LABEL_BYTES: usize = 200;
/// Selects every label on a command line, unless a label has this very name.
pub const ALL: &str = "all";

/// Checked labels: each is one path part that can be shown, and no two are the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Labels(Vec<String>);

impl Labels {
    /// Checks names that come from outside.
    ///
    /// # Errors
    /// Empty names, `.` and `..`, path separators, control characters, names over [`MAX_LABEL_BYTES`], repeated names,
    /// and a count outside 1 to [`MAX_LABELS`].
    pub fn new(names: Vec<String>) -> Result<Self, SpecError> {
        if names.is_empty() || names.len() > MAX_LABELS {
            return Err(SpecError::LabelCount { max: MAX_LABELS, found: names.len() });
        }
        let mut seen = std::collections::HashSet::new();
        for (index, label) in names.iter().enumerate() {
            let problem =
                label_problem(label).or_else(|| (!seen.insert(label)).then(|| "stands there twice".to_owned()));
            if let Some(problem) = problem {
                return Err(SpecError::BadLabel { index, label: label.clone(), problem });
            }
        }
        Ok(Self(names))
    }

    /// How many labels there are.
    #[expect(clippy::len_without_is_empty, reason = "there is always at least one")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The names in label-index order.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// The name of a label index.
    pub fn name(&self, index: usize) -> Option<&str> {
        self.0.get(index).map(String::as_str)
    }

    /// The label index of an exact name, or else the index that a text is.
    pub fn find(&self, text: &str) -> Option<usize> {
        let named = self.0.iter().position(|name| name == text);
        named.or_else(|| text.parse().ok().filter(|index| *index < self.len()))
    }

    /// The label indices that a command line's text selects: an exact name wins over `all`, which wins over an index.
    ///
    /// # Errors
    /// Text that is none of the three; the message lists the known labels.
    pub fn select(&self, text: &str) -> Result<Vec<usize>, SpecError> {
        match self.find(text) {
            Some(index) => Ok(vec![index]),
            None if text == ALL => Ok((0..self.len()).collect()),
            None => Err(SpecError::UnknownLabel {
                wanted: text.to_owned(),
                last: self.len() - 1,
                known: self.0.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", "),
            }),
        }
    }
}

impl TryFrom<Vec<String>> for Labels {
    type Error = SpecError;

    fn try_from(names: Vec<String>) -> Result<Self, SpecError> {
        Self::new(names)
    }
}

impl From<Labels> for Vec<String> {
    fn from(labels: Labels) -> Self {
        labels.0
    }
}

fn label_problem(label: &str) -> Option<String> {
    if label.trim().is_empty() {
        Some("is empty".to_owned())
    } else if label == "." || label == ".." {
        Some("is a relative path".to_owned())
    } else if label.contains(['/', '\\']) {
        Some("holds a path separator".to_owned())
    } else if label.chars().any(char::is_control) {
        Some("holds a control character".to_owned())
    } else if label.len() > MAX_LABEL_BYTES {
        Some(format!("is longer than {MAX_LABEL_BYTES} bytes"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(names: &[&str]) -> Result<Labels, SpecError> {
        Labels::new(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn bad_labels_are_refused() {
        struct Case(&'static [&'static str], &'static str);
        let cases = [
            Case(&[], "found 0"),
            Case(&["rock", ""], "label 1 (\"\"): is empty"),
            Case(&["  "], "is empty"),
            Case(&[".."], "relative path"),
            Case(&["a/b"], "separator"),
            Case(&["a\\b"], "separator"),
            Case(&["a\nb"], "control character"),
            Case(&["a\u{1b}[2J"], "control character"),
            Case(&["rock", "rock"], "twice"),
        ];
        for Case(names, expected) in cases {
            let message = labels(names).expect_err("refused").to_string();
            assert!(message.contains(expected), "{names:?}: {message}");
        }
        let long = "ä".repeat(MAX_LABEL_BYTES / 2);
        labels(&[&long]).expect("as long as it may be");
        let message = labels(&[&format!("{long}a")]).expect_err("refused").to_string();
        assert!(message.ends_with("is longer than 200 bytes"), "{message}");
    }

    #[test]
    fn an_exact_name_wins_over_all_which_wins_over_an_index() {
        let odd = labels(&["1", "all", "ok hand"]).expect("odd but valid");
        assert_eq!(odd.select("all").ok(), Some(vec![1]));
        assert_eq!(odd.select("1").ok(), Some(vec![0]));
        assert_eq!(odd.select("2").ok(), Some(vec![2]));
        let plain = labels(&["paper", "rock"]).expect("valid");
        assert_eq!(plain.select("all").ok(), Some(vec![0, 1]));
        assert_eq!(
            ["rock", "0", "2", "all", "-1", ""].map(|text| plain.find(text)),
            [Some(1), Some(0), None, None, None, None]
        );
        let message = plain.select("lizard").expect_err("unknown").to_string();
        assert!(message.contains("\"lizard\"") && message.contains("\"paper\", \"rock\""), "{message}");
    }
}
