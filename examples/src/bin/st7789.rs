//! A gesture of each label on a panel of a Raspberry Pi, a second each, until Ctrl-C; then the panel goes dark.
//!
//! `cargo run -p examples --features panels --bin st7789` takes an ST7789 on SPI 0 with its data line on GPIO 25 and its reset
//! line on 27. Behind `--` a model file can be named, and any other display after it (docs/displays.md):
//! `models/gen.onnx ili9341:spi0.1,dc=24,rst=23,rotate=90`, or `fb:/dev/fb0`, which needs no feature.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::Result;
use edge_runtime::sink::display::{Display, Use};
use edge_runtime::{EngineSpec, Generator, restore, signals};

const WIRED: &str = "st7789:spi0.0,dc=25,rst=27";

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let model = words.next().unwrap_or_else(|| "models/gen.onnx".to_owned());
    let display: Display = words.next().as_deref().unwrap_or(WIRED).parse()?;
    let mut generator = Generator::open(model, &EngineSpec::default())?;
    let labels = generator.metadata().labels.len();
    let mut screen = display.screen(Use::Live)?; // dropped at the end, which leaves the panel dark

    let (asked, is_asked) = channel();
    signals::when_asked_to_end(move || {
        if asked.send(()).is_err() {
            restore::exit(1); // whoever listened has gone: nothing else would end the program
        }
    })?;
    for index in 0.. {
        let frame = generator.frame(index as usize % labels, 42, index)?;
        screen.draw(&frame.picture, &frame.caption())?;
        if is_asked.recv_timeout(Duration::from_secs(1)) != Err(RecvTimeoutError::Timeout) {
            break;
        }
    }
    Ok(())
}
