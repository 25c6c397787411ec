//! `edge-runtime doctor`: what this machine offers and lacks.

use anyhow::{Result, bail};
use edge_runtime::diagnosis::{self, State};
use edge_runtime::output;

use crate::cli::Doctor;

/// Runs the command.
pub fn run(options: &Doctor) -> Result<()> {
    let findings = diagnosis::findings(options.ort_lib.as_deref());
    if options.json {
        output::print(&format!("{:#}\n", diagnosis::json(&findings)))?;
    } else {
        output::print(&diagnosis::text(&findings))?;
    }
    match findings.iter().filter(|finding| finding.state == State::Problem).count() {
        0 => Ok(()),
        1 => bail!("1 problem found"),
        count => bail!("{count} problems found"),
    }
}
