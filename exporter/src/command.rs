//! The command `exporter`: read, export, write, and say what was checked.

use edge_runtime::output::OutputFile;
use exporter::ExportError;
use exporter::export::{Made, export};
use exporter::source::{self, Source, Wanted};

use crate::cli::ExportOptions;

/// Exports what the options ask for, or writes nothing; returns what to print.
pub fn run(options: &ExportOptions) -> Result<String, ExportError> {
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
    output.commit(&made.bytes)?;
    Ok(if options.quiet { String::new() } else { report(options, &source, &made) })
}

/// The table of checks, and what was written.
fn report(options: &ExportOptions, source: &Source, made: &Made) -> String {
    let width = made.hops.iter().map(|hop| hop.name.len()).max().unwrap_or(0).max("compared".len());
    let pictures = source.reference.labels.len();
    let mut text = format!("{:width$}  max error  allowed, {pictures} pictures in [-1, 1]\n", "compared");
    for hop in &made.hops {
        text += &format!("{:width$}  {:<9.1e}  {:.1e}\n", hop.name, hop.max_error, hop.tolerance);
    }
    let labels = source.labels.len();
    let kept = match made.golden {
        golden if golden == labels => format!("{golden} golden pictures"),
        golden => format!("golden pictures of the first {golden} labels (more would not fit)"),
    };
    let megabytes = made.bytes.len() as f64 / 1e6;
    let (out, weights) = (options.out.display(), options.precision().name());
    text + &format!("wrote {out}: {megabytes:.2} MB, {weights} weights, {labels} labels, {kept}\n")
}
