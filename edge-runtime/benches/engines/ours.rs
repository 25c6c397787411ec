//! One of our engines, in this process.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use edge_runtime::{Batch, Engine, Model};
use model_spec::latent;

use crate::table::{Runner, Turn, median};

/// An engine with the batch that it runs.
pub struct Ours {
    engine: Box<dyn Engine>,
    latents: Vec<f32>,
    labels: Vec<i64>,
}

impl Ours {
    /// Latents of seed 1; labels from the first on.
    pub fn new(engine: Box<dyn Engine>, model: &Model, batch: usize) -> Self {
        let dim = model.metadata().architecture.latent_dim;
        let latents = (0..batch as u32).flat_map(|index| latent::latent(1, index, dim)).collect();
        let labels = (0..batch).map(|index| (index % model.metadata().labels.len()) as i64).collect();
        Self { engine, latents, labels }
    }

    /// The first picture of the batch.
    pub fn first(&mut self) -> Result<Vec<f32>> {
        let mut pictures = self.engine.run(&Batch::new(&self.latents, &self.labels))?;
        pictures.truncate(pictures.len().checked_div(self.labels.len()).context("an empty batch")?);
        Ok(pictures)
    }
}

impl Runner for Ours {
    fn turn(&mut self, time: Duration) -> Result<Turn> {
        let start = Instant::now();
        let mut times = Vec::new();
        while start.elapsed() < time {
            let begin = Instant::now();
            self.engine.run(&Batch::new(&self.latents, &self.labels))?;
            times.push(begin.elapsed().as_secs_f64() * 1e3 / self.labels.len() as f64);
        }
        Ok(Turn { median: median(&mut times), least: times.first().copied().unwrap_or(f64::NAN), peak_mb: None })
    }
}
