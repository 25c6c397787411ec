//! `edge-runtime photo-booth`: a press, a countdown, a new picture that is shown and kept.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use edge_runtime::canvas::Canvas;
use edge_runtime::keys::{ButtonLine, Keys, Pressed};
use edge_runtime::sink::files::{Encoding, Folder};
use edge_runtime::sink::screen::{Screen, Use};
use edge_runtime::{Generator, Picture, Sink, output};
use embedded_graphics::Drawable;
use embedded_graphics::geometry::Point;
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::iso_8859_1::FONT_10X20;
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};

use crate::cli::PhotoBooth;
use crate::interrupt;
use crate::setup;

/// How often button and Ctrl-C are looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How long the last of `--count` pictures stays.
const LINGER: Duration = Duration::from_secs(3);
/// Side of the pictures of numbers; displays enlarge them.
const SIDE: usize = 32;

/// Runs the command.
pub fn run(options: &PhotoBooth) -> Result<()> {
    let model = setup::model(&options.engine)?;
    let labels = setup::labels(&model, &options.label)?;
    let generator = setup::generator(model, &options.engine)?.truncated(options.truncation);
    let encoding = Encoding { origin: generator.origin(), scale: 1 };
    let button = options.button.map(|button| button.watch()).transpose()?;
    let seed = setup::seed(options.seed, "--seed", options.engine.quiet);
    let screen = options.display.screen(Use::Live)?;
    let folder = Folder::create(&options.out, encoding)?;
    let keys = Keys::listen();
    let mut booth = Booth { screen, keys, button, keys_ended: false };
    let kept = booth.open(generator, folder, &labels, seed, options);
    // The display is itself again before anything is said: a terminal that shows pictures has no place for text.
    drop(booth);
    let kept = kept?;
    kept.iter().try_for_each(|path| output::print(&format!("{}\n", path.display())))?;
    if !options.engine.quiet {
        let pictures = if kept.len() == 1 { "picture" } else { "pictures" };
        output::tell(format_args!("kept {} {pictures} in {}", kept.len(), options.out.display()));
    }
    Ok(())
}

/// Dropped in this order: the display, then the terminal's modes.
struct Booth {
    screen: Box<dyn Screen>,
    keys: Keys,
    button: Option<ButtonLine>,
    keys_ended: bool,
}

impl Booth {
    /// Serves presses until the user ends it or enough pictures are made; says which files they are.
    fn open(
        &mut self,
        mut generator: Generator,
        mut folder: Folder,
        labels: &[usize],
        seed: u64,
        options: &PhotoBooth,
    ) -> Result<Vec<PathBuf>> {
        let limit = options.count.unwrap_or(usize::MAX);
        let invitation = if self.button.is_some() { "press the button" } else { "press Enter" };
        self.screen.draw(&number("?"), &[invitation.to_owned(), "q ends".to_owned()])?;
        let mut kept = Vec::new();
        for index in 0u32.. {
            if kept.len() >= limit {
                self.linger();
                break;
            }
            if !self.is_pressed()? || !self.counted_down(options.countdown)? {
                break;
            }
            let frame = generator.frame(chosen(labels, seed, index), seed, index)?;
            self.screen.draw(&frame.picture, &[frame.label.clone(), invitation.to_owned()])?;
            folder.show(&frame)?;
            kept.push(folder.path(&frame));
        }
        if kept.is_empty() && self.is_deaf() {
            bail!("nothing can be pressed: standard input has ended, and there is no --button");
        }
        Ok(kept)
    }

    /// Leaves the last picture to be looked at, until a key is pressed.
    fn linger(&mut self) {
        let until = Instant::now() + LINGER;
        while Instant::now() < until && !interrupt::is_asked() && !matches!(self.key(), Pressed::Key(_)) {}
    }

    /// Waits for a press; false where the user ends it.
    fn is_pressed(&mut self) -> Result<bool> {
        loop {
            if interrupt::is_asked() {
                return Ok(false);
            }
            if self.button.as_ref().map_or(Ok(false), ButtonLine::was_pressed)? {
                return Ok(true);
            }
            match self.key() {
                Pressed::Key(b'\n' | b'\r' | b' ') => return Ok(true),
                pressed if pressed.is_end() => return Ok(false),
                Pressed::Closed if self.is_deaf() => return Ok(false),
                Pressed::Key(_) | Pressed::Nothing | Pressed::Closed => {}
            }
        }
    }

    /// Whether nothing can be pressed any more: a button or a window needs no keyboard.
    fn is_deaf(&self) -> bool {
        self.keys_ended && self.button.is_none() && !self.screen.goes_with_the_program()
    }

    /// A key of the screen, else of the terminal.
    fn key(&mut self) -> Pressed {
        match self.screen.pressed() {
            Pressed::Nothing => {}
            // A window that is closed ends it, as q does.
            Pressed::Closed => return Pressed::Key(b'q'),
            key => return key,
        }
        if self.keys_ended {
            std::thread::sleep(LOOK);
            return Pressed::Closed;
        }
        let pressed = self.keys.pressed(LOOK);
        self.keys_ended = pressed == Pressed::Closed;
        pressed
    }

    /// Shows each second that is left; false where the user ends it.
    fn counted_down(&mut self, seconds: usize) -> Result<bool> {
        for left in (1..=seconds).rev() {
            self.screen.draw(&number(&left.to_string()), &[])?;
            let until = Instant::now() + Duration::from_secs(1);
            while Instant::now() < until {
                // Any other key that is pressed meanwhile is not meant for the next picture.
                if self.key().is_end() || interrupt::is_asked() {
                    return Ok(false);
                }
            }
        }
        // Nor is a button.
        if let Some(button) = &self.button {
            button.was_pressed()?;
        }
        Ok(true)
    }
}

/// One of the labels, the same for the same seed and index.
fn chosen(labels: &[usize], seed: u64, index: u32) -> usize {
    let [word, ..] = model_spec::latent::philox(seed, [index, 1, 0, 0]);
    labels.get(word as usize % labels.len().max(1)).copied().unwrap_or(0)
}

/// Short text as a picture, white on black.
fn number(text: &str) -> Picture {
    let character = MonoTextStyle::new(&FONT_10X20, Rgb888::WHITE);
    let style = TextStyleBuilder::new().alignment(Alignment::Center).baseline(Baseline::Middle).build();
    let middle = Point::new(SIDE as i32 / 2, SIDE as i32 / 2);
    let drawn = Canvas::<Rgb888>::picture(SIDE, SIDE, |canvas| {
        Text::with_text_style(text, middle, character, style).draw(canvas).unwrap_or_else(|never| match never {});
    });
    drawn.expect("its sides are over 0")
}
