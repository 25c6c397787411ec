//! `edge-runtime interpolate`: the way from one seed or label to another as a sheet or an animation.

use std::path::Path;

use anyhow::Result;
use edge_runtime::encode::{self, Format};
use edge_runtime::output::OutputFile;
use edge_runtime::{Generator, Model, Picture, interpolation, sheet};

use crate::cli::Interpolate;
use crate::interrupt;
use crate::progress::{self, Progress};
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
    let (rows, columns) = match kind {
        Kind::Sheet(_) => (labels.len(), options.steps),
        Kind::Animation => (1, labels.len()),
    };
    sheet::check_size(rows, columns, (side, side)).map_err(usage)?;
    let output = OutputFile::create(&options.out)?;
    let mut generator = setup::generator(model, &options.engine)?.truncated(options.truncation);
    let from = setup::seed(options.from, "--from", options.engine.quiet);
    let path = interpolation::Path {
        from,
        to: setup::seed(options.to.or(between.map(|_| from)), "--to", options.engine.quiet),
        steps: options.steps,
        curve: options.curve(),
    };
    let (rows, named) = match between {
        Some(pair) => {
            let draw = || interpolation::between(&mut generator, pair, path);
            let row = progress::waiting("drawing", options.engine.quiet, draw)?;
            (vec![enlarged(&row, options)], pair.to_vec())
        }
        None => (rows_of(&mut generator, &labels, path, options)?, labels),
    };
    let names: Vec<&str> = named.iter().filter_map(|label| generator.metadata().labels.name(*label)).collect();
    let title = if between.is_some() { "Between" } else { "Labels" };
    let texts = interpolation::texts(&generator, (title, names.join(", ")), path);
    let bytes = match kind {
        Kind::Sheet(format) => encode::encode(&sheet::sheet(&rows)?, &texts, format)?,
        Kind::Animation => encode::gif::encode(&interpolation::there_and_back(&rows)?, &texts)?,
    };
    output.commit(&bytes)?;
    if !options.engine.quiet {
        eprintln!("wrote {}", options.out.display());
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

fn rows_of(
    generator: &mut Generator,
    labels: &[usize],
    path: interpolation::Path,
    options: &Interpolate,
) -> Result<Vec<Vec<Picture>>> {
    let mut progress = Progress::new(labels.len() * path.steps, options.engine.quiet);
    let mut rows = Vec::with_capacity(labels.len());
    for label in labels {
        interrupt::check()?;
        for row in interpolation::rows(generator, &[*label], path)? {
            rows.push(enlarged(&row, options));
        }
        progress.add(path.steps);
    }
    progress.finish();
    Ok(rows)
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

fn enlarged(row: &[Picture], options: &Interpolate) -> Vec<Picture> {
    row.iter().map(|picture| picture.enlarged(options.scale)).collect()
}
