//! The wheels that hold libtorch, and which of their files go where.

use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::{Build, LIBTORCH_VERSION};
use crate::archive::{Archive, Entry};
use crate::folder::entries;
use crate::python::Python;

/// What libtorch_cpu.so needs of CUDA even where there is none.
const CPU_PACKAGES: [&str; 2] = ["nvidia-cuda-cupti==13.0.85", "nvidia-cuda-runtime==13.0.96"];
const CPU_LIBRARIES: [&str; 5] = ["libtorch_cpu.so", "libc10.so", "libgomp.so.1", "libcupti.so.13", "libcudart.so.13"];
/// The wheel's own libtorch.so needs libtorch_cuda.so; a linker script in its place asks for the rest.
const CPU_LIBTORCH: &str = "INPUT(-ltorch_cpu -lc10)\n";
const CUDA_LIBRARIES: [&str; 4] = ["libtorch.so", "libtorch_cpu.so", "libtorch_cuda.so", "libc10_cuda.so"];
/// They need Python.
const PYTHON_LIBRARIES: [&str; 2] = ["libtorch_python.so", "libshm.so"];
/// No file in any of the wheels is larger: libcublasLt is 0.55 GB.
const FILE_LIMIT: u64 = 4 << 30;
const METADATA_LIMIT: u64 = 1 << 20;

/// Fetches what a build needs; returns the wheels.
///
/// # Errors
/// pip fails, or torch requires its CUDA packages in an unknown way.
pub fn download(python: &Python, build: Build, folder: &Path) -> Result<Vec<PathBuf>> {
    python.download(&format!("torch=={LIBTORCH_VERSION}"), folder)?;
    let packages = match build {
        Build::Cpu => CPU_PACKAGES.map(str::to_owned).to_vec(),
        Build::Cuda => cuda_packages(python, folder)?,
    };
    for package in packages {
        python.download(&package, folder)?;
    }
    wheels_in(folder)
}

/// NVIDIA's packages that torch requires: named by its wheel, or by the extras of cuda-toolkit that it asks for.
fn cuda_packages(python: &Python, folder: &Path) -> Result<Vec<String>> {
    let torch = required(&metadata(&wheel_of("torch", folder)?)?);
    let is_nvidia = |package: &String| package.starts_with("nvidia-");
    let mut packages: Vec<String> = torch.iter().map(|(package, _)| package.clone()).filter(is_nvidia).collect();
    if let Some((toolkit, extras)) = torch.iter().find_map(|(package, _)| toolkit_and_extras(package)) {
        python.download(&toolkit, folder)?;
        let parts = required(&metadata(&wheel_of("cuda_toolkit", folder)?)?);
        let asked = |marker: &str| extras.iter().any(|extra| marker.contains(&format!("extra == '{extra}'")));
        packages.extend(parts.into_iter().filter(|(_, marker)| asked(marker)).map(|(package, _)| package));
    }
    if packages.is_empty() {
        bail!("torch {LIBTORCH_VERSION}: expected its wheel to require NVIDIA's packages, found none");
    }
    packages.sort();
    packages.dedup();
    Ok(packages)
}

/// Unpacks libraries, headers and licences into a folder laid out as libtorch.
///
/// # Errors
/// A damaged wheel, a library that none of them holds, a full disk.
pub fn unpack(wheels: &[PathBuf], build: Build, folder: &Path) -> Result<()> {
    for wheel in wheels {
        let mut archive = Archive::open(wheel)?;
        let mut bytes = 0;
        for entry in archive.files()? {
            if let Some(place) = place_of(&entry.path, build) {
                bytes += archive.extract(&entry, &folder.join(place), FILE_LIMIT)?;
            }
        }
        let name = wheel.file_name().unwrap_or_default().to_string_lossy();
        eprintln!("unpacked {name}: {} MB kept", bytes / 1_000_000);
    }
    let lib = folder.join("lib");
    if build == Build::Cpu {
        let path = lib.join("libtorch.so");
        fs::write(&path, CPU_LIBTORCH).with_context(|| format!("write {}", path.display()))?;
    }
    let expected: &[&str] = if build == Build::Cpu { &CPU_LIBRARIES } else { &CUDA_LIBRARIES };
    match expected.iter().find(|name| !lib.join(name).is_file()) {
        Some(missing) => bail!("expected {missing} in one of {} wheels, found it in none", wheels.len()),
        None => Ok(()),
    }
}

/// Where a wheel's file goes, from libtorch's folder. All libraries go into one: each looks for others beside itself.
fn place_of(path: &Path, build: Build) -> Option<PathBuf> {
    let parts: Vec<&str> = path.components().map(|part| part.as_os_str().to_str()).collect::<Option<_>>()?;
    let name = *parts.last()?;
    match parts.as_slice() {
        ["torch", "include", ..] => Some(path.components().skip(1).collect()),
        ["torch", "lib", _] | ["nvidia", .., "lib", _] if is_wanted(name, build) => Some(Path::new("lib").join(name)),
        [info, _] | [info, "licenses", _] if info.ends_with(".dist-info") && is_licence(name) => {
            let package = info.trim_end_matches(".dist-info");
            Some(["licenses", package, name].iter().collect())
        }
        _ => None,
    }
}

fn is_wanted(library: &str, build: Build) -> bool {
    match build {
        Build::Cpu => CPU_LIBRARIES.contains(&library),
        Build::Cuda => library.contains(".so") && !PYTHON_LIBRARIES.contains(&library),
    }
}

fn is_licence(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("license") || name.starts_with("notice")
}

/// A wheel's requirements: package with versions, and the marker that says when.
fn required(metadata: &str) -> Vec<(String, String)> {
    let lines = metadata.lines().filter_map(|line| line.strip_prefix("Requires-Dist:"));
    let split = lines.map(|text| text.split_once(';').unwrap_or((text, "")));
    split.map(|(package, marker)| (package.trim().to_owned(), marker.trim().replace('"', "'"))).collect()
}

/// `cuda-toolkit[cublas,nvtx]==13.0.3` as `cuda-toolkit==13.0.3` and its extras.
fn toolkit_and_extras(package: &str) -> Option<(String, Vec<String>)> {
    let (extras, version) = package.strip_prefix("cuda-toolkit[")?.split_once(']')?;
    let extras = extras.split(',').map(|extra| extra.trim().to_owned()).collect();
    Some((format!("cuda-toolkit{version}"), extras))
}

fn metadata(wheel: &Path) -> Result<String> {
    let mut archive = Archive::open(wheel)?;
    let is_metadata = |entry: &Entry| {
        let mut parts = entry.path.components();
        let info =
            matches!(parts.next(), Some(Component::Normal(part)) if part.to_string_lossy().ends_with(".dist-info"));
        info && parts.as_path() == Path::new("METADATA")
    };
    match archive.files()?.iter().find(|entry| is_metadata(entry)) {
        Some(entry) => archive.read_text(entry, METADATA_LIMIT),
        None => bail!("{}: expected METADATA, found none", wheel.display()),
    }
}

fn wheel_of(package: &str, folder: &Path) -> Result<PathBuf> {
    let start = format!("{package}-");
    let is_it = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&start));
    let found = wheels_in(folder)?.into_iter().find(is_it);
    found.with_context(|| format!("{}: expected a wheel of {package}, found none", folder.display()))
}

fn wheels_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut wheels = entries(folder)?;
    wheels.retain(|path| path.extension().is_some_and(|ending| ending == "whl"));
    Ok(wheels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::tests::write_zip;

    #[test]
    fn files_of_wheels_go_where_libtorch_has_them() {
        struct Case(&'static str, Option<&'static str>, Option<&'static str>);
        let cases = [
            Case("torch/include/torch/csrc/a.h", Some("include/torch/csrc/a.h"), Some("include/torch/csrc/a.h")),
            Case("torch/lib/libtorch_cpu.so", Some("lib/libtorch_cpu.so"), Some("lib/libtorch_cpu.so")),
            Case("torch/lib/libtorch.so", None, Some("lib/libtorch.so")),
            Case("torch/lib/libtorch_cuda.so", None, Some("lib/libtorch_cuda.so")),
            Case("torch/lib/libtorch_python.so", None, None),
            Case("nvidia/cu13/lib/libcudart.so.13", Some("lib/libcudart.so.13"), Some("lib/libcudart.so.13")),
            Case("nvidia/cudnn/lib/libcudnn.so.9", None, Some("lib/libcudnn.so.9")),
            Case("nvidia/cudnn/include/cudnn.h", None, None),
            Case("nvidia/cudnn/lib/__init__.py", None, None),
            Case("torch/nn/functional.py", None, None),
            Case(
                "torch-1.dist-info/licenses/LICENSE",
                Some("licenses/torch-1/LICENSE"),
                Some("licenses/torch-1/LICENSE"),
            ),
            Case("torch-1.dist-info/METADATA", None, None),
        ];
        for Case(path, cpu, cuda) in cases {
            assert_eq!(place_of(Path::new(path), Build::Cpu), cpu.map(PathBuf::from), "{path}, cpu");
            assert_eq!(place_of(Path::new(path), Build::Cuda), cuda.map(PathBuf::from), "{path}, cuda");
        }
    }

    #[test]
    fn requirements_are_read_from_the_wheel() {
        let place = tempfile::tempdir().expect("a folder");
        let text = b"Metadata-Version: 2.4\nRequires-Dist: sympy>=1.13.3\nRequires-Dist: \
            cuda-toolkit[cublas,nvtx]==13.0.3; platform_system == \"Linux\"\nRequires-Dist: nvidia-nccl-cu13==2.29.7\n";
        write_zip(&place.path().join("torch-1-cp312.whl"), &[("torch-1.dist-info/METADATA", text)]);
        let wheel = wheel_of("torch", place.path()).expect("there");
        let found = required(&metadata(&wheel).expect("readable"));
        let expected = [
            ("sympy>=1.13.3", ""),
            ("cuda-toolkit[cublas,nvtx]==13.0.3", "platform_system == 'Linux'"),
            ("nvidia-nccl-cu13==2.29.7", ""),
        ];
        assert_eq!(found, expected.map(|(package, marker)| (package.to_owned(), marker.to_owned())));
        let toolkit = found.iter().find_map(|(package, _)| toolkit_and_extras(package)).expect("required");
        assert_eq!(toolkit, ("cuda-toolkit==13.0.3".to_owned(), vec!["cublas".to_owned(), "nvtx".to_owned()]));
    }

    #[test]
    fn a_cpu_build_is_put_together_and_a_missing_library_is_named() {
        let place = tempfile::tempdir().expect("a folder");
        let [torch, nvidia] = ["torch-1.whl", "nvidia_cuda-1.whl"].map(|name| place.path().join(name));
        let files = [
            ("torch/lib/libtorch_cpu.so", &b"cpu"[..]),
            ("torch/lib/libc10.so", b"c10"),
            ("torch/lib/libgomp.so.1", b"gomp"),
            ("torch/lib/libtorch.so", b"needs cuda"),
            ("torch/include/c10/a.h", b"header"),
        ];
        write_zip(&torch, &files);
        write_zip(&nvidia, &[("nvidia/cu13/lib/libcudart.so.13", b"rt"), ("nvidia/cu13/lib/libcupti.so.13", b"pti")]);
        let whole = place.path().join("whole");
        unpack(&[torch.clone(), nvidia], Build::Cpu, &whole).expect("whole");
        assert_eq!(fs::read_to_string(whole.join("lib/libtorch.so")).expect("there"), CPU_LIBTORCH);
        assert!(whole.join("include/c10/a.h").is_file());
        let error = unpack(&[torch], Build::Cpu, &place.path().join("half")).expect_err("no CUDA runtime").to_string();
        assert!(error.contains("expected libcupti.so.13"), "{error}");
    }
}
