//! TF32, in which NVIDIA's libraries multiply f32 where nobody forbids it: it keeps 10 bits of a number's 23.

use std::env;

/// cuBLAS, cuDNN and TensorRT read it when they are opened; TensorRT through ONNX Runtime has no other switch.
///
/// Source: NVIDIA_TF32_OVERRIDE in the documentation of cuBLAS and of TensorRT.
const OVERRIDE: &str = "NVIDIA_TF32_OVERRIDE";

/// Forbids it to all libraries of this process. A variable that is set already stays.
///
/// # Safety
/// No other thread may read or write the environment meanwhile: call it before there is one.
pub unsafe fn forbid() {
    if env::var_os(OVERRIDE).is_none() {
        // SAFETY: the caller's.
        unsafe { env::set_var(OVERRIDE, "0") };
    }
}

/// Whether it is forbidden.
pub fn is_forbidden() -> bool {
    env::var_os(OVERRIDE).is_some_and(|value| value == "0")
}
