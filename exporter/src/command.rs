//! The command `exporter`: read, export, write, and say what was checked.

use edge_runtime::output::OutputFile;
use exporter::export::{Made, export};
use exporter::source::{self, Source, Wanted};

use crate::cli::ExportOptions;

/// Exports what the options ask for, or writes nothing. What was checked is said before the file gets its name; returns
/// what to print after it.
pub fn run(options: &ExportOptions, say: impl FnOnce(&str) -> anyhow::Result<()>) -> anyhow::Result<String> {
    let source = source::open(&Wanted {
        run: options.run.as_deref(),
        labels: options.labels.as_deref(),
        data_licence: options.data_licence.as_deref(),
    })?;
    if !options.quiet {
        eprintln!("exporting {} ({})", source.path.display(), source.reason);
    }
    let output = OutputFile::create(&options.out)?;
    let made = export(&source, options.precision())?;
    if options.quiet {
        output.commit(&made.bytes)?;
        return Ok(String::new());
    }
    say(&checks(&source, &made))?;
    output.commit(&made.bytes)?;
    Ok(written(options, &source, &made))
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
    text + "\n"
}

fn written(options: &ExportOptions, source: &Source, made: &Made) -> String {
    let labels = source.labels.len();
    let kept = match made.golden {
        golden if golden == labels => format!("{golden} golden pictures"),
        golden => format!("golden pictures of the first {golden} labels (more would not fit)"),
    };
    let megabytes = made.bytes.len() as f64 / 1e6;
    let (out, weights) = (options.out.display(), options.precision().name());
    format!("wrote {out}: {megabytes:.2} MB, {weights} weights, {labels} labels, {kept}\n")
}
