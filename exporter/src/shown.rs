//! Text of a file that anyone may have written, as it is shown.

/// Longer text is cut.
const LONGEST: usize = 300;

/// Text from the file, without control characters and cut where it is long.
pub(crate) fn shown(text: &str) -> String {
    let plain = |letter: char| if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter };
    let mut letters = text.chars().map(plain);
    let start: String = letters.by_ref().take(LONGEST).collect();
    if letters.next().is_some() { format!("{start}... ({} bytes)", text.len()) } else { start }
}
