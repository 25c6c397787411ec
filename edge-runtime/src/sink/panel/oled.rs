//! Black and white panels of glowing pixels, through ssd1306.

use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::OriginDimensions;
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_hal::delay::DelayNs;
use embedded_hal::digital::OutputPin;
use ssd1306::Ssd1306;
use ssd1306::mode::{BufferedGraphicsMode, DisplayConfig};
use ssd1306::prelude::{
    DisplayRotation, DisplaySize, DisplaySize64x48, DisplaySize72x40, DisplaySize96x16, DisplaySize128x32,
    DisplaySize128x64, WriteOnlyDataCommand,
};

use super::PanelSpec;
use super::page::Page;
use crate::drawing::{self, Style};
use crate::sink::screen::{Screen, Use};
use crate::{Picture, RuntimeError};

/// Opens a panel on an interface, after a reset where there is a line for it.
pub(super) fn open<I, P>(
    spec: &PanelSpec,
    interface: I,
    mut reset: Option<P>,
    delay: &mut impl DelayNs,
    style: (Style, Use),
) -> Result<Box<dyn Screen + Send>, RuntimeError>
where
    I: WriteOnlyDataCommand + Send + 'static,
    P: OutputPin + Send + 'static,
{
    if let Some(pin) = &mut reset {
        reset_panel(pin, delay).map_err(|error| spec.failed(format!("reset: {error:?}")))?;
    }
    let interface = (interface, reset);
    match spec.size {
        (128, 32) => open_as(DisplaySize128x32, spec, interface, style),
        (96, 16) => open_as(DisplaySize96x16, spec, interface, style),
        (72, 40) => open_as(DisplaySize72x40, spec, interface, style),
        (64, 48) => open_as(DisplaySize64x48, spec, interface, style),
        _ => open_as(DisplaySize128x64, spec, interface, style),
    }
}

/// The data sheet asks for 3 microseconds.
fn reset_panel<P: OutputPin>(pin: &mut P, delay: &mut impl DelayNs) -> Result<(), P::Error> {
    pin.set_high()?;
    delay.delay_ms(1);
    pin.set_low()?;
    delay.delay_ms(10);
    pin.set_high()
}

fn open_as<I, P, Z>(
    size: Z,
    spec: &PanelSpec,
    (interface, reset): (I, Option<P>),
    style: (Style, Use),
) -> Result<Box<dyn Screen + Send>, RuntimeError>
where
    I: WriteOnlyDataCommand + Send + 'static,
    P: OutputPin + Send + 'static,
    Z: DisplaySize<Buffer: Send> + Send + 'static,
{
    let rotation = match spec.rotate {
        90 => DisplayRotation::Rotate90,
        180 => DisplayRotation::Rotate180,
        270 => DisplayRotation::Rotate270,
        _ => DisplayRotation::Rotate0,
    };
    let mut display = Ssd1306::new(interface, size, rotation).into_buffered_graphics_mode();
    let started = display.init().and_then(|()| display.set_invert(spec.is_inverted));
    let started = started.and_then(|()| if spec.is_mirrored { display.set_mirror(true) } else { Ok(()) });
    started.map_err(|error| spec.failed(format!("start: {error:?}")))?;
    // What its memory holds at first is noise.
    darken(&mut display, spec)?;
    let shown = Page::new(display.size(), dark(spec));
    Ok(Box::new(Oled { display, _reset: reset, spec: spec.clone(), style: style.0, purpose: style.1, shown }))
}

/// No pixel glows afterwards.
fn darken<I: WriteOnlyDataCommand, Z: DisplaySize>(
    display: &mut Ssd1306<I, Z, BufferedGraphicsMode<Z>>,
    spec: &PanelSpec,
) -> Result<(), RuntimeError> {
    let cleared = display.clear(dark(spec));
    cleared.and_then(|()| display.flush()).map_err(|error| spec.failed(format!("clear: {error:?}")))
}

/// What a pixel that doesn't glow has in memory.
fn dark(spec: &PanelSpec) -> BinaryColor {
    if spec.is_inverted { BinaryColor::On } else { BinaryColor::Off }
}

struct Oled<I: WriteOnlyDataCommand, P, Z: DisplaySize> {
    display: Ssd1306<I, Z, BufferedGraphicsMode<Z>>,
    /// A line that is given back may go low.
    _reset: Option<P>,
    spec: PanelSpec,
    style: Style,
    purpose: Use,
    shown: Page<BinaryColor>,
}

impl<I: WriteOnlyDataCommand, P, Z: DisplaySize> Screen for Oled<I, P, Z> {
    fn draw(&mut self, picture: &Picture, caption: &[String]) -> Result<(), RuntimeError> {
        let mut page = self.shown.clone();
        drawing::draw(&mut page, picture, caption, self.style).unwrap_or_else(|never| match never {});
        if let Some(area) = page.changed(&self.shown) {
            let drawn = self.display.fill_contiguous(&area, page.area(area));
            let sent = drawn.and_then(|()| self.display.flush());
            sent.map_err(|error| self.spec.failed(format!("draw: {error:?}")))?;
        }
        self.shown = page;
        Ok(())
    }
}

impl<I: WriteOnlyDataCommand, P, Z: DisplaySize> Drop for Oled<I, P, Z> {
    fn drop(&mut self) {
        if self.purpose == Use::Live {
            // What it showed before can't be read from it. It is off or gone where this fails.
            let _ = darken(&mut self.display, &self.spec);
        }
    }
}

#[cfg(test)]
mod tests {
    use ssd1306::prelude::SPIInterface;

    use super::super::recorder::{Event, Recorder, events};
    use super::*;

    fn opened(recorder: &Recorder, purpose: Use, more: &str) -> Box<dyn Screen + Send> {
        let spec = PanelSpec::named(&format!("ssd1306:i2c1,size=96x16{more}"));
        let interface = SPIInterface::new(recorder.spi(), recorder.pin("dc"));
        let style = Style { caption: false, ..Style::default() };
        open(&spec, interface, Some(recorder.pin("rst")), &mut recorder.delay(), (style, purpose)).expect("recorded")
    }

    #[test]
    fn an_ssd1306_gets_columns_of_eight_pixels() {
        let recorder = Recorder::default();
        let mut screen = opened(&recorder, Use::Live, "");
        assert_eq!(recorder.data(), [0; 192], "no noise before the first picture");
        let start = recorder.taken();
        let resets = [true, false, true].map(|level| Event::Pin("rst", level));
        assert_eq!(start[..3], resets);
        // Display off first, on last (AEh, AFh).
        let text = events(&start);
        assert!(text.starts_with("[ae]") && text.contains("[af]"), "{text}");
        // Sixteen rows: the left half of a square is dark above and light below, the right half the other way round. The
        // sides stay dark and are not sent.
        let picture = Picture::new(2, 2, 1, vec![0, 255, 255, 0]).expect("2 x 2");
        screen.draw(&picture, &[]).expect("recorded");
        let sent: Vec<u8> = recorder.data();
        let page = |left: u8, right: u8| [[left; 8], [right; 8]].concat();
        assert_eq!(sent, [page(0x00, 0xFF), page(0xFF, 0x00)].concat());
        recorder.taken();
        drop(screen);
        assert!(recorder.data().iter().all(|byte| *byte == 0) && !recorder.data().is_empty());
    }

    #[test]
    fn an_ssd1306_gets_what_has_changed() {
        let recorder = Recorder::default();
        let mut screen = opened(&recorder, Use::Still, "");
        let mut show = |levels: [u8; 4]| {
            recorder.taken();
            screen.draw(&Picture::new(2, 2, 1, levels.to_vec()).expect("2 x 2"), &[]).expect("recorded");
            recorder.data()
        };
        // The middle square's lower left quarter, eight columns of one page; then the one beside it.
        assert_eq!(show([0, 0, 255, 0]), [0xFF; 8]);
        assert_eq!(show([0, 0, 255, 255]), [0xFF; 8]);
        assert!(show([0, 0, 255, 255]).is_empty());
    }

    #[test]
    fn an_inverted_ssd1306_is_dark_where_its_memory_is_full() {
        let recorder = Recorder::default();
        let screen = opened(&recorder, Use::Live, ",invert=on");
        assert_eq!(recorder.data(), [0xFF; 192]);
        recorder.taken();
        drop(screen);
        assert_eq!(recorder.data(), [0xFF; 192]);
    }
}
