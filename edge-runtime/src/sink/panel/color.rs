//! Color panels, through mipidsi.

use std::fmt::Debug;

use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::OriginDimensions;
use embedded_graphics::pixelcolor::{Rgb565, RgbColor};
use embedded_hal::delay::DelayNs;
use embedded_hal::digital::OutputPin;
use embedded_hal::spi::SpiDevice;
use mipidsi::interface::{Interface, InterfaceKind};
use mipidsi::models::{GC9A01, ILI9341Rgb565, Model, ST7789};
use mipidsi::options::{ColorInversion, ColorOrder, Orientation, Rotation};
use mipidsi::{Builder, Display};

use super::page::Page;
use super::{PanelKind, PanelSpec};
use crate::drawing::{self, Style};
use crate::sink::screen::{Screen, Use};
use crate::{Picture, RuntimeError};

/// Bytes that are gathered before they are sent.
const BUFFER: usize = 4096;

/// Opens a panel on an SPI device with a data line and, where there is one, a reset line.
pub(super) fn open<S, D, R>(
    spec: &PanelSpec,
    wires: Wires<S, D, R>,
    delay: &mut impl DelayNs,
    style: (Style, Use),
) -> Result<Box<dyn Screen + Send>, RuntimeError>
where
    S: SpiDevice + Send + 'static,
    D: OutputPin + Send + 'static,
    R: OutputPin + Send + 'static,
{
    match spec.kind {
        PanelKind::Ili9341 => open_as(ILI9341Rgb565, spec, wires, delay, style),
        PanelKind::Gc9a01 => open_as(GC9A01, spec, wires, delay, style),
        _ => open_as(ST7789, spec, wires, delay, style),
    }
}

/// What a panel is connected to.
pub(super) struct Wires<S, D, R> {
    pub(super) spi: S,
    pub(super) dc: D,
    pub(super) reset: Option<R>,
}

fn open_as<M, S, D, R>(
    model: M,
    spec: &PanelSpec,
    wires: Wires<S, D, R>,
    delay: &mut impl DelayNs,
    style: (Style, Use),
) -> Result<Box<dyn Screen + Send>, RuntimeError>
where
    M: Model<ColorFormat = Rgb565> + Send + 'static,
    S: SpiDevice + Send + 'static,
    D: OutputPin + Send + 'static,
    R: OutputPin + Send + 'static,
{
    let rotation = match spec.rotate {
        90 => Rotation::Deg90,
        180 => Rotation::Deg180,
        270 => Rotation::Deg270,
        _ => Rotation::Deg0,
    };
    let turned = Orientation::new().rotate(rotation);
    let builder = Builder::new(model, Wired { spi: wires.spi, dc: wires.dc })
        .display_size(spec.size.0, spec.size.1)
        .display_offset(spec.offset.0, spec.offset.1)
        .orientation(if spec.is_mirrored { turned.flip_horizontal() } else { turned })
        .invert_colors(if spec.is_inverted { ColorInversion::Inverted } else { ColorInversion::Normal })
        .color_order(if spec.is_bgr { ColorOrder::Bgr } else { ColorOrder::Rgb });
    let failed = |problem: String| spec.failed(format!("start: {problem}"));
    match wires.reset {
        Some(pin) => {
            let display = builder.reset_pin(pin).init(delay).map_err(|error| failed(format!("{error:?}")))?;
            Ok(Box::new(ColorPanel::new(display, spec, style)?))
        }
        None => {
            let display = builder.init(delay).map_err(|error| failed(format!("{error:?}")))?;
            Ok(Box::new(ColorPanel::new(display, spec, style)?))
        }
    }
}

/// A panel that has been started.
struct ColorPanel<I, M, R>
where
    I: Interface<Word = u8>,
    M: Model<ColorFormat = Rgb565>,
    R: OutputPin,
{
    display: Display<I, M, R>,
    spec: PanelSpec,
    style: Style,
    purpose: Use,
    shown: Page<Rgb565>,
}

impl<I, M, R> ColorPanel<I, M, R>
where
    I: Interface<Word = u8>,
    M: Model<ColorFormat = Rgb565>,
    R: OutputPin,
{
    /// Begins with a black panel: its memory holds anything after a reset.
    fn new(mut display: Display<I, M, R>, spec: &PanelSpec, style: (Style, Use)) -> Result<Self, RuntimeError> {
        display.clear(Rgb565::BLACK).map_err(|error| spec.failed(format!("clear: {error:?}")))?;
        let shown = Page::new(display.size(), Rgb565::BLACK);
        Ok(Self { display, spec: spec.clone(), style: style.0, purpose: style.1, shown })
    }
}

impl<I, M, R> Screen for ColorPanel<I, M, R>
where
    I: Interface<Word = u8>,
    M: Model<ColorFormat = Rgb565>,
    R: OutputPin,
{
    fn draw(&mut self, picture: &Picture, caption: &[String]) -> Result<(), RuntimeError> {
        let mut page = self.shown.clone();
        drawing::draw(&mut page, picture, caption, self.style).unwrap_or_else(|never| match never {});
        if let Some(area) = page.changed(&self.shown) {
            let sent = self.display.fill_contiguous(&area, page.area(area));
            sent.map_err(|error| self.spec.failed(format!("draw: {error:?}")))?;
        }
        self.shown = page;
        Ok(())
    }
}

impl<I, M, R> Drop for ColorPanel<I, M, R>
where
    I: Interface<Word = u8>,
    M: Model<ColorFormat = Rgb565>,
    R: OutputPin,
{
    fn drop(&mut self) {
        if self.purpose == Use::Live {
            // What it showed before can't be read from it. It is off or gone where this fails.
            let _ = self.display.clear(Rgb565::BLACK);
        }
    }
}

/// Commands with the data line low, everything else with it high (MIPI DBI type C, option 3).
struct Wired<S, D> {
    spi: S,
    dc: D,
}

/// An error of a line or of the bus.
#[derive(Debug)]
#[allow(dead_code, reason = "what is inside is shown as Debug")]
enum WiredError<S, D> {
    Spi(S),
    Line(D),
}

impl<S: SpiDevice, D: OutputPin> Interface for Wired<S, D>
where
    S::Error: Debug,
    D::Error: Debug,
{
    type Word = u8;
    type Error = WiredError<S::Error, D::Error>;

    const KIND: InterfaceKind = InterfaceKind::Serial4Line;

    fn send_command(&mut self, command: u8, args: &[u8]) -> Result<(), Self::Error> {
        self.dc.set_low().map_err(WiredError::Line)?;
        self.spi.write(&[command]).map_err(WiredError::Spi)?;
        self.dc.set_high().map_err(WiredError::Line)?;
        if args.is_empty() { Ok(()) } else { self.spi.write(args).map_err(WiredError::Spi) }
    }

    fn send_pixels<const N: usize>(&mut self, pixels: impl IntoIterator<Item = [u8; N]>) -> Result<(), Self::Error> {
        let mut buffer = Vec::with_capacity(BUFFER);
        for pixel in pixels {
            if buffer.len() + N > BUFFER {
                self.spi.write(&buffer).map_err(WiredError::Spi)?;
                buffer.clear();
            }
            buffer.extend_from_slice(&pixel);
        }
        if buffer.is_empty() { Ok(()) } else { self.spi.write(&buffer).map_err(WiredError::Spi) }
    }

    fn send_repeated_pixel<const N: usize>(&mut self, pixel: [u8; N], count: u32) -> Result<(), Self::Error> {
        self.send_pixels(std::iter::repeat_n(pixel, count as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::super::recorder::{Event, Recorder, events};
    use super::*;

    fn spec(kind: &str) -> PanelSpec {
        PanelSpec::named(&format!("{kind}:spi0.0,dc=25,size=3x2,offset=10x20,invert=on,order=rgb"))
    }

    fn opened(recorder: &Recorder, spec: &PanelSpec, purpose: Use) -> Box<dyn Screen> {
        let wires = Wires { spi: recorder.spi(), dc: recorder.pin("dc"), reset: Some(recorder.pin("rst")) };
        open(spec, wires, &mut recorder.delay(), (Style::default(), purpose)).expect("recorded")
    }

    fn picture(last: u8) -> Picture {
        let levels = vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 18, 52, 86, 255, 255, 255, last, last, last];
        Picture::new(3, 2, 3, levels).expect("3 x 2")
    }

    #[test]
    fn an_st7789_gets_exactly_these_bytes() {
        let recorder = Recorder::default();
        let mut screen = opened(&recorder, &spec("st7789"), Use::Still);
        let start = recorder.taken();
        assert_eq!(start[..2], [Event::Pin("rst", false), Event::Pin("rst", true)]);
        let text = events(&start);
        // Sleep out, the way that memory is written, inversion on, 16 bits a pixel, display on, in this order.
        let places = ["[11]", "[36 ", "[21]", "[3a 55]", "[29]"]
            .map(|part| text.find(part).unwrap_or_else(|| panic!("{part} in {text}")));
        assert!(places.is_sorted(), "{text}");
        screen.draw(&picture(0), &[]).expect("recorded");
        // Columns 10 to 12 and rows 20 to 21; black stays and isn't sent again.
        let pixels = "f8 00 07 e0 00 1f 11 aa ff ff 00 00";
        assert_eq!(events(&recorder.taken()), format!("[2a 00 0a 00 0c][2b 00 14 00 15][2c {pixels}]"));
        screen.draw(&picture(0), &[]).expect("recorded");
        assert_eq!(events(&recorder.taken()), "");
        screen.draw(&picture(255), &[]).expect("recorded");
        assert_eq!(events(&recorder.taken()), "[2a 00 0c 00 0c][2b 00 15 00 15][2c ff ff]");
        drop(screen);
        assert_eq!(events(&recorder.taken()), "");
    }

    #[test]
    fn every_color_panel_gets_the_same_pixels() {
        for kind in ["st7789", "ili9341", "gc9a01"] {
            let recorder = Recorder::default();
            let mut screen = opened(&recorder, &spec(kind), Use::Still);
            recorder.taken();
            screen.draw(&picture(9), &[]).expect("recorded");
            let pixels = "f8 00 07 e0 00 1f 11 aa ff ff 08 41";
            assert_eq!(events(&recorder.taken()), format!("[2a 00 0a 00 0c][2b 00 14 00 15][2c {pixels}]"), "{kind}");
        }
    }

    #[test]
    fn a_live_panel_is_black_at_the_end() {
        let recorder = Recorder::default();
        let mut screen = opened(&recorder, &spec("gc9a01"), Use::Live);
        screen.draw(&picture(9), &[]).expect("recorded");
        recorder.taken();
        drop(screen);
        let black = " 00".repeat(12);
        assert_eq!(events(&recorder.taken()), format!("[2a 00 0a 00 0c][2b 00 14 00 15][2c{black}]"));
    }

    #[test]
    fn turned_and_mirrored_panels_are_told_so() {
        // Memory access control, 36h of each data sheet: MY, MX, MV, ML, BGR from the highest bit on.
        struct Case(&'static str, u16, bool, bool, &'static str);
        let cases = [
            Case("st7789", 0, false, false, "[36 00]"),
            Case("st7789", 90, false, false, "[36 60]"),
            Case("st7789", 180, false, false, "[36 c0]"),
            Case("st7789", 270, false, false, "[36 a0]"),
            Case("st7789", 0, true, true, "[36 48]"),
            Case("ili9341", 90, false, true, "[36 68]"),
        ];
        for Case(kind, rotate, is_mirrored, is_bgr, expected) in cases {
            let recorder = Recorder::default();
            let screen = opened(&recorder, &PanelSpec { rotate, is_mirrored, is_bgr, ..spec(kind) }, Use::Still);
            let text = events(&recorder.taken());
            assert!(text.contains(expected), "{kind} {rotate} {is_mirrored}: {text}");
            drop(screen);
        }
    }

    #[test]
    fn an_area_outside_the_controllers_memory_is_an_error() {
        let recorder = Recorder::default();
        let wires = Wires { spi: recorder.spi(), dc: recorder.pin("dc"), reset: Some(recorder.pin("rst")) };
        let wrong = PanelSpec { offset: (239, 0), ..spec("st7789") };
        let made = open(&wrong, wires, &mut recorder.delay(), (Style::default(), Use::Still));
        let message = made.err().expect("refused").to_string();
        assert!(message.starts_with("display st7789 on spi0.0: start: "), "{message}");
    }
}
