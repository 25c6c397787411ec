//! `edge-runtime bench`: how long one picture takes here.

use std::time::{Duration, Instant};

use anyhow::Result;
use edge_runtime::sensors::{self, Throttling};
use edge_runtime::{EngineSpec, Generator, Model, Placement, output};
use serde_json::{Value, json};

use crate::cli::Bench;
use crate::{interrupt, profile, report, setup};

/// Pictures that are made and not counted, after the first.
pub const WARM_UP: u32 = 3;

/// What was measured.
pub struct Measured {
    pub load: Duration,
    pub first: Duration,
    /// Each picture's time, sorted.
    times: Vec<Duration>,
    pub peak_rss_mb: Option<f64>,
    pub temperature: Option<f64>,
    pub throttling: Option<bool>,
}

/// Runs the command.
pub fn run(options: &Bench) -> Result<()> {
    if options.profile {
        return profile::run(options);
    }
    let spec = options.engine.spec();
    let throttling = Throttling::watch();
    let start = Instant::now();
    let model = setup::model(&options.engine)?;
    let is_bare = options.json || options.report;
    let mut generator = setup::generator_of(&model, &spec, options.engine.quiet || is_bare)?;
    if is_bare && !options.engine.quiet {
        setup::tell_notes(&generator);
    }
    let load = start.elapsed();
    let (first, times) = times(&mut generator, options.runs)?;
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
fn times(generator: &mut Generator, runs: usize) -> Result<(Duration, Vec<Duration>)> {
    let labels = generator.metadata().labels.len();
    let mut one = |index: u32| -> Result<Duration> {
        interrupt::check()?;
        let start = Instant::now();
        generator.frame(index as usize % labels, 1, index)?;
        Ok(start.elapsed())
    };
    let first = one(0)?;
    (1..=WARM_UP).try_for_each(|index| one(index).map(drop))?;
    let counted = (0..runs as u32).map(|run| one(WARM_UP + 1 + run));
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

impl Measured {
    fn json(&self, generator: &Generator, placement: &[Placement]) -> Value {
        let opened = generator.opened();
        let nodes: serde_json::Map<String, Value> =
            placement.iter().map(|placement| (placement.provider.clone(), placement.nodes.len().into())).collect();
        json!({
            "engine": opened.name,
            "provider": opened.provider,
            "kernels": opened.kernels,
            "threads": opened.threads,
            "load_ms": rounded(ms(self.load)),
            "first_ms": rounded(ms(self.first)),
            "median_ms": rounded(ms(self.quantile(0.5))),
            "p95_ms": rounded(ms(self.quantile(0.95))),
            "images_per_s": rounded(self.images_per_s()),
            "peak_rss_mb": self.peak_rss_mb.map(rounded),
            "temperature": self.temperature,
            "throttling": self.throttling,
            "nodes": if nodes.is_empty() { Value::Null } else { nodes.into() },
        })
    }

    fn text(&self, generator: &Generator, placement: &[Placement]) -> String {
        let opened = generator.opened();
        let told = |value: Option<String>| value.unwrap_or_else(|| "not told".to_owned());
        let mut text = format!(
            "engine       {}, provider {}, kernels {}\nload         {:.1} ms\nfirst        {:.1} ms\n\
             median       {:.2} ms, 95 % within {:.2} ms, {} pictures\nrate         {:.1} pictures/s\n\
             peak memory  {}\ntemperature  {}\nthrottling   {}\n",
            opened.description,
            opened.provider,
            opened.kernels,
            ms(self.load),
            ms(self.first),
            ms(self.quantile(0.5)),
            ms(self.quantile(0.95)),
            self.times.len(),
            self.images_per_s(),
            told(self.peak_rss_mb.map(|megabytes| format!("{megabytes:.1} MB"))),
            told(self.temperature.map(|celsius| format!("{celsius:.1} C"))),
            told(self.throttling.map(|seen| if seen { "yes: these times are too long" } else { "no" }.to_owned())),
        );
        placement.iter().for_each(|placement| text += &format!("nodes        {}\n", placement.text()));
        text
    }

    /// The time that a share of the pictures took at most.
    pub fn quantile(&self, share: f64) -> Duration {
        quantile(&self.times, share)
    }

    fn images_per_s(&self) -> f64 {
        let total: Duration = self.times.iter().sum();
        self.times.len() as f64 / total.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// The time that a share of sorted times is at most (nearest rank).
pub fn quantile(times: &[Duration], share: f64) -> Duration {
    let rank = (share * times.len() as f64).ceil() as usize;
    times.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// A time in milliseconds.
pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Three decimals: a microsecond of a millisecond.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_times_that_were_measured() {
        let measured = |count: u64| Measured {
            load: Duration::ZERO,
            first: Duration::ZERO,
            times: (1..=count).map(Duration::from_millis).collect(),
            peak_rss_mb: None,
            temperature: None,
            throttling: None,
        };
        for (count, median, p95) in [(1, 1, 1), (2, 1, 2), (5, 3, 5), (100, 50, 95)] {
            let measured = measured(count);
            let found = [0.5, 0.95].map(|share| measured.quantile(share).as_millis());
            assert_eq!(found, [median, p95], "{count}");
        }
        assert_eq!(measured(0).quantile(0.5), Duration::ZERO);
        assert!((measured(3).images_per_s() - 500.0).abs() < 1e-9);
    }
}
