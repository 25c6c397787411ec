//! The header, the libraries and the example as a C compiler sees them. Skipped aloud where there is none.

#![cfg(unix)]

#[path = "../../edge-runtime/tests/common/mod.rs"]
mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{LABELS, Network};
use edge_runtime::{EngineSpec, Generator, Picture};

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");
/// C99 without a warning.
const FLAGS: [&str; 5] = ["-std=c99", "-O1", "-Wall", "-Wextra", "-Werror"];
/// What Rust's standard library takes from the system.
const SYSTEM: [&str; 3] = ["-lpthread", "-ldl", "-lm"];

/// The C compiler: `$CC`, else `cc`.
fn compiler() -> Option<String> {
    let name = std::env::var("CC").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "cc".to_owned());
    if Command::new(&name).arg("--version").output().is_ok_and(|output| output.status.success()) {
        return Some(name);
    }
    eprintln!("SKIPPED: no C compiler {name:?}: install one (Debian: apt install gcc), or name it with CC");
    None
}

/// Where cargo puts libmudra.
fn libraries() -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    test.parent().expect("a folder").to_owned()
}

fn succeeded(output: &Output, what: &str) {
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Compiles a file of the repository against the static library, or the shared one.
fn compiled(compiler: &str, source: &str, is_shared: bool, folder: &Path) -> PathBuf {
    let program = folder.join(if is_shared { "shared" } else { "static" });
    let mut command = Command::new(compiler);
    command.args(FLAGS).arg("-I").arg(Path::new(PACKAGE).join("include"));
    command.arg(Path::new(PACKAGE).join("..").join(source)).arg("-o").arg(&program);
    if is_shared {
        command.arg("-L").arg(libraries()).arg("-lmudra").arg(format!("-Wl,-rpath,{}", libraries().display()));
    } else {
        command.arg(libraries().join("libmudra.a")).args(SYSTEM);
    }
    succeeded(&command.output().expect("it starts"), source);
    program
}

fn expected(model: &Path, label: usize, seed: u64, index: u32) -> Picture {
    let mut generator = Generator::open(model, &EngineSpec::default()).expect("opens");
    generator.frame(label, seed, index).expect("runs").picture
}

#[test]
fn every_function_does_what_the_header_says_with_either_library() {
    let Some(compiler) = compiler() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let model = Network::new(&LABELS, 3).write(folder.path());
    let expected = expected(&model, 1, 7, 2);
    for is_shared in [false, true] {
        let program = compiled(&compiler, "edge-runtime-c/tests/every_function.c", is_shared, folder.path());
        let levels = folder.path().join("levels");
        let mut command = Command::new(&program);
        // cargo puts folders before the program's own, where an older library may lie.
        command.arg(&model).arg(&levels).current_dir(folder.path()).env_remove("LD_LIBRARY_PATH");
        let output = command.output().expect("it starts");
        succeeded(&output, "every_function");
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{}\n", LABELS[1]));
        assert_eq!(fs::read(&levels).expect("written"), expected.levels());
    }
}

/// Where valgrind is installed: no byte is read or written outside of its memory, and none is lost.
#[test]
fn memory_is_used_as_it_should_be() {
    let Some(compiler) = compiler() else { return };
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("SKIPPED: no valgrind: install it (Debian: apt install valgrind)");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let model = Network::new(&LABELS, 1).write(folder.path());
    let program = compiled(&compiler, "edge-runtime-c/tests/every_function.c", false, folder.path());
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite"]);
    valgrind.arg(&program).arg(&model).arg(folder.path().join("levels")).current_dir(folder.path());
    succeeded(&valgrind.output().expect("it starts"), "valgrind");
}

#[test]
fn the_example_writes_the_same_picture() {
    let Some(compiler) = compiler() else { return };
    for channels in [1, 3] {
        let folder = tempfile::tempdir().expect("a folder");
        let model = Network::new(&LABELS, channels).write(folder.path());
        let program = compiled(&compiler, "examples/c/gesture.c", false, folder.path());
        let run = |words: &[&str]| {
            let mut command = Command::new(&program);
            command.arg("model.onnx").args(words).current_dir(folder.path()).output().expect("it starts")
        };
        succeeded(&run(&["ä", "42", "out.ppm"]), "gesture");
        let header = format!("P{}\n32 32\n255\n", if channels == 1 { 5 } else { 6 });
        let written = [header.as_bytes(), expected(&model, 2, 42, 0).levels()].concat();
        assert_eq!(fs::read(folder.path().join("out.ppm")).expect("written"), written);
        let no_seeds = ["", "x", "1x", "-1", " 1", "18446744073709551616"].map(|seed| ["ä", seed, "out.ppm"]);
        let cases = [(&["lizard", "42", "out.ppm"][..], 1), (&["ä", "1", "gone/out.ppm"], 1), (&["ä"], 2)];
        for (words, code) in cases.into_iter().chain(no_seeds.iter().map(|words| (&words[..], 2))) {
            let output = run(words);
            assert!(output.status.code() == Some(code) && !output.stderr.is_empty(), "{words:?}: {output:?}");
        }
    }
}

#[test]
fn the_header_declares_exactly_what_is_exported() {
    let header = include_str!("../include/mudra.h");
    let starts = |text: &str, start: &str| -> BTreeSet<String> {
        let names = text.match_indices(start).map(|(place, _)| &text[place + start.len() - "mudra_".len()..]);
        names.filter_map(|rest| rest.split_once('(')).map(|(name, _)| name.to_owned()).collect()
    };
    let exported = starts(include_str!("../src/lib.rs"), "extern \"C\" fn mudra_");
    let code: String = header.lines().filter(|line| !line.starts_with([' ', '/'])).collect::<Vec<_>>().join("\n");
    let declared: BTreeSet<String> = code
        .lines()
        .filter_map(|line| line.split_once('(')?.0.rsplit([' ', '*']).next())
        .filter(|name| name.starts_with("mudra_"))
        .map(str::to_owned)
        .collect();
    assert_eq!(declared, exported);
    let called = include_str!("every_function.c");
    assert!(exported.len() == 8 && exported.iter().all(|name| called.contains(&format!("{name}("))), "{exported:?}");
    assert!(header.contains(&format!("#define MUDRA_VERSION \"{}\"", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn the_header_is_strict_c_and_cpp() {
    let Some(compiler) = compiler() else { return };
    for (language, standard) in [("c", "c99"), ("c", "c17"), ("c++", "c++11")] {
        let mut command = Command::new(&compiler);
        command.args(["-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-x", language]);
        command.arg(format!("-std={standard}")).arg(Path::new(PACKAGE).join("include/mudra.h"));
        let output = command.output().expect("it starts");
        let error = String::from_utf8_lossy(&output.stderr);
        // A C compiler alone, without the one for C++, can't check that.
        let lacks_cpp = language == "c++" && error.contains("cc1plus");
        assert!(output.status.success() || lacks_cpp, "{standard}: {error}");
    }
}
