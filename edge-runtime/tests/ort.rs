//! ONNX Runtime as it really is on this machine: skipped aloud without its library, a failure where `MUDRA_REQUIRE_ORT`
//! is set.

#![cfg(feature = "ort")]

mod common;

use common::{LABELS, Network};
use edge_runtime::engine::{self, ort};
use edge_runtime::{EngineKind, EngineSpec, Model, OrtSettings, Provider, RuntimeError};

fn model() -> Model {
    Model::from_bytes(Network::new(&LABELS, 3).bytes()).expect("valid")
}

fn spec(provider: Provider) -> EngineSpec {
    EngineSpec { kind: EngineKind::Ort, provider, threads: Some(1), ..EngineSpec::default() }
}

/// Whether there is a library to test with.
fn is_here() -> bool {
    match engine::open(&spec(Provider::Cpu), &model()) {
        Ok(_) => true,
        Err(error) if std::env::var_os("MUDRA_REQUIRE_ORT").is_none() => {
            eprintln!("SKIPPED: {error}");
            false
        }
        Err(error) => panic!("{error}"),
    }
}

fn message(spec: &EngineSpec) -> String {
    engine::open(spec, &model()).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn the_nodes_that_ran_are_read_back() {
    if !is_here() {
        return;
    }
    let read_back = OrtSettings { read_back: true, ..OrtSettings::default() };
    let opened = engine::open(&EngineSpec { ort: read_back, ..spec(Provider::Cpu) }, &model()).expect("opens");
    let [placement] = &opened.placement[..] else { panic!("{:?}", opened.placement) };
    assert_eq!((placement.provider.as_str(), opened.provider), ("cpu", "cpu"));
    for operator in ["(ConvTranspose)", "(Gather)", "(Tanh)"] {
        assert!(placement.nodes.iter().any(|node| node.ends_with(operator)), "{operator}: {:?}", placement.nodes);
    }
    let plain = engine::open(&spec(Provider::Cpu), &model()).expect("opens");
    assert!(plain.placement.is_empty());
}

/// Whether the library has a provider: its own library lies beside it.
fn has(provider: Provider) -> bool {
    let library = ort::report(None).expect("a library").path;
    library.with_file_name(format!("libonnxruntime_providers_{}.so", provider.name())).is_file()
}

/// What a machine without the means answers; with them it runs, and on that provider.
#[test]
fn a_gpu_runs_or_says_why_and_is_never_replaced() {
    if !is_here() {
        return;
    }
    for provider in [Provider::Cuda, Provider::TensorRt] {
        match engine::open(&spec(provider), &model()) {
            Ok(opened) => assert_eq!(opened.provider, provider.name()),
            Err(RuntimeError::Engine { doing, problem, .. }) => {
                assert_eq!(doing, format!("start provider {}", provider.name()));
                let known: &[&str] = if has(provider) {
                    // The first of its libraries that is missing, or the driver's own word.
                    &[": cannot open shared object file", "CUDA failure ", "no CUDA-capable device"]
                } else {
                    // Built without it, or its own library was left behind.
                    &[" execution provider is not enabled in this build.", "libonnxruntime_providers_"]
                };
                assert!(known.iter().any(|known| problem.contains(known)), "{problem}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn auto_says_once_why_each_other_provider_was_passed_over() {
    if !is_here() {
        return;
    }
    let opened = engine::open(&spec(Provider::Auto), &model()).expect("opens");
    let notes = |provider: &str| {
        let start = format!("{provider} passed over: ");
        opened.notes.iter().filter(|note| note.starts_with(&start)).count()
    };
    assert_eq!(notes("tensorrt"), 1, "{:?}", opened.notes);
    if opened.provider == "cpu" {
        assert_eq!(notes("cuda"), 1, "{:?}", opened.notes);
        let strict = OrtSettings { strict: true, ..OrtSettings::default() };
        let message = message(&EngineSpec { ort: strict, ..spec(Provider::Auto) });
        assert!(message.contains("find a provider that is not the CPU: tensorrt passed over: "), "{message}");
        assert!(message.contains("; cuda passed over: "), "{message}");
    }
}

/// Also where only a table or JSON is asked for.
#[test]
fn commands_say_once_why_a_provider_was_passed_over() {
    if !is_here() || engine::open(&spec(Provider::Auto), &model()).is_ok_and(|opened| opened.provider != "cpu") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    // It has golden pictures.
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/gen.onnx");
    for words in [&["--label", "0", "--out", "0.png"][..], &["verify"], &["bench", "--runs", "1", "--json"]] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_edge-runtime"));
        command.args(words).args(["--engine", "ort", "--model", model]).current_dir(folder.path());
        let said = String::from_utf8(command.output().expect("it starts").stderr).expect("text");
        for provider in ["tensorrt", "cuda"] {
            assert_eq!(said.matches(&format!("{provider} passed over: ")).count(), 1, "{words:?}: {said}");
        }
    }
}

#[test]
fn the_library_is_reported_with_its_providers() {
    if !is_here() {
        return;
    }
    let report = ort::report(None).expect("a library");
    assert!(report.path.is_file() && report.version.starts_with("1."), "{report:?}");
    let providers: Vec<Provider> = report.providers.iter().map(|provider| provider.provider).collect();
    assert_eq!(providers, [Provider::Cuda, Provider::TensorRt]);
    let prepared = ort::is_prepared(&spec(Provider::TensorRt), &model());
    assert!(prepared.is_ok_and(|prepared| !prepared), "a network of a test was never prepared");
}

#[test]
fn a_tensorrt_that_does_not_start_leaves_no_folder_behind() {
    if !is_here() || engine::open(&spec(Provider::TensorRt), &model()).is_ok() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let model = Network::new(&LABELS, 3).write(folder.path());
    let cache = folder.path().join("cache");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_edge-runtime"));
    command.args(["prepare", "--provider", "tensorrt", "--model"]).arg(model).env("XDG_CACHE_HOME", &cache);
    let output = command.output().expect("it starts");
    assert!(String::from_utf8_lossy(&output.stderr).contains("start provider tensorrt"), "{output:?}");
    // The library may keep files of its own beside it.
    assert!(!cache.join("edge-runtime").exists());
}
