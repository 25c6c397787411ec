//! Which crate may reach which: libtorch stays with the trainer, dependencies point one way.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::checkout::Checkout;
use crate::command::{cargo, output};

const TORCH: [&str; 2] = ["tch", "torch-sys"];
const TRAINER: &str = "trainer";
const MODEL_SPEC: &str = "model-spec";
const EDGE_RUNTIME: &str = "edge-runtime";
const EXPORTER: &str = "exporter";
const MODEL_SPEC_DEPENDENCIES: [&str; 5] = ["libm", "safetensors", "serde", "serde_json", "thiserror"];

const PERMISSIVE: [&str; 9] =
    ["MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "Unicode-3.0", "Unlicense", "Zlib"];

/// What `cargo metadata` tells of the workspace with all features, since an optional dependency is one too.
#[derive(Debug, Deserialize)]
pub struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    #[serde(default)]
    license: Option<String>,
    #[serde(default)]
    rust_version: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

/// `None` is a normal dependency.
#[derive(Debug, Deserialize)]
struct Kind {
    kind: Option<String>,
}

/// Asks cargo.
///
/// # Errors
/// cargo fails, or answers in a form that is not known.
pub fn metadata(checkout: &Checkout) -> Result<Metadata> {
    let text = output(&mut cargo(checkout, ["metadata", "--format-version", "1", "--locked", "--all-features"]))?;
    serde_json::from_str(&text).context("read cargo's metadata")
}

/// Packages that ask for a later Rust than the workspace does, or whose licence asks for more than to be handed on with the
/// program.
pub fn foreign_terms(metadata: &Metadata) -> Vec<String> {
    let own = version(env!("CARGO_PKG_RUST_VERSION"));
    let mut found = Vec::new();
    for Package { name, license, rust_version, .. } in &metadata.packages {
        if let Some(needed) = rust_version.as_deref().filter(|needed| version(needed) > own) {
            found.push(format!(
                "{name} needs Rust {needed}, and the workspace promises {}",
                env!("CARGO_PKG_RUST_VERSION")
            ));
        }
        let terms = license.as_deref().unwrap_or_default();
        if !is_permissive(terms) {
            found.push(format!("{name}: expected a licence of {}, found {terms:?}", PERMISSIVE.join(", ")));
        }
    }
    found
}

/// Of `1.94` or `1.94.0`.
fn version(text: &str) -> [u32; 3] {
    let mut numbers = text.split('.').map(|number| number.parse().unwrap_or(0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0))
}

/// Whether one may choose licences (SPDX expressions, and the slash of old packages) that are all permissive.
fn is_permissive(terms: &str) -> bool {
    let plain = terms.replace(['(', ')'], "").replace('/', " OR ");
    plain.split(" AND ").all(|part| part.split(" OR ").any(|choice| PERMISSIVE.contains(&choice.trim())))
}

/// The rules that the workspace breaks, each with the way from crate to crate; empty where all is well.
pub fn violations(metadata: &Metadata) -> Vec<String> {
    let graph = Graph::new(metadata);
    let mut found: Vec<String> = [MODEL_SPEC, EDGE_RUNTIME, EXPORTER, TRAINER]
        .into_iter()
        .filter(|name| !graph.members.contains(name))
        .map(|name| format!("expected a member {name}, found none: this check would prove nothing"))
        .collect();
    for member in graph.members.iter().filter(|member| **member != TRAINER) {
        found.extend(
            TORCH
                .iter()
                .filter_map(|torch| graph.way(member, torch))
                .map(|way| format!("only {TRAINER} may reach libtorch: {way}")),
        );
    }
    found.extend(
        TORCH.iter().filter(|torch| graph.way(TRAINER, torch).is_none()).map(|torch| {
            format!("{TRAINER} is expected to reach {torch} and does not: this check would prove nothing")
        }),
    );
    for (from, to) in [(EDGE_RUNTIME, EXPORTER), (EDGE_RUNTIME, TRAINER), (EXPORTER, TRAINER)] {
        found.extend(graph.way(from, to).map(|way| format!("{from} must not know {to}: {way}")));
    }
    found.extend(
        graph.normal(MODEL_SPEC).into_iter().filter(|name| !MODEL_SPEC_DEPENDENCIES.contains(name)).map(|name| {
            format!("{MODEL_SPEC} may depend on {} only, found {name}", MODEL_SPEC_DEPENDENCIES.join(", "))
        }),
    );
    found
}

/// Names of packages and what each depends on, in any way: normal, for builds, for tests.
struct Graph<'a> {
    members: BTreeSet<&'a str>,
    edges: BTreeMap<&'a str, BTreeSet<&'a str>>,
    normal: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Graph<'a> {
    fn new(metadata: &'a Metadata) -> Self {
        let names: BTreeMap<&str, &str> =
            metadata.packages.iter().map(|package| (package.id.as_str(), package.name.as_str())).collect();
        let name = |id: &'a str| names.get(id).copied().unwrap_or(id);
        let mut graph = Self {
            members: metadata.workspace_members.iter().map(|id| name(id)).collect(),
            edges: BTreeMap::new(),
            normal: BTreeMap::new(),
        };
        for node in &metadata.resolve.nodes {
            for dependency in &node.deps {
                let (from, to) = (name(&node.id), name(&dependency.pkg));
                graph.edges.entry(from).or_default().insert(to);
                if dependency.dep_kinds.iter().any(|kind| kind.kind.is_none()) {
                    graph.normal.entry(from).or_default().insert(to);
                }
            }
        }
        graph
    }

    fn normal(&self, from: &str) -> Vec<&'a str> {
        self.normal.get(from).into_iter().flatten().copied().collect()
    }

    /// The shortest way from one package to another, `a -> b -> c`.
    fn way(&self, from: &str, to: &str) -> Option<String> {
        let start = *self.members.get(from)?;
        let mut ways = std::collections::VecDeque::from([vec![start]]);
        let mut seen = BTreeSet::from([start]);
        while let Some(way) = ways.pop_front() {
            let last = *way.last()?;
            if last == to {
                return Some(way.join(" -> "));
            }
            for next in self.edges.get(last).into_iter().flatten() {
                if seen.insert(next) {
                    ways.push_back([&way[..], &[*next]].concat());
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Metadata of a workspace with these dependencies; a name that ends with `?` is a dependency of tests only.
    fn workspace(edges: &[(&str, &[&str])]) -> Metadata {
        let members = ["model-spec", "edge-runtime", "exporter", "trainer", "examples", "xtask"];
        let names: BTreeSet<&str> = edges
            .iter()
            .flat_map(|(_, to)| *to)
            .map(|name| name.trim_end_matches('?'))
            .chain(members)
            .chain(edges.iter().map(|edge| edge.0))
            .collect();
        let packages: Vec<_> =
            names.iter().map(|name| serde_json::json!({"id": format!("id {name}"), "name": name})).collect();
        let nodes: Vec<_> = edges
            .iter()
            .map(|(from, to)| {
                let deps: Vec<_> = to
                    .iter()
                    .map(|name| {
                        let kind = name.ends_with('?').then_some("dev");
                        let id = format!("id {}", name.trim_end_matches('?'));
                        serde_json::json!({"pkg": id, "dep_kinds": [{"kind": kind, "target": null}]})
                    })
                    .collect();
                serde_json::json!({"id": format!("id {from}"), "deps": deps})
            })
            .collect();
        let text = serde_json::json!({
            "packages": packages,
            "workspace_members": members.map(|name| format!("id {name}")),
            "resolve": {"nodes": nodes},
        });
        serde_json::from_value(text).expect("the form that cargo has")
    }

    #[test]
    fn each_broken_rule_is_told_with_its_way() {
        let tch: (&str, &[&str]) = ("tch", &["torch-sys"]);
        let trainer: (&str, &[&str]) = ("trainer", &["tch", "model-spec", "edge-runtime"]);
        struct Case(&'static [(&'static str, &'static [&'static str])], &'static [&'static str]);
        let cases = [
            Case(&[("model-spec", &["serde", "libm", "tempfile?"]), ("edge-runtime", &["model-spec"])], &[]),
            Case(
                &[("exporter", &["helper"]), ("helper", &["torch-sys"])],
                &["only trainer may reach libtorch: exporter -> helper -> torch-sys"],
            ),
            Case(&[("examples", &["torch-sys?"])], &["only trainer may reach libtorch: examples -> torch-sys"]),
            Case(
                &[("edge-runtime", &["exporter"])],
                &["edge-runtime must not know exporter: edge-runtime -> exporter"],
            ),
            Case(
                &[("model-spec", &["image"])],
                &["model-spec may depend on libm, safetensors, serde, serde_json, thiserror only, found image"],
            ),
        ];
        for Case(edges, expected) in cases {
            let all = [edges, &[tch, trainer]].concat();
            assert_eq!(violations(&workspace(&all)), expected, "{edges:?}");
        }
    }

    #[test]
    fn a_package_of_a_later_rust_or_of_other_terms_is_told() {
        let mut metadata = workspace(&[("trainer", &["tch"])]);
        for package in &mut metadata.packages {
            (package.license, package.rust_version) = (Some("MIT/Apache-2.0".to_owned()), Some("1.70.0".to_owned()));
        }
        metadata.packages[0].rust_version = Some(format!("{}.0", env!("CARGO_PKG_RUST_VERSION")));
        assert_eq!(foreign_terms(&metadata), [""; 0]);
        metadata.packages[0].rust_version = Some("1.999".to_owned());
        metadata.packages[1].license = Some("GPL-3.0-only".to_owned());
        metadata.packages[2].license = None;
        let found = foreign_terms(&metadata);
        assert!(found.len() == 3 && found[0].contains("needs Rust 1.999"), "{found:?}");
        assert!(found[1].contains("found \"GPL-3.0-only\"") && found[2].contains("found \"\""), "{found:?}");
        for (terms, expected) in [
            ("MIT OR Apache-2.0 OR LGPL-2.1-or-later", true),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("MIT AND LGPL-2.1-only", false),
            ("Apache-2.0 WITH LLVM-exception OR MIT", true),
            ("", false),
        ] {
            assert_eq!(is_permissive(terms), expected, "{terms}");
        }
    }

    #[test]
    fn a_trainer_without_libtorch_is_told_too() {
        let found = violations(&workspace(&[("trainer", &["model-spec"])]));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("trainer is expected to reach tch"), "{found:?}");
    }

    #[test]
    fn a_member_that_a_rule_names_has_to_be_there() {
        let mut renamed = workspace(&[("trainer", &["tch"]), ("tch", &["torch-sys"])]);
        renamed.packages.iter_mut().filter(|package| package.name == EXPORTER).for_each(|package| {
            package.name = "export".to_owned();
        });
        assert_eq!(violations(&renamed), ["expected a member exporter, found none: this check would prove nothing"]);
    }
}
