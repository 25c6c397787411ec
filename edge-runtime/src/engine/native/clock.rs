//! How long each step of a run takes, where that is asked for.

use std::time::Instant;

use super::super::LayerTime;

/// Takes the time between the ends of steps.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// None where nobody asks.
    began: Option<Instant>,
    steps: Vec<LayerTime>,
}

impl Clock {
    /// One that takes times.
    pub fn running() -> Self {
        Self { began: Some(Instant::now()), steps: Vec::new() }
    }

    /// A step begins now.
    pub fn begin(&mut self) {
        self.began = self.began.map(|_| Instant::now());
    }

    /// A step ends, and the next begins.
    pub fn end(&mut self, layer: &'static str) {
        if let Some(began) = self.began {
            self.steps.push(LayerTime { layer, time: began.elapsed() });
            self.begin();
        }
    }

    /// Steps in their order.
    pub fn steps(self) -> Vec<LayerTime> {
        self.steps
    }
}
