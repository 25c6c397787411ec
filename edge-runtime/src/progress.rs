//! Progress on standard error: a bar on a terminal, a line now and then elsewhere, nothing in the first two seconds.

use std::io::IsTerminal;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use edge_runtime::output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const QUIET_START: Duration = Duration::from_secs(2);
const BETWEEN_LINES: Duration = Duration::from_secs(10);
const STYLE: &str = "{bar:30} {pos}/{len} pictures, {per_sec}, {eta} left";

/// Does something that can't tell how far it is, and says from time to time how long it has taken.
pub fn waiting<T>(what: &str, quiet: bool, work: impl FnOnce() -> T) -> T {
    if quiet {
        return work();
    }
    let (done, is_done) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let started = Instant::now();
            while is_done.recv_timeout(BETWEEN_LINES) == Err(RecvTimeoutError::Timeout) {
                output::tell(format_args!("{what}: {:.0} s so far", started.elapsed().as_secs_f64()));
            }
        });
        let made = work();
        drop(done);
        made
    })
}

/// Counts pictures.
pub struct Progress {
    bar: ProgressBar,
    shows: Shows,
    started: Instant,
    next_line: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shows {
    Nothing,
    Bar,
    Lines,
}

impl Progress {
    pub fn new(pictures: usize, quiet: bool) -> Self {
        let bar = ProgressBar::with_draw_target(Some(pictures as u64), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template(STYLE) {
            bar.set_style(style);
        }
        let shows = match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Shows::Nothing,
            (false, true) => Shows::Bar,
            (false, false) => Shows::Lines,
        };
        let started = Instant::now();
        Self { bar, shows, started, next_line: started + QUIET_START }
    }

    /// Reports that more pictures are done.
    pub fn add(&mut self, pictures: usize) {
        self.bar.inc(pictures as u64);
        let (done, all) = self.done();
        if Instant::now() < self.next_line || done == all {
            return;
        }
        match self.shows {
            Shows::Nothing => {}
            Shows::Bar if self.bar.is_hidden() => self.bar.set_draw_target(ProgressDrawTarget::stderr()),
            Shows::Bar => {}
            Shows::Lines => {
                let rate = done as f64 / self.started.elapsed().as_secs_f64();
                let left = (all - done) as f64 / rate;
                output::tell(format_args!("{done}/{all} pictures, {rate:.1}/s, {left:.0} s left"));
                self.next_line = Instant::now() + BETWEEN_LINES;
            }
        }
    }

    /// How many pictures are done, and of how many.
    pub fn done(&self) -> (u64, u64) {
        (self.bar.position(), self.bar.length().unwrap_or(0))
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
