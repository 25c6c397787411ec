//! `edge-runtime --label`: pictures of labels and a seed, into files and onto displays.

use std::io::{IsTerminal, stdout};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use edge_runtime::encode::{self, Format};
use edge_runtime::engine::BATCH;
use edge_runtime::output::{self, OutputFile};
use edge_runtime::sheet;
use edge_runtime::sink::display::Place;
use edge_runtime::sink::files::{Encoding, Folder, OneFile, Stream};
use edge_runtime::{Generator, Model, Picture, Request, Sink};

use crate::cli::Generate;
use crate::progress::Progress;
use crate::setup::{self, usage};
use crate::{interrupt, requests};

/// Width of a terminal that doesn't tell its own.
const COLUMNS: usize = 80;
/// How often a window and Ctrl-C are looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Where the pictures go.
enum Target {
    Nowhere,
    Stdout,
    File(PathBuf),
    Folder(PathBuf),
}

/// Runs the command.
pub fn run(options: &Generate) -> Result<()> {
    if options.stdin {
        return requests::run(options);
    }
    if options.out.is_none() && options.grid.is_none() && options.display.is_none() {
        return Err(usage("nothing to do: give --out, --grid, --display or --stdin"));
    }
    let is_terminal = options.display.as_ref().is_some_and(|display| matches!(display.place, Place::Terminal(_)));
    if is_terminal && options.out.as_deref() == Some(Path::new("-")) {
        return Err(usage("--out - and --display terminal: both write to standard output; give --out a file"));
    }
    if options.grid.is_some() && options.grid == options.out {
        return Err(usage("--grid and --out name the same file: give the sheet one of its own"));
    }
    if options.shard.is_some() && options.seed.is_none() {
        return Err(usage("--shard: give --seed too, or each share has another one"));
    }
    let indices = options.shard.unwrap_or_default().indices(options.count);
    let model = setup::model(&options.engine)?;
    let labels = labels(options, &model)?;
    let total = labels.len().checked_mul(indices.len()).ok_or_else(|| usage("--count: too many pictures"))?;
    let target = target(options.out.as_deref(), total, options.shard.is_some())?;
    let grid = options.grid.as_deref().map(|path| open_grid(path, options, labels.len(), &model)).transpose()?;
    let mut generator = setup::generator(model, &options.engine)?.truncated(options.truncation);
    let mut sinks = open_sinks(&target, options, &generator)?;
    let seed = setup::seed(options.seed, "--seed", options.engine.quiet);

    let of_label = |label: &usize| {
        let label = *label;
        indices.clone().map(move |index| Request { label, seed, index })
    };
    let mut progress = Progress::new(total, options.engine.quiet);
    let requests = labels.iter().flat_map(of_label);
    let pictures = produce(&mut generator, requests, &mut sinks, options, &mut progress);
    progress.finish();
    let pictures = pictures?;
    while sinks.iter_mut().any(|sink| sink.is_watched()) && !interrupt::is_asked() {
        std::thread::sleep(LOOK);
    }
    drop(sinks);
    if let Some((output, format)) = grid {
        let rows: Vec<Vec<Picture>> = pictures.chunks(options.count).map(<[Picture]>::to_vec).collect();
        let sheet = sheet::sheet(&rows)?;
        let mut texts = vec![("Labels", names(&generator, &labels)), ("Seed", seed.to_string())];
        texts.extend(encode::origin_texts(&generator.origin()));
        output.commit(&encode::encode(&sheet, &texts, format)?)?;
    }
    if !options.engine.quiet {
        report(&target, options, total);
    }
    Ok(())
}

fn labels(options: &Generate, model: &Model) -> Result<Vec<usize>> {
    let known = &model.metadata().labels;
    match &options.label {
        Some(text) => setup::labels(model, text),
        None if options.grid.is_some() || known.len() == 1 => Ok((0..known.len()).collect()),
        None => {
            let names: Vec<String> = known.names().iter().map(|name| format!("{name:?}")).collect();
            Err(usage(format!(
                "give --label: all, an index from 0 to {}, or one of {}",
                known.len() - 1,
                names.join(", ")
            )))
        }
    }
}

fn target(out: Option<&Path>, total: usize, is_share: bool) -> Result<Target> {
    let Some(out) = out else { return Ok(Target::Nowhere) };
    let text = out.to_string_lossy();
    let names_folder = text.ends_with(std::path::is_separator) || out.is_dir();
    // A share of several pictures goes where several do, even where it has one.
    let several = total > 1 || is_share;
    let pictures = if is_share { "a share".to_owned() } else { format!("{total} pictures") };
    if text == "-" {
        return if several {
            Err(usage(format!("--out -: takes one picture, not {pictures}")))
        } else {
            Ok(Target::Stdout)
        };
    }
    match Format::of_path(out) {
        _ if names_folder => Ok(Target::Folder(out.to_owned())),
        Ok(_) if several => {
            Err(usage(format!("--out {text}: expected a folder for {pictures}; end its name with a slash")))
        }
        Ok(_) => Ok(Target::File(out.to_owned())),
        Err(_) if several => Ok(Target::Folder(out.to_owned())),
        Err(error) => Err(usage(format!("--out: {error}"))),
    }
}

fn open_grid(path: &Path, options: &Generate, rows: usize, model: &Model) -> Result<(OutputFile, Format)> {
    let format = Format::of_path(path).map_err(|error| usage(format!("--grid: {error}")))?;
    let side = model.metadata().architecture.image_size * options.scale;
    let size = sheet::check_size(rows, options.count, (side, side)).and_then(|size| format.check_size(size));
    size.map_err(|error| usage(format!("--grid: {error}")))?;
    Ok((OutputFile::create(path)?, format))
}

fn open_sinks(target: &Target, options: &Generate, generator: &Generator) -> Result<Vec<Box<dyn Sink>>> {
    let encoding = || Encoding { origin: generator.origin(), scale: options.scale };
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    match target {
        Target::Nowhere => {}
        Target::Stdout => sinks.push(Box::new(Stream::new(stdout(), "standard output", encoding()))),
        Target::File(path) => sinks.push(Box::new(OneFile::create(path, encoding())?)),
        Target::Folder(path) => sinks.push(Box::new(Folder::create(path, encoding())?)),
    }
    if let Some(display) = &options.display {
        let width = terminal_size::terminal_size().map_or(COLUMNS, |(width, _)| usize::from(width.0));
        sinks.push(display.open(stdout(), if stdout().is_terminal() { width } else { COLUMNS })?);
    }
    Ok(sinks)
}

/// Makes every picture and hands it to the sinks; keeps those of a sheet.
fn produce(
    generator: &mut Generator,
    mut requests: impl Iterator<Item = Request>,
    sinks: &mut [Box<dyn Sink>],
    options: &Generate,
    progress: &mut Progress,
) -> Result<Vec<Picture>> {
    let mut kept = Vec::new();
    loop {
        interrupt::check(|| left(progress, options))?;
        let part: Vec<Request> = requests.by_ref().take(BATCH).collect();
        if part.is_empty() {
            return Ok(kept);
        }
        for frame in generator.frames(&part)? {
            for sink in &mut *sinks {
                sink.show(&frame)?;
            }
            if options.grid.is_some() {
                kept.push(frame.picture.enlarged(options.scale));
            }
        }
        progress.add(part.len());
    }
}

/// What an interruption leaves.
fn left(progress: &Progress, options: &Generate) -> Vec<String> {
    let (made, all) = progress.done();
    let written = options.out.as_ref().map(|_| format!("{made} of {all} pictures are written, each whole"));
    let sheet = options.grid.as_ref().map(|grid| format!("{} was not written", grid.display()));
    written.into_iter().chain(sheet).collect()
}

fn names(generator: &Generator, labels: &[usize]) -> String {
    let names = &generator.metadata().labels;
    labels.iter().filter_map(|label| names.name(*label)).collect::<Vec<_>>().join(", ")
}

fn report(target: &Target, options: &Generate, total: usize) {
    match target {
        Target::Nowhere | Target::Stdout => {}
        Target::File(path) => output::tell(format_args!("wrote {}", path.display())),
        Target::Folder(path) if total == 1 => output::tell(format_args!("wrote 1 picture to {}", path.display())),
        Target::Folder(path) => output::tell(format_args!("wrote {total} pictures to {}", path.display())),
    }
    if let Some(grid) = &options.grid {
        output::tell(format_args!("wrote {}", grid.display()));
    }
}
