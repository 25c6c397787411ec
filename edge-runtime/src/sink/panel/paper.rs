//! E-paper: Waveshare's 2.13 inch panel of versions 3 and 4, whose controller is an SSD1680.
//!
//! Commands and their order are those of the controller's data sheet (Solomon Systech SSD1680, revision 0.14, sections 7
//! and 9.1).

use embedded_graphics::geometry::Size;
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_hal::delay::DelayNs;
use embedded_hal::digital::{InputPin, OutputPin};
use embedded_hal::spi::SpiDevice;

use super::PanelSpec;
use super::page::Page;
use crate::drawing::{self, Style};
use crate::sink::screen::Screen;
use crate::{Picture, RuntimeError};

const WIDTH: u32 = 122;
const HEIGHT: u32 = 250;
/// A row of pixels, eight a byte; the last six of the last byte lie outside.
const ROW_BYTES: usize = WIDTH.div_ceil(8) as usize;

mod command {
    pub(super) const DRIVER_OUTPUT: u8 = 0x01;
    pub(super) const DEEP_SLEEP: u8 = 0x10;
    pub(super) const DATA_ENTRY: u8 = 0x11;
    pub(super) const RESET: u8 = 0x12;
    pub(super) const TEMPERATURE_SENSOR: u8 = 0x18;
    pub(super) const ACTIVATE: u8 = 0x20;
    pub(super) const UPDATE_CONTROL_1: u8 = 0x21;
    pub(super) const UPDATE_CONTROL_2: u8 = 0x22;
    pub(super) const WRITE: u8 = 0x24;
    pub(super) const BORDER: u8 = 0x3C;
    pub(super) const COLUMNS: u8 = 0x44;
    pub(super) const ROWS: u8 = 0x45;
    pub(super) const COLUMN: u8 = 0x4E;
    pub(super) const ROW: u8 = 0x4F;
}

/// Load temperature and waveform, then show in mode 1: the whole panel flickers, and nothing of the old picture is left.
const FULL_UPDATE: u8 = 0xF7;
/// Between two looks at the busy line, and how often it is looked at: a full update takes two seconds.
const LOOK_MS: u32 = 10;
const MOST_LOOKS: u32 = 2_000;
/// From power to the first reset (data sheet, section 9.1).
const POWER_MS: u32 = 10;

/// What an e-paper panel is connected to.
pub(super) struct Wires<S, O, I, D> {
    pub(super) spi: S,
    pub(super) dc: O,
    pub(super) reset: O,
    pub(super) busy: I,
    /// Switches the panel's power on when high, where a line does.
    pub(super) power: Option<O>,
    pub(super) delay: D,
}

/// An e-paper panel; its picture stays without power.
pub(super) struct Paper<S, O, I, D>
where
    S: SpiDevice,
    O: OutputPin,
    I: InputPin,
    D: DelayNs,
{
    wires: Wires<S, O, I, D>,
    spec: PanelSpec,
    style: Style,
    shown: Option<Vec<u8>>,
}

impl<S, O, I, D> Paper<S, O, I, D>
where
    S: SpiDevice,
    O: OutputPin,
    I: InputPin,
    D: DelayNs,
{
    /// Resets and sets up a panel, which goes on showing what it shows.
    pub(super) fn open(spec: &PanelSpec, wires: Wires<S, O, I, D>, style: Style) -> Result<Self, RuntimeError> {
        let mut paper = Self { wires, spec: spec.clone(), style, shown: None };
        paper.start().map_err(|problem| spec.failed(format!("start: {problem}")))?;
        Ok(paper)
    }

    fn start(&mut self) -> Result<(), String> {
        if let Some(power) = &mut self.wires.power {
            power.set_high().map_err(|error| format!("pwr line: {error:?}"))?;
            self.wires.delay.delay_ms(POWER_MS);
        }
        for is_high in [true, false, true] {
            let reset = &mut self.wires.reset;
            let set = if is_high { reset.set_high() } else { reset.set_low() };
            set.map_err(|error| format!("reset line: {error:?}"))?;
            self.wires.delay.delay_ms(10);
        }
        self.wait()?;
        self.send(command::RESET, &[])?;
        self.wait()?;
        let [last_low, last_high] = (HEIGHT as u16 - 1).to_le_bytes();
        self.send(command::DRIVER_OUTPUT, &[last_low, last_high, 0])?;
        // Columns, then rows, both upwards.
        self.send(command::DATA_ENTRY, &[0x03])?;
        self.send(command::COLUMNS, &[0, ROW_BYTES as u8 - 1])?;
        self.send(command::ROWS, &[0, 0, last_low, last_high])?;
        // The border goes with white.
        self.send(command::BORDER, &[0x05])?;
        self.send(command::UPDATE_CONTROL_1, &[0x00, 0x80])?;
        // The sensor inside.
        self.send(command::TEMPERATURE_SENSOR, &[0x80])?;
        self.wait()
    }

    fn show(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.send(command::COLUMN, &[0])?;
        self.send(command::ROW, &[0, 0])?;
        self.send(command::WRITE, bytes)?;
        self.send(command::UPDATE_CONTROL_2, &[FULL_UPDATE])?;
        self.send(command::ACTIVATE, &[])?;
        self.wait()
    }

    fn send(&mut self, command: u8, data: &[u8]) -> Result<(), String> {
        let line = |error| format!("dc line: {error:?}");
        let bus = |error| format!("bus: {error:?}");
        self.wires.dc.set_low().map_err(line)?;
        self.wires.spi.write(&[command]).map_err(bus)?;
        if data.is_empty() {
            return Ok(());
        }
        self.wires.dc.set_high().map_err(line)?;
        self.wires.spi.write(data).map_err(bus)
    }

    fn wait(&mut self) -> Result<(), String> {
        for _ in 0..MOST_LOOKS {
            if self.wires.busy.is_low().map_err(|error| format!("busy line: {error:?}"))? {
                return Ok(());
            }
            self.wires.delay.delay_ms(LOOK_MS);
        }
        Err(format!("it has been busy for {} s; check its wires", MOST_LOOKS * LOOK_MS / 1000))
    }

    /// A page as the panel's rows, a set bit for white.
    fn bytes(&self, page: &Page<BinaryColor>) -> Vec<u8> {
        let mut bytes = vec![0; ROW_BYTES * HEIGHT as usize];
        for (y, x) in (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (y, x))) {
            let (across, down) = match self.spec.rotate {
                90 => (y, WIDTH - 1 - x),
                180 => (WIDTH - 1 - x, HEIGHT - 1 - y),
                270 => (HEIGHT - 1 - y, x),
                _ => (x, y),
            };
            let across = if self.spec.is_mirrored { self.size().width - 1 - across } else { across };
            let is_white = page.at(across, down).is_some_and(BinaryColor::is_on) != self.spec.is_inverted;
            bytes[y as usize * ROW_BYTES + x as usize / 8] |= u8::from(is_white) << (7 - x % 8);
        }
        bytes
    }

    fn size(&self) -> Size {
        if self.spec.rotate.is_multiple_of(180) { Size::new(WIDTH, HEIGHT) } else { Size::new(HEIGHT, WIDTH) }
    }
}

impl<S, O, I, D> Screen for Paper<S, O, I, D>
where
    S: SpiDevice,
    O: OutputPin,
    I: InputPin,
    D: DelayNs,
{
    fn draw(&mut self, picture: &Picture, caption: &[String]) -> Result<(), RuntimeError> {
        let mut page = Page::new(self.size(), BinaryColor::Off);
        drawing::draw(&mut page, picture, caption, self.style).unwrap_or_else(|never| match never {});
        let bytes = self.bytes(&page);
        if self.shown.as_ref() != Some(&bytes) {
            self.show(&bytes).map_err(|problem| self.spec.failed(format!("draw: {problem}")))?;
            self.shown = Some(bytes);
        }
        Ok(())
    }
}

impl<S, O, I, D> Drop for Paper<S, O, I, D>
where
    S: SpiDevice,
    O: OutputPin,
    I: InputPin,
    D: DelayNs,
{
    fn drop(&mut self) {
        // The maker asks for sleep, or no power, between pictures. It is gone where this fails.
        let _ = self.send(command::DEEP_SLEEP, &[0x01]);
        if let Some(power) = &mut self.wires.power {
            // No line may feed a panel that has no power.
            let _ = self.wires.reset.set_low();
            let _ = self.wires.dc.set_low();
            let _ = power.set_low();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::recorder::{Event, Recorder, events};
    use super::*;

    fn spec(rotate: u16) -> PanelSpec {
        PanelSpec::named(&format!("epd2in13:spi0.0,dc=25,rst=17,busy=24,rotate={rotate}"))
    }

    fn opened(recorder: &Recorder, rotate: u16) -> Result<Box<dyn Screen>, RuntimeError> {
        let wires = Wires {
            spi: recorder.spi(),
            dc: recorder.pin("dc"),
            reset: recorder.pin("rst"),
            busy: recorder.pin("busy"),
            power: Some(recorder.pin("pwr")),
            delay: recorder.delay(),
        };
        Ok(Box::new(Paper::open(&spec(rotate), wires, Style { caption: false, ..Style::default() })?))
    }

    #[test]
    fn the_panel_is_set_up_drawn_once_and_put_to_sleep() {
        let recorder = Recorder::default();
        let mut screen = opened(&recorder, 0).expect("recorded");
        let expected = "[12][01 f9 00 00][11 03][44 00 0f][45 00 00 f9 00][3c 05][21 00 80][18 80]";
        let start = recorder.taken();
        assert_eq!(events(&start), expected);
        let lines = [("pwr", true), ("rst", true), ("rst", false), ("rst", true)];
        assert_eq!(start[..4], lines.map(|(name, level)| Event::Pin(name, level)));
        let white = Picture::new(122, 250, 1, vec![255; 122 * 250]).expect("whole");
        screen.draw(&white, &[]).expect("recorded");
        let row = " ff".repeat(15) + " c0";
        assert_eq!(events(&recorder.taken()), format!("[4e 00][4f 00 00][24{}][22 f7][20]", row.repeat(250)));
        screen.draw(&white, &[]).expect("recorded");
        assert_eq!(events(&recorder.taken()), "");
        drop(screen);
        let end = recorder.taken();
        assert_eq!(events(&end), "[10 01]");
        assert_eq!(end[end.len() - 3..], ["rst", "dc", "pwr"].map(|name| Event::Pin(name, false)));
    }

    #[test]
    fn corners_are_where_the_panel_is_turned_to() {
        // One white pixel in the upper left corner of what is seen.
        struct Case(u16, (usize, usize), usize, u8);
        let cases = [
            Case(0, (122, 250), 0, 0x80),
            Case(90, (250, 122), 15, 0x40),
            Case(180, (122, 250), 249 * 16 + 15, 0x40),
            Case(270, (250, 122), 249 * 16, 0x80),
        ];
        for Case(rotate, (width, height), place, bits) in cases {
            let recorder = Recorder::default();
            let mut screen = opened(&recorder, rotate).expect("recorded");
            recorder.taken();
            let mut levels = vec![0; width * height];
            levels[0] = 255;
            let picture = Picture::new(width, height, 1, levels).expect("whole");
            screen.draw(&picture, &[]).expect("recorded");
            let sent = recorder.command(0x24);
            assert_eq!(sent.len(), 4000);
            let lit: Vec<(usize, u8)> = sent.into_iter().enumerate().filter(|(_, byte)| *byte != 0).collect();
            assert_eq!(lit, [(place, bits)], "{rotate}");
        }
    }

    #[test]
    fn a_panel_that_stays_busy_is_an_error() {
        let recorder = Recorder::default();
        recorder.set_input(true);
        let message = opened(&recorder, 0).err().expect("busy").to_string();
        assert_eq!(message, "display epd2in13 on spi0.0: start: it has been busy for 20 s; check its wires");
    }
}
