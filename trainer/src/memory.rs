//! How libtorch's buffers are allocated.

/// Keeps freed buffers in the process instead of returning them to the kernel.
///
/// A step frees and allocates the same buffers of up to a hundred megabytes again and again. glibc maps and unmaps each
/// of them, so that a good part of a step on the CPU is the kernel clearing pages. Does nothing on other C libraries.
pub fn keep_freed_buffers() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt only sets parameters of the allocator; it is called once, before other threads exist.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}
