//! `edge-runtime verify`: does this device make the pictures that the model should make?

use anyhow::{Context, Result, bail};
use edge_runtime::parity::{self, Place, Row};
use edge_runtime::{Model, output, verification};

use crate::cli::Verify;

/// Runs the command.
pub fn run(options: &Verify) -> Result<()> {
    let (model, place) = Model::find(options.model.as_deref())?;
    if !options.quiet {
        output::tell(format_args!("model {place}"));
    }
    let cases = verification::golden_cases(model.metadata()).with_context(|| format!("model {place}"))?;
    let rows = verification::rows(&model, &options.specs(), &cases)?;
    output::print(&parity::table("engine", &rows))?;
    if let Some(bound) = model.metadata().stated_bound.filter(|_| !options.quiet) {
        output::tell(format_args!(
            "the file computes in integers and allows {} levels, {} on average",
            bound.max, bound.mean
        ));
    }
    for row in &rows {
        if !options.quiet {
            row.notes.iter().for_each(|note| output::tell(format_args!("{}: {note}", row.name)));
        }
        if let Some(detail) = detail(&model, row) {
            output::tell(detail);
        }
    }
    if rows.iter().all(|row| row.outcome.is_err()) {
        bail!("model {place}: no engine could run");
    }
    match rows.iter().filter(|row| row.has_failed()).count() {
        0 => Ok(()),
        failed => bail!("model {place}: {failed} of {} engines make other pictures than the golden ones", rows.len()),
    }
}

/// Where a failing engine's largest difference is, or all that is known about one that didn't run.
fn detail(model: &Model, row: &Row) -> Option<String> {
    match &row.outcome {
        Err(problem) => Some(format!("{} not run: {}", row.name, brief(problem))),
        Ok(parity) if parity.passes() => None,
        Ok(parity) => parity.worst().map(|worst| format!("{}: {}", row.name, describe(model, worst))),
    }
}

fn describe(model: &Model, worst: Place) -> String {
    let golden = model.metadata().golden.get(worst.picture);
    let label = golden.and_then(|golden| model.metadata().labels.name(golden.label)).unwrap_or_default();
    let Place { row, column, channel, expected, found, .. } = worst;
    format!("label {label:?}, row {row}, column {column}, channel {channel}: expected level {expected}, found {found}")
}

/// A problem without the usual places where there was nothing, which `doctor` looks into.
fn brief(problem: &str) -> String {
    let (missing, told): (Vec<&str>, Vec<&str>) = problem.lines().partition(|line| line.ends_with(": no such file"));
    match missing.len() {
        0 | 1 => problem.to_owned(),
        places => {
            let told = told.join("\n");
            format!(
                "{}nothing in {places} usual places; edge-runtime doctor says how to get it",
                told.trim_end_matches("tried:")
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_where_nothing_was_are_counted_and_not_listed() {
        let nothing = "engine x: no library; tried:\n  /a/x.so: no such file\n  /b/x.so: no such file";
        let expected = "engine x: no library; nothing in 2 usual places; edge-runtime doctor says how to get it";
        assert_eq!(brief(nothing), expected);
        for told in
            ["one line", "engine x: no library; tried:\n  named.so: no such file", "tried:\n  a: bad\n  b: worse"]
        {
            assert_eq!(brief(told), told);
        }
    }
}
