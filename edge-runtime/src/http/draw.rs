//! From a task to the bytes of its answer.

use std::time::{Duration, Instant};

use super::look::Look;
use super::made::Made;
use super::parameters::{PictureFormat, PictureTask, Task, WalkFormat, WalkTask};
use super::plane;
use crate::encode::{self, Format, Texts};
use crate::{Generator, Picture, RuntimeError, interpolation, sheet};

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
    let (picture, texts) = if let (Look::One(label), true) = (&task.look, task.place.is_origin()) {
        let frame = generator.frame(*label, seed, index)?;
        let texts = encode::texts(&frame, &generator.origin());
        (frame.picture, texts)
    } else {
        let latent = plane::latent(generator, (seed, index), task.place);
        (pictures(generator, &task.look, &[latent])?.swap_remove(0), texts(generator, task))
    };
    let generated = start.elapsed();
    let large = picture.enlarged(scale);
    let bytes = match format {
        PictureFormat::File(format) => encode::encode(&large, &texts, format)?,
        PictureFormat::Raw => large.levels().to_vec(),
    };
    Ok(Drawn {
        made: made(bytes, size(&large)),
        pictures: 1,
        generate: generated,
        encode: start.elapsed().saturating_sub(generated),
    })
}

fn size(picture: &Picture) -> [usize; 3] {
    [picture.width(), picture.height(), picture.channels()]
}

/// An answer of a width, a height and channels.
fn made(bytes: Vec<u8>, [width, height, channels]: [usize; 3]) -> Made {
    // Encoders leave room behind their last byte, which a cache would keep.
    Made { bytes: bytes.into_boxed_slice().into(), width, height, channels }
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
    let latents = interpolation::along(generator, path);
    let pictures = pictures(generator, &task.look, &latents)?;
    let generated = start.elapsed();
    let row: Vec<Picture> = pictures.iter().map(|picture| picture.enlarged(task.scale)).collect();
    let labels = task.look.title(&generator.metadata().labels);
    let texts = interpolation::texts(generator, ("Labels", labels), path);
    let made = match task.format {
        WalkFormat::Sheet => {
            let sheet = sheet::sheet(&[row])?;
            made(encode::encode(&sheet, &texts, Format::Png)?, size(&sheet))
        }
        WalkFormat::Animation => {
            let rows = [row];
            let bytes = encode::gif::encode(interpolation::there_and_back(&rows), &texts)?;
            let [width, height, channels] = size(&rows[0][0]);
            let (width, height) = sheet::check_size(1, 1, (width, height))?;
            made(bytes, [width, height, channels])
        }
    };
    Ok(Drawn { made, pictures: path.steps, generate: generated, encode: start.elapsed().saturating_sub(generated) })
}
