//! `--count` of thousands at the memory of a few. A test binary of its own, since it measures what its children took.

#![cfg(all(target_os = "linux", target_env = "gnu"))]

mod common;

use std::path::Path;
use std::process::Command;

use common::{LABELS, Network};

const MANY: usize = 4000;

#[test]
fn thousands_of_pictures_take_the_memory_of_a_few() {
    let folder = tempfile::tempdir().expect("a folder");
    Network::new(&LABELS, 3).write(folder.path());
    let few = peak_kb_after(folder.path(), 20);
    let many = peak_kb_after(folder.path(), MANY);
    // As levels alone the pictures would be 12 MB, as f32 49 MB.
    assert!(many < few + 6000, "{few} kB, then {many} kB");
    let names = std::fs::read_dir(folder.path().join("many/zebra")).expect("a folder");
    assert_eq!(names.count(), MANY);
}

/// The most memory that any child has taken so far.
fn peak_kb_after(folder: &Path, count: usize) -> i64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_edge-runtime"));
    command.args(["--label", "zebra", "--seed", "1", "--count", &count.to_string(), "--out", "many/"]);
    command.args(["--threads", "1", "--model", "model.onnx", "--quiet"]).current_dir(folder);
    assert!(command.status().expect("the command starts").success());
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is valid for a whole rusage, which all zeros is.
    let (result, usage) = unsafe { (libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr()), usage.assume_init()) };
    assert_eq!(result, 0);
    usage.ru_maxrss
}
