//! Progress on standard error: a line for each tenth.

use std::sync::atomic::{AtomicUsize, Ordering};

use edge_runtime::output;

/// Lines, where there are as many pictures.
const TENTHS: usize = 10;

/// Counts pictures, of any number of threads.
pub struct Progress<'a> {
    pictures: usize,
    which: &'a str,
    quiet: bool,
    done: AtomicUsize,
}

impl<'a> Progress<'a> {
    /// Of so many pictures, and which these are.
    pub fn new(pictures: usize, which: &'a str, quiet: bool) -> Self {
        Self { pictures, which, quiet, done: AtomicUsize::new(0) }
    }

    /// Reports that more pictures are done.
    pub fn add(&self, pictures: usize) {
        let before = self.done.fetch_add(pictures, Ordering::Relaxed);
        let done = before + pictures;
        if !self.quiet && done * TENTHS / self.pictures > before * TENTHS / self.pictures {
            output::tell(format_args!("{done} of {} pictures {}", self.pictures, self.which));
        }
    }
}
