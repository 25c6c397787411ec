//! `cargo xtask boards`: how long a picture is predicted to take on boards, from counted instructions and published constants.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::checkout::Checkout;
use crate::cli::BoardsOptions;
use crate::cross::{AARCH64, Cross};
use crate::emulation::{self, Counter, Counts};

const DOCUMENT: &str = "docs/boards.md";
const CONSTANTS: &str = include_str!("boards/constants.json");
const BEGIN: &str = "<!-- begin: cargo xtask boards -->\n";
const END: &str = "<!-- end -->\n";

/// Constants of the boards, each with its source.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Constants {
    /// What a picture moves through the memory at least, by what it is multiplied in.
    f32_traffic: Traffic,
    f16_traffic: Traffic,
    int8_traffic: Traffic,
    cores: Vec<Core>,
    boards: Vec<Board>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Traffic {
    bytes: f64,
    source: String,
}

/// What a core does in a cycle at most.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Core {
    name: String,
    instructions: f64,
    /// Of vectors of 128 bits.
    vector: f64,
    /// Loads and stores.
    memory: f64,
    /// Whether it has products of f16 and dot products of 8 bits, without which nothing is multiplied in them.
    fewer_bits: bool,
    source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Board {
    name: String,
    core: String,
    cores: u32,
    gigahertz: f64,
    /// Of the memory, by its data sheet.
    gigabytes_per_second: f64,
    source: String,
}

/// Times of a picture in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Range {
    least: f64,
    most: f64,
}

/// Counts where that is asked for, and writes the table of predictions.
///
/// # Errors
/// No counts, or a document without the marks of the table.
pub fn run(checkout: &Checkout, options: &BoardsOptions) -> Result<()> {
    if options.count {
        let cross = Cross::find(checkout, AARCH64)?;
        let binary = emulation::binary(checkout, &cross)?;
        let counter = Counter::new(checkout, &cross, &binary)?.context("count instructions")?;
        let counts = counter.count()?;
        emulation::record(checkout, &cross.rustc_version()?, counts)?;
    }
    let table = table(checkout)?;
    print!("{table}");
    let path = checkout.path(DOCUMENT);
    let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let text = with_table(&text, &table, &path)?;
    std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))
}

fn with_table(text: &str, table: &str, path: &Path) -> Result<String> {
    let marks = || format!("{}: expected the marks {BEGIN:?} and {END:?}", path.display());
    let (before, rest) = text.split_once(BEGIN).with_context(marks)?;
    let (_, after) = rest.split_once(END).with_context(marks)?;
    Ok(format!("{before}{BEGIN}{table}{END}{after}"))
}

fn table(checkout: &Checkout) -> Result<String> {
    let constants: Constants = serde_json::from_str(CONSTANTS).context("read the constants of the boards")?;
    let figures = emulation::recorded(checkout)?;
    let figure = figures.last().context("expected counts of a compiler, found none")?;
    let traffic = [&constants.f32_traffic, &constants.f16_traffic, &constants.int8_traffic];
    let kinds: Vec<_> = figure.picture.kinds().into_iter().zip(traffic).collect();
    let mut text = format!(
        "**Predicted, not measured**, from the instructions of a picture on one thread ({}):\n\n",
        figure.rustc
    );
    text += "| multiplied in | instructions, million | of vectors | loads and stores | memory traffic, MB |\n";
    text += "| --- | --- | --- | --- | --- |\n";
    for ((name, Counts { instructions, vector, memory }), traffic) in &kinds {
        let [all, vector, memory] = [*instructions, *vector, *memory].map(|count| count as f64 / 1e6);
        let _ = writeln!(text, "| {name} | {all:.1} | {vector:.1} | {memory:.1} | {:.1} |", traffic.bytes / 1e6);
    }
    text += "\n| board | core | f32: 1 thread, ms | all cores | f16: 1 thread, ms | all cores | int8: 1 thread, ms | all cores |\n";
    text += "| --- | --- | --- | --- | --- | --- | --- | --- |\n";
    for board in &constants.boards {
        let core = constants.cores.iter().find(|core| core.name == board.core);
        let core =
            core.with_context(|| format!("{}: expected a core of the list, found {}", board.name, board.core))?;
        let (name, cores, clock) = (&board.name, board.cores, board.gigahertz);
        let _ = write!(text, "| {name} | {cores} x {} at {clock:.1} GHz |", core.name);
        for ((name, counts), traffic) in &kinds {
            for threads in [1, board.cores] {
                let is_possible = *name == "f32" || core.fewer_bits;
                let range = predict(counts, traffic.bytes, core, board, threads);
                let _ = write!(text, " {} |", if is_possible { range.text() } else { "-".to_owned() });
            }
        }
        text += "\n";
    }
    text += "\nConstants and their sources:\n\n";
    for ((name, _), traffic) in &kinds {
        let _ = writeln!(text, "- memory traffic in {name}: {}", traffic.source);
    }
    for core in &constants.cores {
        let Core { name, instructions, vector, memory, source, .. } = core;
        let _ = writeln!(
            text,
            "- {name}: {instructions} instructions a cycle at most, {vector} of vectors, {memory} loads or stores: {source}"
        );
    }
    for board in &constants.boards {
        let _ = writeln!(text, "- {}, {} GB/s: {}", board.name, board.gigabytes_per_second, board.source);
    }
    Ok(text)
}

/// At least: every unit does in each cycle what it can, memory is read meanwhile at the rate of its data sheet, and threads
/// share the work evenly. At most: half of each of these rates, one after the other.
fn predict(counts: &Counts, traffic: f64, core: &Core, board: &Board, threads: u32) -> Range {
    let cycles = [
        counts.instructions as f64 / core.instructions,
        counts.vector as f64 / core.vector,
        counts.memory as f64 / core.memory,
    ];
    let cycles = cycles.into_iter().fold(0.0, f64::max);
    let compute = cycles / (board.gigahertz * 1e6) / f64::from(threads);
    let memory = traffic / (board.gigabytes_per_second * 1e6);
    // The threads' even share is halved too where there is more than one.
    let shared = if threads == 1 { 2.0 } else { 4.0 };
    Range { least: compute.max(memory), most: shared * compute + 2.0 * memory }
}

impl Range {
    fn text(self) -> String {
        format!("{} to {}", two_digits(self.least), two_digits(self.most))
    }
}

/// More digits would say more than is known.
fn two_digits(ms: f64) -> String {
    if ms < 10.0 { format!("{ms:.1}") } else { format!("{ms:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn core() -> Core {
        Core {
            name: "x".into(),
            instructions: 2.0,
            vector: 1.0,
            memory: 1.0,
            fewer_bits: false,
            source: "made up".into(),
        }
    }

    fn board(gigabytes_per_second: f64) -> Board {
        Board {
            name: "b".into(),
            core: "x".into(),
            cores: 4,
            gigahertz: 1.0,
            gigabytes_per_second,
            source: "made up".into(),
        }
    }

    #[test]
    fn the_slowest_part_decides() {
        struct Case(Counts, f64, u32, Range);
        let counts = |instructions, vector, memory| Counts { instructions, vector, memory };
        let cases = [
            // Bound by issue, by vectors, by loads, by memory.
            Case(counts(4_000_000, 1_000_000, 1_000_000), 1e3, 1, Range { least: 2.0, most: 4.0 }),
            Case(counts(4_000_000, 3_000_000, 1_000_000), 1e3, 1, Range { least: 3.0, most: 6.0 }),
            Case(counts(4_000_000, 1_000_000, 3_500_000), 1e3, 1, Range { least: 3.5, most: 7.0 }),
            Case(counts(4_000_000, 1_000_000, 1_000_000), 1e-3, 1, Range { least: 5.0, most: 14.0 }),
            Case(counts(4_000_000, 1_000_000, 1_000_000), 1e3, 4, Range { least: 0.5, most: 2.0 }),
        ];
        for Case(counts, bandwidth, threads, expected) in cases {
            let found = predict(&counts, 5e3, &core(), &board(bandwidth), threads);
            let near = (found.least - expected.least).abs() < 1e-3 && (found.most - expected.most).abs() < 1e-3;
            assert!(near, "{counts:?} {bandwidth} {threads}: {found:?}");
        }
    }

    #[test]
    fn the_document_holds_the_table_that_the_counts_make() {
        let checkout = Checkout::find().expect("a checkout");
        let path = checkout.path(DOCUMENT);
        let text = std::fs::read_to_string(&path).expect("readable");
        let made = with_table(&text, &table(&checkout).expect("made"), &path).expect("marks");
        assert!(text == made, "{DOCUMENT} is not what `cargo xtask boards` writes");
        with_table("no marks", "", &path).expect_err("refused");
    }
}
