//! Times of pictures: how many are not counted, quantiles, and what a benchmark says of them.

use std::time::Duration;

use edge_runtime::{Generator, Placement};
use serde_json::{Value, json};

/// Pictures that are made and not counted, after the first.
pub const WARM_UP: u32 = 3;

/// What was measured.
pub struct Measured {
    pub load: Duration,
    pub first: Duration,
    /// Each picture's time, sorted.
    pub times: Vec<Duration>,
    pub peak_rss_mb: Option<f64>,
    pub temperature: Option<f64>,
    pub throttling: Option<bool>,
}

impl Measured {
    /// As `bench --json` prints it.
    pub fn json(&self, generator: &Generator, placement: &[Placement]) -> Value {
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

    /// As `bench` prints it.
    pub fn text(&self, generator: &Generator, placement: &[Placement]) -> String {
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

    /// Pictures in a second, one after the other.
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
