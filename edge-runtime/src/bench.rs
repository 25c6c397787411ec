//! `edge-runtime bench`: how long one picture takes here.

use std::time::{Duration, Instant};

use anyhow::Result;
use edge_runtime::sensors::{self, Throttling};
use edge_runtime::{EngineSpec, Generator, Model, Placement, output};

use crate::cli::Bench;
use crate::measured::{Measured, WARM_UP};
use crate::progress::Progress;
use crate::{interrupt, profile, report, setup};

/// Runs the command.
pub fn run(options: &Bench) -> Result<()> {
    if options.profile {
        return profile::run(options);
    }
    let spec = setup::spec(&options.engine)?;
    let throttling = Throttling::watch();
    let start = Instant::now();
    let model = setup::model(&options.engine)?;
    let is_bare = options.json || options.report;
    let mut generator = setup::generator_of(&model, &spec, options.engine.quiet || is_bare)?;
    if is_bare && !options.engine.quiet {
        setup::tell_notes(&generator);
    }
    let load = start.elapsed();
    let mut progress = Progress::new(options.runs, options.engine.quiet);
    let timed = times(&mut generator, options.runs, &mut progress);
    progress.finish();
    let (first, times) = timed?;
    let measured = Measured {
        load,
        first,
        times,
        peak_rss_mb: sensors::peak_rss_mb(),
        temperature: sensors::temperature(),
        throttling: throttling.seen(),
    };
    let placement = placement(&model, &generator, spec)?;
    if options.report {
        output::print(&report::text(&measured, generator.opened(), &model))?;
    } else if options.json {
        output::print(&format!("{:#}\n", measured.json(&generator, &placement)))?;
    } else {
        output::print(&measured.text(&generator, &placement))?;
    }
    Ok(())
}

/// The first picture's time, and that of each counted one, sorted; every picture is another one.
fn times(generator: &mut Generator, runs: usize, progress: &mut Progress) -> Result<(Duration, Vec<Duration>)> {
    let labels = generator.metadata().labels.len();
    let mut one = |index: u32| -> Result<Duration> {
        interrupt::check(Vec::new)?;
        let start = Instant::now();
        generator.frame(index as usize % labels, 1, index)?;
        Ok(start.elapsed())
    };
    let first = one(0)?;
    (1..=WARM_UP).try_for_each(|index| one(index).map(drop))?;
    let counted = (0..runs as u32).map(|run| one(WARM_UP + 1 + run).inspect(|_| progress.add(1)));
    let mut times: Vec<Duration> = counted.collect::<Result<_>>()?;
    times.sort();
    Ok((first, times))
}

/// Read back from a session of its own where the timed one didn't, so that it was timed as it always runs.
fn placement(model: &Model, generator: &Generator, mut spec: EngineSpec) -> Result<Vec<Placement>> {
    let opened = generator.opened();
    if !opened.placement.is_empty() || !opened.name.starts_with("ort ") {
        return Ok(opened.placement.clone());
    }
    spec.ort.read_back = true;
    Ok(Generator::of(model, &spec)?.opened().placement.clone())
}
