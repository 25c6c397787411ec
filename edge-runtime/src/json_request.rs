//! Requests for pictures, a line of JSON each: `{"label": "rock", "seed": 7, "index": 0, "out": "rock.png"}`.

use std::io::{BufRead, Read};

use model_spec::Labels;
use serde_json::{Map, Value};

use crate::RuntimeError;
use crate::generator::one_label;

/// The most bytes of one line.
pub const MAX_LINE: u64 = 1 << 16;
const KEYS: [&str; 4] = ["label", "seed", "index", "out"];

/// One picture that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonRequest {
    /// Index into the model's labels; a model of one label needs none.
    pub label: usize,
    /// Seed of the latent; none where any will do.
    pub seed: Option<u64>,
    /// Index of the latent, 0 where none is given.
    pub index: u32,
    /// The file to write, instead of an answer with the PNG in it.
    pub out: Option<String>,
}

impl JsonRequest {
    /// Reads one line; nothing for an empty one.
    ///
    /// # Errors
    /// No JSON object, a key that is unknown, and a value that is not one of its key, by name.
    pub fn parse(line: &str, labels: &Labels) -> Result<Option<Self>, RuntimeError> {
        if line.trim().is_empty() {
            return Ok(None);
        }
        let request: Map<String, Value> =
            serde_json::from_str(line).map_err(|error| wrong("request", "a JSON object", error))?;
        if let Some(key) = request.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(wrong("key", &KEYS.join(", "), format!("{key:?}")));
        }
        let out = match request.get("out") {
            None => None,
            Some(Value::String(path)) => Some(path.clone()),
            Some(other) => return Err(wrong("out", "a path in quotes", other)),
        };
        let seed = request
            .get("seed")
            .map(|seed| seed.as_u64().ok_or_else(|| wrong("seed", "a number from 0 to 2^64 - 1", seed)));
        let index = request.get("index").map_or(Ok(0), |index| {
            let fits = index.as_u64().and_then(|index| u32::try_from(index).ok());
            fits.ok_or_else(|| wrong("index", "a number from 0 to 2^32 - 1", index))
        });
        let label = label(labels, request.get("label"))?;
        Ok(Some(Self { label, seed: seed.transpose()?, index: index?, out }))
    }
}

/// The next line, or why it can't be one; `None` at the end. Of a line that is too long no more is kept than is allowed.
///
/// # Errors
/// Input that can't be read.
pub fn next_line(input: &mut impl BufRead) -> std::io::Result<Option<Result<String, RuntimeError>>> {
    let mut bytes = Vec::new();
    if input.by_ref().take(MAX_LINE).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    if bytes.len() as u64 == MAX_LINE && !bytes.ends_with(b"\n") {
        input.skip_until(b'\n')?;
        return Ok(Some(Err(wrong("line", &format!("at most {MAX_LINE} bytes"), "more"))));
    }
    Ok(Some(String::from_utf8(bytes).map_err(|_| wrong("line", "UTF-8", "other bytes"))))
}

fn label(labels: &Labels, wanted: Option<&Value>) -> Result<usize, RuntimeError> {
    match wanted {
        Some(Value::String(text)) => one_label(labels, text),
        Some(Value::Number(number)) => one_label(labels, &number.to_string()),
        None if labels.len() == 1 => Ok(0),
        None => Err(wrong("label", "one", "none")),
        Some(other) => Err(wrong("label", "a name or an index", other)),
    }
}

fn wrong(part: &str, expected: &str, found: impl ToString) -> RuntimeError {
    RuntimeError::Contract { part: part.to_owned(), expected: expected.to_owned(), found: found.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(mut input: &[u8]) -> Vec<Result<String, String>> {
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut input).expect("readable") {
            lines.push(line.map_err(|error| error.to_string()));
        }
        lines
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_whole() {
        let long = "x".repeat(3 * MAX_LINE as usize);
        let expected = [
            Ok("first\n".to_owned()),
            Err("line: expected at most 65536 bytes, found more".to_owned()),
            Ok("last".to_owned()),
        ];
        assert_eq!(lines(format!("first\n{long}\nlast").as_bytes()), expected);
    }

    #[test]
    fn a_line_that_is_no_text_is_an_error_and_the_next_one_is_read() {
        let expected = [Err("line: expected UTF-8, found other bytes".to_owned()), Ok("{}\n".to_owned())];
        assert_eq!(lines(b"\xFF\xFE\n{}\n"), expected);
    }

    #[test]
    fn a_model_of_one_label_needs_none() {
        let one = Labels::new(vec!["rock".to_owned()]).expect("valid");
        let expected = JsonRequest { label: 0, seed: None, index: 3, out: None };
        assert_eq!(JsonRequest::parse("{\"index\": 3}", &one).expect("valid"), Some(expected));
        assert_eq!(JsonRequest::parse(" \r\n", &one).expect("empty"), None);
    }
}
