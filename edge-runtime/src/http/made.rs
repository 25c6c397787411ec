//! What a task becomes, and where the time went.

use std::time::Duration;

use hyper::body::Bytes;

/// What was made for a task.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub bytes: Bytes,
    pub width: usize,
    pub height: usize,
    pub channels: usize,
}

/// Where the time of an answer went.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Timing {
    pub queue: Duration,
    pub generate: Duration,
    pub encode: Duration,
}
