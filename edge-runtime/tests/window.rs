//! The built command and a window, on SDL's drivers that need no desktop.
#![cfg(feature = "window")]

mod common;
mod place;

use std::process::{Command, Stdio};
use std::time::Duration;

use place::Place;

#[test]
fn a_walk_is_shown_in_a_window() {
    let place = Place::new();
    let words = ["play", "--model", "model.onnx", "--display", "window:64x48:gray4,scale=3", "--frames", "3"];
    let output = place.command(&words).env("SDL_VIDEODRIVER", "dummy").output().expect("it starts");
    assert!(output.status.success(), "{}", place::error(&output));
    assert!(place::error(&output).contains("3 pictures"), "{}", place::error(&output));
}

/// Without keys from standard input the window has its own: only the signal ends it.
#[test]
fn a_photo_booth_in_a_window_needs_no_terminal() {
    let place = Place::new();
    let words = ["photo-booth", "--model", "model.onnx", "--display", "window:64x48", "--out", "booth"];
    let mut command = place.command(&words);
    command.env("SDL_VIDEODRIVER", "dummy").stdin(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    // Far longer than it takes to find standard input ended.
    for _ in 0..30 {
        std::thread::sleep(Duration::from_millis(100));
        assert!(child.try_wait().expect("a child").is_none(), "it waits for the window");
    }
    place::interrupt(&child);
    let output = child.wait_with_output().expect("it ends");
    assert!(!place::error(&output).contains("nothing can be pressed"), "{}", place::error(&output));
}

#[test]
fn a_window_without_a_desktop_is_an_error() {
    let place = Place::new();
    let words = ["--label", "0", "--model", "model.onnx", "--display", "window"];
    let refused = |command: &mut Command, expected: &str| {
        // Where it is not said, Wayland's clients look for a desktop in this folder.
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env("XDG_RUNTIME_DIR", place.folder.path());
        let output = command.output().expect("it starts");
        assert_eq!(output.status.code(), Some(1));
        assert!(place::error(&output).contains(expected), "{}", place::error(&output));
    };
    refused(place.command(&words).env("SDL_VIDEODRIVER", "none"), "display window: SDL: ");
    refused(place.command(&words).env_remove("SDL_VIDEODRIVER"), "display window: ");
}
