//! Counters in Prometheus' text format, version 0.0.4.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::made::Timing;

pub(super) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Upper bounds in milliseconds.
const BUCKETS: [u64; 13] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

/// All that is counted.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    started: f64,
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    queue: Histogram,
    generate: Histogram,
    encode: Histogram,
    pictures: AtomicU64,
    abandoned: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
    connections: AtomicU64,
    closed: AtomicU64,
}

/// What others know at the time of asking.
#[derive(Debug)]
pub(super) struct Now<'a> {
    pub engine: &'a str,
    pub model: &'a str,
    pub waiting: usize,
    pub most_waiting: usize,
    pub cache_bytes: usize,
    pub cache_entries: usize,
}

#[derive(Debug, Default)]
struct Histogram {
    counts: [AtomicU64; BUCKETS.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    fn observe(&self, time: Duration) {
        let bucket = BUCKETS.iter().position(|bound| time <= Duration::from_millis(*bound)).unwrap_or(BUCKETS.len());
        add(&self.counts[bucket], 1);
        add(&self.sum_us, time.as_micros() as u64);
    }

    fn sum_and_count(&self) -> (f64, u64) {
        let count = self.counts.iter().map(get).sum();
        (get(&self.sum_us) as f64 / 1e6, count)
    }
}

impl Metrics {
    pub fn new() -> Self {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        Self { started, ..Self::default() }
    }

    /// An answer to a route, which is one of few.
    pub fn count_request(&self, route: &'static str, status: u16) {
        *self.requests.lock().unwrap_or_else(PoisonError::into_inner).entry((route, status)).or_default() += 1;
    }

    /// Something that the generator made.
    pub fn count_made(&self, timing: &Timing, pictures: usize) {
        self.queue.observe(timing.queue);
        self.generate.observe(timing.generate);
        self.encode.observe(timing.encode);
        add(&self.pictures, pictures as u64);
    }

    /// Something that nobody waited for any more.
    pub fn count_abandoned(&self) {
        add(&self.abandoned, 1);
    }

    /// A look into the cache.
    pub fn count_lookup(&self, hit: bool) {
        add(if hit { &self.hits } else { &self.misses }, 1);
    }

    /// A connection that was taken.
    pub fn count_connection(&self) {
        add(&self.connections, 1);
    }

    /// The end of a connection.
    pub fn count_closed(&self) {
        add(&self.closed, 1);
    }

    /// How long one task takes, on average so far.
    pub fn mean_task(&self) -> Duration {
        let parts = [&self.generate, &self.encode].map(Histogram::sum_and_count);
        let count = parts[0].1.max(1) as f64;
        Duration::from_secs_f64(parts.iter().map(|(sum, _)| sum).sum::<f64>() / count)
    }

    /// The page that Prometheus reads.
    pub fn text(&self, now: &Now<'_>) -> String {
        let mut page = Page(String::new());
        page.family("edge_runtime_info", "gauge", "What runs here; always 1.");
        let labels = [("version", env!("CARGO_PKG_VERSION")), ("engine", now.engine), ("model_sha256", now.model)];
        page.sample("edge_runtime_info", &labels, 1.0);
        page.family("edge_runtime_requests_total", "counter", "Answers by route and status code.");
        for ((route, status), count) in self.requests.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let labels = [("route", *route), ("code", &status.to_string())];
            page.sample("edge_runtime_requests_total", &labels, *count as f64);
        }
        for (name, kind, help, value) in self.singles(now) {
            page.family(name, kind, help);
            page.sample(name, &[], value);
        }
        for (name, help, histogram) in [
            ("edge_runtime_queue_seconds", "Time that tasks waited in the queue.", &self.queue),
            ("edge_runtime_generate_seconds", "Time that the engine took for a task.", &self.generate),
            ("edge_runtime_encode_seconds", "Time that encoding took for a task.", &self.encode),
        ] {
            page.histogram(name, help, histogram);
        }
        page.0
    }

    fn singles(&self, now: &Now<'_>) -> [(&'static str, &'static str, &'static str, f64); 11] {
        let total = |counter: &AtomicU64| get(counter) as f64;
        [
            ("edge_runtime_pictures_total", "counter", "Pictures made.", total(&self.pictures)),
            (
                "edge_runtime_abandoned_total",
                "counter",
                "Tasks that nobody waited for any more.",
                total(&self.abandoned),
            ),
            ("edge_runtime_cache_hits_total", "counter", "Answers found in the cache.", total(&self.hits)),
            ("edge_runtime_cache_misses_total", "counter", "Answers not found in the cache.", total(&self.misses)),
            ("edge_runtime_cache_bytes", "gauge", "Bytes in the cache.", now.cache_bytes as f64),
            ("edge_runtime_cache_entries", "gauge", "Answers in the cache.", now.cache_entries as f64),
            ("edge_runtime_queue_length", "gauge", "Tasks that wait.", now.waiting as f64),
            ("edge_runtime_queue_capacity", "gauge", "Tasks that may wait.", now.most_waiting as f64),
            ("edge_runtime_connections", "gauge", "Open connections.", total(&self.connections) - total(&self.closed)),
            ("edge_runtime_connections_total", "counter", "Connections taken.", total(&self.connections)),
            ("process_start_time_seconds", "gauge", "Start, in seconds since 1970.", self.started),
        ]
    }
}

/// Lines of the format.
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string never fails, here and below.
        _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let pairs: Vec<String> = labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
        let braces = if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) };
        _ = writeln!(self.0, "{name}{braces} {value}");
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.family(name, "histogram", help);
        let mut below = 0;
        let bounds = BUCKETS.iter().map(|bound| (*bound as f64 / 1e3).to_string()).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(&histogram.counts) {
            below += get(count);
            self.sample(&format!("{name}_bucket"), &[("le", &bound)], below as f64);
        }
        self.sample(&format!("{name}_sum"), &[], get(&histogram.sum_us) as f64 / 1e6);
        self.sample(&format!("{name}_count"), &[], below as f64);
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_end_with_the_count() {
        let metrics = Metrics::new();
        for ms in [0, 1, 3, 700, 60_000] {
            let timing = Timing { generate: Duration::from_millis(ms), ..Timing::default() };
            metrics.count_made(&timing, 2);
        }
        let now =
            Now { engine: "a \"b\" \\ \n", model: "", waiting: 1, most_waiting: 2, cache_bytes: 3, cache_entries: 4 };
        let text = metrics.text(&now);
        for line in [
            "edge_runtime_generate_seconds_bucket{le=\"0.001\"} 2",
            "edge_runtime_generate_seconds_bucket{le=\"0.005\"} 3",
            "edge_runtime_generate_seconds_bucket{le=\"0.5\"} 3",
            "edge_runtime_generate_seconds_bucket{le=\"10\"} 4",
            "edge_runtime_generate_seconds_bucket{le=\"+Inf\"} 5",
            "edge_runtime_generate_seconds_sum 60.704",
            "edge_runtime_generate_seconds_count 5",
            "edge_runtime_pictures_total 10",
            "edge_runtime_queue_length 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        assert!(text.contains(r#"engine="a \"b\" \\ \n""#), "{text}");
        assert!(metrics.mean_task() > Duration::from_secs(12));
    }
}
