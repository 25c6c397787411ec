//! Which device a run takes, and why not another.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use edge_runtime::tf32;
use serde::{Deserialize, Serialize};
use tch::{Cuda, Device};

use crate::error::TrainError;

const OLDEST_DRIVER: u32 = 580;
const DRIVER_VERSION: &str = "/proc/driver/nvidia/version";

/// What `--device` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// CUDA where it works, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// A CUDA device by index.
    Cuda(usize),
}

/// What decides the bits of a sum beside its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "device")]
pub enum Arithmetic {
    /// Sums are split by thread.
    Cpu {
        /// How many.
        threads: i32,
    },
    /// Sums are split by kernel.
    Cuda {
        /// Whether f32 may be multiplied in TF32.
        tf32: bool,
    },
}

impl Arithmetic {
    /// That of a device, once [`tf32::forbid`] was called or not.
    pub fn of(device: Device) -> Self {
        match device {
            Device::Cuda(_) => Self::Cuda { tf32: !tf32::is_forbidden() },
            _ => Self::Cpu { threads: tch::get_num_threads() },
        }
    }
}

impl fmt::Display for Arithmetic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu { threads } => write!(formatter, "cpu, {threads} thread{}", if *threads == 1 { "" } else { "s" }),
            Self::Cuda { tf32: true } => write!(formatter, "cuda with TF32"),
            Self::Cuda { tf32: false } => write!(formatter, "cuda without TF32"),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "auto" => Ok(Self::Auto),
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "cuda" => Ok(Self::Cuda(0)),
            Some(("cuda", index)) => {
                index.parse().map(Self::Cuda).map_err(|_| format!("expected cuda:NUMBER, found cuda:{index}"))
            }
            _ => Err("expected auto, cpu, cuda or cuda:NUMBER".to_owned()),
        }
    }
}

/// The device to run on, and a line that says so.
///
/// # Errors
/// CUDA was asked for and can't be had; the message names the cause.
pub fn open(choice: DeviceChoice) -> Result<(Device, String), TrainError> {
    let missing = |index: usize, reason: String| TrainError::Device { wanted: format!("cuda:{index}"), reason };
    match choice {
        DeviceChoice::Cpu => Ok(cpu(None)),
        DeviceChoice::Auto if Cuda::is_available() => Ok(cuda(0)),
        DeviceChoice::Auto => Ok(cpu(Some(why_no_cuda()))),
        DeviceChoice::Cuda(index) if !Cuda::is_available() => Err(missing(index, why_no_cuda())),
        DeviceChoice::Cuda(index) => match usize::try_from(Cuda::device_count()).unwrap_or(0) {
            count if index < count => Ok(cuda(index)),
            count => Err(missing(index, format!("expected an index below {count}, the number of CUDA devices"))),
        },
    }
}

fn cpu(passed_over: Option<String>) -> (Device, String) {
    let line = format!("device: {}", Arithmetic::of(Device::Cpu));
    (Device::Cpu, passed_over.map_or(line.clone(), |reason| format!("{line} (cuda passed over: {reason})")))
}

fn cuda(index: usize) -> (Device, String) {
    // Every step has the same shapes: the search for the fastest algorithms is paid once.
    Cuda::cudnn_set_benchmark(true);
    let cudnn = if Cuda::cudnn_is_available() { "with cuDNN" } else { "without cuDNN" };
    (Device::Cuda(index), format!("device: cuda:{index}, {cudnn}"))
}

/// The likeliest reason, from the libraries and the driver.
fn why_no_cuda() -> String {
    if !tch::utils::has_cudart() {
        return "this libtorch is built for the CPU only, or libtorch_cuda was not linked; run cargo xtask setup --cuda \
                and build again"
            .to_owned();
    }
    if cfg!(not(target_os = "linux")) {
        return "libtorch finds no usable NVIDIA GPU and driver".to_owned();
    }
    match std::fs::read_to_string(Path::new(DRIVER_VERSION)) {
        Err(_) => {
            format!("no NVIDIA driver is loaded ({DRIVER_VERSION} is missing); install driver {OLDEST_DRIVER} or newer")
        }
        Ok(text) => match driver_version(&text) {
            Some(version) if version < OLDEST_DRIVER => {
                format!("NVIDIA driver {version} is too old; CUDA 13 needs {OLDEST_DRIVER} or newer")
            }
            Some(version) => format!("libtorch finds no usable GPU under NVIDIA driver {version}"),
            None => format!("libtorch finds no usable GPU; {DRIVER_VERSION} names no version"),
        },
    }
}

/// The major version in the driver's own words, `NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  ...`.
fn driver_version(text: &str) -> Option<u32> {
    let line = text.lines().find(|line| line.starts_with("NVRM"))?;
    line.split_whitespace().find_map(|word| {
        let (major, rest) = word.split_once('.')?;
        rest.starts_with(|letter: char| letter.is_ascii_digit()).then(|| major.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_parse() {
        struct Case(&'static str, Option<DeviceChoice>);
        let cases = [
            Case("auto", Some(DeviceChoice::Auto)),
            Case("cpu", Some(DeviceChoice::Cpu)),
            Case("cuda", Some(DeviceChoice::Cuda(0))),
            Case("cuda:3", Some(DeviceChoice::Cuda(3))),
            Case("cuda:", None),
            Case("cuda:x", None),
            Case("cpu:0", None),
            Case("gpu", None),
        ];
        for Case(text, expected) in cases {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
    }

    #[test]
    fn driver_versions_are_read_from_both_kinds_of_module() {
        let closed =
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  Thu Jan 23 2025\nGCC version: 12.2.0\n";
        let open = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\n";
        assert_eq!(driver_version(closed), Some(570));
        assert_eq!(driver_version(open), Some(580));
        assert_eq!(driver_version("GCC version: 12.2.0"), None);
    }
}
