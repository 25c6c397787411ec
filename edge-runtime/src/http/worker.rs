//! The thread that owns the generator, and the bounded queue in front of it.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::cache::Cache;
use super::draw::draw;
use super::made::{Made, Timing};
use super::metrics::Metrics;
use super::parameters::Task;
use crate::{Generator, RuntimeError};

/// A task that waits for its turn.
struct Job {
    key: String,
    task: Task,
    since: Instant,
    reply: oneshot::Sender<Reply>,
}

/// What was made, or why not.
pub(super) type Reply = Result<(Made, Timing), RuntimeError>;

/// Why a task was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// As many wait as may.
    Full,
    /// The thread has ended.
    Ended,
}

/// The entrance of the queue.
#[derive(Debug)]
pub(super) struct Queue(mpsc::Sender<Job>);

impl std::fmt::Debug for Job {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Job").field("key", &self.key).finish_non_exhaustive()
    }
}

/// What the thread shares with the others.
pub(super) struct Shared {
    pub cache: Arc<Cache>,
    pub metrics: Arc<Metrics>,
}

impl Queue {
    /// Starts the thread behind a queue in which at most `most` tasks wait.
    pub fn open(generator: Generator, most: usize, shared: Shared) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (sender, receiver) = mpsc::channel(most.max(1));
        let work = move || work(generator, receiver, &shared);
        let thread = std::thread::Builder::new().name("generator".to_owned()).spawn(work)?;
        Ok((Self(sender), thread))
    }

    /// Puts a task into the queue.
    pub fn put(&self, key: String, task: Task) -> Result<oneshot::Receiver<Reply>, Refused> {
        let (reply, answer) = oneshot::channel();
        let job = Job { key, task, since: Instant::now(), reply };
        match self.0.try_send(job) {
            Ok(()) => Ok(answer),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Refused::Full),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Refused::Ended),
        }
    }

    /// Tasks that wait now.
    pub fn waiting(&self) -> usize {
        self.0.max_capacity() - self.0.capacity()
    }

    /// Tasks that may wait.
    pub fn most(&self) -> usize {
        self.0.max_capacity()
    }

    /// Whether the thread has ended.
    pub fn has_ended(&self) -> bool {
        self.0.is_closed()
    }

    /// Waits until the thread has ended.
    pub async fn ended(&self) {
        self.0.closed().await;
    }
}

/// Makes one task after another until nobody can put one any more.
fn work(mut generator: Generator, mut jobs: mpsc::Receiver<Job>, shared: &Shared) {
    while let Some(Job { key, task, since, reply }) = jobs.blocking_recv() {
        // Who asked may have gone, as a page does that wants a newer picture.
        if reply.is_closed() {
            shared.metrics.count_abandoned();
            continue;
        }
        let queue = since.elapsed();
        if let Some(made) = shared.cache.get(&key) {
            _ = reply.send(Ok((made, Timing { queue, ..Timing::default() })));
            continue;
        }
        generator = generator.truncated(task.truncation());
        let result = draw(&mut generator, &task).map(|drawn| {
            let timing = Timing { queue, generate: drawn.generate, encode: drawn.encode };
            shared.metrics.count_made(&timing, drawn.pictures);
            shared.cache.insert(key, drawn.made.clone());
            (drawn.made, timing)
        });
        _ = reply.send(result);
    }
}
