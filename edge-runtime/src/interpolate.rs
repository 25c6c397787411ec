//! `edge-runtime interpolate`: the way from one seed or label to another as a sheet or an animation.

use std::path::Path;

use anyhow::Result;
use edge_runtime::encode::{self, Format};
use edge_runtime::output::{self, OutputFile};
use edge_runtime::{Model, Picture, interpolation, sheet};

use crate::cli::Interpolate;
use crate::interrupt;
use crate::progress::Progress;
use crate::setup::{self, usage};

enum Kind {
    Sheet(Format),
    Animation,
}

/// Runs the command.
pub fn run(options: &Interpolate) -> Result<()> {
    let kind = kind(&options.out)?;
    let model = setup::model(&options.engine)?;
    let between = options.between.as_deref().map(|labels| pair(&model, labels)).transpose()?;
    let labels = match between {
        Some([from, _]) => vec![from],
        None => setup::labels(&model, &options.label)?,
    };
    let side = model.metadata().architecture.image_size * options.scale;
    let fits = match kind {
        Kind::Sheet(format) => {
            sheet::check_size(labels.len(), options.steps, (side, side)).and_then(|size| format.check_size(size))
        }
        Kind::Animation => interpolation::check_size(options.steps, labels.len(), (side, side)),
    };
    fits.map_err(usage)?;
    let output = OutputFile::create(&options.out)?;
    let mut generator = setup::generator(model, &options.engine)?.truncated(options.truncation);
    let from = setup::seed(options.from, "--from", options.engine.quiet);
    let path = interpolation::Path {
        from,
        to: setup::seed(options.to.or(between.map(|_| from)), "--to", options.engine.quiet),
        steps: options.steps,
        curve: options.curve(),
    };
    let mut progress = Progress::new(labels.len() * path.steps, options.engine.quiet);
    let mut rows = Vec::with_capacity(labels.len());
    match between {
        Some(pair) => rows.push(row(interpolation::between(&mut generator, pair, path), options, &mut progress)?),
        None => {
            for label in &labels {
                rows.push(row(interpolation::row(&mut generator, *label, path), options, &mut progress)?);
            }
        }
    }
    progress.finish();
    let named = between.map_or(labels, |pair| pair.to_vec());
    let names: Vec<&str> = named.iter().filter_map(|label| generator.metadata().labels.name(*label)).collect();
    let title = if between.is_some() { "Between" } else { "Labels" };
    let texts = interpolation::texts(&generator, (title, names.join(", ")), path);
    let bytes = match kind {
        Kind::Sheet(format) => encode::encode(&sheet::sheet(&rows)?, &texts, format)?,
        Kind::Animation => encode::gif::encode(interpolation::there_and_back(&rows), &texts)?,
    };
    output.commit(&bytes)?;
    if !options.engine.quiet {
        output::tell(format_args!("wrote {}", options.out.display()));
    }
    Ok(())
}

fn kind(out: &Path) -> Result<Kind> {
    if out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gif")) {
        return Ok(Kind::Animation);
    }
    let format = Format::of_path(out).map_err(|error| usage(format!("--out: {error}, or .gif for an animation")))?;
    Ok(Kind::Sheet(format))
}

/// The pictures of a row, enlarged.
fn row(
    parts: impl Iterator<Item = interpolation::Part>,
    options: &Interpolate,
    progress: &mut Progress,
) -> Result<Vec<Picture>> {
    let mut row = Vec::with_capacity(options.steps);
    for part in parts {
        interrupt::check(|| vec![format!("{} was not written", options.out.display())])?;
        let part = part?;
        row.extend(part.iter().map(|picture| picture.enlarged(options.scale)));
        progress.add(part.len());
    }
    Ok(row)
}

/// The two labels of `--between`.
fn pair(model: &Model, names: &[String]) -> Result<[usize; 2]> {
    let [from, to] = names else {
        return Err(usage(format!("--between: expected two labels, as in rock,paper, found {}", names.len())));
    };
    let one = |name| match setup::labels(model, name)?[..] {
        [label] => Ok(label),
        _ => Err(usage("--between: expected one label on each side, found all".to_owned())),
    };
    Ok([one(from)?, one(to)?])
}
