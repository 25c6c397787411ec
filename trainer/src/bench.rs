//! `trainer bench`: images a second of the training step, on made-up pictures.

use std::time::Instant;

use model_spec::Architecture;
use tch::{Kind, Tensor};

use crate::cli::BenchOptions;
use crate::device;
use crate::settings::Recipe;
use crate::step::{Batch, Gan};

const CHANNELS: usize = 3;
const LABELS: usize = 3;

/// Times steps and prints the median.
///
/// # Errors
/// The device can't be had.
pub fn run(options: &BenchOptions) -> anyhow::Result<()> {
    let (device, line) = device::open(options.device)?;
    println!("{line}");
    let architecture = Architecture::reference(options.size, CHANNELS)?;
    tch::manual_seed(1);
    let mut gan = Gan::initial(&architecture, LABELS, Recipe::Reference.adam(2e-4), device);
    let (count, side) = (options.batch_size as i64, options.size as i64);
    let batch = Batch {
        images: Tensor::randint(256, [count, CHANNELS as i64, side, side], (Kind::Uint8, device)),
        labels: Tensor::randint(LABELS as i64, [count], (Kind::Int64, device)),
    };
    let mut seconds: Vec<f64> = (0..=options.steps).map(|_| timed(&mut gan, &batch)).skip(1).collect();
    seconds.sort_by(f64::total_cmp);
    let median = seconds[seconds.len() / 2];
    println!("{:.2} images/s, {:.0} ms a step (median of {})", count as f64 / median, median * 1e3, seconds.len());
    Ok(())
}

fn timed(gan: &mut Gan, batch: &Batch) -> f64 {
    let start = Instant::now();
    let losses = gan.step(batch);
    losses.generator.double_value(&[]); // waits for the device
    start.elapsed().as_secs_f64()
}
