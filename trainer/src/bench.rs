//! `trainer bench`: images a second of the training step, on made-up pictures.

use std::time::Instant;

use edge_runtime::output;
use tch::{Kind, Tensor};

use crate::cli::BenchOptions;
use crate::device;
use crate::step::{Batch, Gan, GanSpec};

const CHANNELS: usize = 3;
const LABELS: usize = 3;

/// Times steps and prints the median.
///
/// # Errors
/// The device can't be had.
pub fn run(options: &BenchOptions) -> anyhow::Result<()> {
    let (device, line) = device::open(options.device)?;
    output::print(&format!("{line}\n"))?;
    let (architecture, method) =
        (options.recipe.architecture(options.preset, options.size, CHANNELS)?, options.recipe.method());
    tch::manual_seed(1);
    let spec = GanSpec {
        architecture: &architecture,
        labels: LABELS,
        method: &method,
        learning_rate: 2e-4,
        precision: options.precision,
    };
    let mut gan = Gan::initial(&spec, device);
    let count = options.batch_size.unwrap_or(options.recipe.batch_size()) as i64;
    let side = options.size as i64;
    let mut batch = Batch {
        images: Tensor::randint(256, [count, CHANNELS as i64, side, side], (Kind::Uint8, device)),
        labels: Tensor::randint(LABELS as i64, [count], (Kind::Int64, device)),
        step: 0,
        seen: 0,
    };
    let mut time = |step: u32| {
        batch.step = u64::from(step);
        batch.seen = batch.step * count as u64;
        timed(&mut gan, &batch)
    };
    let mut seconds: Vec<f64> = (0..=options.steps).map(&mut time).skip(1).collect();
    let mean = seconds.iter().sum::<f64>() / seconds.len() as f64;
    seconds.sort_by(f64::total_cmp);
    let median = seconds[seconds.len() / 2];
    let result = format!(
        "{:.2} images/s; a step takes {:.0} ms in the mean and {:.0} in the median of {}\n",
        count as f64 / mean,
        mean * 1e3,
        median * 1e3,
        seconds.len()
    );
    Ok(output::print(&result)?)
}

fn timed(gan: &mut Gan, batch: &Batch) -> f64 {
    let start = Instant::now();
    let losses = gan.step(batch);
    losses.generator.double_value(&[]); // waits for the device
    start.elapsed().as_secs_f64()
}
