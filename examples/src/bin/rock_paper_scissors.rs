//! A game against the machine: type r, p or s, in the terminal or in a window of the game, or press one of three buttons; its
//! gesture is made for the occasion and shown.
//!
//! `cargo run -p examples --bin rock_paper_scissors`, with `--display` as edge-runtime has it (docs/displays.md; panels and
//! windows with `--features panels,window`), `--buttons 17,27,22` for GPIO lines of buttons to ground that are rock, paper and
//! scissors (`--features panels`), `--seed N` for the same moves again, and `--model FILE`. The machine moves before it is told
//! yours: the seed and the number of the round decide, and nothing else.

use std::io::{Error, Write, stdin, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use edge_runtime::keys::{Button, ButtonLine, Pressed};
use edge_runtime::restore::{self, Restored};
use edge_runtime::sink::display::{Display, Place};
use edge_runtime::sink::screen::{Screen, Use};
use edge_runtime::{EngineSpec, Frame, Generator, Model, Request, Sink, signals};

/// Each beats the one after it, the last the first.
const GESTURES: [&str; 3] = ["rock", "scissors", "paper"];
const USAGE: &str = "rock_paper_scissors [--display DISPLAY] [--buttons ROCK,PAPER,SCISSORS] [--seed N] [--model FILE]";
/// The gestures that `--buttons` names, in its order, by their place in [`GESTURES`].
const OF_BUTTONS: [usize; 3] = [0, 2, 1];
/// How often a window is asked for keys.
const LOOK: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    if std::env::args().any(|word| word == "--help" || word == "-h") {
        return say(USAGE);
    }
    let options = Options::from_words(std::env::args().skip(1))?;
    // A display is left as it was found; a game that waits for a line can't look for Ctrl-C itself.
    signals::when_asked_to_end(|| restore::exit(i32::from(signals::EXIT_CODE)))?;
    let (model, _) = Model::find(options.model.as_deref())?;
    let mut generator = Generator::of(&model, &EngineSpec::default())?;
    let labels = labels(&generator)?;
    let mut stage = Stage::open(&options.display)?;
    let mut player = Player { typed: Some(lines()), buttons: options.watched()? };
    let mut score = [0; 2];
    say("rock, paper, scissors: type r, p or s, and q to end")?;
    for round in 1.. {
        let machine = gesture(&generator, options.seed, round);
        let Some(player) = player.asked(&mut stage)? else { break };
        let mut frame = generator.frame(labels[machine], options.seed, round)?;
        let outcome = outcome(player, machine, &mut score);
        frame.label = format!("{}: {outcome}", GESTURES[machine]);
        stage.show(&frame, score)?;
        say(&format!(
            "you {}, I {}: {outcome}; you {}, I {}",
            GESTURES[player], GESTURES[machine], score[0], score[1]
        ))?;
    }
    say(&format!("you {}, I {}", score[0], score[1]))
}

struct Options {
    display: Display,
    buttons: Vec<Button>,
    seed: u64,
    model: Option<PathBuf>,
}

impl Options {
    fn from_words(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self { display: "terminal".parse()?, buttons: Vec::new(), seed: fresh_seed(), model: None };
        while let Some(word) = words.next() {
            let value = words.next().with_context(|| format!("{word}: expected a value behind it"))?;
            match word.as_str() {
                "--display" => options.display = value.parse()?,
                "--seed" => {
                    options.seed =
                        value.parse().with_context(|| format!("--seed: expected a number, found {value:?}"))?
                }
                "--buttons" => {
                    options.buttons = value.split(',').map(str::parse).collect::<Result<_, _>>()?;
                    let count = options.buttons.len();
                    ensure!(
                        count == OF_BUTTONS.len(),
                        "--buttons: expected a line each for rock, paper, scissors, found {count}"
                    );
                }
                "--model" => options.model = Some(value.into()),
                _ => bail!("{word}: expected {USAGE}"),
            }
        }
        Ok(options)
    }

    /// The buttons with the gesture of each.
    fn watched(&self) -> Result<Vec<(ButtonLine, usize)>> {
        let watch = |(button, gesture): (&Button, usize)| Ok((button.watch()?, gesture));
        self.buttons.iter().zip(OF_BUTTONS).map(watch).collect()
    }
}

fn fresh_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    u64::from(RandomState::new().build_hasher().finish() as u32)
}

/// The model's labels in the order of [`GESTURES`].
fn labels(generator: &Generator) -> Result<[usize; 3]> {
    let known = generator.metadata().labels.names();
    let mut labels = [0; 3];
    for (label, gesture) in labels.iter_mut().zip(GESTURES) {
        let place = known.iter().position(|name| name == gesture);
        *label = place.with_context(|| format!("the model has no label {gesture:?}, only {}", known.join(", ")))?;
    }
    Ok(labels)
}

/// The machine's gesture of a round: what the bits of its latent's first number leave over when divided among the gestures.
fn gesture(generator: &Generator, seed: u64, round: u32) -> usize {
    let latent = generator.latent(&Request { label: 0, seed, index: round });
    latent.first().map_or(0, |number| number.to_bits() as usize % GESTURES.len())
}

/// What is typed, line by line, read by a thread of its own: a window wants to be asked meanwhile.
fn lines() -> Receiver<Result<String, Error>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || stdin().lines().try_for_each(|line| sender.send(line)));
    receiver
}

/// What says a player's moves: lines that are typed, until there are no more, and buttons with the gesture of each.
struct Player {
    typed: Option<Receiver<Result<String, Error>>>,
    buttons: Vec<(ButtonLine, usize)>,
}

impl Player {
    /// The next gesture; nothing at the end.
    fn asked(&mut self, stage: &mut Stage) -> Result<Option<usize>> {
        // What was pressed while the machine's gesture was shown is no move.
        self.pushed()?;
        loop {
            write!(stdout(), "> ").and_then(|()| stdout().flush())?;
            let line = loop {
                if let Some(gesture) = self.pushed()? {
                    say(GESTURES[gesture])?;
                    return Ok(Some(gesture));
                }
                match self.typed.as_ref().map(|typed| typed.recv_timeout(LOOK)) {
                    Some(Ok(line)) => break line.context("read your move")?,
                    Some(Err(RecvTimeoutError::Disconnected)) if self.buttons.is_empty() => return Ok(None),
                    Some(Err(RecvTimeoutError::Disconnected)) => self.typed = None,
                    Some(Err(RecvTimeoutError::Timeout)) => {}
                    None => std::thread::sleep(LOOK),
                }
                match stage.pressed() {
                    Pressed::Nothing => {}
                    Pressed::Closed => return Ok(None),
                    key if key.is_end() => return Ok(None),
                    Pressed::Key(key) => break char::from(key).to_string(),
                }
            };
            let word = line.trim().to_lowercase();
            if word == "q" {
                return Ok(None);
            }
            match GESTURES.iter().position(|gesture| !word.is_empty() && gesture.starts_with(&word)) {
                Some(gesture) => return Ok(Some(gesture)),
                None => say("r for rock, p for paper, s for scissors, q to end")?,
            }
        }
    }

    /// The gesture of a button that was pressed since it was last asked.
    fn pushed(&self) -> Result<Option<usize>> {
        let mut pushed = None;
        for (line, gesture) in &self.buttons {
            pushed = if line.was_pressed()? { Some(*gesture) } else { pushed };
        }
        Ok(pushed)
    }
}

fn outcome(player: usize, machine: usize, score: &mut [u32; 2]) -> &'static str {
    match (machine + GESTURES.len() - player) % GESTURES.len() {
        0 => "a draw",
        1 => {
            score[0] += 1;
            "you win"
        }
        _ => {
            score[1] += 1;
            "I win"
        }
    }
}

fn say(text: &str) -> Result<()> {
    writeln!(stdout(), "{text}").and_then(|()| stdout().flush()).context("write to the terminal")
}

/// Where gestures are shown: between the lines of the game on a terminal, on a screen of its own elsewhere.
enum Stage {
    Lines { sink: Box<dyn Sink>, _whole: Restored<()> },
    Screen(Box<dyn Screen>),
}

impl Stage {
    fn open(display: &Display) -> Result<Self> {
        Ok(match display.place {
            Place::Terminal(_) => Self::Lines {
                sink: display.open(stdout(), 40)?,
                // Waits for a picture that is being written: half of one would leave its colors on the terminal.
                _whole: Restored::new((), |()| _ = stdout().flush()),
            },
            _ => Self::Screen(display.screen(Use::Live)?),
        })
    }

    fn show(&mut self, frame: &Frame, score: [u32; 2]) -> Result<()> {
        match self {
            Self::Lines { sink, .. } => sink.show(frame)?,
            Self::Screen(screen) => {
                screen.draw(&frame.picture, &[frame.label.clone(), format!("you {}, I {}", score[0], score[1])])?;
            }
        }
        Ok(())
    }

    /// A key that was pressed in a window.
    fn pressed(&mut self) -> Pressed {
        match self {
            Self::Lines { .. } => Pressed::Nothing,
            Self::Screen(screen) => screen.pressed(),
        }
    }
}
