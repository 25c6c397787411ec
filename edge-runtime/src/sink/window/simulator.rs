//! The window itself, of embedded-graphics' simulator, which draws with SDL.

use std::collections::VecDeque;

use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::Size;
use embedded_graphics::pixelcolor::{BinaryColor, Gray2, Gray4, Gray8, PixelColor, Rgb565, Rgb888, RgbColor};
use embedded_graphics_simulator::sdl2::Keycode;
use embedded_graphics_simulator::{OutputSettings, OutputSettingsBuilder, SimulatorDisplay, SimulatorEvent, Window};

use super::WindowSpec;
use crate::drawing::{self, Style};
use crate::keys::Pressed;
use crate::sink::preview::Depth;
use crate::sink::screen::Screen;
use crate::{Picture, RuntimeError};

/// More than any display shows: who draws keeps the rate.
const MAX_FPS: u32 = 1000;

/// What SDL calls the choice of a driver, in the environment and as a hint.
const DRIVER: &str = "SDL_VIDEODRIVER";
/// Drivers that show nothing, which SDL takes where there is no desktop.
const UNSEEN: [&str; 2] = ["dummy", "offscreen"];

/// Opens a window; it shows itself with the first picture.
///
/// # Errors
/// A desktop that SDL can't reach.
pub(in crate::sink) fn open(spec: WindowSpec, style: Style) -> Result<Box<dyn Screen>, RuntimeError> {
    let failed = |problem| RuntimeError::Display { path: "window".into(), problem };
    // The simulator panics where this fails.
    let video = sdl2::init().and_then(|sdl| sdl.video()).map_err(|problem| failed(format!("SDL: {problem}")))?;
    let driver = video.current_video_driver();
    if UNSEEN.contains(&driver) && sdl2::hint::get(DRIVER).is_none() {
        return Err(failed(format!("no desktop: SDL found its driver {driver:?} only; {DRIVER} chooses one")));
    }
    Ok(match spec.depth {
        Depth::Rgb565 => boxed::<Rgb565>(spec, style),
        Depth::Rgb888 => boxed::<Rgb888>(spec, style),
        Depth::Gray8 => boxed::<Gray8>(spec, style),
        Depth::Gray4 => boxed::<Gray4>(spec, style),
        Depth::Gray2 => boxed::<Gray2>(spec, style),
        Depth::Mono => boxed::<BinaryColor>(spec, style),
    })
}

fn boxed<C>(spec: WindowSpec, style: Style) -> Box<dyn Screen>
where
    C: PixelColor + From<Rgb888> + Into<Rgb888> + 'static,
{
    let (size, black) = (Size::new(spec.size.0 as u32, spec.size.1 as u32), Rgb888::BLACK.into());
    let settings: OutputSettings = OutputSettingsBuilder::new().scale(spec.scale).build();
    let mut window = Window::new("edge-runtime", &settings);
    window.set_max_fps(MAX_FPS);
    let display = SimulatorDisplay::<C>::with_default_color(size, black);
    Box::new(Shown { window, display, black, style, is_shown: false, keys: VecDeque::new() })
}

struct Shown<C: PixelColor> {
    window: Window,
    display: SimulatorDisplay<C>,
    black: C,
    style: Style,
    is_shown: bool,
    keys: VecDeque<Pressed>,
}

impl<C> Screen for Shown<C>
where
    C: PixelColor + From<Rgb888> + Into<Rgb888>,
{
    fn draw(&mut self, picture: &Picture, caption: &[String]) -> Result<(), RuntimeError> {
        let drawn = self.display.clear(self.black);
        drawn
            .and_then(|()| drawing::draw(&mut self.display, picture, caption, self.style))
            .unwrap_or_else(|never| match never {});
        self.window.update(&self.display);
        self.is_shown = true;
        Ok(())
    }

    fn pressed(&mut self) -> Pressed {
        if !self.is_shown {
            return Pressed::Nothing;
        }
        // All of them: SDL ends a poll at what it had when the last one began, which a key that was left over would hide.
        self.keys.extend(self.window.events().filter_map(key));
        match self.keys.front() {
            // From then on.
            Some(Pressed::Closed) => Pressed::Closed,
            _ => self.keys.pop_front().unwrap_or(Pressed::Nothing),
        }
    }

    fn goes_with_the_program(&self) -> bool {
        true
    }
}

fn key(event: SimulatorEvent) -> Option<Pressed> {
    match event {
        SimulatorEvent::Quit => Some(Pressed::Closed),
        SimulatorEvent::KeyDown { keycode, repeat: false, .. } => match keycode {
            Keycode::Return | Keycode::KpEnter => Some(Pressed::Key(b'\n')),
            Keycode::Space => Some(Pressed::Key(b' ')),
            // SDL's numbers of letters are ASCII's.
            other => u8::try_from(other.into_i32()).ok().filter(u8::is_ascii_lowercase).map(Pressed::Key),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use sdl2::event::Event;
    use sdl2::keyboard::Mod;

    use super::*;
    use crate::Sink;
    use crate::dither::Dither;
    use crate::drawing::Fit;
    use crate::sink::screen::Framed;

    /// One test, since SDL belongs to one thread.
    #[test]
    fn a_window_tells_its_keys_and_that_it_was_closed() {
        let style = Style { fit: Fit::Whole, dither: Dither::Nearest, caption: true };
        sdl2::hint::set(DRIVER, "dummy");
        let mut screen = open(WindowSpec::default(), style).expect("a driver without a screen");
        assert_eq!(screen.pressed(), Pressed::Nothing, "not shown yet");
        let picture = Picture::new(2, 1, 1, vec![10, 30]).expect("2 x 1 levels");
        screen.draw(&picture, &["rock".to_owned()]).expect("drawn");
        assert_eq!(screen.pressed(), Pressed::Nothing);
        let mut framed = Framed(screen);
        assert!(framed.is_watched());

        let events = sdl2::init().and_then(|sdl| sdl.event()).expect("it is running");
        let down = |keycode| Event::KeyDown {
            timestamp: 0,
            window_id: 0,
            keycode: Some(keycode),
            scancode: None,
            keymod: Mod::NOMOD,
            repeat: false,
        };
        for (keycode, pressed) in [
            (Keycode::Return, Pressed::Key(b'\n')),
            (Keycode::Space, Pressed::Key(b' ')),
            (Keycode::X, Pressed::Key(b'x')),
            (Keycode::F1, Pressed::Nothing),
            (Keycode::Q, Pressed::Key(b'q')),
        ] {
            events.push_event(down(keycode)).expect("room for an event");
            assert_eq!(framed.0.pressed(), pressed, "{keycode}");
        }
        events.push_event(Event::Quit { timestamp: 0 }).expect("room for an event");
        assert!(!framed.is_watched());
        assert_eq!(framed.0.pressed(), Pressed::Closed, "from then on");
    }
}
