//! The command `exporter`: read, export, write, and say what was checked.

use edge_runtime::Model;
use edge_runtime::output::{self, OutputFile};
use exporter::export::{Made, Precision, Settings, export_with_ticks};
use exporter::ladder::Climb;
use exporter::source::{self, Source};
use exporter::{ExportError, calibrate, ladder, triton};
use model_spec::variant::Compute;

use crate::cli::{ExportOptions, LadderOptions};
use crate::interrupt;
use crate::progress::Progress;

/// Exports what the options ask for, or writes nothing. What was checked is said before the file gets its name; returns
/// what to print after it.
pub fn run(options: &ExportOptions, say: impl FnOnce(&str) -> anyhow::Result<()>) -> anyhow::Result<String> {
    let settings = options.settings()?;
    check_source_stays(options, &settings)?;
    let source = source::open(&options.wanted())?;
    if !options.quiet {
        output::tell(format_args!("exporting {} ({})", source.path.display(), source.reason));
    }
    let output = OutputFile::create(&options.out)?;
    let name = triton::name_from_path(&options.out);
    let place = options.triton.as_deref().map(|repository| triton::Place::create(repository, name)).transpose()?;
    let (settings, made) = make(options, &source, settings)?;
    if !options.quiet {
        say(&checks(&source, &made))?;
    }
    let output = output.write_synced(&made.bytes)?;
    let place = place.map(|place| serve(place, &made)).transpose()?;
    // Everything is complete before anything gets its name.
    let repository = interrupt::undivided(|| {
        let repository = place.map(triton::CompletePlace::give_names).transpose()?;
        output.give_name()?;
        Ok::<_, ExportError>(repository)
    })?;
    if options.quiet {
        return Ok(String::new());
    }
    let repository = repository.map_or(String::new(), |folder| format!("wrote {}\n", folder.display()));
    Ok(written(options, &settings, (&source, &made)) + &repository)
}

/// Exports with the weights asked for; where none were and f16 fails, with those of f32.
fn make(options: &ExportOptions, source: &Source, settings: Settings) -> Result<(Settings, Made), ExportError> {
    let pictures = calibrate::pictures(settings.seeds, source.labels.len());
    if settings.variant.compute == Compute::Int8 && !options.quiet {
        output::tell(format_args!("calibrating over {pictures} pictures"));
    }
    let export = |settings: Settings| {
        let progress = Progress::new(pictures, "of the calibration", options.quiet);
        export_with_ticks(source, settings, |part| progress.add(part))
    };
    match export(settings) {
        Err(error) if options.may_widen() && error.is_rounding(settings.variant.compute) => {
            if !options.quiet {
                output::tell(format_args!("with f16 weights: {error}"));
            }
            let wider = Settings { precision: Precision::F32, ..settings };
            let made = export(wider)?;
            if !options.quiet {
                output::tell(format_args!("weights are stored in f32, since f16 is too coarse for them"));
            }
            Ok((wider, made))
        }
        made => Ok((settings, made?)),
    }
}

/// What a file holds can't be made again once another one that holds less has taken its place: one of integers, which is no
/// source, or f16 weights in that of f32 ones.
fn check_source_stays(options: &ExportOptions, settings: &Settings) -> Result<(), ExportError> {
    let Some(source) = options.wanted().from.and_then(|path| path.canonicalize().ok()) else { return Ok(()) };
    let name = triton::name_from_path(&options.out);
    let served = options.triton.as_deref().map(|repository| ("--triton", triton::model_path(repository, &name)));
    let mut places = std::iter::once(("--out", options.out.clone())).chain(served);
    let Some((flag, path)) = places.find(|(_, path)| path.canonicalize().is_ok_and(|path| path == source)) else {
        return Ok(());
    };
    let has_integers = settings.precision == Precision::Int8 || settings.variant.compute == Compute::Int8;
    let lost = if has_integers {
        "a file of integers is none"
    } else if settings.precision == Precision::F16 && Model::open(&path)?.metadata().weights == Precision::F32 {
        "its f32 weights would be gone"
    } else {
        return Ok(());
    };
    let path = path.display();
    Err(ExportError::Usage(format!("{flag}: {path} is the source, and {lost}; name another file with --out")))
}

fn serve(place: triton::Place, made: &Made) -> anyhow::Result<triton::CompletePlace> {
    let model = Model::from_bytes(made.bytes.clone())?;
    Ok(place.write(model.metadata(), &made.bytes)?)
}

/// What was compared with what: in f32, and every engine in 8-bit levels.
fn checks(source: &Source, made: &Made) -> String {
    let width = made.hops.iter().map(|hop| hop.name.len()).max().unwrap_or(0).max("compared".len());
    let pictures = source.reference.labels.len();
    let mut text = format!("{:width$}  max error  allowed, {pictures} pictures in [-1, 1]\n", "compared");
    for hop in &made.hops {
        text += &format!("{:width$}  {:<9.1e}  {:.1e}\n", hop.name, hop.max_error, hop.tolerance);
    }
    for table in &made.tables {
        text += &format!("\n{}", table.text());
    }
    if let Some(distance) = &made.distance {
        let (all, bound) = (&distance.all, distance.bound());
        text += &format!(
            "\nproducts of integers move {} pictures by {:.1} dB, a level by at most {}, those of a picture by at most {:.2} on \
             average; the file allows {} and {}\n",
            all.pictures(),
            all.psnr_db(),
            all.max(),
            distance.worst_mean,
            bound.max,
            bound.mean
        );
    }
    text + "\n"
}

fn written(options: &ExportOptions, settings: &Settings, (source, made): (&Source, &Made)) -> String {
    let labels = source.labels.len();
    let kept = match made.golden {
        golden if golden == labels => format!("{golden} golden pictures"),
        golden => format!("golden pictures of the first {golden} labels (more would not fit)"),
    };
    let megabytes = made.bytes.len() as f64 / 1e6;
    let variant = match settings.variant.text() {
        plain if plain.is_empty() => plain,
        variant => format!(", {variant}"),
    };
    let (out, weights) = (options.out.display(), settings.precision.name());
    format!("wrote {out}: {megabytes:.2} MB, {weights} weights{variant}, {labels} labels, {kept}\n")
}

/// Prints what each precision costs.
pub fn ladder(options: &LadderOptions) -> anyhow::Result<String> {
    let source = source::open(&options.source.wanted())?;
    if !options.quiet {
        output::tell(format_args!("comparing {} ({})", source.path.display(), source.reason));
    }
    let (samples, seeds) = (options.samples, options.calibrate);
    let pictures = calibrate::pictures(seeds, source.labels.len());
    let calibrating = Progress::new(pictures, "of the calibration", options.quiet);
    let comparing = Progress::new(samples, "with each precision", options.quiet);
    let wanted = Climb { samples, seeds };
    let ladder = ladder::climb(&source, wanted, |part| calibrating.add(part), |part| comparing.add(part))?;
    Ok(ladder::markdown(&ladder, &source))
}
