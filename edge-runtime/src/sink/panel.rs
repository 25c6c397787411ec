//! Small panels on SPI and I2C, through their drivers of embedded-hal.

#[cfg(all(feature = "panels", target_os = "linux"))]
mod chunked;
#[cfg(all(feature = "panels", target_os = "linux"))]
mod color;
#[cfg(all(feature = "panels", target_os = "linux"))]
mod devices;
#[cfg(all(feature = "panels", target_os = "linux"))]
mod oled;
#[cfg(all(feature = "panels", target_os = "linux"))]
mod page;
#[cfg(all(feature = "panels", target_os = "linux"))]
mod paper;
#[cfg(all(test, feature = "panels", target_os = "linux"))]
mod recorder;

#[cfg(all(feature = "panels", target_os = "linux"))]
pub(super) use devices::open;

#[cfg(not(all(feature = "panels", target_os = "linux")))]
use super::screen::{Screen, Use};
use super::settings::{Settings, size_from_text};
use crate::RuntimeError;
#[cfg(not(all(feature = "panels", target_os = "linux")))]
use crate::drawing::Style;

/// The highest bus, chip and line numbers; boards have fewer.
const MAX_NUMBER: u32 = 1023;
const MAX_HERTZ: u32 = 200_000_000;
/// 7-bit addresses that are no reserved ones (I2C-bus specification, UM10204, table 4).
const ADDRESSES: std::ops::RangeInclusive<u8> = 0x08..=0x77;

/// A panel, how it is wired and how it is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PanelSpec {
    /// Its controller.
    pub kind: PanelKind,
    /// What it is connected to.
    pub bus: Bus,
    /// Its lines on the GPIO chip.
    pub lines: Lines,
    /// Width and height in the controller's own orientation.
    pub size: (u16, u16),
    /// First column and row of the controller's memory that can be seen.
    pub offset: (u16, u16),
    /// How far it is turned clockwise, in degrees: 0, 90, 180 or 270.
    pub rotate: u16,
    /// Whether left and right are exchanged.
    pub is_mirrored: bool,
    /// Whether the controller inverts colors; light and dark for black and white ones.
    pub is_inverted: bool,
    /// Whether the panel's pixels are in the order blue, green, red.
    pub is_bgr: bool,
}

/// The controller of a panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PanelKind {
    /// Sitronix ST7789: color, up to 240x320.
    St7789,
    /// ILITEK ILI9341: color, up to 240x320.
    Ili9341,
    /// GalaxyCore GC9A01: color, round, 240x240.
    Gc9a01,
    /// Solomon Systech SSD1306: black and white, up to 128x64.
    Ssd1306,
    /// Solomon Systech SSD1680 with Waveshare's 2.13 inch e-paper, versions 3 and 4: black and white, 122x250.
    Epd2in13,
}

/// What a panel is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bus {
    /// `/dev/spidev<bus>.<select>`.
    Spi {
        /// Its number.
        bus: u32,
        /// Its chip select.
        select: u32,
        /// Clock.
        hertz: u32,
        /// How the clock rests; modules that are always selected often want it high.
        mode: SpiMode,
    },
    /// `/dev/i2c-<bus>`.
    I2c {
        /// Its number.
        bus: u32,
        /// 7-bit address.
        address: u8,
    },
}

/// How bits go with the clock: panels read them as it rises, in both of these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SpiMode {
    /// The clock rests low.
    #[default]
    Mode0,
    /// The clock rests high.
    Mode3,
}

/// Numbers of lines on `/dev/gpiochip<chip>`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lines {
    /// The chip.
    pub chip: u32,
    /// Tells data from commands.
    pub dc: Option<u32>,
    /// Resets the panel when low.
    pub reset: Option<u32>,
    /// Light behind the panel.
    pub backlight: Option<u32>,
    /// High while an e-paper panel works.
    pub busy: Option<u32>,
    /// Gives an e-paper panel its power when high.
    pub power: Option<u32>,
}

impl PanelKind {
    /// All of them by name.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("st7789", Self::St7789),
        ("ili9341", Self::Ili9341),
        ("gc9a01", Self::Gc9a01),
        ("ssd1306", Self::Ssd1306),
        ("epd2in13", Self::Epd2in13),
    ];

    /// Whether it shows black and white only.
    pub fn is_shallow(self) -> bool {
        matches!(self, Self::Ssd1306 | Self::Epd2in13)
    }

    /// The size that most have, and the largest.
    fn sizes(self) -> ((u16, u16), (u16, u16)) {
        match self {
            Self::St7789 => ((240, 240), (240, 320)),
            Self::Ili9341 => ((240, 320), (240, 320)),
            Self::Gc9a01 => ((240, 240), (240, 240)),
            Self::Ssd1306 => ((128, 64), (128, 64)),
            Self::Epd2in13 => ((122, 250), (122, 250)),
        }
    }

    /// The fastest clock that its data sheet allows for writing, in hertz, or what is usual beyond it.
    fn hertz(self) -> u32 {
        match self {
            Self::St7789 | Self::Gc9a01 => 40_000_000,
            Self::Ili9341 => 32_000_000,
            Self::Ssd1306 => 8_000_000,
            Self::Epd2in13 => 4_000_000,
        }
    }
}

impl PanelSpec {
    /// Reads `BUS` and the settings of a kind; nothing where no panel has that name.
    pub(super) fn read(kind: &str, bus: &str, settings: &mut Settings<'_>) -> Result<Option<Self>, RuntimeError> {
        let Some((_, kind)) = PanelKind::NAMES.iter().find(|(name, _)| *name == kind) else { return Ok(None) };
        let bus = read_bus(*kind, bus, settings)?;
        let lines = read_lines(*kind, bus, settings)?;
        let (usual, largest) = kind.sizes();
        let size = read_size(*kind, usual, largest, settings)?;
        let pair = |text: &str| {
            let (x, y) = text.split_once('x')?;
            Some((x.parse::<u16>().ok()?, y.parse::<u16>().ok()?))
        };
        let inside = |offset: &(u16, u16)| offset.0 <= largest.0 - size.0 && offset.1 <= largest.1 - size.1;
        let form = format!("XxY, at most {}x{} with this size", largest.0 - size.0, largest.1 - size.1);
        // The others have one place for their pixels, and no colors.
        let has_color = !kind.is_shallow();
        let offset = match has_color {
            true => settings.value("offset", &form, |text| pair(text).filter(inside))?,
            false => None,
        };
        let turns = [("0", 0), ("90", 90), ("180", 180), ("270", 270)];
        let is_ips = matches!(kind, PanelKind::St7789 | PanelKind::Gc9a01);
        let usual_bgr = matches!(kind, PanelKind::Ili9341 | PanelKind::Gc9a01);
        let is_bgr = match has_color {
            true => settings.choice("order", &[("rgb", false), ("bgr", true)])?,
            false => None,
        };
        let rotate = settings.choice("rotate", &turns)?.unwrap_or(0);
        let is_mirrored = settings.switch("mirror")?.unwrap_or(false);
        if is_mirrored && *kind == PanelKind::Ssd1306 && size == (96, 16) {
            // ssd1306 0.10 sends such a picture to columns that this glass doesn't have.
            return Err(settings.refused("mirror=off with size=96x16", "mirror=on"));
        }
        Ok(Some(Self {
            kind: *kind,
            bus,
            lines,
            size,
            offset: offset.unwrap_or_default(),
            rotate,
            is_mirrored,
            is_inverted: settings.switch("invert")?.unwrap_or(is_ips),
            is_bgr: is_bgr.unwrap_or(usual_bgr),
        }))
    }
}

fn read_bus(kind: PanelKind, text: &str, settings: &mut Settings<'_>) -> Result<Bus, RuntimeError> {
    let number = |text: &str| text.parse().ok().filter(|number| *number <= MAX_NUMBER);
    let spi = |text: &str| {
        let (bus, select) = text.strip_prefix("spi")?.split_once('.')?;
        Some((number(bus)?, number(select)?))
    };
    if let Some((bus, select)) = spi(text) {
        let hertz = settings.number("hz", 10_000..=MAX_HERTZ)?.unwrap_or(kind.hertz());
        let mode = settings.choice("mode", &[("0", SpiMode::Mode0), ("3", SpiMode::Mode3)])?.unwrap_or_default();
        return Ok(Bus::Spi { bus, select, hertz, mode });
    }
    let expected = if kind == PanelKind::Ssd1306 { "spiBUS.SELECT or i2cBUS" } else { "spiBUS.SELECT as in spi0.0" };
    match text.strip_prefix("i2c").and_then(number) {
        Some(bus) if kind == PanelKind::Ssd1306 => {
            let read = |text: &str| match text.strip_prefix("0x") {
                Some(digits) => u8::from_str_radix(digits, 16).ok(),
                None => text.parse().ok(),
            };
            let address = settings
                .value("address", "0x08 to 0x77", |text| read(text).filter(|address| ADDRESSES.contains(address)))?;
            Ok(Bus::I2c { bus, address: address.unwrap_or(0x3C) })
        }
        _ => Err(settings.refused(&format!("the bus as {expected}"), text)),
    }
}

fn read_lines(kind: PanelKind, bus: Bus, settings: &mut Settings<'_>) -> Result<Lines, RuntimeError> {
    let (has_data_line, is_paper) = (matches!(bus, Bus::Spi { .. }), kind == PanelKind::Epd2in13);
    let mut line = |key, has_it: bool| if has_it { settings.number(key, 0..=MAX_NUMBER) } else { Ok(None) };
    let lines = Lines {
        chip: line("chip", true)?.unwrap_or(0),
        dc: line("dc", has_data_line)?,
        reset: line("rst", true)?,
        backlight: line("bl", !is_paper)?,
        busy: line("busy", is_paper)?,
        power: line("pwr", is_paper)?,
    };
    let needed = [("dc", lines.dc, has_data_line), ("rst", lines.reset, is_paper), ("busy", lines.busy, is_paper)];
    match needed.iter().find(|(_, line, is_needed)| *is_needed && line.is_none()) {
        Some((key, ..)) => Err(settings.refused(&format!("{key}=LINE, the GPIO line of its pin"), "none")),
        None => Ok(lines),
    }
}

fn read_size(
    kind: PanelKind,
    usual: (u16, u16),
    largest: (u16, u16),
    settings: &mut Settings<'_>,
) -> Result<(u16, u16), RuntimeError> {
    const OLED: [(u16, u16); 5] = [(128, 64), (128, 32), (96, 16), (72, 40), (64, 48)];
    let form = match kind {
        PanelKind::Ssd1306 => "128x64|128x32|96x16|72x40|64x48".to_owned(),
        PanelKind::Epd2in13 => "122x250".to_owned(),
        _ => format!("WIDTHxHEIGHT, at most {}x{}", largest.0, largest.1),
    };
    let fits = |size: &(u16, u16)| match kind {
        PanelKind::Ssd1306 => OLED.contains(size),
        PanelKind::Epd2in13 => *size == usual,
        _ => size.0 <= largest.0 && size.1 <= largest.1,
    };
    let read = |text: &str| {
        let (width, height) = size_from_text(text)?;
        Some((u16::try_from(width).ok()?, u16::try_from(height).ok()?)).filter(fits)
    };
    Ok(settings.value("size", &form, read)?.unwrap_or(usual))
}

impl PanelSpec {
    /// What messages call it: `st7789 on spi0.0`.
    pub fn name(&self) -> String {
        let kind = PanelKind::NAMES.iter().find(|(_, kind)| *kind == self.kind).map_or("panel", |(name, _)| name);
        match self.bus {
            Bus::Spi { bus, select, .. } => format!("{kind} on spi{bus}.{select}"),
            Bus::I2c { bus, .. } => format!("{kind} on i2c{bus}"),
        }
    }

    /// The panel that a display's text names.
    #[cfg(test)]
    pub(super) fn named(text: &str) -> Self {
        match text.parse::<super::display::Display>().expect(text).place {
            super::display::Place::Panel(spec) => spec,
            other => panic!("{text}: {other:?}"),
        }
    }

    /// An error about it.
    #[cfg(all(feature = "panels", target_os = "linux"))]
    fn failed(&self, problem: impl Into<String>) -> RuntimeError {
        RuntimeError::Display { path: self.name().into(), problem: problem.into() }
    }
}

/// Opens a panel.
///
/// # Errors
/// A build without the feature `panels`, and what the drivers report.
#[cfg(not(all(feature = "panels", target_os = "linux")))]
pub(super) fn open(_spec: &PanelSpec, _style: Style, _purpose: Use) -> Result<Box<dyn Screen>, RuntimeError> {
    if cfg!(target_os = "linux") {
        return Err(RuntimeError::BuiltWithout("panels"));
    }
    Err(RuntimeError::Display { path: "panel".into(), problem: "panels need Linux".to_owned() })
}
