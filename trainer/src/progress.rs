//! What a run says while it works: a bar on a terminal, a line now and then elsewhere.

use std::cell::Cell;
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::stats::EpochStats;

const LINE_EVERY: Duration = Duration::from_secs(30);
const TEMPLATE: &str = "{msg} {wide_bar} {human_pos}/{human_len} images, {per_sec}, {eta} left";

/// Progress on standard error, epochs on standard output.
pub struct Console {
    bar: ProgressBar,
    is_quiet: bool,
    draws_bar: bool,
    started: Instant,
    last_line: Cell<Instant>,
    first_image: u64,
}

impl Console {
    /// For a run that has shown `done` of `total` images.
    pub fn new(done: u64, total: u64, is_quiet: bool) -> Self {
        let draws_bar = !is_quiet && stderr().is_terminal();
        let target = if draws_bar { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template(TEMPLATE).expect("the template is valid");
        let bar = ProgressBar::with_draw_target(Some(total), target).with_style(style).with_message("training");
        bar.set_position(done);
        bar.reset_eta();
        let now = Instant::now();
        Self { bar, is_quiet, draws_bar, started: now, last_line: Cell::new(now), first_image: done }
    }

    /// Counts images.
    pub fn advance(&self, images: u64) {
        self.bar.inc(images);
        if self.is_quiet || self.draws_bar || self.last_line.get().elapsed() < LINE_EVERY {
            return;
        }
        self.last_line.set(Instant::now());
        let (done, total) = (self.bar.position(), self.bar.length().unwrap_or(0));
        let rate = (done - self.first_image) as f64 / self.started.elapsed().as_secs_f64();
        let left = Duration::from_secs_f64(total.saturating_sub(done) as f64 / rate.max(f64::MIN_POSITIVE)).as_secs();
        let (minutes, seconds) = (left / 60, left % 60);
        eprintln!("training {done}/{total} images, {rate:.1} images/s, {minutes} min {seconds} s left");
    }

    /// Prints the losses of an epoch.
    pub fn epoch(&self, stats: &EpochStats, epochs: u64) {
        if self.is_quiet {
            return;
        }
        let EpochStats { epoch, kimg, d_loss, g_loss, images_per_s, .. } = stats;
        self.bar.suspend(|| {
            println!(
                "epoch {epoch}/{epochs}: d_loss {d_loss:.3}, g_loss {g_loss:.3}, {kimg:.1} kimg, {images_per_s:.1} images/s"
            );
        });
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
