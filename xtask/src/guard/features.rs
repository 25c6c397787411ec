//! tract takes minutes to compile. Every choice of packages that is built asks for the same features of it and of what it
//! depends on, so that one of them compiles it for all.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::checkout::Checkout;
use crate::command::{cargo, output};

const SHARED: &str = "tract-onnx";
/// What README builds, and the trainer's tests.
const CHOICES: [&[&str]; 5] = [
    &["--edges", "normal,build"],
    &["--edges", "normal,build", "--package", "edge-runtime"],
    &["--edges", "normal,build", "--package", "exporter"],
    &["--edges", "normal,build", "--package", "examples"],
    &["--edges", "normal,build,dev", "--package", "trainer"],
];
const FORM: [&str; 7] = ["tree", "--locked", "--no-dedupe", "--prefix", "depth", "--format", "{p} [{f}]"];

/// What differs between the choices; empty where all is well.
///
/// # Errors
/// cargo fails.
pub fn violations(checkout: &Checkout) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut first = None;
    for choice in CHOICES {
        let tree = output(cargo(checkout, FORM).args(choice))?;
        let shared = below(&tree, SHARED);
        let choice = choice.join(" ");
        if shared.is_empty() {
            found.push(format!("`cargo tree {choice}`: expected {SHARED}, found none: this check would prove nothing"));
        }
        let expected = first.get_or_insert_with(|| shared.clone());
        found.extend(shared.symmetric_difference(expected).map(|package| {
            format!(
                "{SHARED} would be compiled again for `cargo tree {choice}`: expected the same features of its \
                 dependencies everywhere, found a difference at {package} (see edge-runtime/Cargo.toml)"
            )
        }));
    }
    Ok(found)
}

/// A package and what it depends on, each with its features.
fn below(tree: &str, package: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut within: Option<usize> = None;
    for line in tree.lines() {
        let digits = line.bytes().take_while(u8::is_ascii_digit).count();
        let (depth, words) = line.split_at(digits);
        let Ok(depth) = depth.parse::<usize>() else { continue };
        let name = words.split(' ').next();
        within = within.filter(|top| depth > *top).or((name == Some(package)).then_some(depth));
        if within.is_some() {
            found.insert(words.replace(" (proc-macro)", ""));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_package_and_what_lies_below_it_count() {
        let tree = "0exporter v0.1.0 (/somewhere) [default]\n1tract-onnx v0.23.9 []\n2syn v2.0.1 (proc-macro) [full,visit]\n\
                    3quote v1.0.1 []\n1zip v9.8.1 []\n2flate2 v1.1.1 [zlib]\n\n0xtask v0.1.0 []\n1tract-onnx v0.23.9 [more]\n";
        let found: Vec<String> = below(tree, SHARED).into_iter().collect();
        let expected =
            ["quote v1.0.1 []", "syn v2.0.1 [full,visit]", "tract-onnx v0.23.9 []", "tract-onnx v0.23.9 [more]"];
        assert_eq!(found, expected);
        assert!(below(tree, "tch").is_empty());
    }
}
