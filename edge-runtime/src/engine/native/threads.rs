//! Threads that start once, share out the tasks of a layer, and sleep between runs.

use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::RuntimeError;

/// The threads of one engine.
#[derive(Debug)]
pub(super) struct Threads {
    count: usize,
    /// None for one thread: the caller's own.
    pool: Option<ThreadPool>,
}

impl Threads {
    /// Starts them.
    ///
    /// # Errors
    /// A system that has no more threads.
    pub fn start(count: usize) -> Result<Self, RuntimeError> {
        let failed = |error: rayon::ThreadPoolBuildError| RuntimeError::Engine {
            engine: super::NAME,
            doing: "start threads",
            problem: error.to_string(),
        };
        let named = |index| format!("native-{index}");
        let pool = (count > 1).then(|| ThreadPoolBuilder::new().num_threads(count).thread_name(named).build());
        Ok(Self { count, pool: pool.transpose().map_err(failed)? })
    }

    /// No threads but the caller's own.
    pub fn own() -> Self {
        Self { count: 1, pool: None }
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// Runs work on one of the threads, where [`Threads::each`] costs less.
    pub fn enter<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// Hands each task to some thread and waits for all of them.
    pub fn each<T: Send>(&self, tasks: Vec<T>, work: impl Fn(T) + Sync + Send) {
        match &self.pool {
            Some(pool) => pool.install(|| tasks.into_par_iter().with_max_len(1).for_each(work)),
            None => tasks.into_iter().for_each(work),
        }
    }
}
