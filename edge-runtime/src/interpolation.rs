//! Pictures on the way from one seed to another.

use std::ops::Range;

use model_spec::latent;

use crate::encode::{self, Texts};
use crate::engine::BATCH;
use crate::{Generator, Picture, Request, RuntimeError, sheet};

/// Pictures that were made together.
pub type Part = Result<Vec<Picture>, RuntimeError>;

/// Two seeds and how many pictures lie on the way, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// Seed of the first picture; its latent has index 0.
    pub from: u64,
    /// Seed of the last picture; its latent has index 0.
    pub to: u64,
    /// How many pictures, 2 or more.
    pub steps: usize,
    /// The way between them.
    pub curve: Curve,
}

/// A way between two latents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Curve {
    /// Equal steps on the line.
    #[default]
    Linear,
    /// About equal angles on the great circle, [`latent::slerp`].
    Slerp,
}

/// Pictures of a label along a path between two of the generator's latents, some at a time.
///
/// # Errors
/// A label index that the model doesn't have, and what the engine reports.
pub fn row(generator: &mut Generator, label: usize, path: Path) -> impl Iterator<Item = Part> {
    let latents = along(generator, path);
    parts(path).map(move |steps| {
        let inputs: Vec<_> = latents[steps].iter().map(|latent| (label, latent.as_slice())).collect();
        generator.pictures(&inputs)
    })
}

/// Pictures from one label to another, the latent along the path, some at a time; the ends are the labels' own pictures.
///
/// # Errors
/// A label index that the model doesn't have, an engine that can't mix labels with this file, and what it reports.
pub fn between(generator: &mut Generator, [from, to]: [usize; 2], path: Path) -> impl Iterator<Item = Part> {
    let latents = along(generator, path);
    let count = generator.metadata().labels.len();
    let weights = move |step: usize| {
        let share = step as f32 / (path.steps - 1).max(1) as f32;
        let mut weights = vec![0.0; count];
        for (label, weight) in [(from, 1.0 - share), (to, share)] {
            let known = format!("0 to {}", count - 1);
            let unknown = || RuntimeError::Batch { part: "label", expected: known, found: label.to_string() };
            *weights.get_mut(label).ok_or_else(unknown)? += weight;
        }
        Ok(weights)
    };
    parts(path).map(move |steps| {
        let weights = steps.clone().map(weights).collect::<Result<Vec<Vec<f32>>, RuntimeError>>()?;
        let inputs: Vec<_> = weights.iter().map(Vec::as_slice).zip(latents[steps].iter().map(Vec::as_slice)).collect();
        generator.mixed(&inputs)
    })
}

/// As many steps at a time as an engine is given pictures.
fn parts(path: Path) -> impl Iterator<Item = Range<usize>> {
    (0..path.steps).step_by(BATCH).map(move |first| first..path.steps.min(first + BATCH))
}

/// A picture for each step with all rows side by side, to the end and back, so that it repeats without a jump. Each is made
/// when it is taken.
///
/// # Errors
/// Pictures of several sizes.
pub fn there_and_back(rows: &[Vec<Picture>]) -> impl Iterator<Item = Result<Picture, RuntimeError>> {
    let steps = rows.iter().map(Vec::len).min().unwrap_or(0);
    let back = (1..steps.saturating_sub(1)).rev();
    let strip = |step: usize| sheet::sheet(&[rows.iter().map(|row| row[step].clone()).collect()]);
    (0..steps).chain(back).map(strip)
}

/// Checks that an animation of so many steps with such pictures side by side stays within what a file can hold.
///
/// # Errors
/// Those of [`sheet::check_size`] for a single strip, and strips of more than [`sheet::MAX_PIXELS`] together.
pub fn check_size(steps: usize, columns: usize, picture: (usize, usize)) -> Result<(), RuntimeError> {
    let (width, height) = sheet::check_size(1, columns, picture)?;
    let strips = steps.saturating_mul(2).saturating_sub(2).max(1);
    if strips.saturating_mul(width * height) <= sheet::MAX_PIXELS {
        return Ok(());
    }
    Err(RuntimeError::Text {
        what: "animation",
        expected: format!("at most {} pixels in all pictures; take fewer steps or smaller pictures", sheet::MAX_PIXELS),
        found: format!("{strips} of {width} x {height}"),
    })
}

/// What a file of such pictures says of itself, beginning with a title and the labels that it stands for.
pub fn texts(generator: &Generator, (title, labels): (&'static str, String), path: Path) -> Texts {
    let mut texts = vec![
        (title, labels),
        ("From", path.from.to_string()),
        ("To", path.to.to_string()),
        ("Steps", path.steps.to_string()),
    ];
    if path.curve == Curve::Slerp {
        texts.push(("Curve", "slerp".to_owned()));
    }
    texts.extend(encode::origin_texts(&generator.origin()));
    texts
}

/// The latents of a path, one a step.
pub(crate) fn along(generator: &Generator, path: Path) -> Vec<Vec<f32>> {
    let [from, to] = [path.from, path.to].map(|seed| generator.latent(&Request { label: 0, seed, index: 0 }));
    latents(&from, &to, path)
}

/// Equal steps between two latents; the ends are those latents, bit for bit.
fn latents(from: &[f32], to: &[f32], path: Path) -> Vec<Vec<f32>> {
    let between = |step: usize| {
        if path.curve == Curve::Slerp {
            return latent::slerp(from, to, step as f64 / (path.steps - 1).max(1) as f64);
        }
        let share = step as f32 / (path.steps - 1).max(1) as f32;
        let mix = move |(a, b): (&f32, &f32)| a * (1.0 - share) + b * share;
        from.iter().zip(to).map(mix).collect()
    };
    (0..path.steps).map(between).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_the_seeds_own_latents_and_steps_are_equal() {
        let path = Path { from: 3, to: 4, steps: 5, curve: Curve::Linear };
        let (from, to) = (latent::latent(3, 0, 6), latent::latent(4, 0, 6));
        let made = latents(&from, &to, path);
        assert_eq!(made.len(), 5);
        assert_eq!(made[0], latent::latent(3, 0, 6));
        assert_eq!(made[4], latent::latent(4, 0, 6));
        let is_middle = |first: &[f32], middle: &[f32], last: &[f32]| {
            first.iter().zip(last).zip(middle).all(|((a, b), found)| ((a + b) / 2.0 - found).abs() < 1e-6)
        };
        assert!(is_middle(&made[0], &made[2], &made[4]));
        assert!(is_middle(&made[0], &made[1], &made[2]));
        assert!(is_middle(&made[2], &made[3], &made[4]));
        let round = latents(&from, &to, Path { curve: Curve::Slerp, ..path });
        assert_eq!((&round[0], &round[4]), (&made[0], &made[4]));
        assert_eq!(round[1], latent::slerp(&from, &to, 0.25));
        assert_ne!(round[2], made[2]);
    }

    #[test]
    fn animations_that_take_too_much_memory_are_refused() {
        assert!(check_size(100, 3, (128, 128)).is_ok());
        assert!(check_size(2, 504, (128, 128)).is_ok());
        let message = check_size(10_000, 3, (128, 128)).expect_err("refused").to_string();
        assert!(message.contains("19998 of 392 x 132"), "{message}");
        assert!(check_size(usize::MAX / 2, 1, (128, 128)).is_err());
        assert!(check_size(2, 505, (128, 128)).is_err());
    }
}
