//! The query of a URL: names and values, percent-decoded strictly.

use super::problem::Problem;

/// Parameters that have not been looked at yet.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Splits a query into names, decoded, and values as they were sent.
    ///
    /// # Errors
    /// A name that is no percent-encoded UTF-8, or that stands there twice.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for part in text.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let name = decode(name).ok_or_else(|| Problem::parameter(name, ENCODING, name))?;
            if pairs.iter().any(|(other, _)| *other == name) {
                return Err(Problem::parameter(&name, "it once", "it twice"));
            }
            pairs.push((name, value.to_owned()));
        }
        Ok(Self(pairs))
    }

    /// Removes a parameter and decodes its value.
    ///
    /// # Errors
    /// A value that is no percent-encoded UTF-8.
    pub fn take(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let raw = self.take_raw(name);
        raw.map(|raw| decode(&raw).ok_or_else(|| Problem::parameter(name, ENCODING, &raw))).transpose()
    }

    /// Removes a parameter, its value as it was sent.
    pub fn take_raw(&mut self, name: &str) -> Option<String> {
        let place = self.0.iter().position(|(other, _)| other == name)?;
        Some(self.0.swap_remove(place).1)
    }

    /// Refuses what is left; `known` are the names that the route has.
    ///
    /// # Errors
    /// A parameter that nobody took.
    pub fn finish(self, known: &[&str]) -> Result<(), Problem> {
        let Some((name, _)) = self.0.first() else { return Ok(()) };
        let expected =
            if known.is_empty() { "no parameter".to_owned() } else { format!("one of {}", known.join(", ")) };
        Err(Problem::parameter(name, &expected, name))
    }
}

const ENCODING: &str = "percent-encoded UTF-8";

/// Undoes percent-encoding and `+` for a space; `None` where it is broken or no UTF-8.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                (digit()? * 16 + digit()?) as u8
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_percent_encoded_utf8_is_decoded() {
        for (text, expected) in [("a+b%20c", Some("a b c")), ("%C3%A4", Some("ä")), ("%2f", Some("/")), ("", Some(""))]
        {
            assert_eq!(decode(text).as_deref(), expected, "{text}");
        }
        for text in ["%", "%4", "%zz", "%FF", "%+1", "x%C3"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn parameters_are_taken_once_and_what_is_left_is_named() {
        let mut query = Query::parse("a=1&b=x%3Ay&&c").expect("well formed");
        assert_eq!(query.take("a").expect("decodes").as_deref(), Some("1"));
        assert_eq!(query.take("a").expect("decodes"), None);
        assert_eq!(query.take_raw("b").as_deref(), Some("x%3Ay"));
        assert_eq!(query.finish(&["a", "b"]).expect_err("c is left").parameter_name(), Some("c"));
        assert_eq!(Query::parse("a=1&%61=2").expect_err("twice").parameter_name(), Some("a"));
        assert!(Query::parse("%zz=1").is_err());
        assert!(Query::parse("").expect("empty").finish(&[]).is_ok());
    }
}
