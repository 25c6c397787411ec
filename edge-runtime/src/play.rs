//! `edge-runtime play`: a walk through latents and labels, live on a display.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use anyhow::Result;
use edge_runtime::keys::{Keys, Pressed};
use edge_runtime::sink::screen::{Screen, Use};
use edge_runtime::walk::{self, Walk};
use edge_runtime::{Generator, Picture, RuntimeError, output};

use crate::cli::Play;
use crate::interrupt;
use crate::setup;

/// Pictures that are made ahead of the one on the display.
const AHEAD: usize = 2;
/// How long Ctrl-C may go unnoticed.
const PATIENCE: Duration = Duration::from_millis(50);
/// Slower than this share of the rate asked for is told.
const HELD: f64 = 0.97;

/// Runs the command.
pub fn run(options: &Play) -> Result<()> {
    let model = setup::model(&options.engine)?;
    let labels = setup::labels(&model, &options.label)?;
    let generator = setup::generator(model, &options.engine)?.truncated(options.truncation);
    let seed = setup::seed(options.seed, "--seed", options.engine.quiet);
    let walk = Walk::new(&generator, &labels, seed);
    let screen = options.display.screen(Use::Live)?;
    let keys = Keys::listen();
    let report = play(screen, generator, walk, options, keys.is_terminal().then_some(keys))?;
    if !options.engine.quiet {
        output::tell(format_args!("{}", report.text(options.fps)));
    }
    Ok(())
}

/// A picture with its caption, and how long it took to make.
struct Made {
    picture: Picture,
    caption: String,
    time: Duration,
}

fn play(
    screen: Box<dyn Screen>,
    generator: Generator,
    walk: Walk,
    options: &Play,
    keys: Option<Keys>,
) -> Result<Report> {
    let (sender, receiver) = sync_channel(AHEAD);
    std::thread::scope(|scope| {
        let fps = options.fps as f64;
        scope.spawn(move || produce(generator, &walk, fps, &sender));
        // Moved in, so that once this ends, however it ends, the display and then the terminal's modes are as before and
        // the producer finds nobody to send to: the picture that it is making is then waited for.
        let (receiver, mut keys) = (receiver, keys);
        let mut screen = screen;
        let mut report = Report::default();
        let limit = options.frames.or(options.seconds.map(|seconds| seconds.saturating_mul(options.fps)));
        let mut pace = Pace::new(fps);
        while limit.is_none_or(|limit| report.frames < limit) {
            let Some(made) = next(&receiver, &mut keys)? else { break };
            if !pace.wait(&mut keys) {
                break;
            }
            let began = Instant::now();
            screen.draw(&made.picture, &[made.caption, pace.text()])?;
            report.add(made.time, began.elapsed());
            let pressed = screen.pressed();
            if pressed == Pressed::Closed || pressed.is_end() {
                break;
            }
            let is_over =
                options.seconds.is_some_and(|seconds| report.elapsed() >= Duration::from_secs(seconds as u64));
            if is_over {
                break;
            }
        }
        Ok(report)
    })
}

/// Makes pictures along the walk, a step for each, until nobody wants them.
fn produce(mut generator: Generator, walk: &Walk, fps: f64, sender: &SyncSender<Result<Made, RuntimeError>>) {
    for step in 0u64.. {
        let began = Instant::now();
        let place = walk.at(step as f64 / fps);
        let made = picture(&mut generator, &place).map(|picture| Made {
            picture,
            caption: caption(&generator, &place),
            time: began.elapsed(),
        });
        let is_last = made.is_err();
        if sender.send(made).is_err() || is_last {
            return;
        }
    }
}

/// The picture of a place; where the engine can't mix labels with this file, that of the nearer label.
fn picture(generator: &mut Generator, place: &walk::Place) -> Result<Picture, RuntimeError> {
    let (from, to, share) = place.labels;
    if generator.can_mix() {
        return Ok(generator.mixed(&[(&place.weights, &place.latent)])?.swap_remove(0));
    }
    generator.picture(if share < 0.5 { from } else { to }, &place.latent)
}

fn caption(generator: &Generator, place: &walk::Place) -> String {
    let (from, to, share) = place.labels;
    let name = |label| generator.metadata().labels.name(label).unwrap_or_default().to_owned();
    if share == 0.0 || from == to { name(from) } else { format!("{} > {}", name(from), name(to)) }
}

/// The next picture; nothing where the user asks to end.
fn next(receiver: &Receiver<Result<Made, RuntimeError>>, keys: &mut Option<Keys>) -> Result<Option<Made>> {
    loop {
        if is_asked(keys, Duration::ZERO) {
            return Ok(None);
        }
        match receiver.recv_timeout(PATIENCE) {
            Ok(made) => return Ok(Some(made?)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
        }
    }
}

/// Whether Ctrl-C, q or Escape was pressed within some time.
fn is_asked(keys: &mut Option<Keys>, time: Duration) -> bool {
    match keys {
        Some(listening) => match listening.pressed(time) {
            pressed if pressed.is_end() => return true,
            Pressed::Closed => *keys = None,
            Pressed::Key(_) | Pressed::Nothing => {}
        },
        None => std::thread::sleep(time),
    }
    interrupt::is_asked()
}

/// Keeps to a rate, and measures the one that is reached.
struct Pace {
    between: Duration,
    due: Option<Instant>,
    /// When the last pictures were shown, for a second, and the one before in any case.
    recent: VecDeque<Instant>,
}

impl Pace {
    fn new(fps: f64) -> Self {
        Self { between: Duration::from_secs_f64(1.0 / fps), due: None, recent: VecDeque::new() }
    }

    /// Waits until the next picture is due; false where the user asks to end.
    fn wait(&mut self, keys: &mut Option<Keys>) -> bool {
        let due = self.due.unwrap_or_else(Instant::now);
        while let Some(left) = due.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            // poll counts whole milliseconds: the last one is slept.
            let time = left.min(PATIENCE);
            if time < Duration::from_millis(2) {
                std::thread::sleep(time);
            } else if is_asked(keys, time - Duration::from_millis(1)) {
                return false;
            }
        }
        self.shown(due, Instant::now());
        true
    }

    /// Counts a picture that was due at one time and comes at another, and says when the next is due.
    fn shown(&mut self, due: Instant, now: Instant) {
        // What was late by more than a picture is not caught up with.
        let start = if now.duration_since(due) > self.between { now } else { due };
        self.due = Some(start + self.between);
        self.recent.push_back(now);
        let is_old = |first: &Instant| now.duration_since(*first) > Duration::from_secs(1);
        while self.recent.len() > 2 && self.recent.front().is_some_and(is_old) {
            self.recent.pop_front();
        }
    }

    /// The rate as a caption has it, nothing while it is not known.
    fn text(&self) -> String {
        match self.rate() {
            0.0 => String::new(),
            slow if slow < 9.95 => format!("{slow:.1} fps"),
            rate => format!("{rate:.0} fps"),
        }
    }

    /// Pictures a second, of late.
    fn rate(&self) -> f64 {
        match (self.recent.front(), self.recent.back()) {
            (Some(first), Some(last)) if last > first => {
                (self.recent.len() - 1) as f64 / last.duration_since(*first).as_secs_f64()
            }
            _ => 0.0,
        }
    }
}

/// What was shown, and how fast.
#[derive(Default)]
struct Report {
    frames: usize,
    began: Option<Instant>,
    ended: Option<Instant>,
    making: Duration,
    showing: Duration,
}

impl Report {
    fn add(&mut self, making: Duration, showing: Duration) {
        let now = Instant::now();
        self.began.get_or_insert(now);
        self.ended = Some(now);
        self.frames += 1;
        self.making += making;
        self.showing += showing;
    }

    fn elapsed(&self) -> Duration {
        self.began.map_or(Duration::ZERO, |began| began.elapsed())
    }

    fn text(&self, fps: usize) -> String {
        let seconds = match (self.began, self.ended) {
            (Some(began), Some(ended)) => ended.duration_since(began).as_secs_f64(),
            _ => 0.0,
        };
        if self.frames == 1 {
            return "1 picture".to_owned();
        }
        if self.frames == 0 || seconds == 0.0 {
            return format!("{} pictures", self.frames);
        }
        let rate = (self.frames - 1) as f64 / seconds;
        let mean = |time: Duration| time.as_secs_f64() * 1e3 / self.frames as f64;
        let reached = if rate < fps as f64 * HELD { format!(", of {fps} asked for") } else { String::new() };
        format!(
            "{} pictures, {rate:.1} a second{reached}: {:.1} ms to make one, {:.1} ms to show it",
            self.frames,
            mean(self.making),
            mean(self.showing)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_that_was_not_reached_is_told() {
        let began = Instant::now();
        let mut report = Report { began: Some(began), frames: 31, ..Report::default() };
        report.ended = Some(began + Duration::from_secs(1));
        report.making = Duration::from_millis(310);
        report.showing = Duration::from_millis(62);
        assert_eq!(report.text(30), "31 pictures, 30.0 a second: 10.0 ms to make one, 2.0 ms to show it");
        report.ended = Some(began + Duration::from_secs(3));
        let text = report.text(30);
        assert!(text.starts_with("31 pictures, 10.0 a second, of 30 asked for: "), "{text}");
        assert_eq!(Report::default().text(30), "0 pictures");
        assert_eq!(Report { frames: 1, ..Report::default() }.text(30), "1 picture");
    }

    #[test]
    fn a_picture_is_waited_for_and_lost_time_is_not_caught_up_with() {
        let (mut pace, began) = (Pace::new(50.0), Instant::now());
        for _ in 0..3 {
            assert!(pace.wait(&mut None));
        }
        // The first is due at once, the third two fiftieths of a second later, and not before.
        assert!(began.elapsed() >= Duration::from_millis(40));
        let at = |milliseconds| began + Duration::from_millis(milliseconds);
        pace.shown(at(100), at(115));
        assert_eq!(pace.due, Some(at(120)), "a little late: the rate is held");
        pace.shown(at(120), at(300));
        assert_eq!(pace.due, Some(at(320)), "very late: it goes on from here");
    }

    #[test]
    fn the_rate_is_that_of_the_last_second() {
        let mut pace = Pace::new(10.0);
        assert_eq!((pace.rate(), pace.text()), (0.0, String::new()));
        let began = Instant::now();
        let mut show = |milliseconds| {
            let now = began + Duration::from_millis(milliseconds);
            pace.shown(now, now);
            pace.text()
        };
        assert_eq!([0, 400, 500, 600, 700].map(&mut show), ["", "2.5 fps", "4.0 fps", "5.0 fps", "5.7 fps"]);
        let fast: Vec<String> = (8..30).map(|step| show(step * 100)).collect();
        assert_eq!(fast.last().map(String::as_str), Some("10 fps"));
        // Slower than a picture a second.
        assert_eq!([4_900, 7_400, 9_900].map(&mut show), ["0.5 fps", "0.4 fps", "0.4 fps"]);
    }
}
