//! ONNX Runtime's library and its providers.

use std::path::Path;

use super::{Finding, absent};

#[cfg(feature = "ort")]
pub(super) fn findings(wanted: Option<&Path>) -> Vec<Finding> {
    use super::{fine, problem};
    use crate::engine::ort;

    let report = match ort::report(wanted) {
        Ok(report) => report,
        Err(error) => {
            let remedy = "only engine ort needs it: pip install onnxruntime, then --ort-lib or ORT_DYLIB_PATH";
            let text = summary(&error.to_string());
            let finding = if wanted.is_some() { problem } else { absent };
            return vec![finding("ONNX Runtime".to_owned(), text, remedy.to_owned())];
        }
    };
    let found = format!("{} at {}; needed: 1.{} or newer", report.version, report.path.display(), ort::API);
    let mut findings = vec![fine("ONNX Runtime", found)];
    for provider in report.providers {
        let part = format!("provider {}", provider.provider.name());
        findings.push(match provider.problem {
            None => fine(part, "starts"),
            Some(text) => absent(part, text.clone(), remedy(&text)),
        });
    }
    findings
}

#[cfg(not(feature = "ort"))]
pub(super) fn findings(_wanted: Option<&Path>) -> Vec<Finding> {
    vec![absent("ONNX Runtime", "this build has no engine ort", "rebuild with --features ort")]
}

/// The places where something was found and didn't load, and the number of those where nothing was.
#[cfg(feature = "ort")]
fn summary(message: &str) -> String {
    const NOTHING: &str = ": no such file";
    let (empty, others): (Vec<&str>, Vec<&str>) = message.lines().skip(1).partition(|line| line.ends_with(NOTHING));
    match (empty.as_slice(), others.as_slice()) {
        ([one], []) => one.trim().to_owned(),
        (places, []) => format!("no library in any of {} usual places", places.len()),
        (_, others) => others.iter().map(|line| line.trim()).collect::<Vec<_>>().join("; "),
    }
}

/// What to do about a provider's own message.
#[cfg(feature = "ort")]
fn remedy(message: &str) -> String {
    let known = [
        (
            "not enabled in this build",
            "this library was built without it: pip install onnxruntime-gpu, or JetPack's wheel",
        ),
        ("libcuda.so", "the NVIDIA driver is missing: nvidia-smi must work first"),
        ("libcudnn", "cuDNN is missing: pip install nvidia-cudnn-cu12 or the system's package, and LD_LIBRARY_PATH"),
        ("libcublas", "CUDA's libraries are missing or of another version: put theirs on LD_LIBRARY_PATH"),
        ("libcudart", "CUDA's libraries are missing or of another version: put theirs on LD_LIBRARY_PATH"),
        ("libcufft", "CUDA's libraries are missing or of another version: put theirs on LD_LIBRARY_PATH"),
        ("libcurand", "CUDA's libraries are missing or of another version: put theirs on LD_LIBRARY_PATH"),
        ("libnvinfer", "TensorRT is missing or of another version: put its libraries on LD_LIBRARY_PATH"),
        ("libonnxruntime_providers", "keep the provider libraries beside libonnxruntime"),
        ("no CUDA-capable device", "no NVIDIA GPU is visible: nvidia-smi must show one"),
    ];
    let found = known.iter().find(|(part, _)| message.contains(part));
    found
        .map_or("only needed for a GPU; the library's own message says what is missing", |(_, remedy)| remedy)
        .to_owned()
}

#[cfg(all(test, feature = "ort"))]
mod tests {
    use super::*;

    #[test]
    fn many_empty_places_are_counted_and_a_wrong_library_is_named() {
        let list = |places: &[&str]| summary(&format!("not found; tried:{}", places.concat()));
        let (first, second) = ("\n  /a/x.so: no such file", "\n  /b/x.so: no such file");
        assert_eq!(list(&[first]), "/a/x.so: no such file");
        assert_eq!(list(&[first, second]), "no library in any of 2 usual places");
        assert_eq!(list(&[first, "\n  /c/x.so: invalid ELF header"]), "/c/x.so: invalid ELF header");
    }

    #[test]
    fn each_known_message_has_its_remedy() {
        struct Case(&'static str, &'static str);
        for Case(message, expected) in [
            Case("CUDA execution provider is not enabled in this build.", "onnxruntime-gpu"),
            Case("libcublasLt.so.13: cannot open shared object file", "CUDA's libraries"),
            Case("libcuda.so.1: cannot open shared object file", "driver"),
            Case("libcudart.so.12: cannot open shared object file", "CUDA's libraries"),
            Case("libnvinfer.so.10: cannot open shared object file", "TensorRT"),
            Case("something new", "own message"),
        ] {
            assert!(remedy(message).contains(expected), "{message}: {}", remedy(message));
        }
    }
}
