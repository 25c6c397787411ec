//! The built command on a terminal of its own and on displays that it draws on again and again.
#![cfg(target_os = "linux")]

mod common;
mod place;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};

use nix::poll::{PollFd, PollFlags, poll};
use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::termios::{FlowArg, LocalFlags, Termios, tcflow, tcgetattr};
use place::{Place, deliver_signals, interrupt};

impl Place {
    /// With the model, for a terminal that says what it can.
    fn live(&self, words: &[&str]) -> Command {
        let mut command = self.command(words);
        command.args(["--model", "model.onnx"]).stdin(Stdio::null()).env("TERM", "xterm-256color");
        command.env_remove("KITTY_WINDOW_ID").env_remove("TERM_PROGRAM");
        command
    }

    /// What it says where it fails.
    fn refused(&self, words: &[&str]) -> String {
        let output = self.live(words).output().expect("it starts");
        assert_eq!(output.status.code(), Some(1), "{}", place::error(&output));
        place::error(&output)
    }
}

fn decoded(path: &std::path::Path) -> (usize, usize, Vec<u8>) {
    let picture = image::open(path).expect("a PNG").to_rgb8();
    (picture.width() as usize, picture.height() as usize, picture.into_raw())
}

/// Between two looks whether a program has ended.
const LOOK_MS: u16 = 100;

/// A program on a terminal of some size.
struct OnTerminal {
    child: Child,
    /// What the program writes, and what it reads.
    user: File,
    /// The program's side, kept open so that its modes can be looked at.
    side: OwnedFd,
    before: Termios,
}

impl OnTerminal {
    fn start(mut command: Command, columns: u16, rows: u16) -> Self {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let OpenptyResult { master, slave } = openpty(&size, None).expect("a terminal");
        let before = tcgetattr(slave.as_fd()).expect("modes");
        let side = || slave.try_clone().expect("another handle");
        command.stdin(side()).stdout(side()).stderr(Stdio::null());
        let child = command.spawn().expect("it starts");
        Self { child, user: File::from(master), side: slave, before }
    }

    /// Reads until a text was seen that the program has to write before it ends.
    fn read_until(&mut self, wanted: &str) -> String {
        let mut seen = Vec::new();
        let mut part = [0; 4096];
        while !String::from_utf8_lossy(&seen).contains(wanted) {
            let has_ended = self.child.try_wait().expect("a child").is_some();
            let is_readable =
                poll(&mut [PollFd::new(self.user.as_fd(), PollFlags::POLLIN)], LOOK_MS).expect("polled") > 0;
            assert!(is_readable || !has_ended, "it ended after {:?}", String::from_utf8_lossy(&seen));
            if is_readable {
                let count = self.user.read(&mut part).expect("the program's side is open");
                seen.extend_from_slice(&part[..count]);
            }
        }
        String::from_utf8_lossy(&seen).into_owned()
    }

    fn end(mut self) -> (bool, Termios, Termios) {
        let status = self.child.wait().expect("it ends");
        (status.success(), self.before.clone(), tcgetattr(self.side.as_fd()).expect("modes"))
    }
}

const LEAVE: &str = "\x1b[0m\x1b[?25h\x1b[?1049l";

#[test]
fn play_takes_the_whole_terminal_and_leaves_it_as_it_was() {
    let place = Place::new();
    let command = place.live(&["play", "--label", "zebra", "--frames", "3", "--seed", "1", "--fps", "200"]);
    let mut terminal = OnTerminal::start(command, 40, 20);
    let text = terminal.read_until(LEAVE);
    assert!(text.starts_with("\x1b[?1049h\x1b[?25l\x1b[2J\x1b[1;1H"), "{:?}", &text[..40]);
    // 18 rows of 40 characters, then two lines of text.
    let first_row = text.split("\x1b[1;1H").nth(1).expect("a row").split("\x1b[2;1H").next().expect("its end");
    assert_eq!(first_row.matches('\u{2580}').count(), 40);
    assert!(text.contains("\x1b[18;1H") && !text.contains("\x1b[21;1H"));
    assert!(text.contains(&format!("\x1b[19;1H\x1b[0m{:^40}", "zebra")), "{text:?}");
    assert!(text.contains("fps"));
    let (is_done, before, after) = terminal.end();
    assert!(is_done);
    assert_eq!(before, after);
    assert!(after.local_flags.contains(LocalFlags::ECHO | LocalFlags::ICANON));
}

#[test]
fn play_ends_on_ctrl_c_with_the_screen_restored() {
    let place = Place::new();
    let mut terminal = OnTerminal::start(place.live(&["play", "--seed", "1", "--fps", "60"]), 30, 10);
    terminal.read_until("fps");
    interrupt(&terminal.child);
    terminal.read_until(LEAVE);
    let (is_done, before, after) = terminal.end();
    assert!(is_done, "a walk that was ended is no failure");
    assert_eq!(before, after);
}

#[test]
fn a_second_ctrl_c_leaves_the_terminal_as_it_was() {
    let place = Place::new();
    for words in [&["play", "--seed", "1"][..], &["photo-booth", "--seed", "1"][..]] {
        let mut terminal = OnTerminal::start(place.live(words), 30, 10);
        terminal.read_until("\x1b[2J");
        // Held as by Ctrl-S, so that the program is stuck in whatever it writes next, be that its last words.
        tcflow(terminal.side.as_fd(), FlowArg::TCOOFF).expect("a terminal");
        interrupt(&terminal.child);
        deliver_signals(&terminal.child);
        interrupt(&terminal.child);
        deliver_signals(&terminal.child);
        tcflow(terminal.side.as_fd(), FlowArg::TCOON).expect("a terminal");
        terminal.read_until(LEAVE);
        let (_, before, after) = terminal.end();
        assert_eq!(before, after, "{words:?}");
    }
}

#[test]
fn the_cursor_of_a_console_stays_out_of_its_frame_buffer() {
    let place = Place::new();
    let display = ["--seed", "1", "--display", "fb:/dev/null@40x30:rgb565"];
    for words in [&["--label", "0"][..], &["play", "--frames", "2", "--fps", "100"][..]] {
        let mut terminal = OnTerminal::start(place.live(&[words, &display].concat()), 30, 10);
        let text = terminal.read_until("\x1b[?25h");
        assert!(text.starts_with("\x1b[?25l"), "{words:?}: {text:?}");
        assert!(terminal.end().0, "{words:?}");
    }
}

#[test]
fn play_makes_the_same_pictures_for_the_same_seed_and_others_on_the_way() {
    let place = Place::new();
    let shown = |frames: &str, seed: &str| {
        let words = ["play", "--frames", frames, "--seed", seed, "--fps", "4"];
        place.done(&[&words[..], &["--display", "png:shown.png@32x32:rgb888,caption=off"]].concat());
        decoded(&place.path("shown.png"))
    };
    let first = shown("1", "5");
    assert_eq!((first.0, first.1), (32, 32));
    assert_eq!(shown("1", "5"), first);
    assert_ne!(shown("2", "5"), first);
    assert_ne!(shown("1", "6"), first);
    place.done(&["--label", "0", "--seed", "5", "--out", "still.png"]);
    assert_eq!(decoded(&place.path("still.png")), first, "the way begins at the seed's own picture");
}

#[test]
fn play_says_what_it_showed_and_how_fast() {
    let place = Place::new();
    let output =
        place.done(&["play", "--frames", "3", "--fps", "100", "--seed", "1", "--display", "fb:s@40x46:bgr888"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("3 pictures, ") && text.contains(" a second") && text.contains("ms to show it"), "{text}");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_frame_buffer_shows_what_it_did_before_once_play_ends() {
    let place = Place::new();
    let before: Vec<u8> = (0..64u32 * 60 * 2).map(|place| (place * 31 % 251) as u8).collect();
    for display in ["fb:screen@64x60:rgb565", "fb:screen@64x60:rgb565,x=8,y=4,size=40x46"] {
        fs::write(place.path("screen"), &before).expect("writable");
        place.done(&["play", "--frames", "2", "--fps", "100", "--seed", "1", "--display", display]);
        assert!(fs::read(place.path("screen")).expect("there") == before, "{display}");
        // A picture on its own stays.
        place.done(&["--label", "0", "--seed", "1", "--display", display]);
        assert!(fs::read(place.path("screen")).expect("there") != before, "{display}");
    }
}

#[test]
fn a_window_of_a_frame_buffer_is_drawn_on_and_nothing_else() {
    let place = Place::new();
    fs::write(place.path("screen"), vec![7; 50 * 200]).expect("writable");
    let display = "fb:screen@40x50:xrgb8888:200,x=4,y=10,size=32x32,order=bgr,caption=off";
    place.done(&["--label", "0", "--seed", "3", "--display", display, "--out", "a.png"]);
    let (_, _, levels) = decoded(&place.path("a.png"));
    let bytes = fs::read(place.path("screen")).expect("there");
    for (y, row) in bytes.chunks(200).enumerate() {
        for (x, pixel) in row.chunks(4).enumerate() {
            if (4..36).contains(&x) && (10..42).contains(&y) {
                let start = ((y - 10) * 32 + x - 4) * 3;
                assert_eq!([&levels[start..start + 3], &[0]].concat(), pixel, "{x}, {y}");
            } else {
                assert!(pixel.iter().all(|byte| *byte == 7), "{x}, {y}");
            }
        }
    }
    let outside = place.live(&["--label", "0", "--display", "fb:screen@40x50:rgb565,x=40"]).output().expect("starts");
    let message = String::from_utf8_lossy(&outside.stderr).into_owned();
    assert!(message.contains("expected x, y and size within 40x50"), "{message}");
}

#[test]
fn a_photo_booth_keeps_a_picture_for_every_press() {
    let place = Place::new();
    let words = ["photo-booth", "--seed", "4", "--countdown", "0", "--display", "png:shown.png@48x60:mono"];
    let mut child = place
        .live(&[&words[..], &["--label", "all", "--out", "kept", "--quiet"]].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("a pipe").write_all(b"\nx\nq\n").expect("it listens");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("text");
    let kept: Vec<&str> = text.lines().collect();
    assert_eq!(kept.len(), 2, "x is no press and q ends it: {text}");
    for (index, path) in kept.iter().enumerate() {
        assert!(path.starts_with("kept/") && path.ends_with(&format!("/4-{index}.png")), "{path}");
        let label = path.split('/').nth(1).expect("a label");
        let index = index.to_string();
        place.done(&["--label", label, "--seed", "4", "--count", "2", "--out", "again/"]);
        let again = place.path(&format!("again/{label}/4-{index}.png"));
        assert_eq!(fs::read(again).expect("made"), fs::read(place.path(path)).expect("kept"));
    }
    let (width, height, levels) = decoded(&place.path("shown.png"));
    assert_eq!((width, height), (48, 60));
    assert!(levels.iter().all(|level| [0, 255].contains(level)));
}

#[test]
fn a_photo_booth_without_anything_to_press_says_so() {
    let place = Place::new();
    let message = place.refused(&["photo-booth", "--display", "png:shown.png@8x8:mono"]);
    assert!(message.contains("nothing can be pressed") && message.contains("--button"), "{message}");
}

#[test]
fn a_photo_booth_on_a_terminal_takes_keys_without_enter() {
    let place = Place::new();
    let words = ["photo-booth", "--seed", "4", "--countdown", "0", "--count", "1", "--label", "0"];
    let mut terminal = OnTerminal::start(place.live(&words), 30, 12);
    terminal.read_until("press Enter");
    // An arrow key begins with the byte of Escape.
    terminal.user.write_all(b"\x1b[A\x1bOB ").expect("it listens");
    terminal.read_until(LEAVE);
    let (is_done, before, after) = terminal.end();
    assert!(is_done);
    assert_eq!(before, after);
    assert!(place.path("photos/zebra/4-0.png").is_file());
}

#[test]
fn a_countdown_can_be_ended_and_takes_no_press_for_the_next_picture() {
    let place = Place::new();
    let words = ["photo-booth", "--label", "0", "--count", "2", "--seed"];
    for key in [&b"q"[..], b"Q", b"\x1b"] {
        let mut terminal = OnTerminal::start(place.live(&[&words[..], &["4", "--countdown", "60"]].concat()), 30, 12);
        terminal.read_until("press Enter");
        terminal.user.write_all(b"\n").expect("it listens");
        // The number that is counted down from has the rows of the invitation too.
        terminal.read_until("\x1b[11;1H\x1b[38;");
        terminal.user.write_all(key).expect("it listens");
        terminal.read_until(LEAVE);
        assert!(terminal.end().0, "{key:?}");
        assert!(!place.path("photos/zebra/4-0.png").exists(), "{key:?}");
    }
    let mut terminal = OnTerminal::start(place.live(&[&words[..], &["5", "--countdown", "1"]].concat()), 30, 12);
    terminal.read_until("press Enter");
    terminal.user.write_all(b"\n\n ").expect("it listens");
    terminal.read_until("zebra");
    terminal.user.write_all(b"q").expect("it listens");
    terminal.read_until(LEAVE);
    assert!(terminal.end().0);
    assert!(place.path("photos/zebra/5-0.png").is_file());
    assert!(!place.path("photos/zebra/5-1.png").exists(), "keys pressed meanwhile are no press");
}

#[cfg(not(feature = "panels"))]
#[test]
fn a_panel_needs_a_build_with_its_feature() {
    let place = Place::new();
    for words in [
        &["play", "--display", "st7789:spi0.0,dc=25"][..],
        &["photo-booth", "--button", "17", "--countdown", "0"][..],
        &["--label", "0", "--display", "ssd1306:i2c1"][..],
    ] {
        let message = place.refused(words);
        assert!(message.contains("built without panels; rebuild with --features panels"), "{message}");
    }
}

#[cfg(feature = "panels")]
#[test]
fn a_panel_that_is_not_there_is_named_with_its_device() {
    let place = Place::new();
    let message = place.refused(&["play", "--display", "st7789:spi1023.0,dc=25"]);
    assert!(message.contains("display st7789 on spi1023.0: open /dev/spidev1023.0: "), "{message}");
}
