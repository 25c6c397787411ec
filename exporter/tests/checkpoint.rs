//! Finding and reading checkpoints.

mod common;

use std::path::Path;

use common::{Checkpoint, Numbers, Tensor, message};
use exporter::source::{self, Source, Wanted};
use exporter::{ExportError, checkpoint};
use model_spec::manifest;
use model_spec::manifest::reference;
use model_spec::weights::generator as names;

fn open(path: &Path) -> Result<Source, ExportError> {
    source::open(&Wanted { run: Some(path), ..Default::default() })
}

fn refusal(path: &Path) -> String {
    match open(path) {
        Ok(_) => panic!("was accepted"),
        Err(error) => message(error),
    }
}

/// What reading says of a checkpoint that was spoilt before it was written, with right hashes.
fn verdict(spoil: impl Fn(&mut Checkpoint)) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let mut checkpoint = Checkpoint::small();
    spoil(&mut checkpoint);
    refusal(&checkpoint.write(folder.path()))
}

#[test]
fn a_file_that_changed_since_it_was_written_is_named() {
    for name in [manifest::GENERATOR, manifest::REFERENCE, manifest::STATE] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = Checkpoint::small().write(folder.path()).join(name);
        let mut bytes = std::fs::read(&path).expect("written");
        *bytes.last_mut().expect("not empty") ^= 1;
        std::fs::write(&path, bytes).expect("writable");
        let message = refusal(folder.path());
        assert!(message.contains(name) && message.contains("sha256"), "{message}");
    }
}

#[test]
fn a_file_whose_hash_the_manifest_does_not_state_is_named() {
    for name in [manifest::GENERATOR, manifest::REFERENCE] {
        let folder = tempfile::tempdir().expect("a folder");
        Checkpoint::small().write(folder.path());
        let path = folder.path().join(manifest::MANIFEST);
        let mut manifest = model_spec::Manifest::open(folder.path(), common::sha256_hex).expect("good");
        manifest.files.remove(name);
        std::fs::write(&path, serde_json::to_string(&manifest).expect("plain data")).expect("writable");
        let message = refusal(folder.path());
        assert!(message.contains(name) && message.contains("sha256"), "{message}");
    }
}

#[test]
fn a_missing_file_is_named() {
    for name in [manifest::GENERATOR, manifest::REFERENCE, manifest::STATE] {
        let folder = tempfile::tempdir().expect("a folder");
        Checkpoint::small().write(folder.path());
        std::fs::remove_file(folder.path().join(name)).expect("there");
        assert!(refusal(folder.path()).contains(name));
    }
}

/// A link to it, since a manifest can't name a device.
#[cfg(unix)]
#[test]
fn a_file_without_an_end_is_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = Checkpoint::small().write(folder.path()).join(manifest::STATE);
    std::fs::remove_file(&state).expect("there");
    std::os::unix::fs::symlink("/dev/zero", &state).expect("writable");
    let message = refusal(folder.path());
    assert!(message.contains(manifest::STATE) && message.ends_with("not a regular file"), "{message}");
}

#[test]
fn batch_counters_may_be_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut checkpoint = Checkpoint::small();
    let counter = Tensor { shape: vec![], numbers: Numbers::I64(vec![12]) };
    checkpoint.weights.insert("model.1.num_batches_tracked".to_owned(), counter);
    open(&checkpoint.write(folder.path())).expect("read");
}

#[test]
fn weights_outside_the_contract_are_named_with_what_was_expected() {
    struct Case(&'static str, &'static [&'static str], fn(&mut Checkpoint));
    let cases = [
        Case("missing", &["model.3.weight", "[8, 5, 4, 4]"], |checkpoint| {
            checkpoint.weights.remove("model.3.weight");
        }),
        Case("extra", &["model.2.weight"], |checkpoint| {
            checkpoint.weights.insert("model.2.weight".to_owned(), common::floats(&[1], vec![0.0]));
        }),
        Case("counter of nothing", &["model.2.num_batches_tracked"], |checkpoint| {
            checkpoint.weights.insert("model.2.num_batches_tracked".to_owned(), common::integers(vec![1]));
        }),
        Case("other shape", &["model.3.weight", "[8, 5, 4, 4]", "[8, 5, 16]"], |checkpoint| {
            checkpoint.weights.get_mut("model.3.weight").expect("there").shape = vec![8, 5, 16];
        }),
        Case("fewer labels", &["label_conditioned_generator.0.weight", "[3, 5]", "[2, 5]"], |checkpoint| {
            let embedding = checkpoint.weights.get_mut(names::LABEL_EMBEDDING).expect("there");
            *embedding = common::floats(&[2, 5], vec![0.5; 10]);
        }),
        Case("integers", &["latent.0.bias", "f32", "I64"], |checkpoint| {
            checkpoint.weights.insert(names::LATENT_BIAS.to_owned(), common::integers(vec![1; 96]));
        }),
        Case("NaN", &["model.4.running_mean", "NaN at 2"], |checkpoint| {
            checkpoint.weight("model.4.running_mean")[2] = f32::NAN;
        }),
        Case("infinite", &["latent.0.weight", "-inf at 9"], |checkpoint| {
            checkpoint.weight(names::LATENT_WEIGHT)[9] = f32::NEG_INFINITY;
        }),
        Case("variance below -eps", &["model.1.running_var", "-2"], |checkpoint| {
            checkpoint.weight("model.1.running_var")[1] = -2.0;
        }),
    ];
    for Case(name, expected, spoil) in cases {
        let message = verdict(spoil);
        assert!(expected.iter().all(|part| message.contains(part)), "{name}: {message}");
    }
}

#[test]
fn references_that_do_not_fit_are_named() {
    struct Case(&'static str, &'static str, fn(&mut Checkpoint));
    let cases = [
        Case("no pictures", "image", |checkpoint| {
            checkpoint.reference.remove(reference::IMAGE);
        }),
        Case("other size", "image", |checkpoint| {
            checkpoint.reference.get_mut(reference::IMAGE).expect("there").shape = vec![3, 3, 64, 16];
        }),
        Case("other latents", "latent", |checkpoint| {
            checkpoint.reference.insert(reference::LATENT.to_owned(), common::floats(&[3, 6], vec![0.0; 18]));
        }),
        Case("unknown label", "label", |checkpoint| {
            checkpoint.reference.insert(reference::LABEL.to_owned(), common::integers(vec![0, 1, 3]));
        }),
        Case("negative label", "label", |checkpoint| {
            checkpoint.reference.insert(reference::LABEL.to_owned(), common::integers(vec![0, 1, -1]));
        }),
        Case("labels as floats", "label", |checkpoint| {
            checkpoint.reference.insert(reference::LABEL.to_owned(), common::floats(&[3], vec![0.0; 3]));
        }),
        Case("a picture of NaN", "image", |checkpoint| checkpoint.reference(reference::IMAGE)[5] = f32::NAN),
        Case("nothing", "row", |checkpoint| {
            checkpoint.reference.insert(reference::LABEL.to_owned(), common::integers(vec![]));
            checkpoint.reference.insert(reference::LATENT.to_owned(), common::floats(&[0, 7], vec![]));
            checkpoint.reference.insert(reference::IMAGE.to_owned(), common::floats(&[0, 3, 32, 32], vec![]));
        }),
    ];
    for Case(name, expected, spoil) in cases {
        let message = verdict(spoil);
        assert!(message.contains(manifest::REFERENCE) && message.contains(expected), "{name}: {message}");
    }
}

#[test]
fn manifests_outside_the_contract_are_refused() {
    let message = verdict(|checkpoint| checkpoint.manifest.schema_version = 2);
    assert!(message.contains("schema version 1, found 2"), "{message}");
    let message = verdict(|checkpoint| checkpoint.manifest.architecture.image_size = 48);
    assert!(message.contains("image_size"), "{message}");
    let message = verdict(|checkpoint| checkpoint.manifest.picture_range = [0.0, 1.0]);
    assert!(message.ends_with("manifest.json: picture_range: expected [-1.0, 1.0], found [0.0, 1.0]"), "{message}");
    for name in ["/dev/zero", "../manifest.json", "./manifest.json", "state/manifest.json", ".", ""] {
        let message = verdict(|checkpoint| _ = checkpoint.manifest.files.insert(name.to_owned(), "00".to_owned()));
        let expected = format!("manifest.json: files: expected names of files beside it, found {name:?}");
        assert!(message.ends_with(&expected), "{message}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(manifest::MANIFEST), "{").expect("writable");
    assert!(refusal(folder.path()).contains(manifest::MANIFEST));
}

/// A run folder with checkpoints of (folder name, images seen, kid).
fn run(path: &Path, checkpoints: &[(&str, u64, Option<f64>)]) {
    for (name, images, kid) in checkpoints {
        let mut checkpoint = Checkpoint::small();
        checkpoint.manifest.progress.images = *images;
        checkpoint.manifest.scores.extend(kid.map(|kid| ("kid".to_owned(), kid)));
        checkpoint.write(&path.join("checkpoints").join(name));
    }
}

#[test]
fn a_run_gives_its_best_checkpoint_or_its_latest_without_scores() {
    struct Case(&'static [(&'static str, u64, Option<f64>)], &'static str, &'static str);
    let cases = [
        Case(
            &[("000001.000", 1000, None), ("000012.500", 12_500, None), ("000003.000", 3000, None)],
            "000012.500",
            "latest of 3",
        ),
        Case(
            &[("000001.000", 1000, Some(0.2)), ("000002.000", 2000, Some(0.1)), ("000003.000", 3000, Some(0.3))],
            "000002.000",
            "best kid (0.100) of 3",
        ),
        Case(&[("000001.000", 1000, Some(0.2)), ("000002.000", 2000, None)], "000001.000", "best kid (0.200) of 2"),
        Case(&[("000001.000", 1000, None), (".000002.000", 2000, None)], "000001.000", "latest of 1"),
    ];
    for Case(checkpoints, expected, reason) in cases {
        let folder = tempfile::tempdir().expect("a folder");
        run(folder.path(), checkpoints);
        let found = open(folder.path()).expect("found");
        assert!(found.reason.contains(reason), "{}", found.reason);
        assert_eq!(found.path, folder.path().join("checkpoints").join(expected));
    }
}

#[test]
fn the_newest_run_with_a_checkpoint_is_found() {
    let runs = tempfile::tempdir().expect("a folder");
    run(&runs.path().join("00002-a-reference"), &[("000001.000", 1000, None)]);
    run(&runs.path().join("00010-a-reference"), &[("000002.000", 2000, None)]);
    std::fs::create_dir_all(runs.path().join("00011-a-reference/checkpoints")).expect("writable");
    std::fs::create_dir_all(runs.path().join("notes")).expect("writable");
    let found = checkpoint::find_newest(runs.path()).expect("found");
    let expected = runs.path().join("00010-a-reference/checkpoints/000002.000");
    assert_eq!(found.path, expected);
    assert!(found.reason.contains("newest run"), "{}", found.reason);
    assert_eq!(checkpoint::find(runs.path()).expect("a folder of runs"), found);
    let begun = runs.path().join("00011-a-reference");
    let message = message(checkpoint::find(&begun).expect_err("nothing to export"));
    assert!(message.ends_with("found a run without one yet"), "{message}");
}

#[test]
fn nothing_to_export_says_what_to_do() {
    let empty = tempfile::tempdir().expect("a folder");
    for runs in [empty.path().to_owned(), empty.path().join("missing")] {
        let message = message(checkpoint::find_newest(&runs).expect_err("nothing there"));
        assert!(message.contains("cargo run -p trainer") && message.contains("--run"), "{message}");
    }
    assert!(refusal(empty.path()).contains("expected a run folder"));
    assert!(refusal(&empty.path().join("missing")).contains("missing"));
}

#[test]
fn labels_are_refused_beside_a_checkpoint() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = Checkpoint::small().write(folder.path());
    let labels = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
    let message = message(
        source::open(&Wanted { run: Some(&path), labels: Some(&labels), ..Default::default() }).expect_err("refused"),
    );
    assert!(message.contains("--labels"), "{message}");
}
