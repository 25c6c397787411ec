//! What an archive's maker and a board's owner run: man pages, completions, the row of a report.

mod common;
mod place;

use std::process::Output;

use common::{LABELS, Network};

fn run(folder: &tempfile::TempDir, words: &[&str]) -> Output {
    place::command(folder.path()).args(words).output().expect("the command starts")
}

#[test]
fn a_manual_has_a_page_for_each_command_and_completions_for_three_shells() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run(&folder, &["manual", "pages"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |name: &str| std::fs::read_to_string(folder.path().join("pages").join(name)).expect(name);
    assert!(read("edge-runtime.1").contains(".TH edge-runtime 1"));
    let page = read("edge-runtime-bench.1");
    assert!(
        page.contains("\\-\\-report") && page.contains(env!("CARGO_PKG_VERSION")) && !page.contains("\\-\\-version")
    );
    for (name, word) in
        [("edge-runtime.bash", "--truncation"), ("_edge-runtime", "#compdef"), ("edge-runtime.fish", "-l")]
    {
        assert!(read(name).contains(word), "{name}");
    }
    let output = run(&folder, &["manual", "pages/edge-runtime.1"]);
    assert_eq!(output.status.code(), Some(1), "a file is no folder");
}

#[test]
fn a_report_is_a_row_of_the_table_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    Network::new(&LABELS, 3).write(folder.path());
    let words = ["bench", "--report", "--engine", "native", "--threads", "1", "--runs", "2", "--model", "model.onnx"];
    let output = run(&folder, &words);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('|').map(str::trim).collect()).collect();
    assert_eq!(rows.len(), 3, "{text}");
    assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{text}");
    let model = edge_runtime::Model::open(&folder.path().join("model.onnx")).expect("a model");
    assert!(rows[2][2].starts_with("native 0.") && rows[2][4] == "1", "{text}");
    assert!(rows[2][3].len() == 12 && model.sha256().starts_with(rows[2][3]), "{text}");
    assert!(rows[2][7].parse::<f64>().is_ok_and(|median| median >= 0.0), "{text}");
    assert_eq!(run(&folder, &["bench", "--report", "--json"]).status.code(), Some(2));
}
