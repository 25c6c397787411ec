//! Parts of a display's text: sizes, and `key=value`, each wrong one named.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::RuntimeError;

/// The most pixels on a side of a display.
pub(super) const MAX_SIDE: usize = 1 << 14;

/// What a size may be.
pub(super) const SIZE: &str = "WIDTHxHEIGHT, each from 1 to 16384";

/// The parts behind the first comma.
pub(super) struct Settings<'a> {
    text: &'a str,
    parts: Vec<(&'a str, &'a str)>,
    known: Vec<&'static str>,
}

impl<'a> Settings<'a> {
    /// What stands before the first comma, and the parts behind it.
    pub(super) fn split(text: &'a str) -> Result<(&'a str, Self), RuntimeError> {
        let (place, rest) = text.split_once(',').map_or((text, None), |(place, rest)| (place, Some(rest)));
        let mut settings = Self { text, parts: Vec::new(), known: Vec::new() };
        for part in rest.into_iter().flat_map(|rest| rest.split(',')) {
            let pair = part.split_once('=').ok_or_else(|| settings.refused("KEY=VALUE behind each comma", part))?;
            if settings.parts.iter().any(|(key, _)| *key == pair.0) {
                return Err(settings.refused(&format!("{} once", pair.0), "it twice"));
            }
            settings.parts.push(pair);
        }
        Ok((place, settings))
    }

    /// An error about a part.
    pub(super) fn refused(&self, expected: &str, found: &str) -> RuntimeError {
        let found = if found.is_empty() { "nothing" } else { found };
        RuntimeError::Text {
            what: "display",
            expected: format!("{expected}, found {found}"),
            found: self.text.to_owned(),
        }
    }

    /// The text of a key, where it is given.
    pub(super) fn text(&mut self, key: &'static str) -> Option<&'a str> {
        self.known.push(key);
        let place = self.parts.iter().position(|(found, _)| *found == key)?;
        Some(self.parts.swap_remove(place).1)
    }

    /// The value of a key as `form` describes it.
    pub(super) fn value<T>(
        &mut self,
        key: &'static str,
        form: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, RuntimeError> {
        let Some(text) = self.text(key) else { return Ok(None) };
        read(text).map(Some).ok_or_else(|| self.refused(&format!("{key}={form}"), &format!("{text:?}")))
    }

    /// The number of a key, within a range.
    pub(super) fn number<T>(&mut self, key: &'static str, range: RangeInclusive<T>) -> Result<Option<T>, RuntimeError>
    where
        T: FromStr + PartialOrd + Display,
    {
        let form = format!("a number from {} to {}", range.start(), range.end());
        self.value(key, &form, |text| text.parse().ok().filter(|number| range.contains(number)))
    }

    /// One of several names.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, RuntimeError> {
        self.value(key, &listed(choices), |text| chosen(choices, text))
    }

    /// A name that stands by itself.
    pub(super) fn named<T: Copy>(&self, choices: &[(&str, T)], text: &str) -> Result<T, RuntimeError> {
        chosen(choices, text).ok_or_else(|| self.refused(&listed(choices), text))
    }

    /// `on` or `off`.
    pub(super) fn switch(&mut self, key: &'static str) -> Result<Option<bool>, RuntimeError> {
        self.choice(key, &[("on", true), ("off", false)])
    }

    /// An error where a part was asked for by nobody.
    pub(super) fn finish(self) -> Result<(), RuntimeError> {
        match self.parts.first() {
            Some((key, _)) => Err(self.refused(&format!("keys {}", self.known.join(", ")), &format!("{key:?}"))),
            None => Ok(()),
        }
    }
}

fn chosen<T: Copy>(choices: &[(&str, T)], text: &str) -> Option<T> {
    choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice)
}

fn listed<T>(choices: &[(&str, T)]) -> String {
    choices.iter().map(|(name, _)| *name).collect::<Vec<_>>().join("|")
}

/// `240x320`.
pub(super) fn size_from_text(text: &str) -> Option<(usize, usize)> {
    let (width, height) = text.split_once('x')?;
    let side = |text: &str| text.parse().ok().filter(|side| (1..=MAX_SIDE).contains(side));
    Some((side(width)?, side(height)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Option<u8>, Option<bool>), String> {
        let read = || {
            let (_, mut settings) = Settings::split(text)?;
            let made = (settings.number("dc", 0..=63)?, settings.switch("invert")?);
            settings.finish()?;
            Ok(made)
        };
        read().map_err(|error: RuntimeError| error.to_string())
    }

    #[test]
    fn parts_stand_in_any_order_and_may_be_missing() {
        assert_eq!(read("a:b"), Ok((None, None)));
        assert_eq!(read("a:b,invert=off,dc=63"), Ok((Some(63), Some(false))));
    }

    #[test]
    fn a_wrong_part_is_named_with_what_was_expected() {
        struct Case(&'static str, &'static str);
        let cases = [
            Case("a,dc=64", "display \"a,dc=64\": expected dc=a number from 0 to 63, found \"64\""),
            Case("a,dc=", "dc=a number from 0 to 63, found \"\""),
            Case("a,invert=yes", "expected invert=on|off, found \"yes\""),
            Case("a,pin=3", "expected keys dc, invert, found \"pin\""),
            Case("a,dc", "expected KEY=VALUE behind each comma, found dc"),
            Case("a,", "expected KEY=VALUE behind each comma, found nothing"),
            Case("a,dc=1,dc=1", "expected dc once, found it twice"),
        ];
        for Case(text, expected) in cases {
            let message = read(text).expect_err(text);
            assert!(message.contains(expected), "{message}");
        }
    }
}
