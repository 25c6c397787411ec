//! A gesture of each label on a panel of a Raspberry Pi, a second each, until Ctrl-C; then the panel goes dark.
//!
//! `cargo run -p examples --features panels --bin st7789` takes an ST7789 on SPI 0 with its data line on GPIO 25 and its reset
//! line on 27. Behind `--` a model file can be named, and any other display after it (docs/displays.md):
//! `models/gen.onnx ili9341:spi0.1,dc=24,rst=23,rotate=90`, or `fb:/dev/fb0`, which needs no feature.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::Result;
use edge_runtime::keys::Pressed;
use edge_runtime::sink::display::Display;
use edge_runtime::sink::screen::Use;
use edge_runtime::{EngineSpec, Generator, restore, signals};

const WIRED: &str = "st7789:spi0.0,dc=25,rst=27";
/// How long a gesture is shown.
const SHOWN: Duration = Duration::from_secs(1);
/// How often a window is asked whether it was closed.
const LOOK: Duration = Duration::from_millis(20);

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let model = words.next().unwrap_or_else(|| "models/gen.onnx".to_owned());
    let display: Display = words.next().as_deref().unwrap_or(WIRED).parse()?;
    let mut generator = Generator::open(model, &EngineSpec::default())?;
    let labels = generator.metadata().labels.len();

    // Before the panel is opened: that takes its time, and lights it.
    let (asked, is_asked) = channel();
    signals::when_asked_to_end(move || {
        if asked.send(()).is_err() {
            restore::exit(1); // whoever listened has gone: nothing else would end the program
        }
    })?;
    let mut screen = display.screen(Use::Live)?; // dropped at the end, which leaves the panel dark
    for index in 0.. {
        let frame = generator.frame(index as usize % labels, 42, index)?;
        screen.draw(&frame.picture, &frame.caption())?;
        let shown = Instant::now();
        while shown.elapsed() < SHOWN {
            let pressed = screen.pressed();
            let is_closed = pressed == Pressed::Closed || pressed.is_end();
            if is_closed || is_asked.recv_timeout(LOOK) != Err(RecvTimeoutError::Timeout) {
                return Ok(());
            }
        }
    }
    Ok(())
}
