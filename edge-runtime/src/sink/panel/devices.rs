//! Linux's SPI, I2C and GPIO devices, and the panels on them.

use std::fs;

use embedded_hal::digital::{self, InputPin, OutputPin};
use gpiocdev::Request;
use gpiocdev::line::Value;
use linux_embedded_hal::spidev::{SpiModeFlags, SpidevOptions};
use linux_embedded_hal::{Delay, I2cdev, SpidevDevice};
use ssd1306::I2CDisplayInterface;
use ssd1306::prelude::SPIInterface;

use super::chunked::Chunked;
use super::paper::{self, Paper};
use super::{Bus, PanelKind, PanelSpec, SpiMode, color, oled};
use crate::drawing::Style;
use crate::restore::Restored;
use crate::sink::screen::{Screen, Use};
use crate::{Picture, RuntimeError};

/// The longest transfer that spidev takes (its module parameter; Documentation/spi/spidev.rst), and its default.
const BUFSIZ: &str = "/sys/module/spidev/parameters/bufsiz";
const USUAL_BUFSIZ: usize = 4096;
const CONSUMER: &str = "edge-runtime";

/// Opens a panel.
///
/// # Errors
/// A device or line that can't be had, and what the drivers report.
pub(in super::super) fn open(spec: &PanelSpec, style: Style, purpose: Use) -> Result<Box<dyn Screen>, RuntimeError> {
    let backlight = spec.lines.backlight.map(|line| output(spec, line, "bl")).transpose()?;
    let screen = opened(spec, (style, purpose))?;
    // Light only on what has been cleared.
    Ok(Box::new(Kept::new(match backlight {
        Some(mut line) => {
            line.set_high().map_err(|error| spec.failed(format!("bl line: {error:?}")))?;
            Box::new(Lit { screen: Some(screen), line, purpose })
        }
        None => screen,
    })))
}

fn opened(spec: &PanelSpec, style: (Style, Use)) -> Result<Box<dyn Screen + Send>, RuntimeError> {
    let reset = spec.lines.reset.map(|line| output(spec, line, "rst")).transpose()?;
    let (path, hertz, mode) = match spec.bus {
        Bus::I2c { bus, address } => {
            let path = format!("/dev/i2c-{bus}");
            let device = I2cdev::new(&path).map_err(|error| spec.failed(format!("open {path}: {error}")))?;
            let interface = I2CDisplayInterface::new_custom_address(device, address);
            return oled::open(spec, interface, reset, &mut Delay, style);
        }
        Bus::Spi { bus, select, hertz, mode } => (format!("/dev/spidev{bus}.{select}"), hertz, mode),
    };
    let spi = spi_device(spec, &path, hertz, mode)?;
    let needed = |line: Option<u32>, name| line.ok_or_else(|| spec.failed(format!("expected {name}=LINE, found none")));
    let dc = output(spec, needed(spec.lines.dc, "dc")?, "dc")?;
    match spec.kind {
        PanelKind::Ssd1306 => oled::open(spec, SPIInterface::new(spi, dc), reset, &mut Delay, style),
        PanelKind::Epd2in13 => {
            let busy = input(spec, needed(spec.lines.busy, "busy")?)?;
            let reset = reset.ok_or_else(|| spec.failed("expected rst=LINE, found none"))?;
            let power = spec.lines.power.map(|line| output(spec, line, "pwr")).transpose()?;
            let wires = paper::Wires { spi, dc, reset, busy, power, delay: Delay };
            Ok(Box::new(Paper::open(spec, wires, style.0)?))
        }
        _ => color::open(spec, color::Wires { spi, dc, reset }, &mut Delay, style),
    }
}

fn spi_device(spec: &PanelSpec, path: &str, hertz: u32, mode: SpiMode) -> Result<Chunked<SpidevDevice>, RuntimeError> {
    let mut device = SpidevDevice::open(path)
        .map_err(|error| spec.failed(format!("open {path}: {error}; edge-runtime doctor tells more")))?;
    let mode = match mode {
        SpiMode::Mode0 => SpiModeFlags::SPI_MODE_0,
        SpiMode::Mode3 => SpiModeFlags::SPI_MODE_3,
    };
    let options = SpidevOptions::new().bits_per_word(8).max_speed_hz(hertz).mode(mode).build();
    device.configure(&options).map_err(|error| spec.failed(format!("{path} at {hertz} Hz: {error}")))?;
    let told = fs::read_to_string(BUFSIZ).ok().and_then(|text| text.trim().parse().ok());
    Ok(Chunked::new(device, told.unwrap_or(USUAL_BUFSIZ)))
}

fn output(spec: &PanelSpec, line: u32, name: &str) -> Result<Line, RuntimeError> {
    let mut wanted = Request::builder();
    wanted.on_chip(chip(spec)).with_line(line).as_output(Value::Inactive).with_consumer(CONSUMER);
    wanted.request().map(Line).map_err(|error| refused(spec, line, name, &error))
}

fn input(spec: &PanelSpec, line: u32) -> Result<Line, RuntimeError> {
    let mut wanted = Request::builder();
    wanted.on_chip(chip(spec)).with_line(line).as_input().with_consumer(CONSUMER);
    wanted.request().map(Line).map_err(|error| refused(spec, line, "busy", &error))
}

fn chip(spec: &PanelSpec) -> String {
    format!("/dev/gpiochip{}", spec.lines.chip)
}

fn refused(spec: &PanelSpec, line: u32, name: &str, error: &gpiocdev::Error) -> RuntimeError {
    spec.failed(format!("{name}={line} on {}: {error}", chip(spec)))
}

/// A line of a GPIO chip.
struct Line(Request);

/// A line that can't be set or read.
#[derive(Debug)]
#[allow(dead_code, reason = "what is inside is shown as Debug")]
struct LineError(gpiocdev::Error);

impl digital::Error for LineError {
    fn kind(&self) -> digital::ErrorKind {
        digital::ErrorKind::Other
    }
}

impl digital::ErrorType for Line {
    type Error = LineError;
}

impl OutputPin for Line {
    fn set_low(&mut self) -> Result<(), LineError> {
        self.0.set_lone_value(Value::Inactive).map_err(LineError)
    }

    fn set_high(&mut self) -> Result<(), LineError> {
        self.0.set_lone_value(Value::Active).map_err(LineError)
    }
}

impl InputPin for Line {
    fn is_high(&mut self) -> Result<bool, LineError> {
        self.0.lone_value().map(|value| value == Value::Active).map_err(LineError)
    }

    fn is_low(&mut self) -> Result<bool, LineError> {
        self.is_high().map(|is_high| !is_high)
    }
}

/// A panel that is dropped, and so left dark or asleep, however the program ends.
struct Kept(Restored<Box<dyn Screen + Send>>);

impl Kept {
    fn new(screen: Box<dyn Screen + Send>) -> Self {
        Self(Restored::new(screen, drop))
    }
}

impl Screen for Kept {
    fn draw(&mut self, picture: &Picture, caption: &[String]) -> Result<(), RuntimeError> {
        self.0.with(|screen| screen.draw(picture, caption)).unwrap_or(Ok(()))
    }
}

/// A screen with a light behind it, which goes out after a live use.
struct Lit<L: OutputPin> {
    screen: Option<Box<dyn Screen + Send>>,
    line: L,
    purpose: Use,
}

impl<L: OutputPin> Screen for Lit<L> {
    fn draw(&mut self, picture: &Picture, caption: &[String]) -> Result<(), RuntimeError> {
        self.screen.as_mut().map_or(Ok(()), |screen| screen.draw(picture, caption))
    }
}

impl<L: OutputPin> Drop for Lit<L> {
    fn drop(&mut self) {
        self.screen = None;
        if self.purpose == Use::Live {
            // The light is gone with its line where this fails.
            let _ = self.line.set_low();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::recorder::{Event, Recorder};
    use super::*;

    fn lit(recorder: &Recorder, purpose: Use) -> Kept {
        let spec = PanelSpec::named("ssd1306:i2c1,size=96x16");
        let interface = I2CDisplayInterface::new_custom_address(recorder.i2c(), 0x3C);
        let style = (Style { caption: false, ..Style::default() }, purpose);
        let screen = oled::open(&spec, interface, None::<Line>, &mut recorder.delay(), style).expect("recorded");
        Kept::new(Box::new(Lit { screen: Some(screen), line: recorder.pin("bl"), purpose }))
    }

    #[test]
    fn a_panel_of_a_live_use_goes_dark_before_its_light_does() {
        let recorder = Recorder::default();
        let white = Picture::new(96, 16, 1, vec![255; 96 * 16]).expect("whole");
        let mut kept = lit(&recorder, Use::Live);
        kept.draw(&white, &[]).expect("recorded");
        recorder.taken();
        drop(kept);
        let events = recorder.taken();
        assert_eq!(events.last(), Some(&Event::Pin("bl", false)));
        assert!(events.len() > 1, "the panel was not cleared");

        let mut still = lit(&recorder, Use::Still);
        still.draw(&white, &[]).expect("recorded");
        recorder.taken();
        drop(still);
        assert_eq!(recorder.taken(), []);
    }

    #[test]
    fn an_ssd1306_on_i2c_gets_the_same_columns() {
        let recorder = Recorder::default();
        let mut kept = lit(&recorder, Use::Still);
        recorder.taken();
        // Dark above and light below on the left, the other way round on the right.
        let picture = Picture::new(2, 2, 1, vec![0, 255, 255, 0]).expect("2 x 2");
        kept.draw(&picture, &[]).expect("recorded");
        // Behind a control byte of 40h stands data (data sheet, section 8.1.5.2).
        let writes = recorder.writes();
        let data: Vec<u8> =
            writes.iter().filter(|bytes| bytes[0] == 0x40).flat_map(|bytes| bytes[1..].to_vec()).collect();
        let page = |left: u8, right: u8| [[left; 8], [right; 8]].concat();
        assert_eq!(data, [page(0x00, 0xFF), page(0xFF, 0x00)].concat());
    }
}
