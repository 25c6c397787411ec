//! Text of a file that anyone may have written, as it is shown.

use edge_runtime::output;

/// Longer text is cut.
const LONGEST: usize = 300;

/// Text from the file, without control characters and cut where it is long.
pub(crate) fn shown(text: &str) -> String {
    let mut letters = text.chars().map(output::shown);
    let start: String = letters.by_ref().take(LONGEST).collect();
    if letters.next().is_some() { format!("{start}... ({} bytes)", text.len()) } else { start }
}
