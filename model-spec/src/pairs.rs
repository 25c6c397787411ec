//! Reading pairs of key and text.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use crate::SpecError;

/// The text of a key that every model has.
pub(crate) fn text<'a>(pairs: &'a BTreeMap<String, String>, key: &str) -> Result<&'a str, SpecError> {
    pairs.get(key).map(String::as_str).ok_or_else(|| problem(key, "is missing: not a model of ours".to_owned()))
}

/// What JSON says under it.
pub(crate) fn parse<T: DeserializeOwned>(pairs: &BTreeMap<String, String>, key: &str) -> Result<T, SpecError> {
    /// Empty texts of three bytes each take eight times as much in memory.
    const MOST: usize = 1 << 24;
    let text = text(pairs, key)?;
    if text.len() > MOST {
        return Err(problem(key, format!("expected at most {MOST} bytes, found {}", text.len())));
    }
    serde_json::from_str(text).map_err(|error| problem(key, error.to_string()))
}

/// What JSON says under a key that models may have.
pub(crate) fn parse_optional<T: DeserializeOwned>(
    pairs: &BTreeMap<String, String>,
    key: &str,
) -> Result<Option<T>, SpecError> {
    if pairs.contains_key(key) { parse(pairs, key).map(Some) } else { Ok(None) }
}

/// Holds the text of a key against the only one that is known.
pub(crate) fn expect(pairs: &BTreeMap<String, String>, key: &str, expected: &str) -> Result<(), SpecError> {
    match text(pairs, key)? {
        found if found == expected => Ok(()),
        found => Err(problem(key, format!("expected {expected:?}, found {found:?}"))),
    }
}

/// What is wrong with a key.
pub(crate) fn problem(key: &str, problem: String) -> SpecError {
    SpecError::MetadataKey { key: key.to_owned(), problem }
}
