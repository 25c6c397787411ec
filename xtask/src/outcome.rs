//! How a stage of a long check ended.

use anyhow::Result;

/// How a stage that did not fail ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It ran.
    Done,
    /// It ran without some of its parts, each with what is missing.
    Partly(Vec<String>),
    /// It could not run here.
    Skipped {
        /// Tests that did not run.
        count: usize,
        /// What is missing, and what to do about it.
        remedy: String,
    },
}

impl Outcome {
    /// A stage that could not run.
    pub fn skipped(count: usize, remedy: &str) -> Self {
        Self::Skipped { count, remedy: remedy.to_owned() }
    }

    /// A stage that ran, but for these parts.
    pub fn without(parts: Vec<String>) -> Self {
        if parts.is_empty() { Self::Done } else { Self::Partly(parts) }
    }
}

/// A stage that always runs.
pub fn done(result: Result<()>) -> Result<Outcome> {
    result.map(|()| Outcome::Done)
}
