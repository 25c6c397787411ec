//! `edge-runtime --stdin`: requests as JSON lines in, answers as JSON lines out, one process for all of them.

use std::io::{Write, stdin, stdout};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvError, SyncSender, sync_channel};

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use edge_runtime::json_request::{JsonRequest, next_line};
use edge_runtime::sink::files::{Encoding, OneFile};
use edge_runtime::{Generator, RuntimeError, Sink, encode};
use serde_json::{Value, json};

use crate::cli::Generate;
use crate::{interrupt, setup};

/// What ends the wait for a line.
enum Event {
    /// A line, or none at the end of the input.
    Line(std::io::Result<Option<Result<String, RuntimeError>>>),
    Interrupt,
}

/// Answers every line until the input ends. A line that can't be followed is answered with its error, and the next one
/// is read.
pub fn run(options: &Generate) -> Result<()> {
    let model = setup::model(&options.engine)?;
    let mut generator = setup::generator(model, &options.engine)?.truncated(options.truncation);
    let events = listen().context("start reading standard input")?;
    let mut output = stdout().lock();
    loop {
        interrupt::check(|| vec!["a request without an answer was not followed".to_owned()])?;
        let line = match events.recv() {
            Ok(Event::Interrupt) => continue,
            Ok(Event::Line(line)) => line.context("read standard input")?,
            Err(RecvError) => None,
        };
        let Some(line) = line else { return Ok(()) };
        let answer = match line.map_err(Into::into).and_then(|line| answer(&mut generator, &line, options)) {
            Ok(None) => continue,
            Ok(Some(answer)) => answer,
            Err(error) => json!({ "error": format!("{error:#}") }),
        };
        let written = writeln!(output, "{answer}").and_then(|()| output.flush());
        written.context("write standard output")?;
    }
}

/// Reads ahead by a line, in a thread of its own, so that Ctrl-C is heard while no line comes.
fn listen() -> std::io::Result<Receiver<Event>> {
    let (sender, events) = sync_channel(1);
    let waker = sender.clone();
    // Where there is no room a line is there already, and nobody waits.
    interrupt::when_asked(move || _ = waker.try_send(Event::Interrupt));
    std::thread::Builder::new().spawn(move || read(&sender))?;
    Ok(events)
}

fn read(events: &SyncSender<Event>) {
    let mut input = stdin().lock();
    loop {
        let line = next_line(&mut input);
        let is_last = !matches!(line, Ok(Some(_)));
        if events.send(Event::Line(line)).is_err() || is_last {
            return;
        }
    }
}

/// The picture of one line; nothing for an empty one.
fn answer(generator: &mut Generator, line: &str, options: &Generate) -> Result<Option<Value>> {
    let Some(request) = JsonRequest::parse(line, &generator.metadata().labels)? else { return Ok(None) };
    let seed = request.seed.unwrap_or_else(|| setup::seed(None, "seed", true));
    let frame = generator.frame(request.label, seed, request.index)?;
    let encoding = Encoding { origin: generator.origin(), scale: options.scale };
    let mut answer = json!({ "label": frame.label, "seed": seed, "index": request.index });
    match request.out {
        Some(path) => {
            OneFile::create(Path::new(&path), encoding)?.show(&frame)?;
            answer["out"] = path.into();
        }
        None => {
            let png = encoding.bytes(&frame, encode::Format::Png)?;
            answer["png"] = STANDARD.encode(png).into();
        }
    }
    Ok(Some(answer))
}
