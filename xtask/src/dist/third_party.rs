//! The licences of what is linked into a binary, which those that ask for it have to come with.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::Build;
use crate::checkout::Checkout;
use crate::cli::Kind;
use crate::command::{cargo, output};
use crate::folder::entries;

/// What the files that hold a licence are called, without regard to case.
const LICENCE_FILES: [&str; 6] = ["licence", "license", "copying", "copyright", "notice", "unlicense"];

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    repository: Option<String>,
    authors: Vec<String>,
    manifest_path: PathBuf,
    /// None for a package of the workspace.
    source: Option<String>,
}

impl Package {
    fn title(&self) -> String {
        format!("{} {}", self.name, self.version)
    }
}

/// All of them in one text: each package with its licence, then each text once, with the packages that have it.
///
/// # Errors
/// cargo fails, or tells of packages in a form that is not known.
pub fn licences(checkout: &Checkout, build: &Build) -> Result<String> {
    let words = ["tree", "--package", "edge-runtime", "--locked", "--no-default-features", "--prefix", "none"];
    let mut tree = cargo(checkout, words);
    tree.args(["--edges", "normal,no-proc-macro", "--format", "{p}", "--target", build.target.triple()]);
    let tree = output(tree.args(build.features()))?;
    let linked: BTreeSet<(&str, &str)> = tree.lines().filter_map(name_and_version).collect();
    let metadata = output(&mut cargo(checkout, ["metadata", "--format-version", "1", "--locked", "--all-features"]))?;
    let metadata: Metadata = serde_json::from_str(&metadata).context("read cargo's metadata")?;
    let is_linked = |package: &&Package| linked.contains(&(package.name.as_str(), package.version.as_str()));
    let packages: Vec<&Package> = metadata.packages.iter().filter(is_linked).collect();
    ensure!(packages.len() == linked.len(), "expected {} packages, found {}", linked.len(), packages.len());
    written(&packages.into_iter().filter(|package| package.source.is_some()).collect::<Vec<_>>(), build.kind)
}

/// Of a line of `cargo tree`: `clap v4.6.9 (*)`.
fn name_and_version(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split_whitespace();
    Some((words.next()?, words.next()?.strip_prefix('v')?))
}

fn written(packages: &[&Package], kind: Kind) -> Result<String> {
    let mut text =
        "The program edge-runtime contains these packages of others, the Rust standard library, and where it is \
                    static the GNU C Library.\n\n"
            .to_owned();
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages {
        let title = package.title();
        let found = licence_texts(&package.manifest_path)?;
        let licence = package.license.as_deref().unwrap_or("no licence named");
        text += &format!("{title}: {licence}");
        if found.is_empty() {
            let (authors, place) = (package.authors.join(", "), package.repository.as_deref().unwrap_or_default());
            text += &format!(" (its package has no text of it; by {authors}; {place})");
        }
        text += "\n";
        found.into_iter().for_each(|found| texts.entry(found).or_default().push(title.clone()));
    }
    text += "\nThe Rust standard library: MIT OR Apache-2.0, Copyright (c) The Rust Project Contributors, \
             https://github.com/rust-lang/rust\n";
    if kind == Kind::Static {
        text += "\nThe GNU C Library, statically linked: LGPL-2.1-or-later, see LICENSE-LGPL-2.1; its source is at \
                 https://www.gnu.org/software/libc/. To link the program with another version of it, run `cargo xtask dist` in \
                 the project's source on a system that has that version.\n";
    }
    for (licence, titles) in texts {
        let line = "-".repeat(78);
        text += &format!("\n{line}\n{}\n{line}\n\n{licence}\n", titles.join(", "));
    }
    Ok(text)
}

fn licence_texts(manifest: &Path) -> Result<Vec<String>> {
    let folder = manifest.parent().context("a manifest lies in a folder")?;
    let is_licence = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        path.is_file() && LICENCE_FILES.iter().any(|start| name.starts_with(start)) && !name.ends_with(".rs")
    };
    let mut paths: Vec<PathBuf> = entries(folder)?.into_iter().filter(is_licence).collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let text = fs::read(path).with_context(|| format!("read {}", path.display()))?;
        // Texts that differ in how lines end are one.
        let lines: Vec<String> =
            String::from_utf8_lossy(&text).lines().map(|line| line.trim_end().to_owned()).collect();
        Ok(lines.join("\n").trim_matches('\n').to_owned())
    };
    paths.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_package_is_named_and_a_text_that_two_have_stands_once() {
        let place = tempfile::tempdir().expect("a folder");
        let package = |name: &str, files: &[(&str, &str)]| {
            let folder = place.path().join(name);
            fs::create_dir(&folder).expect("made");
            files.iter().for_each(|(file, text)| fs::write(folder.join(file), text).expect("written"));
            Package {
                name: name.to_owned(),
                version: "1.2.3".to_owned(),
                license: Some("MIT".to_owned()),
                repository: Some(format!("https://example.org/{name}")),
                authors: vec!["A. Writer".to_owned()],
                manifest_path: folder.join("Cargo.toml"),
                source: Some("registry".to_owned()),
            }
        };
        let packages = [
            package("first", &[("LICENSE-MIT", "Permission of one\r\n"), ("lib.rs", "code")]),
            package("second", &[("license", "Permission of one\n\n"), ("NOTICE", "Made by second")]),
            package("third", &[("README.md", "none")]),
        ];
        let all: Vec<&Package> = packages.iter().collect();
        let text = written(&all, Kind::Static).expect("readable");
        assert!(text.contains("first 1.2.3: MIT\n") && text.contains("https://example.org/third"), "{text}");
        assert_eq!(text.matches("Permission of one").count(), 1, "{text}");
        assert!(text.contains("first 1.2.3, second 1.2.3\n") && text.contains("Made by second"), "{text}");
        assert!(text.contains("LGPL-2.1") && !written(&all, Kind::Ort).expect("readable").contains("LGPL"), "{text}");
    }

    #[test]
    fn a_line_of_cargos_tree_is_a_name_and_a_version() {
        assert_eq!(name_and_version("clap v4.6.9 (*)"), Some(("clap", "4.6.9")));
        assert_eq!(name_and_version("edge-runtime v0.1.0 (/somewhere)"), Some(("edge-runtime", "0.1.0")));
        assert_eq!(name_and_version(""), None);
    }
}
