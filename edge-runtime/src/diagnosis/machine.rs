//! Processor, memory, C library, and whether this is a Jetson.

use super::{Finding, Root, absent, fine, problem};
use crate::engine::native;
#[cfg(feature = "tract")]
use crate::engine::tract;
use crate::sensors::processor_value;
use model_spec::variant::Compute;

/// Instructions that kernels are written for, under Linux's names.
const FEATURES: [&str; 16] = [
    "sse4_2",
    "avx",
    "avx2",
    "fma",
    "f16c",
    "avx_vnni",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "amx_bf16",
    "neon",
    "asimd",
    "asimdhp",
    "asimddp",
    "i8mm",
    "bf16",
];
/// Memory below which the largest model of the family may not fit beside a system, in kB.
const LITTLE_MEMORY: u64 = 200_000;

pub(super) fn findings(root: &Root) -> Vec<Finding> {
    vec![processor(root), memory(root), c_library(), jetpack(root)]
}

fn processor(root: &Root) -> Finding {
    let text = root.text("proc/cpuinfo");
    let value = |keys| processor_value(&text, keys);
    let board = root.line("proc/device-tree/model");
    let name = value(&["model name", "Model"]).or(board).unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let flags = value(&["flags", "Features"]).unwrap_or_default();
    let known: Vec<&str> = FEATURES.into_iter().filter(|known| flags.split(' ').any(|flag| flag == *known)).collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let level = native::Level::best();
    let numbers: Vec<&str> =
        Compute::ALL.into_iter().filter(|compute| level.multiplies(*compute)).map(Compute::name).collect();
    let kernels = [
        format!("native {} in {}", level.name(), numbers.join(" ")),
        #[cfg(feature = "tract")]
        format!("tract {}", tract::kernels()),
    ];
    fine("processor", format!("{name}, {cores} cores to use, {}; kernels: {}", known.join(" "), kernels.join(", ")))
}

fn memory(root: &Root) -> Finding {
    let text = root.text("proc/meminfo");
    let kilobytes = |key: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim_start_matches(':').split_whitespace().next()?.parse().ok()
    };
    let (Some(total), Some(free)) = (kilobytes("MemTotal"), kilobytes("MemAvailable")) else {
        return absent("memory", "not told", "expected MemTotal and MemAvailable in /proc/meminfo");
    };
    let found = format!("{:.2} GB, {:.2} GB available", total as f64 / 1e6, free as f64 / 1e6);
    if free < LITTLE_MEMORY {
        return problem(
            "memory",
            found,
            "end other programs, or use a smaller model: models/gen-small.onnx, or trainer --preset small",
        );
    }
    fine("memory", found)
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn c_library() -> Finding {
    // SAFETY: glibc returns a constant, zero-terminated text.
    let version = unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
    fine("C library", format!("glibc {}", version.to_string_lossy()))
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn c_library() -> Finding {
    absent("C library", "not glibc", "ONNX Runtime's libraries for Linux need glibc; the other engines need none")
}

/// The release file of NVIDIA's Linux for Tegra: `# R36 (release), REVISION: 3.0, ...`.
fn jetpack(root: &Root) -> Finding {
    let Some(line) = root.line("etc/nv_tegra_release") else {
        return absent("JetPack", "none: not a Jetson", "nothing to do unless this is one");
    };
    let number = |after: &str| {
        let rest = line.split_once(after)?.1.trim_start();
        Some(rest.split(|letter: char| !letter.is_ascii_digit() && letter != '.').next()?.to_owned())
    };
    let release = format!(
        "{}.{}",
        number("R").unwrap_or_else(|| "?".to_owned()),
        number("REVISION:").unwrap_or_else(|| "?".to_owned())
    );
    match release.split('.').next().and_then(|major| major.parse::<u32>().ok()) {
        Some(38..) => fine("JetPack", format!("7, Linux for Tegra {release}")),
        Some(36..) => fine("JetPack", format!("6, Linux for Tegra {release}: ONNX Runtime 1.18 to 1.23")),
        Some(35) => fine("JetPack", format!("5, Linux for Tegra {release}: ONNX Runtime 1.17 or 1.18")),
        _ => problem(
            "JetPack",
            format!("Linux for Tegra {release}"),
            "ort needs JetPack 5 or later; the other engines run here",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    fn root(files: &[(&str, &str)]) -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
            std::fs::write(path, text).expect("writable");
        }
        let root = Root(folder.path().to_owned());
        (folder, root)
    }

    #[test]
    fn processors_of_both_kinds_are_read() {
        let intel = "processor : 0\nmodel name\t: Some CPU\nflags\t\t: fpu avx2 fma nonsense\n";
        let arm = "processor : 0\nFeatures\t: fp asimd asimddp\nModel\t\t: Raspberry Pi 5\n";
        for (text, expected) in [(intel, "Some CPU"), (arm, "Raspberry Pi 5")] {
            let (_folder, root) = root(&[("proc/cpuinfo", text)]);
            let finding = processor(&root);
            assert!(finding.found.starts_with(expected), "{}", finding.found);
        }
        let (_folder, root) = root(&[("proc/cpuinfo", arm)]);
        assert!(processor(&root).found.contains("asimd asimddp;"));
    }

    #[test]
    fn little_memory_is_a_problem() {
        struct Case(&'static str, State);
        for Case(text, state) in [
            Case("MemTotal:        1000000 kB\nMemFree: 1 kB\nMemAvailable:    500000 kB\n", State::Fine),
            Case("MemTotal:        500000 kB\nMemAvailable:    100000 kB\n", State::Problem),
            Case("nothing", State::Absent),
        ] {
            let (_folder, root) = root(&[("proc/meminfo", text)]);
            assert_eq!(memory(&root).state, state, "{text}");
        }
    }

    #[test]
    fn a_jetsons_release_is_told() {
        struct Case(&'static str, &'static str);
        for Case(line, expected) in [
            Case("# R36 (release), REVISION: 3.0, GCID: 36191598, BOARD: generic\n", "6, Linux for Tegra 36.3.0"),
            Case("# R35 (release), REVISION: 4.1, GCID: 33958178\n", "5, Linux for Tegra 35.4.1"),
            Case("# R32 (release), REVISION: 7.1\n", "Linux for Tegra 32.7.1"),
            Case("\0\0", "Linux for Tegra ?.?"),
        ] {
            let (_folder, root) = root(&[("etc/nv_tegra_release", line)]);
            let found = jetpack(&root).found;
            assert!(found.starts_with(expected), "{line:?}: {found}");
        }
        let (_folder, root) = root(&[]);
        assert_eq!(jetpack(&root).state, State::Absent);
    }
}
