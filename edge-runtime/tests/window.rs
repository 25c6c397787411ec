//! The built command and a window, on SDL's drivers that need no desktop.
#![cfg(feature = "window")]

mod common;
mod place;

use std::process::Command;

use place::Place;

#[test]
fn a_walk_is_shown_in_a_window() {
    let place = Place::new();
    let words = ["play", "--model", "model.onnx", "--display", "window:64x48:gray4,scale=3", "--frames", "3"];
    let output = place.command(&words).env("SDL_VIDEODRIVER", "dummy").output().expect("it starts");
    assert!(output.status.success(), "{}", place::error(&output));
    assert!(place::error(&output).contains("3 pictures"), "{}", place::error(&output));
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
