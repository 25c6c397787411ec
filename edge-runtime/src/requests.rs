//! `edge-runtime --stdin`: requests as JSON lines in, answers as JSON lines out, one process for all of them.

use std::io::{BufRead, Read, Write, stdin, stdout};
use std::path::Path;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use edge_runtime::sink::files::{Encoding, OneFile};
use edge_runtime::{Generator, Sink, encode};
use serde_json::{Map, Value, json};

use crate::cli::Generate;
use crate::{interrupt, setup};

/// The most bytes of one line.
const MAX_LINE: u64 = 1 << 16;
const KEYS: [&str; 4] = ["label", "seed", "index", "out"];

/// Answers every line until the input ends. A line that can't be followed is answered with its error, and the next one
/// is read.
pub fn run(options: &Generate) -> Result<()> {
    let model = setup::model(&options.engine)?;
    let mut generator = setup::generator(&model, &options.engine)?.truncated(options.truncation);
    let (mut input, mut output) = (stdin().lock(), stdout().lock());
    while let Some(line) = next_line(&mut input).context("read standard input")? {
        interrupt::check()?;
        let answer = match line.and_then(|line| answer(&mut generator, &line, options)) {
            Ok(None) => continue,
            Ok(Some(answer)) => answer,
            Err(error) => json!({ "error": format!("{error:#}") }),
        };
        let written = writeln!(output, "{answer}").and_then(|()| output.flush());
        written.context("write standard output")?;
    }
    Ok(())
}

/// The next line, or why it can't be one; `None` at the end. Of a line that is too long no more is kept than is allowed.
fn next_line(input: &mut impl BufRead) -> std::io::Result<Option<Result<String>>> {
    let mut bytes = Vec::new();
    if input.by_ref().take(MAX_LINE).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    if bytes.len() as u64 == MAX_LINE && !bytes.ends_with(b"\n") {
        input.skip_until(b'\n')?;
        return Ok(Some(Err(anyhow::anyhow!("a line of more than {MAX_LINE} bytes"))));
    }
    Ok(Some(String::from_utf8(bytes).context("a line that is no UTF-8")))
}

/// The picture of one line; nothing for an empty one.
fn answer(generator: &mut Generator, line: &str, options: &Generate) -> Result<Option<Value>> {
    if line.trim().is_empty() {
        return Ok(None);
    }
    let request: Map<String, Value> = serde_json::from_str(line).context("expected a JSON object")?;
    if let Some(key) = request.keys().find(|key| !KEYS.contains(&key.as_str())) {
        bail!("unknown key {key:?}: expected {}", KEYS.join(", "));
    }
    let label = label(generator, request.get("label"))?;
    let seed = match request.get("seed") {
        None => setup::seed(None, "seed", true),
        Some(seed) => {
            seed.as_u64().with_context(|| format!("seed: expected a number from 0 to 2^64 - 1, found {seed}"))?
        }
    };
    let index = match request.get("index") {
        None => 0,
        Some(index) => index
            .as_u64()
            .and_then(|index| u32::try_from(index).ok())
            .with_context(|| format!("index: expected a number from 0 to 2^32 - 1, found {index}"))?,
    };
    let frame = generator.frame(label, seed, index)?;
    let encoding = Encoding { origin: generator.origin(), scale: options.scale };
    let mut answer = json!({ "label": frame.label, "seed": seed, "index": index });
    match request.get("out") {
        Some(Value::String(path)) => {
            OneFile::create(Path::new(path), encoding)?.show(&frame)?;
            answer["out"] = path.as_str().into();
        }
        Some(other) => bail!("out: expected a path in quotes, found {other}"),
        None => {
            let png = encoding.bytes(&frame, encode::Format::Png)?;
            answer["png"] = STANDARD.encode(png).into();
        }
    }
    Ok(Some(answer))
}

fn label(generator: &Generator, wanted: Option<&Value>) -> Result<usize> {
    let labels = &generator.metadata().labels;
    let text = match wanted {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        None if labels.len() == 1 => return Ok(0),
        None => bail!("label: expected one, found none"),
        Some(other) => bail!("label: expected a name or an index, found {other}"),
    };
    match labels.select(&text)?.as_slice() {
        [label] => Ok(*label),
        _ => bail!("label: expected one, found {text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_passed_over_whole() {
        let long = "x".repeat(3 * MAX_LINE as usize);
        let text = format!("first\n{long}\nlast");
        let mut input = text.as_bytes();
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut input).expect("readable") {
            lines.push(line.map_err(|error| error.to_string()));
        }
        let expected =
            [Ok("first\n".to_owned()), Err("a line of more than 65536 bytes".to_owned()), Ok("last".to_owned())];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_line_that_is_no_text_is_an_error_and_the_next_one_is_read() {
        let mut input = &b"\xFF\xFE\n{}\n"[..];
        assert!(next_line(&mut input).expect("readable").expect("a line").is_err());
        assert_eq!(next_line(&mut input).expect("readable").expect("a line").expect("text"), "{}\n");
        assert!(next_line(&mut input).expect("readable").is_none());
    }
}
