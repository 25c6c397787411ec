//! What was measured, as a table.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Result, bail};

/// What runs in a round.
pub trait Runner {
    /// Runs for a while.
    fn turn(&mut self, time: Duration) -> Result<Turn>;
}

/// What a runner took in one round.
pub struct Turn {
    /// Milliseconds a picture.
    pub median: f64,
    /// The shortest one.
    pub least: f64,
    /// The most memory that its process has held, in MB of 10^6 bytes, where it has a process of its own.
    pub peak_mb: Option<f64>,
}

/// One row of the table.
pub struct Entry {
    name: String,
    runner: Box<dyn Runner>,
    /// What its times are multiplied by.
    scale: f64,
    /// How far its picture is from the one that is expected, where it makes one.
    error: Option<Error>,
    /// Medians, one a round.
    rounds: Vec<f64>,
    least: f64,
    peak_mb: Option<f64>,
}

impl Entry {
    /// A row without figures.
    pub fn new(name: String, runner: impl Runner + 'static) -> Self {
        let (rounds, least) = (Vec::new(), f64::INFINITY);
        Self { name, runner: Box::new(runner), scale: 1.0, error: None, rounds, least, peak_mb: None }
    }

    /// With the error of its picture.
    pub fn with_error(self, error: Error) -> Self {
        Self { error: Some(error), ..self }
    }

    /// With all its times multiplied.
    pub fn scaled(self, scale: f64) -> Self {
        Self { scale, ..self }
    }

    /// Another round.
    pub fn turn(&mut self, time: Duration) -> Result<()> {
        let turn = self.runner.turn(time)?;
        self.rounds.push(turn.median * self.scale);
        self.least = self.least.min(turn.least * self.scale);
        // What makes no picture needs another amount.
        self.peak_mb = turn.peak_mb.filter(|_| self.error.is_some());
        Ok(())
    }
}

/// Differences of a picture from another one, in 8-bit levels.
pub struct Error {
    mean: f64,
    most: f64,
}

impl Error {
    /// Of values in [-1, 1].
    pub fn of(found: &[f32], expected: &[f32]) -> Result<Self> {
        if found.len() != expected.len() {
            bail!("expected a picture of {} values, found {}", expected.len(), found.len());
        }
        let differences =
            found.iter().zip(expected).map(|(found, expected)| f64::from((found - expected).abs()) * 127.5);
        let (sum, most) = differences.fold((0.0, 0.0), |(sum, most), level| (sum + level, level.max(most)));
        Ok(Self { mean: sum / expected.len() as f64, most })
    }
}

/// The middle value, of numbers that it sorts.
pub fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Medians and shortest runs, each also as a ratio to the first entry's; memory, and how far pictures are off.
pub fn table(entries: &mut [Entry], threads: usize) -> Result<String> {
    let mut text = format!("{threads} thread(s), milliseconds a picture\n\n");
    text += "| engine | median | ratio | least | ratio | peak memory, MB | levels off: mean, most |\n";
    text += "| --- | --- | --- | --- | --- | --- | --- |\n";
    let mut first = None;
    for Entry { name, rounds, least, peak_mb, error, .. } in entries {
        let middle = median(rounds);
        let (of_median, of_least) = *first.get_or_insert((middle, *least));
        let ratios = (middle / of_median, *least / of_least);
        let peak = peak_mb.map_or(String::new(), |megabytes| format!("{megabytes:.0}"));
        let error = error.as_ref().map_or(String::new(), |Error { mean, most }| format!("{mean:.3}, {most:.1}"));
        writeln!(text, "| {name} | {middle:.2} | {:.2} | {least:.2} | {:.2} | {peak} | {error} |", ratios.0, ratios.1)?;
    }
    Ok(text)
}
