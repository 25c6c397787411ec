//! What a request asks for: parameters with their limits, and the text that tells any two apart.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use model_spec::{Labels, Metadata};

use super::look::Look;
use super::plane::{Place, REACH};
use super::problem::Problem;
use super::query::Query;
use crate::Truncation;
use crate::encode::Format;
use crate::interpolation::{Curve, Path};

/// The most pixels of an answer: 4 Mi, so that one takes no more than 12 MiB before it is encoded.
const MAX_PIXELS: usize = 1 << 22;
/// The largest side of a single picture.
const MAX_SIDE: usize = 2048;
pub(super) const MAX_STEPS: usize = 64;
pub(super) const DEFAULT_STEPS: usize = 10;
/// The parameters of each route.
pub(super) const GENERATE: [&str; 9] = ["label", "mix", "seed", "index", "x", "y", "truncation", "scale", "format"];
pub(super) const INTERPOLATE: [&str; 9] =
    ["label", "mix", "from", "to", "steps", "curve", "truncation", "scale", "format"];

/// What a model allows.
#[derive(Debug)]
pub(super) struct Bounds {
    pub labels: Labels,
    pub side: usize,
    pub channels: usize,
}

impl Bounds {
    pub fn new(metadata: &Metadata) -> Self {
        let architecture = &metadata.architecture;
        Self { labels: metadata.labels.clone(), side: architecture.image_size, channels: architecture.channels }
    }

    pub fn max_scale(&self) -> usize {
        (MAX_SIDE / self.side).clamp(1, 32)
    }
}

/// One thing to make.
#[derive(Debug, Clone)]
pub(super) enum Task {
    Picture(PictureTask),
    Walk(WalkTask),
}

/// `/v1/generate`
#[derive(Debug, Clone)]
pub(super) struct PictureTask {
    pub look: Look,
    pub seed: u64,
    pub index: u32,
    pub place: Place,
    pub truncation: Truncation,
    pub scale: usize,
    pub format: PictureFormat,
}

/// `/v1/interpolate`
#[derive(Debug, Clone)]
pub(super) struct WalkTask {
    pub look: Look,
    pub path: Path,
    pub truncation: Truncation,
    pub scale: usize,
    pub format: WalkFormat,
}

/// The form of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PictureFormat {
    File(Format),
    /// Levels in interleaved rows, nothing else.
    Raw,
}

/// The form of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WalkFormat {
    Sheet,
    Animation,
}

/// The first is the default, as in the next two.
pub(super) const PICTURE_FORMATS: [(&str, PictureFormat); 3] = [
    ("png", PictureFormat::File(Format::Png)),
    ("webp", PictureFormat::File(Format::WebP)),
    ("raw", PictureFormat::Raw),
];
pub(super) const WALK_FORMATS: [(&str, WalkFormat); 2] = [("png", WalkFormat::Sheet), ("gif", WalkFormat::Animation)];
pub(super) const CURVES: [(&str, Curve); 2] = [("linear", Curve::Linear), ("slerp", Curve::Slerp)];

impl PictureTask {
    /// Reads the parameters of a query.
    ///
    /// # Errors
    /// The first parameter that is missing, wrong or unknown.
    pub fn read(mut query: Query, bounds: &Bounds) -> Result<Self, Problem> {
        let task = Self {
            look: Look::take(&mut query, &bounds.labels)?,
            seed: seed(&mut query, "seed")?,
            index: number(&mut query, "index", 0..=u32::MAX)?.unwrap_or(0),
            place: Place { x: coordinate(&mut query, "x")?, y: coordinate(&mut query, "y")? },
            truncation: truncation(&mut query)?,
            scale: number(&mut query, "scale", 1..=bounds.max_scale())?.unwrap_or(1),
            format: choice(&mut query, "format", &PICTURE_FORMATS)?,
        };
        query.finish(&GENERATE)?;
        Ok(task)
    }
}

impl WalkTask {
    /// Reads the parameters of a query.
    ///
    /// # Errors
    /// The first parameter that is missing, wrong or unknown, or more pixels than an answer may have.
    pub fn read(mut query: Query, bounds: &Bounds) -> Result<Self, Problem> {
        let look = Look::take(&mut query, &bounds.labels)?;
        let path = Path {
            from: seed(&mut query, "from")?,
            to: seed(&mut query, "to")?,
            steps: number(&mut query, "steps", 2..=MAX_STEPS)?.unwrap_or(DEFAULT_STEPS),
            curve: choice(&mut query, "curve", &CURVES)?,
        };
        let task = Self {
            look,
            path,
            truncation: truncation(&mut query)?,
            scale: number(&mut query, "scale", 1..=bounds.max_scale())?.unwrap_or(1),
            format: choice(&mut query, "format", &WALK_FORMATS)?,
        };
        query.finish(&INTERPOLATE)?;
        if task.pixels(bounds) > MAX_PIXELS {
            let expected = format!("at most {MAX_PIXELS} pixels in all: a smaller scale or fewer steps");
            return Err(Problem::parameter("scale", &expected, &task.scale.to_string()));
        }
        Ok(task)
    }

    /// Pixels of all its pictures, with some around each.
    fn pixels(&self, bounds: &Bounds) -> usize {
        let side = bounds.side * self.scale + 4;
        let pictures = match self.format {
            WalkFormat::Sheet => self.path.steps,
            WalkFormat::Animation => 2 * self.path.steps,
        };
        side * side * pictures
    }
}

impl Task {
    /// A text that is another one for everything that makes other bytes.
    pub fn key(&self) -> String {
        match self {
            Self::Picture(PictureTask { look, seed, index, place: Place { x, y }, truncation, scale, format }) => {
                format!("picture {} {seed} {index} ({x} {y}) {truncation} {scale} {format:?}", look.key())
            }
            Self::Walk(WalkTask { look, path, truncation, scale, format }) => {
                format!("walk {} {path:?} {truncation} {scale} {format:?}", look.key())
            }
        }
    }

    /// The most bytes that its answer is expected to have.
    pub fn most_bytes(&self, bounds: &Bounds) -> usize {
        /// Texts and headers of a file.
        const ASIDE: usize = 4096;
        let pixels = match self {
            Self::Picture(task) => (bounds.side * task.scale).pow(2),
            Self::Walk(task) => task.pixels(bounds),
        };
        // What can't be compressed grows a little.
        pixels * bounds.channels * 33 / 32 + ASIDE
    }

    /// How far latents are drawn to their mean.
    pub fn truncation(&self) -> Truncation {
        match self {
            Self::Picture(task) => task.truncation,
            Self::Walk(task) => task.truncation,
        }
    }

    /// Its answer's media type.
    pub fn media_type(&self) -> &'static str {
        match self {
            Self::Picture(PictureTask { format: PictureFormat::File(Format::WebP), .. }) => "image/webp",
            Self::Picture(PictureTask { format: PictureFormat::Raw, .. }) => "application/octet-stream",
            Self::Walk(WalkTask { format: WalkFormat::Animation, .. }) => "image/gif",
            _ => "image/png",
        }
    }
}

fn number<T: FromStr + PartialOrd + Display>(
    query: &mut Query,
    name: &str,
    range: RangeInclusive<T>,
) -> Result<Option<T>, Problem> {
    let Some(text) = query.take(name)? else { return Ok(None) };
    let number = text.parse().ok().filter(|number| range.contains(number));
    let expected = || format!("a number from {} to {}", range.start(), range.end());
    number.map(Some).ok_or_else(|| Problem::parameter(name, &expected(), &text))
}

fn seed(query: &mut Query, name: &str) -> Result<u64, Problem> {
    let found = number(query, name, 0..=u64::MAX)?;
    found.ok_or_else(|| Problem::missing(name, &format!("a number from 0 to {}", u64::MAX)))
}

fn coordinate(query: &mut Query, name: &str) -> Result<f32, Problem> {
    // Adding 0 makes -0 the same place as 0.
    Ok(number(query, name, -REACH..=REACH)?.unwrap_or(0.0) + 0.0)
}

fn truncation(query: &mut Query) -> Result<Truncation, Problem> {
    const NAME: &str = "truncation";
    let Some(text) = query.take(NAME)? else { return Ok(Truncation::default()) };
    text.parse().map_err(|_| Problem::parameter(NAME, "a number over 0 and at most 2", &text))
}

/// One of several words; the first where there is none.
fn choice<T: Copy>(query: &mut Query, name: &str, choices: &[(&str, T)]) -> Result<T, Problem> {
    let text = query.take(name)?;
    let wanted = text.as_deref().unwrap_or_else(|| choices.first().map_or("", |(word, _)| word));
    let found = choices.iter().find(|(word, _)| *word == wanted).map(|(_, value)| *value);
    let words = || choices.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| Problem::parameter(name, &format!("one of {}", words()), wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds() -> Bounds {
        let labels = Labels::new(vec!["rock".to_owned(), "paper".to_owned()]).expect("valid");
        Bounds { labels, side: 128, channels: 3 }
    }

    fn picture(text: &str) -> Result<Task, Problem> {
        PictureTask::read(Query::parse(text)?, &bounds()).map(Task::Picture)
    }

    fn walk(text: &str) -> Result<Task, Problem> {
        WalkTask::read(Query::parse(text)?, &bounds()).map(Task::Walk)
    }

    #[test]
    fn what_makes_the_same_bytes_has_one_key_and_all_else_another() {
        let key = |text: &str| picture(text).expect(text).key();
        let plain = key("label=rock&seed=7");
        for same in [
            "seed=7&label=0",
            "mix=rock:3&seed=7&x=-0",
            "label=rock&seed=007&truncation=1.0&scale=1&format=png&index=0&y=0",
        ] {
            assert_eq!(key(same), plain, "{same}");
        }
        let others = [
            "label=1",
            "mix=rock:1,paper:1",
            "index=1",
            "x=0.1",
            "y=0.1",
            "truncation=0.5",
            "scale=2",
            "format=webp",
            "format=raw",
        ];
        let mut keys: Vec<String> = others
            .iter()
            .map(|other| {
                let label = if other.starts_with("label") || other.starts_with("mix") { "" } else { "&label=rock" };
                key(&format!("seed=7&{other}{label}"))
            })
            .collect();
        keys.extend([plain, key("label=rock&seed=8")]);
        keys.extend(
            ["", "&curve=slerp", "&steps=3", "&format=gif", "&scale=2", "&truncation=0.5"]
                .map(|more| walk(&format!("label=rock&from=1&to=2{more}")).expect(more).key()),
        );
        let count = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), count, "{keys:#?}");
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        for (text, name) in [
            ("label=rock", "seed"),
            ("label=rock&seed=-1", "seed"),
            ("label=rock&seed=18446744073709551616", "seed"),
            ("label=rock&seed=1&index=4294967296", "index"),
            ("label=rock&seed=1&scale=0", "scale"),
            ("label=rock&seed=1&scale=17", "scale"),
            ("label=rock&seed=1&x=4.1", "x"),
            ("label=rock&seed=1&y=NaN", "y"),
            ("label=rock&seed=1&truncation=0", "truncation"),
            ("label=rock&seed=1&format=gif", "format"),
            ("label=rock&seed=1&out=a.png", "out"),
        ] {
            assert_eq!(picture(text).expect_err(text).parameter_name(), Some(name), "{text}");
        }
        for (more, name) in [
            ("", "from"),
            ("&from=1", "to"),
            ("&from=1&to=2&steps=1", "steps"),
            ("&from=1&to=2&steps=65", "steps"),
            ("&from=1&to=2&curve=round", "curve"),
            ("&from=1&to=2&steps=64&scale=2", "scale"),
            ("&from=1&to=2&seed=1", "seed"),
        ] {
            assert_eq!(walk(&format!("label=rock{more}")).expect_err(more).parameter_name(), Some(name), "{more}");
        }
        assert!(walk("label=rock&from=1&to=2&steps=64").is_ok());
    }
}
