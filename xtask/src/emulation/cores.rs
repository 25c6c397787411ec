//! The cores that are emulated, at once where there are several.

use anyhow::Result;

/// Raspberry Pi 3 and Zero 2, Pi 4, Pi 5.
pub const CORES: [&str; 3] = ["cortex-a53", "cortex-a72", "cortex-a76"];
/// The one that has dot products and products of f16, and so all kernels.
pub const DOT_CORE: &str = CORES[2];

/// Runs pieces of work at once, and returns the first error.
pub fn at_once<T: Copy + Sync>(pieces: &[T], work: impl Fn(T) -> Result<()> + Sync) -> Result<()> {
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> = pieces.iter().map(|piece| scope.spawn(|| work(*piece))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| anyhow::bail!("a thread panicked")))
    })
}
