//! What Linux tells about this process and this machine: memory, temperature, throttling. Elsewhere nothing is told.

use std::fs;
use std::path::{Path, PathBuf};

/// The most memory that this process has held so far, in MB of 10^6 bytes.
pub fn peak_rss_mb() -> Option<f64> {
    peak_in(&fs::read_to_string("/proc/self/status").ok()?)
}

/// The highest temperature of any thermal zone, in degrees Celsius.
pub fn temperature() -> Option<f64> {
    hottest(Path::new("/sys/class/thermal"))
}

/// The name of the board, or else of the processor.
pub fn board() -> Option<String> {
    // The firmware's name of a board ends with a zero.
    let board = fs::read_to_string("/proc/device-tree/model").ok();
    let named = board.map(|name| name.trim_end_matches('\0').trim().to_owned()).filter(|name| !name.is_empty());
    named.or_else(|| processor_value(&fs::read_to_string("/proc/cpuinfo").ok()?, &["model name"]))
}

/// Counts of throttling events, as they were when the watch began.
#[derive(Debug, Clone)]
pub struct Throttling {
    sys: PathBuf,
    before: Option<u64>,
    firmware_before: u64,
}

impl Throttling {
    /// Begins to watch.
    pub fn watch() -> Self {
        Self::watch_below(Path::new("/sys"))
    }

    /// Whether the processor has been slowed down since, or is now; `None` where Linux doesn't tell.
    pub fn seen(&self) -> Option<bool> {
        let began = !self.firmware_before & SINCE_START;
        let now = firmware(&self.sys).map(|bits| bits & (NOW | began) != 0);
        let counted = self.before.zip(events(&self.sys)).map(|(before, after)| after > before);
        match (now, counted) {
            (None, None) => None,
            (now, counted) => Some(now.unwrap_or(false) || counted.unwrap_or(false)),
        }
    }

    fn watch_below(sys: &Path) -> Self {
        let firmware_before = firmware(sys).unwrap_or(SINCE_START);
        Self { sys: sys.to_owned(), before: events(sys), firmware_before }
    }
}

/// Bits of the Raspberry Pi firmware's answer that speak of now: under-voltage, capped, throttled, soft limit.
const NOW: u64 = 0xF;
/// The same, for what has been since the board started.
const SINCE_START: u64 = 0xF << 16;

fn peak_in(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}

/// The first value of any of these keys in the text of /proc/cpuinfo.
pub(crate) fn processor_value(cpuinfo: &str, keys: &[&str]) -> Option<String> {
    let mut lines = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(key, _)| keys.contains(&key.trim())).map(|(_, value)| value.trim().to_owned())
}

fn hottest(folder: &Path) -> Option<f64> {
    let zones = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path().join("temp"));
    let degrees = zones.filter_map(|file| fs::read_to_string(file).ok()?.trim().parse::<f64>().ok());
    degrees.map(|thousandths| thousandths / 1000.0).filter(|celsius| *celsius > -100.0).reduce(f64::max)
}

/// The answer of a Raspberry Pi's firmware: below `soc/soc:firmware`, with the chip's address in both names on a Pi 5.
fn firmware(sys: &Path) -> Option<u64> {
    let named = |folder: &Path, fits: fn(&str) -> bool| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.filter(move |entry| entry.file_name().to_str().is_some_and(fits)).map(|entry| entry.path())
    };
    let chips = named(&sys.join("devices/platform"), |name| name.starts_with("soc"));
    let mut firmware = chips.flat_map(|chip| named(&chip, |name| name.ends_with(":firmware")).collect::<Vec<_>>());
    let text = firmware.find_map(|folder| fs::read_to_string(folder.join("get_throttled")).ok())?;
    u64::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok()
}

/// Throttling events of all cores.
fn events(sys: &Path) -> Option<u64> {
    let cores = fs::read_dir(sys.join("devices/system/cpu")).ok()?.flatten();
    let counts = cores.filter_map(|core| {
        fs::read_to_string(core.path().join("thermal_throttle/core_throttle_count")).ok()?.trim().parse::<u64>().ok()
    });
    counts.reduce(u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, path: &str, text: &str) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        fs::write(path, text).expect("writable");
    }

    #[test]
    fn peak_memory_is_in_megabytes() {
        assert_eq!(peak_in("Name:\tx\nVmHWM:\t  125000 kB\nVmRSS:\t 1 kB\n"), Some(128.0));
        assert_eq!(peak_in("Name:\tx\n"), None);
        assert_eq!(peak_in("VmHWM:\n"), None);
    }

    #[test]
    fn a_processor_has_the_name_of_its_first_core() {
        let text = "processor\t: 0\nmodel name\t: Some CPU\n\nprocessor\t: 1\nmodel name\t: Other\n";
        assert_eq!(processor_value(text, &["model name"]).as_deref(), Some("Some CPU"));
        assert_eq!(processor_value("processor : 0\nFeatures : fp\n", &["model name"]), None);
    }

    #[test]
    fn the_hottest_zone_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(hottest(folder.path()), None);
        write(folder.path(), "thermal_zone0/temp", "48312\n");
        write(folder.path(), "thermal_zone1/temp", "61000\n");
        write(folder.path(), "thermal_zone2/temp", "broken\n");
        write(folder.path(), "cooling_device0/type", "fan\n");
        assert_eq!(hottest(folder.path()), Some(61.0));
    }

    #[test]
    fn throttling_is_what_happened_since_or_happens_now() {
        let folder = tempfile::tempdir().expect("a folder");
        let sys = folder.path();
        assert_eq!(Throttling::watch_below(sys).seen(), None);
        let count = "devices/system/cpu/cpu1/thermal_throttle/core_throttle_count";
        write(sys, count, "5\n");
        let watch = Throttling::watch_below(sys);
        assert_eq!(watch.seen(), Some(false));
        write(sys, count, "6\n");
        assert_eq!(watch.seen(), Some(true));
        assert_eq!(Throttling::watch_below(sys).seen(), Some(false));
        // Throttled in the past only, then now.
        for chip in ["soc", "soc@107c000000"] {
            let folder = tempfile::tempdir().expect("a folder");
            let firmware = format!("devices/platform/{chip}/{chip}:firmware/get_throttled");
            for (text, seen) in [("0x50000\n", false), ("0x50005\n", true), ("50004", true)] {
                write(folder.path(), &firmware, text);
                assert_eq!(Throttling::watch_below(folder.path()).seen(), Some(seen), "{chip}: {text}");
            }
            // Over before anyone looked.
            write(folder.path(), &firmware, "0x10000");
            let watch = Throttling::watch_below(folder.path());
            write(folder.path(), &firmware, "0x50000");
            assert_eq!(watch.seen(), Some(true), "{chip}");
        }
    }
}
