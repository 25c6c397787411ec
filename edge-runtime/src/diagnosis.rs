//! What this machine offers to a model, and what to do about what it lacks.

mod displays;
mod machine;
mod runtime;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// How a finding stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is there and works.
    Fine,
    /// It isn't there, and only some uses need it.
    Absent,
    /// It is there and doesn't work.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub part: String,
    /// How it stands.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do, where something can be done.
    pub remedy: Option<String>,
}

/// Looks at processor, memory, C library, ONNX Runtime and its providers, JetPack, displays and SPI devices.
pub fn findings(ort_library: Option<&Path>) -> Vec<Finding> {
    let root = Root(PathBuf::from("/"));
    let mut findings = machine::findings(&root);
    findings.extend(runtime::findings(ort_library));
    findings.extend(displays::findings(&root));
    findings
}

/// The findings as lines, remedies below.
pub fn text(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.part.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for finding in findings {
        text += &format!("{:<7}  {:width$}  {}\n", finding.state.name(), finding.part, finding.found);
        if let Some(remedy) = &finding.remedy {
            text += &format!("{:<7}  {:width$}    -> {remedy}\n", "", "");
        }
    }
    text
}

/// The findings as a JSON array of objects with `part`, `state`, `found` and `remedy`.
pub fn json(findings: &[Finding]) -> Value {
    let object = |finding: &Finding| {
        json!({
            "part": finding.part,
            "state": finding.state.name(),
            "found": finding.found,
            "remedy": finding.remedy,
        })
    };
    findings.iter().map(object).collect()
}

impl State {
    /// Its name in text and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Absent => "absent",
            Self::Problem => "problem",
        }
    }
}

fn fine(part: impl Into<String>, found: impl Into<String>) -> Finding {
    Finding { part: part.into(), state: State::Fine, found: found.into(), remedy: None }
}

fn absent(part: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding { part: part.into(), state: State::Absent, found: found.into(), remedy: Some(remedy.into()) }
}

fn problem(part: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding { part: part.into(), state: State::Problem, found: found.into(), remedy: Some(remedy.into()) }
}

/// Where the machine's files are; tests have their own.
struct Root(PathBuf);

impl Root {
    fn path(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    /// A file's text on one line, without control characters.
    fn line(&self, path: &str) -> Option<String> {
        let bytes = std::fs::read(self.path(path)).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let line = text.lines().next()?.trim_matches(['\0', ' ']);
        Some(line.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect())
    }

    fn text(&self, path: &str) -> String {
        std::fs::read(self.path(path)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Names in a folder that begin with `prefix`, sorted.
    fn names(&self, folder: &str, prefix: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| name.starts_with(prefix)).collect();
        names.sort();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_stands_below_its_finding() {
        let findings = [fine("memory", "4.0 GB"), problem("/dev/fb0", "can't be written", "join the group")];
        let expected = "\
ok       memory    4.0 GB
problem  /dev/fb0  can't be written
                     -> join the group
";
        assert_eq!(text(&findings), expected);
        let value = json(&findings);
        assert_eq!(value[1]["state"], "problem");
        assert_eq!(value[0]["remedy"], Value::Null);
    }
}
