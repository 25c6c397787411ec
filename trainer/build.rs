//! Links the trainer's targets with libtorch so that they find it where it was built against.
//!
//! tch's own build script does the same for tch's targets only: link arguments do not reach dependents.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Set by torch-sys, whose `links` key is `tch`.
    let Some(lib) = std::env::var_os("DEP_TCH_LIBTORCH_LIB") else {
        return;
    };
    let lib = Path::new(&lib);
    let torch_cpu = lib.join("libtorch_cpu.so");
    println!("cargo::rerun-if-changed={}", torch_cpu.display());
    let system = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if system == "linux" && !torch_cpu.is_file() {
        println!("cargo::error=libtorch: expected {}; run `cargo xtask setup`", torch_cpu.display());
        return;
    }
    if matches!(system.as_str(), "linux" | "macos") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}", lib.display());
    }
    if system != "linux" {
        return; // without CUDA, and other linkers don't know the words below
    }
    // The linker would drop what the trainer does not call itself; libtorch_cuda registers CUDA when it is loaded.
    println!("cargo::rustc-link-arg=-Wl,--no-as-needed");
    println!("cargo::rustc-link-arg=-ltorch");
    if lib.join("libtorch_cuda.so").is_file() {
        println!("cargo::rustc-link-arg=-ltorch_cuda");
    }
    println!("cargo::rustc-link-arg=-Wl,--as-needed");
}
