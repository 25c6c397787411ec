//! Keys of the terminal, one at a time, and a button on a GPIO line.

use std::str::FromStr;
use std::time::Duration;

use crate::RuntimeError;
#[cfg(unix)]
use crate::restore::Restored;

/// What a wait for a key ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressed {
    /// A key, by the byte that it sends.
    Key(u8),
    /// None in the time given.
    Nothing,
    /// There will be no more.
    Closed,
}

impl Pressed {
    /// Whether the user wants to end: q or Escape.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Key(b'q' | b'Q' | ESCAPE))
    }
}

const ESCAPE: u8 = 0x1B;

/// Standard input, key by key.
///
/// A terminal hands keys on at once and shows none while this exists; afterwards it is as it was. Until then Ctrl-Z and
/// Ctrl-\\ are keys like others: a program that is stopped or killed by them could put nothing back.
#[derive(Debug)]
pub struct Keys {
    #[cfg(unix)]
    changed: Option<Restored<nix::sys::termios::Termios>>,
    /// A terminal that another program has now: reading it would stop this one.
    #[cfg(unix)]
    is_away: bool,
}

/// Longer than between the bytes of one key, shorter than between two keys.
#[cfg(unix)]
const TOGETHER: Duration = Duration::from_millis(25);

#[cfg(unix)]
impl Keys {
    /// Starts listening.
    pub fn listen() -> Self {
        use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, tcgetattr, tcsetattr};
        use nix::unistd::{getpgrp, tcgetpgrp};

        let input = std::io::stdin();
        // A program in the background would be stopped if it changed its terminal; any other terminal has no background.
        let is_ours = tcgetpgrp(&input).map_or(true, |group| group == getpgrp());
        let terminal = tcgetattr(&input).ok();
        let is_away = terminal.is_some() && !is_ours;
        let Some(before) = terminal.filter(|_| is_ours) else { return Self { changed: None, is_away } };
        let mut wanted = before.clone();
        wanted.local_flags.remove(LocalFlags::ECHO | LocalFlags::ICANON);
        for signal in [SpecialCharacterIndices::VSUSP, SpecialCharacterIndices::VQUIT] {
            wanted.control_chars[signal as usize] = nix::libc::_POSIX_VDISABLE;
        }
        let changed = Restored::new(before, |before| {
            // The terminal is gone where this fails.
            let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, &before);
        });
        // Keys then come with Enter only, which is no reason to end.
        let _ = tcsetattr(&input, SetArg::TCSANOW, &wanted);
        Self { changed: Some(changed), is_away }
    }

    /// Whether keys come from a terminal that this program may read.
    pub fn is_terminal(&self) -> bool {
        self.changed.is_some()
    }

    /// Waits for a key. One that sends several bytes, such as an arrow, is none.
    pub fn pressed(&mut self, time: Duration) -> Pressed {
        if self.is_away {
            std::thread::sleep(time);
            return Pressed::Closed;
        }
        match self.byte(time) {
            Pressed::Key(ESCAPE) => self.after_escape(),
            other => other,
        }
    }

    /// Escape where nothing follows it at once; else the rest of a sequence (ECMA-48, section 5.4) is passed over.
    fn after_escape(&mut self) -> Pressed {
        match self.byte(TOGETHER) {
            // Parameters and intermediate bytes, up to a final one.
            Pressed::Key(b'[') => {
                while let Pressed::Key(0x20..=0x3F) = self.byte(TOGETHER) {}
                Pressed::Nothing
            }
            Pressed::Key(b'O') => {
                self.byte(TOGETHER);
                Pressed::Nothing
            }
            Pressed::Key(_) => Pressed::Nothing,
            Pressed::Nothing | Pressed::Closed => Pressed::Key(ESCAPE),
        }
    }

    fn byte(&self, time: Duration) -> Pressed {
        use std::os::fd::AsFd;

        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

        let input = std::io::stdin();
        let mut asked = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
        match poll(&mut asked, PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX)) {
            Ok(0) | Err(nix::Error::EINTR) => Pressed::Nothing,
            Ok(_) => {
                let mut byte = [0];
                // Not through the standard library's buffer, whose content poll doesn't know.
                match nix::unistd::read(&input, &mut byte) {
                    Ok(1) => Pressed::Key(byte[0]),
                    Err(nix::Error::EINTR | nix::Error::EAGAIN) => Pressed::Nothing,
                    _ => Pressed::Closed,
                }
            }
            Err(_) => Pressed::Closed,
        }
    }
}

#[cfg(not(unix))]
impl Keys {
    /// Starts listening.
    pub fn listen() -> Self {
        Self {}
    }

    /// Whether keys come from a terminal that this program may read.
    pub fn is_terminal(&self) -> bool {
        false
    }

    /// Waits, and then reports that there are no keys.
    pub fn pressed(&mut self, _time: Duration) -> Pressed {
        Pressed::Closed
    }
}

/// A button between a GPIO line and ground: `LINE` or `CHIP:LINE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Button {
    /// Number of `/dev/gpiochip<chip>`.
    pub chip: u32,
    /// Its line.
    pub line: u32,
}

impl FromStr for Button {
    type Err = RuntimeError;

    fn from_str(text: &str) -> Result<Self, RuntimeError> {
        let (chip, line) = text.split_once(':').unwrap_or(("0", text));
        let refused = || RuntimeError::Text {
            what: "button",
            expected: "LINE or CHIP:LINE, as in 17 or 4:17".to_owned(),
            found: text.to_owned(),
        };
        Ok(Self { chip: chip.parse().map_err(|_| refused())?, line: line.parse().map_err(|_| refused())? })
    }
}

/// A line that is watched for a button.
#[derive(Debug)]
pub struct ButtonLine {
    #[cfg(all(feature = "panels", target_os = "linux"))]
    request: gpiocdev::Request,
    #[cfg(all(feature = "panels", target_os = "linux"))]
    button: Button,
}

impl Button {
    /// Watches the line, which the chip pulls up.
    ///
    /// # Errors
    /// A build without the feature `panels`, or a line that can't be had.
    #[cfg(not(all(feature = "panels", target_os = "linux")))]
    pub fn watch(self) -> Result<ButtonLine, RuntimeError> {
        if cfg!(target_os = "linux") {
            return Err(RuntimeError::BuiltWithout("panels"));
        }
        Err(RuntimeError::Display { path: "button".into(), problem: "buttons need Linux".to_owned() })
    }

    /// Watches the line, which the chip pulls up.
    ///
    /// # Errors
    /// A line that can't be had.
    #[cfg(all(feature = "panels", target_os = "linux"))]
    pub fn watch(self) -> Result<ButtonLine, RuntimeError> {
        use gpiocdev::line::{Bias, EdgeDetection};

        /// Contacts of a button bounce for some milliseconds.
        const BOUNCE: Duration = Duration::from_millis(20);

        let mut wanted = gpiocdev::Request::builder();
        wanted.on_chip(self.path()).with_line(self.line).as_input().as_active_low().with_bias(Bias::PullUp);
        wanted.with_debounce_period(BOUNCE).with_edge_detection(EdgeDetection::RisingEdge);
        let request = wanted.with_consumer("edge-runtime").request().map_err(|error| self.failed(&error))?;
        Ok(ButtonLine { request, button: self })
    }

    #[cfg(all(feature = "panels", target_os = "linux"))]
    fn path(self) -> std::path::PathBuf {
        format!("/dev/gpiochip{}", self.chip).into()
    }

    #[cfg(all(feature = "panels", target_os = "linux"))]
    fn failed(self, error: &gpiocdev::Error) -> RuntimeError {
        RuntimeError::Display { path: self.path(), problem: format!("line {} for a button: {error}", self.line) }
    }
}

impl ButtonLine {
    /// Whether the button was pressed since it was last asked.
    ///
    /// # Errors
    /// A line that can't be read any more.
    #[cfg(all(feature = "panels", target_os = "linux"))]
    pub fn was_pressed(&self) -> Result<bool, RuntimeError> {
        let mut pressed = false;
        while self.request.has_edge_event().map_err(|error| self.button.failed(&error))? {
            self.request.read_edge_event().map_err(|error| self.button.failed(&error))?;
            pressed = true;
        }
        Ok(pressed)
    }

    /// Whether the button was pressed since it was last asked.
    ///
    /// # Errors
    /// None: without the feature `panels` there is no line.
    #[cfg(not(all(feature = "panels", target_os = "linux")))]
    pub fn was_pressed(&self) -> Result<bool, RuntimeError> {
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_button_is_a_line_of_a_chip() {
        assert_eq!("17".parse::<Button>().expect("a line"), Button { chip: 0, line: 17 });
        assert_eq!("4:17".parse::<Button>().expect("both"), Button { chip: 4, line: 17 });
        for text in ["", "x", "-1", "1:2:3", ":5", "5:"] {
            let message = text.parse::<Button>().expect_err(text).to_string();
            assert!(message.ends_with("expected LINE or CHIP:LINE, as in 17 or 4:17"), "{message}");
        }
    }
}
