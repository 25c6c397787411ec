//! The two builds of libtorch.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::cli::SetupOptions;

/// Which libtorch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// Without CUDA.
    Cpu,
    /// With CUDA and NVIDIA's libraries.
    Cuda,
}

impl Build {
    /// The build that the flags force.
    pub fn asked(options: &SetupOptions) -> Option<Self> {
        match (options.cpu, options.cuda) {
            (true, _) => Some(Self::Cpu),
            (_, true) => Some(Self::Cuda),
            _ => None,
        }
    }

    /// CUDA where an NVIDIA GPU is present.
    pub fn for_this_machine() -> Self {
        let device_file = Path::new("/dev/nvidia0").exists();
        let listed = || {
            let mut list = Command::new("nvidia-smi");
            list.arg("-L").stdout(Stdio::null()).stderr(Stdio::null());
            list.status().is_ok_and(|status| status.success())
        };
        if device_file || listed() { Self::Cuda } else { Self::Cpu }
    }

    /// Short name, for folders.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }

    /// What it takes to fetch and keep.
    pub fn size_in_words(self) -> &'static str {
        match self {
            Self::Cpu => "540 MB to fetch, 490 MB to keep",
            Self::Cuda => "2.5 GB to fetch, 3.8 GB to keep; runs with an NVIDIA driver of version 580 or later",
        }
    }
}

impl std::fmt::Display for Build {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(formatter, "{} build", self.name())
    }
}
