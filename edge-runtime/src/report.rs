//! `edge-runtime bench --report`: the row that a board's owner sends for docs/boards.md.

use edge_runtime::{Model, Opened, sensors};

use crate::measured::{Measured, ms};

const HEAD: &str = "| board | engine | model | threads | load ms | first ms | median ms | 95 % ms | peak MB | degrees C | \
                    throttled |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
/// As many digits of a model's hash as tell it from others.
const DIGITS: usize = 12;

/// The head of the table and one row of it, in Markdown.
pub fn text(measured: &Measured, opened: &Opened, model: &Model) -> String {
    let board = sensors::board().unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let told = |number: Option<f64>| number.map_or_else(|| "not told".to_owned(), |number| format!("{number:.1}"));
    let throttling = match measured.throttling {
        Some(true) => "yes",
        Some(false) => "no",
        None => "not told",
    };
    let cells = [
        // A bar would end the cell.
        board.replace('|', "/"),
        opened.name.replace('|', "/"),
        model.sha256().chars().take(DIGITS).collect(),
        opened.threads.to_string(),
        format!("{:.0}", ms(measured.load)),
        format!("{:.1}", ms(measured.first)),
        format!("{:.2}", ms(measured.quantile(0.5))),
        format!("{:.2}", ms(measured.quantile(0.95))),
        told(measured.peak_rss_mb),
        told(measured.temperature),
        throttling.to_owned(),
    ];
    format!("{HEAD}| {} |\n", cells.join(" | "))
}
