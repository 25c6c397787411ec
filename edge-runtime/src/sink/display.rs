//! Which display to open, from the text that names it.

use std::io::Write;
use std::path::PathBuf;
use std::str::FromStr;

use super::Sink;
use super::framebuffer_layout::{Geometry, Window};
use super::panel::PanelSpec;
use super::preview::{Depth, Preview};
use super::screen::{Framed, Screen, Use};
use super::settings::{SIZE, Settings, size_from_text};
use super::terminal::{Protocol, Terminal};
use super::window::WindowSpec;
use crate::RuntimeError;
use crate::dither::Dither;
use crate::drawing::{Fit, Style};

/// What a text may be; docs/displays.md tells all of it.
pub const FORMS: &str = "terminal, fb:PATH, fb:PATH@WIDTHxHEIGHT:FORMAT[:STRIDE], png:PATH@WIDTHxHEIGHT:FORMAT, \
                         window[:WIDTHxHEIGHT[:FORMAT]] or PANEL:BUS[,KEY=VALUE]...";

/// A display and how pictures are put on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Display {
    /// Which one.
    pub place: Place,
    /// Size of pictures.
    pub fit: Fit,
    /// What becomes of levels that it can't show. Without one: none where there are many, diffused for pictures that
    /// stay, ordered for moving ones.
    pub dither: Option<Dither>,
    /// Whether there is text under pictures.
    pub caption: bool,
}

/// A display of any kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The terminal on standard output, and what it understands where that is said.
    Terminal(Option<Protocol>),
    /// A frame buffer, with its geometry where the kernel doesn't know it.
    Framebuffer(PathBuf, Option<Geometry>, Window),
    /// A PNG file of what a panel of a size would show.
    Preview(PathBuf, (usize, usize), Depth),
    /// A window on a desktop.
    Window(WindowSpec),
    /// A panel on SPI or I2C.
    Panel(PanelSpec),
}

impl Display {
    /// Opens the display for frames that stay; a terminal is `writer` with a number of columns.
    ///
    /// # Errors
    /// Those of [`Display::screen`].
    pub fn open<W: Write + 'static>(&self, writer: W, columns: usize) -> Result<Box<dyn Sink>, RuntimeError> {
        match &self.place {
            Place::Terminal(protocol) => {
                let protocol = protocol.unwrap_or_else(Protocol::of_standard_output);
                let style = self.style(protocol.is_shallow(), Use::Still);
                Ok(Box::new(Terminal::new(writer, columns).speaking(protocol).styled(style)))
            }
            _ => Ok(Box::new(Framed(self.screen(Use::Still)?))),
        }
    }

    /// Opens the display to draw on it again and again; a terminal is the one on standard output.
    ///
    /// # Errors
    /// A device that can't be used, or any on a system that doesn't have its kind.
    pub fn screen(&self, purpose: Use) -> Result<Box<dyn Screen>, RuntimeError> {
        match &self.place {
            Place::Terminal(protocol) => {
                let protocol = protocol.unwrap_or_else(Protocol::of_standard_output);
                Ok(super::terminal::live(protocol, self.style(protocol.is_shallow(), purpose)))
            }
            #[cfg(target_os = "linux")]
            Place::Framebuffer(path, geometry, window) => {
                let style = self.style(false, purpose);
                let screen = super::framebuffer::Framebuffer::open(path, *geometry, *window, style)?;
                Ok(Box::new(if purpose == Use::Live { screen.restoring()? } else { screen }))
            }
            #[cfg(not(target_os = "linux"))]
            Place::Framebuffer(path, ..) => {
                Err(RuntimeError::Display { path: path.clone(), problem: "frame buffers need Linux".to_owned() })
            }
            Place::Preview(path, size, depth) => {
                Ok(Box::new(Preview::new(path, *size, *depth, self.style(depth.is_shallow(), purpose))))
            }
            Place::Window(spec) => super::window::open(*spec, self.style(spec.depth.is_shallow(), purpose)),
            Place::Panel(spec) => super::panel::open(spec, self.style(spec.kind.is_shallow(), purpose), purpose),
        }
    }

    fn style(&self, is_shallow: bool, purpose: Use) -> Style {
        let fitting = match (is_shallow, purpose) {
            (false, _) => Dither::Nearest,
            (true, Use::Still) => Dither::Diffused,
            (true, Use::Live) => Dither::Ordered,
        };
        Style { fit: self.fit, dither: self.dither.unwrap_or(fitting), caption: self.caption }
    }
}

impl FromStr for Display {
    type Err = RuntimeError;

    fn from_str(text: &str) -> Result<Self, RuntimeError> {
        let (place, mut settings) = Settings::split(text)?;
        let (kind, rest) = place.split_once(':').map_or((place, None), |(kind, rest)| (kind, Some(rest)));
        let place = match (kind, rest) {
            ("terminal", None) => Place::Terminal(settings.choice("protocol", &Protocol::NAMES)?),
            ("fb", Some(rest)) if !rest.is_empty() => framebuffer(rest, &mut settings)?,
            ("window", form) => Place::Window(WindowSpec::read(form, &mut settings)?),
            ("png", Some(rest)) if !rest.is_empty() => preview(rest, &settings)?,
            _ => match PanelSpec::read(kind, rest.unwrap_or_default(), &mut settings)? {
                Some(spec) => Place::Panel(spec),
                None => {
                    let (expected, found) = (FORMS.to_owned(), text.to_owned());
                    return Err(RuntimeError::Text { what: "display", expected, found });
                }
            },
        };
        let fit = settings.choice("fit", &[("whole", Fit::Whole), ("fit", Fit::Fit), ("fill", Fit::Fill)])?;
        let dithers = [("none", Dither::Nearest), ("ordered", Dither::Ordered), ("diffused", Dither::Diffused)];
        let dither = settings.choice("dither", &dithers)?;
        let caption = settings.switch("caption")?.unwrap_or(true);
        settings.finish()?;
        Ok(Self { place, fit: fit.unwrap_or_default(), dither, caption })
    }
}

fn framebuffer(rest: &str, settings: &mut Settings<'_>) -> Result<Place, RuntimeError> {
    let (path, geometry) = match rest.rsplit_once('@') {
        Some((path, geometry)) if !path.is_empty() => (path, Some(Geometry::read(geometry, settings)?)),
        _ => (rest, None),
    };
    Ok(Place::Framebuffer(path.into(), geometry, Window::read(settings)?))
}

fn preview(rest: &str, settings: &Settings<'_>) -> Result<Place, RuntimeError> {
    let refused = |found: &str| settings.refused("png:PATH@WIDTHxHEIGHT:FORMAT", found);
    let (path, form) = rest.rsplit_once('@').ok_or_else(|| refused("no @"))?;
    let (size, depth) = form.split_once(':').ok_or_else(|| refused(form))?;
    let size = size_from_text(size).ok_or_else(|| settings.refused(SIZE, size))?;
    Ok(Place::Preview(path.into(), size, settings.named(&Depth::NAMES, depth)?))
}

#[cfg(test)]
mod tests {
    use super::super::framebuffer_layout::PixelFormat;
    use super::super::panel::{Bus, Lines, PanelKind, SpiMode};
    use super::*;

    fn plain(place: Place) -> Display {
        Display { place, fit: Fit::Whole, dither: None, caption: true }
    }

    #[test]
    fn texts_name_displays() {
        let buffer = |path: &str, geometry, window| plain(Place::Framebuffer(path.into(), geometry, window));
        let geometry = |format, stride| Some(Geometry { width: 80, height: 48, format, stride });
        let (low, none) = (PixelFormat::Rgb565, Window::default());
        let window = Window { at: (8, 4), size: Some((64, 32)), is_bgr: true };
        let preview = Place::Preview("a:b@c.png".into(), (128, 64), Depth::Mono);
        let styled = Display { fit: Fit::Fill, dither: Some(Dither::Ordered), caption: false, ..plain(preview) };
        let oled = WindowSpec { size: (128, 64), depth: Depth::Mono, scale: 4 };
        struct Case(&'static str, Display);
        let cases = [
            Case("terminal", plain(Place::Terminal(None))),
            Case("terminal,protocol=sixel", plain(Place::Terminal(Some(Protocol::Sixel)))),
            Case("fb:/dev/fb0", buffer("/dev/fb0", None, none)),
            Case("fb:a:b@80x48:rgb565", buffer("a:b", geometry(low, 160), none)),
            Case("fb:a@b@80x48:rgb565:168", buffer("a@b", geometry(low, 168), none)),
            Case("fb:a@80x48:xbgr8888", buffer("a", geometry(PixelFormat::Xbgr8888, 320), none)),
            Case("fb:/dev/fb1,x=8,y=4,size=64x32,order=bgr", buffer("/dev/fb1", None, window)),
            Case("png:a:b@c.png@128x64:mono,fit=fill,dither=ordered,caption=off", styled),
            Case("window", plain(Place::Window(WindowSpec::default()))),
            Case("window:128x64:mono,scale=4", plain(Place::Window(oled))),
        ];
        for Case(text, expected) in cases {
            assert_eq!(text.parse::<Display>().expect(text), expected, "{text}");
        }
    }

    #[test]
    fn texts_name_panels() {
        let spec = PanelSpec::named;
        let lines = Lines { dc: Some(25), reset: Some(27), ..Lines::default() };
        let expected = PanelSpec {
            kind: PanelKind::St7789,
            bus: Bus::Spi { bus: 0, select: 0, hertz: 40_000_000, mode: SpiMode::Mode0 },
            lines,
            size: (240, 240),
            offset: (0, 0),
            rotate: 90,
            is_mirrored: false,
            is_inverted: true,
            is_bgr: false,
        };
        assert_eq!(spec("st7789:spi0.0,dc=25,rst=27,rotate=90"), expected);
        let narrow = spec(
            "st7789:spi1.2,dc=25,rst=27,rotate=90,size=135x240,offset=52x40,hz=62500000,mode=3,invert=off,order=bgr",
        );
        let bus = Bus::Spi { bus: 1, select: 2, hertz: 62_500_000, mode: SpiMode::Mode3 };
        let changed =
            PanelSpec { bus, size: (135, 240), offset: (52, 40), is_inverted: false, is_bgr: true, ..expected };
        assert_eq!(narrow, changed);
        let oled = spec("ssd1306:i2c1,address=0x3d,size=128x32,rotate=180");
        assert_eq!(
            (oled.bus, oled.lines, oled.size),
            (Bus::I2c { bus: 1, address: 0x3D }, Lines::default(), (128, 32))
        );
        let paper = spec("epd2in13:spi0.0,dc=25,rst=17,busy=24,pwr=18,chip=4");
        assert_eq!((paper.lines.busy, paper.lines.power, paper.lines.chip), (Some(24), Some(18), 4));
        assert_eq!(paper.size, (122, 250));
    }

    #[test]
    fn a_wrong_part_is_named_with_what_was_expected() {
        struct Case(&'static str, &'static str);
        let cases = [
            Case("screen", "display \"screen\": expected terminal, fb:PATH"),
            Case("window:240", "expected window:WIDTHxHEIGHT[:FORMAT], each side from 1 to 16384, found 240"),
            Case("window:9x9:gray3", "expected rgb565|rgb888|gray8|gray4|gray2|mono, found gray3"),
            Case("window:9000x100", "expected a window of at most 16384 pixels on a side, found 18000, scale=2"),
            Case("window,scale=17", "expected scale=a number from 1 to 16, found \"17\""),
            Case("terminal:2", "expected terminal, fb:PATH"),
            Case("fb:", "expected terminal, fb:PATH"),
            Case("terminal,protocol=vt100", "expected protocol=blocks|kitty|sixel, found \"vt100\""),
            Case("fb:a@80x48:rgb565:159", "expected a stride of at least 160 bytes, found 159"),
            Case("fb:a@80x48:rgb565:x", "expected a stride of at least 160 bytes, found x"),
            Case("fb:a@80x48:rgb565:160:1", "expected nothing behind the stride, found 1"),
            Case("fb:a@0x48:rgb565", "expected WIDTHxHEIGHT, each from 1 to 16384, found 0x48"),
            Case("fb:a@80x99999999999:rgb565", "expected WIDTHxHEIGHT"),
            Case("fb:a@80x48:rgb999", "expected rgb565|bgr565|rgb888|bgr888|xrgb8888|xbgr8888, found rgb999"),
            Case("fb:a@80x48", "expected rgb565|bgr565|rgb888|bgr888|xrgb8888|xbgr8888, found nothing"),
            Case("fb:a,y=-1", "expected y=a number from 0 to 16384, found \"-1\""),
            Case("png:a.png", "expected png:PATH@WIDTHxHEIGHT:FORMAT, found no @"),
            Case("png:a.png@9x9:gray3", "expected rgb565|rgb888|gray8|gray4|gray2|mono, found gray3"),
            Case("fb:a,fit=big", "expected fit=whole|fit|fill, found \"big\""),
            Case("st7789", "expected the bus as spiBUS.SELECT as in spi0.0, found nothing"),
            Case("st7789:i2c1", "expected the bus as spiBUS.SELECT as in spi0.0, found i2c1"),
            Case("st7789:spi0.0", "expected dc=LINE, the GPIO line of its pin, found none"),
            Case("st7789:spi0.0,dc=x", "expected dc=a number from 0 to 1023, found \"x\""),
            Case("st7789:spi0.0,dc=1,mode=1", "expected mode=0|3, found \"1\""),
            Case("st7789:spi0.0,dc=1,rotate=45", "expected rotate=0|90|180|270, found \"45\""),
            Case("st7789:spi0.0,dc=1,size=240x321", "expected size=WIDTHxHEIGHT, at most 240x320, found \"240x321\""),
            Case("st7789:spi0.0,dc=1,offset=1x0", "expected offset=XxY, at most 0x80 with this size, found \"1x0\""),
            Case("st7789:spi0.0,dc=1,cs=8", "expected keys hz, mode, chip, dc, rst, bl, size, offset, order"),
            Case("st7789:spi0.0,dc=1,busy=8", "order, rotate, mirror, invert, fit, dither, caption, found \"busy\""),
            Case("ssd1306:i2c1,dc=1", "expected keys address, chip, rst, bl, size, rotate, mirror, invert, fit"),
            Case("ssd1306:spi0.0,dc=1,order=bgr", "caption, found \"order\""),
            Case("epd2in13:spi0.0,dc=1,rst=2,busy=3,offset=1x0", "caption, found \"offset\""),
            Case("ssd1306:i2c1,address=0x80", "expected address=0x08 to 0x77, found \"0x80\""),
            Case("ssd1306:i2c1,size=100x64", "expected size=128x64|128x32|96x16|72x40|64x48"),
            Case("ssd1306:i2c1,size=96x16,mirror=on", "expected mirror=off with size=96x16, found mirror=on"),
            Case("epd2in13:spi0.0,dc=25,rst=17", "expected busy=LINE, the GPIO line of its pin, found none"),
        ];
        for Case(text, expected) in cases {
            let message = text.parse::<Display>().expect_err(text).to_string();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
