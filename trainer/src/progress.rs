//! What a run says while it works: a bar on a terminal, a line now and then elsewhere.

use std::cell::Cell;
use std::fmt::Display;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::{Duration, Instant};

use edge_runtime::output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::stats::EpochStats;

const LINE_EVERY: Duration = Duration::from_secs(30);
const FITTING_TEMPLATE: &str = "{msg} {wide_bar} {pos}/{len} steps";
const TEMPLATE: &str = "{msg} {wide_bar} {human_pos}/{human_len} images, {per_sec}, {eta} left";

/// Progress on standard error, epochs on standard output.
pub struct Console {
    bar: ProgressBar,
    is_quiet: bool,
    draws_bar: bool,
    started: Cell<Instant>,
    last_line: Cell<Instant>,
    first_image: Cell<u64>,
}

impl Console {
    /// Says nothing yet.
    pub fn new(is_quiet: bool) -> Self {
        let draws_bar = !is_quiet && stderr().is_terminal();
        let target = if draws_bar { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        let now = Cell::new(Instant::now());
        Self { bar, is_quiet, draws_bar, started: now.clone(), last_line: now, first_image: Cell::new(0) }
    }

    /// Begins, or begins again, to count the images of a run that has shown `done` of `total`.
    pub fn start(&self, done: u64, total: u64) {
        self.bar.set_style(style(TEMPLATE));
        self.bar.set_message("training");
        self.bar.set_length(total);
        self.bar.set_position(done);
        self.bar.reset_eta();
        self.started.set(Instant::now());
        self.last_line.set(Instant::now());
        self.first_image.set(done);
    }

    /// Shows how far the measuring network is.
    pub fn fitting(&self, done: u64, total: u64) {
        if done == 1 {
            self.bar.set_style(style(FITTING_TEMPLATE));
            self.bar.set_message("fitting the network that measures quality");
            self.bar.set_length(total);
            if !self.draws_bar {
                self.say("fitting the network that measures quality, once for this data set");
            }
        }
        self.bar.set_position(done);
    }

    /// Counts images.
    pub fn advance(&self, images: u64) {
        self.bar.inc(images);
        if self.is_quiet || self.draws_bar || self.last_line.get().elapsed() < LINE_EVERY {
            return;
        }
        self.last_line.set(Instant::now());
        let (done, total) = (self.bar.position(), self.bar.length().unwrap_or(0));
        let rate = (done - self.first_image.get()) as f64 / self.started.get().elapsed().as_secs_f64();
        let left = Duration::from_secs_f64(total.saturating_sub(done) as f64 / rate.max(f64::MIN_POSITIVE)).as_secs();
        let (minutes, seconds) = (left / 60, left % 60);
        output::tell(format_args!(
            "training {done}/{total} images, {rate:.1} images/s, {minutes} min {seconds} s left"
        ));
    }

    /// Prints the losses of an epoch, and its quality where that was measured.
    pub fn epoch(&self, stats: &EpochStats, epochs: u64) {
        let EpochStats { epoch, kimg, d_loss, g_loss, images_per_s, .. } = stats;
        self.say(&format!(
            "epoch {epoch}/{epochs}: d_loss {d_loss:.3}, g_loss {g_loss:.3}, {kimg:.1} kimg, {images_per_s:.1} images/s"
        ));
        let score = |name: &str| stats.scores.get(name).copied().unwrap_or(f64::NAN);
        if !stats.scores.is_empty() {
            self.say(&format!(
                "  quality: KID {:.1}e-3 (floor {:.1}e-3), precision {:.2}, recall {:.2}, coverage {:.2}, accuracy {:.1} %, \
                 least diversity {:.2}",
                score("kid") * 1e3,
                score("kid_floor") * 1e3,
                score("precision"),
                score("recall"),
                score("coverage"),
                score("accuracy") * 100.0,
                score("diversity")
            ));
        }
    }

    /// Prints a line on standard output.
    pub fn say(&self, line: &str) {
        if !self.is_quiet {
            self.bar.suspend(|| say(line));
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// A line on standard output. Whoever reads it may be gone, as `tee` is after Ctrl-C: that must not keep a run from saving.
pub fn say(line: impl Display) {
    let _ = writeln!(stdout().lock(), "{line}");
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is valid")
}
