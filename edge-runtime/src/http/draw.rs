//! From a task to the bytes of its answer.

use std::time::{Duration, Instant};

use super::look::Look;
use super::parameters::{PictureFormat, PictureTask, Task, WalkFormat, WalkTask};
use super::plane;
use super::worker::Made;
use crate::encode::{self, Format, Texts};
use crate::interpolation::{self, Curve};
use crate::sink::files::Encoding;
use crate::{Generator, Picture, Request, RuntimeError, sheet};

/// An answer, the pictures in it, and how long its two parts took.
pub(super) struct Drawn {
    pub made: Made,
    pub pictures: usize,
    pub generate: Duration,
    pub encode: Duration,
}

/// Makes and encodes what a task asks for, from a generator that has its truncation.
///
/// # Errors
/// What the engine and the encoders report.
pub(super) fn draw(generator: &mut Generator, task: &Task) -> Result<Drawn, RuntimeError> {
    match task {
        Task::Picture(task) => picture(generator, task),
        Task::Walk(task) => walk(generator, task),
    }
}

/// Pictures of one look and several latents.
pub(super) fn pictures(
    generator: &mut Generator,
    look: &Look,
    latents: &[Vec<f32>],
) -> Result<Vec<Picture>, RuntimeError> {
    match look {
        Look::One(label) => generator.pictures(&latents.iter().map(|latent| (*label, &**latent)).collect::<Vec<_>>()),
        Look::Mixed(shares) => {
            generator.mixed(&latents.iter().map(|latent| (&**shares, &**latent)).collect::<Vec<_>>())
        }
    }
}

fn picture(generator: &mut Generator, task: &PictureTask) -> Result<Drawn, RuntimeError> {
    let start = Instant::now();
    let PictureTask { seed, index, scale, format, .. } = *task;
    let (picture, bytes, generated) = if let (Look::One(label), true) = (&task.look, task.place.is_origin()) {
        let frame = generator.frame(*label, seed, index)?;
        let generated = start.elapsed();
        let bytes = match format {
            PictureFormat::File(format) => Encoding { origin: generator.origin(), scale }.bytes(&frame, format)?,
            PictureFormat::Raw => frame.picture.enlarged(scale).levels().to_vec(),
        };
        (frame.picture, bytes, generated)
    } else {
        let latent = if task.place.is_origin() {
            generator.latent(&Request { label: 0, seed, index })
        } else {
            plane::latent(generator, (seed, index), task.place)
        };
        let picture = pictures(generator, &task.look, &[latent])?.swap_remove(0);
        let generated = start.elapsed();
        let large = picture.enlarged(scale);
        let bytes = match format {
            PictureFormat::File(format) => encode::encode(&large, &texts(generator, task), format)?,
            PictureFormat::Raw => large.levels().to_vec(),
        };
        (picture, bytes, generated)
    };
    let made = Made {
        bytes: bytes.into(),
        width: picture.width() * scale,
        height: picture.height() * scale,
        channels: picture.channels(),
    };
    Ok(Drawn { made, pictures: 1, generate: generated, encode: start.elapsed().saturating_sub(generated) })
}

/// What the file of a mix or of a place in a plane says. Its keywords are not those of a picture of one label and seed,
/// from which `regenerate` would make another one.
fn texts(generator: &Generator, task: &PictureTask) -> Texts {
    let labels = task.look.title(&generator.metadata().labels);
    let mut texts = vec![("Labels", labels), ("Index", task.index.to_string())];
    if task.place.is_origin() {
        texts.push(("Seeds", task.seed.to_string()));
    } else {
        texts.push(("Seeds", plane::seeds(task.seed).map(|seed| seed.to_string()).join(", ")));
        texts.push(("Place", format!("{}, {}", task.place.x, task.place.y)));
    }
    texts.extend(encode::origin_texts(&generator.origin()));
    texts
}

fn walk(generator: &mut Generator, task: &WalkTask) -> Result<Drawn, RuntimeError> {
    let start = Instant::now();
    let path = task.path;
    let [from, to] = [path.from, path.to].map(|seed| generator.latent(&Request { label: 0, seed, index: 0 }));
    let made = pictures(generator, &task.look, &interpolation::latents(&from, &to, path))?;
    let generated = start.elapsed();
    let row: Vec<Picture> = made.iter().map(|picture| picture.enlarged(task.scale)).collect();
    let texts = walk_texts(generator, task);
    let (bytes, first) = match task.format {
        WalkFormat::Sheet => {
            let sheet = sheet::sheet(&[row])?;
            (encode::encode(&sheet, &texts, Format::Png)?, sheet)
        }
        WalkFormat::Animation => {
            let frames = there_and_back(row)?;
            let bytes = encode::gif::encode(&frames, &texts)?;
            let first = frames.into_iter().next();
            (bytes, first.map_or_else(|| sheet::sheet(&[]), Ok)?)
        }
    };
    let (width, height, channels) = (first.width(), first.height(), first.channels());
    let made = Made { bytes: bytes.into(), width, height, channels };
    Ok(Drawn { made, pictures: path.steps, generate: generated, encode: start.elapsed().saturating_sub(generated) })
}

/// To the end and back, so that it repeats without a jump.
fn there_and_back(row: Vec<Picture>) -> Result<Vec<Picture>, RuntimeError> {
    let back: Vec<Picture> = row.iter().take(row.len().saturating_sub(1)).skip(1).rev().cloned().collect();
    row.into_iter().chain(back).map(|picture| sheet::sheet(&[vec![picture]])).collect()
}

fn walk_texts(generator: &Generator, task: &WalkTask) -> Texts {
    let path = task.path;
    let mut texts = vec![
        ("Labels", task.look.title(&generator.metadata().labels)),
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
