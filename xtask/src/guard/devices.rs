//! No tensor of the trainer is made on a fixed device outside reading and writing, so that a GPU's run stays on the GPU.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::checkout::Checkout;
use crate::folder::files_below;

const SOURCES: &str = "trainer/src";
/// Where devices are chosen, and where tensors become files and files tensors.
const ALLOWED: [&str; 4] = ["checkpoint.rs", "dataset/pictures.rs", "device.rs", "tensor_file.rs"];
/// Names of fixed devices in tch.
const FIXED: [&str; 8] = [
    "Device::Cpu",
    "Device::Cuda",
    "Device::Mps",
    "Device::Vulkan",
    "cuda_if_available",
    "FLOAT_C",
    "INT64_C",
    "DOUBLE_C",
];
/// These make a tensor in main memory: it has to go to the run's device in the same statement.
const FROM_MEMORY: [&str; 4] = ["Tensor::from_slice", "Tensor::from_data_size", "Tensor::try_from", "Tensor::from("];
const MOVED: &str = ".to_device(";

/// The statements that fix a device, as `file:line: statement`; empty where all is well.
///
/// # Errors
/// The trainer's sources can't be read.
pub fn violations(checkout: &Checkout) -> Result<Vec<String>> {
    let top = checkout.path(SOURCES);
    let mut found = Vec::new();
    let sources = rust_files(&top)?;
    if sources.is_empty() {
        bail!("{}: expected Rust files, found none: this check would prove nothing", top.display());
    }
    for path in sources {
        let relative = path.strip_prefix(&top).unwrap_or(&path);
        if ALLOWED.iter().any(|allowed| relative == Path::new(allowed)) {
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let shown = checkout.shown(&path);
        found.extend(fixed_devices(&text).into_iter().map(|(line, code)| format!("{shown}:{line}: {code}")));
    }
    Ok(found)
}

/// Line and text of each statement that fixes a device. Comments and items of tests are not looked at.
fn fixed_devices(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut statement = String::new();
    let mut start = 1;
    let mut item_of_tests = None;
    for (number, line) in (1..).zip(text.lines()) {
        let code = line.split("//").next().unwrap_or(line).trim();
        let indentation = line.len() - line.trim_start().len();
        if code == "#[cfg(test)]" {
            item_of_tests = Some(indentation);
            continue;
        }
        if item_of_tests.is_some() {
            // rustfmt lets an item end where it begins.
            item_of_tests = item_of_tests.filter(|begin| indentation != *begin || !code.ends_with([';', '}', ',']));
            continue;
        }
        if statement.is_empty() {
            start = number;
        }
        statement.push_str(code);
        if code.is_empty() || code.ends_with([';', '{', '}']) {
            let fixed = FIXED.iter().any(|name| statement.contains(name));
            let stays = FROM_MEMORY.iter().any(|name| statement.contains(name)) && !statement.contains(MOVED);
            if fixed || stays {
                found.push((start, statement.clone()));
            }
            statement.clear();
        }
    }
    found
}

fn rust_files(top: &Path) -> Result<Vec<PathBuf>> {
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "rs");
    Ok(files_below(top)?.into_iter().filter(is_rust).map(|path| top.join(path)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_devices_are_found_and_moved_tensors_are_not() {
        struct Case(&'static str, &'static [usize]);
        let cases = [
            Case("let x = Tensor::zeros([2], (Kind::Float, device));\n", &[]),
            Case("fn f() {\n    let x = Tensor::zeros([2], (Kind::Float, Device::Cpu));\n}\n", &[2]),
            Case("let x = Tensor::randn(\n    [2],\n    kind::FLOAT_CPU,\n);\n", &[1]),
            Case("let x = Tensor::from_slice(&y)\n    .view([2])\n    .to_device(device);\n", &[]),
            Case("let a = 1;\nlet x = Tensor::from_slice(&y).view([2]);\n", &[2]),
            Case("let x = x.to_device(Device::Cuda(0));\n", &[1]),
            Case("// on Device::Cpu until here\nlet x = 1; // not Device::Cpu\n", &[]),
            Case("let x = 1;\n#[cfg(test)]\nmod tests { const D: Device = Device::Cpu; }\n", &[]),
            Case("#[cfg(test)]\nmod tests {\n    const D: Device = Device::Cpu;\n}\nf(Device::Cpu);\n", &[5]),
            Case("#[cfg(test)]\nuse tch::Device::Cpu;\nf(Device::Cpu);\n", &[3]),
            Case(
                "impl X {\n    #[cfg(test)]\n    fn f(\n        x: X,\n    ) {\n        g(Device::Cpu);\n    }\n\n    fn g() \
                 {\n        g(Device::Cpu);\n    }\n}\n",
                &[10],
            ),
        ];
        for Case(text, expected) in cases {
            let lines: Vec<usize> = fixed_devices(text).into_iter().map(|(line, _)| line).collect();
            assert_eq!(lines, expected, "{text}");
        }
    }

    #[test]
    fn a_file_is_named_and_the_allowed_ones_are_left() {
        let place = tempfile::tempdir().expect("a folder");
        let sources = place.path().join(SOURCES);
        fs::create_dir_all(sources.join("networks")).expect("made");
        let text = "fn f() {\n    g(Device::Cpu);\n}\n";
        for name in ["device.rs", "tensor_file.rs", "networks/device.rs"] {
            fs::write(sources.join(name), text).expect("written");
        }
        let found = violations(&Checkout::at(place.path())).expect("readable");
        assert_eq!(found, ["trainer/src/networks/device.rs:2: g(Device::Cpu);"]);
        violations(&Checkout::at(&place.path().join("trainer"))).expect_err("no sources at all");
    }
}
