//! What a terminal understands.

use std::io::IsTerminal;

/// How pictures are written to a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Half blocks in 24-bit colors.
    Blocks,
    /// kitty's graphics protocol.
    Kitty,
    /// DEC's sixels.
    Sixel,
}

impl Protocol {
    /// All of them by name.
    pub const NAMES: [(&'static str, Self); 3] =
        [("blocks", Self::Blocks), ("kitty", Self::Kitty), ("sixel", Self::Sixel)];

    /// Whether colors are so few that pictures need dithering.
    pub fn is_shallow(self) -> bool {
        self == Self::Sixel
    }

    /// What the terminal on standard output says about itself in the environment; half blocks where it says nothing,
    /// or where standard output is no terminal.
    pub fn of_standard_output() -> Self {
        if !std::io::stdout().is_terminal() {
            return Self::Blocks;
        }
        Self::of_environment(|name| std::env::var(name).ok())
    }

    fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let term = variable("TERM").unwrap_or_default();
        let program = variable("TERM_PROGRAM").unwrap_or_default();
        // tmux and screen don't pass either protocol on by themselves, and hand down their own TERM.
        let is_nested = ["tmux", "screen"].iter().any(|name| term.starts_with(name));
        if is_nested {
            return Self::Blocks;
        }
        let is_kitty = variable("KITTY_WINDOW_ID").is_some()
            || ["xterm-kitty", "xterm-ghostty"].contains(&term.as_str())
            || program == "WezTerm";
        let has_sixels = term.contains("sixel") || term == "mlterm" || term == "foot" || term.starts_with("foot-");
        match (is_kitty, has_sixels) {
            (true, _) => Self::Kitty,
            (false, true) => Self::Sixel,
            (false, false) => Self::Blocks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_tells_the_protocol() {
        struct Case(&'static [(&'static str, &'static str)], Protocol);
        let cases = [
            Case(&[], Protocol::Blocks),
            Case(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")], Protocol::Blocks),
            Case(&[("TERM", "xterm-kitty")], Protocol::Kitty),
            Case(&[("TERM", "xterm-256color"), ("KITTY_WINDOW_ID", "1")], Protocol::Kitty),
            Case(&[("TERM", "tmux-256color"), ("KITTY_WINDOW_ID", "1")], Protocol::Blocks),
            Case(&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "WezTerm")], Protocol::Kitty),
            Case(&[("TERM", "foot")], Protocol::Sixel),
            Case(&[("TERM", "yaft-256color-sixel")], Protocol::Sixel),
        ];
        for Case(variables, expected) in cases {
            let found = Protocol::of_environment(|name| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            });
            assert_eq!(found, expected, "{variables:?}");
        }
    }
}
