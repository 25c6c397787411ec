//! Stages of a long check: each is timed, and a failing one does not keep the next from running.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::outcome::Outcome;

/// The stages so far.
#[derive(Debug)]
pub struct Stages {
    require_all: bool,
    only: String,
    /// Of all stages, also those that don't run.
    names: Vec<&'static str>,
    results: Vec<Stage>,
}

#[derive(Debug)]
struct Stage {
    name: &'static str,
    time: Duration,
    /// The error in words, where it failed.
    outcome: Result<Outcome, String>,
}

impl Stages {
    /// None yet; with `require_all` a skipped stage fails, and only stages whose names contain `only` run.
    pub fn new(require_all: bool, only: &str) -> Self {
        Self { require_all, only: only.to_owned(), names: Vec::new(), results: Vec::new() }
    }

    /// Runs one stage, telling its beginning and its end.
    pub fn run(&mut self, name: &'static str, stage: impl FnOnce() -> Result<Outcome>) {
        self.names.push(name);
        if !name.contains(&self.only) {
            return;
        }
        eprintln!("\n=== {name}");
        let start = Instant::now();
        let outcome = stage().map_err(|error| format!("{error:#}")).and_then(|outcome| self.required(outcome));
        let stage = Stage { name, time: start.elapsed(), outcome };
        eprintln!("=== {}", stage.line());
        if let Err(problem) = &stage.outcome {
            eprintln!("{problem}");
        }
        self.results.push(stage);
    }

    fn required(&self, outcome: Outcome) -> Result<Outcome, String> {
        match outcome {
            Outcome::Skipped { count, remedy } if self.require_all => {
                Err(format!("{count} could not run, and --require-all allows no skipping: {remedy}"))
            }
            other => Ok(other),
        }
    }

    /// Prints the table of all stages and what to do about the skipped ones; exit code 1 where one failed, 2 where none has
    /// such a name.
    pub fn close(&self) -> ExitCode {
        if self.results.is_empty() {
            eprintln!("error: no stage has {:?} in its name; there are: {}", self.only, self.names.join(", "));
            return ExitCode::from(2);
        }
        eprintln!();
        println!("{}", self.summary());
        if self.results.iter().any(|stage| stage.outcome.is_err()) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    fn summary(&self) -> String {
        let mut lines: Vec<String> = self.results.iter().map(Stage::line).collect();
        lines.extend(self.results.iter().flat_map(Stage::remarks));
        let failed = self.results.iter().filter(|stage| stage.outcome.is_err()).count();
        let skipped = self.results.iter().filter(|stage| matches!(stage.outcome, Ok(Outcome::Skipped { .. }))).count();
        let passed = self.results.len() - failed - skipped;
        let total: Duration = self.results.iter().map(|stage| stage.time).sum();
        lines.push(format!("{:<24} {:>7.1} min", "all", minutes(total)));
        let skipped = if skipped == 0 { String::new() } else { format!(", {skipped} skipped") };
        lines.push(format!("{passed} passed, {failed} failed{skipped}"));
        lines.join("\n")
    }
}

impl Stage {
    /// What did not go as it should, a line each.
    fn remarks(&self) -> Vec<String> {
        let name = self.name;
        match &self.outcome {
            Ok(Outcome::Done) => Vec::new(),
            Ok(Outcome::Partly(parts)) => parts.iter().map(|part| format!("LEFT OUT of {name}: {part}")).collect(),
            Ok(Outcome::Skipped { count, remedy }) => vec![format!("SKIPPED {name}: {count} did not run: {remedy}")],
            Err(problem) => vec![format!("FAILED {name}: {problem}")],
        }
    }

    fn line(&self) -> String {
        let word = match self.outcome {
            Ok(Outcome::Done | Outcome::Partly(_)) => "passed",
            Ok(Outcome::Skipped { .. }) => "skipped",
            Err(_) => "FAILED",
        };
        format!("{:<24} {:>7.1} min  {word}", self.name, minutes(self.time))
    }
}

fn minutes(time: Duration) -> f64 {
    time.as_secs_f64() / 60.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixed(require_all: bool) -> Stages {
        let mut stages = Stages::new(require_all, "");
        stages.run("one", || Ok(Outcome::Done));
        stages.run("two", || anyhow::bail!("it broke"));
        stages.run("three", || Ok(Outcome::skipped(7, "no qemu: apt install qemu-user")));
        stages.run("four", || Ok(Outcome::Done));
        stages
    }

    #[test]
    fn a_failure_does_not_stop_the_next_and_a_skip_is_told_with_count_and_remedy() {
        let summary = mixed(false).summary();
        assert!(summary.ends_with("2 passed, 1 failed, 1 skipped"), "{summary}");
        assert!(summary.contains("FAILED two: it broke"), "{summary}");
        assert!(summary.contains("SKIPPED three: 7 did not run: no qemu: apt install qemu-user"), "{summary}");
        assert_eq!(summary.lines().filter(|line| line.contains(" min  ")).count(), 4, "{summary}");
    }

    #[test]
    fn parts_that_are_left_out_are_told_and_make_no_failure() {
        let mut stages = Stages::new(true, "");
        stages.run("one", || Ok(Outcome::without(Vec::new())));
        stages.run("two", || Ok(Outcome::without(vec!["no npm".to_owned(), "no compiler".to_owned()])));
        let summary = stages.summary();
        assert!(summary.contains("\nLEFT OUT of two: no npm\nLEFT OUT of two: no compiler\n"), "{summary}");
        assert!(summary.ends_with("2 passed, 0 failed") && !summary.contains("of one"), "{summary}");
        assert_eq!(format!("{:?}", stages.close()), format!("{:?}", ExitCode::SUCCESS));
    }

    #[test]
    fn with_require_all_a_skip_is_a_failure() {
        let summary = mixed(true).summary();
        assert!(summary.ends_with("2 passed, 2 failed"), "{summary}");
        assert!(summary.contains("FAILED three: 7 could not run"), "{summary}");
        assert!(summary.contains("apt install qemu-user"), "{summary}");
    }

    #[test]
    fn only_the_named_stages_run() {
        let mut stages = Stages::new(true, "tests");
        stages.run("docs", || anyhow::bail!("not asked for"));
        stages.run("tests of trainer", || Ok(Outcome::Done));
        assert!(stages.summary().ends_with("1 passed, 0 failed"), "{}", stages.summary());
        let none = Stages::new(true, "no such stage").close();
        assert_eq!(format!("{none:?}"), format!("{:?}", ExitCode::from(2)));
    }

    #[test]
    fn the_exit_code_tells_whether_a_stage_failed() {
        let mut stages = Stages::new(false, "");
        stages.run("one", || Ok(Outcome::skipped(1, "nothing to do")));
        assert_eq!(format!("{:?}", stages.close()), format!("{:?}", ExitCode::SUCCESS));
        assert_eq!(format!("{:?}", mixed(false).close()), format!("{:?}", ExitCode::FAILURE));
    }
}
