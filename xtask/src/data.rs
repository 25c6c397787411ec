//! `cargo xtask data`: a downloaded copy of the Rock-Paper-Scissors data set becomes data/rps.

mod classes;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use self::classes::{CLASSES, Picture};
use crate::archive::Archive;
use crate::checkout::Checkout;
use crate::cli::DataOptions;
use crate::folder::files_below;
use crate::setup::{beside, refuse_others, remove, replace};

/// The original's pictures are 300x300 PNG of about 100 kB.
const PICTURE_LIMIT: u64 = 32 << 20;
const TOTAL_LIMIT: u64 = 4 << 30;
const MOST_PICTURES: usize = 200_000;
/// The trainer writes the first lines into the model's card.
const LICENCE: &str = "LICENCE.txt";
/// Where the trainer keeps what it fitted on these pictures.
const MEASURING: &str = ".mudra";
const LICENCE_TEXT: &str = "\
Laurence Moroney, \"Rock, Paper, Scissors Dataset\", Feb 2019, CC BY 2.0, laurencemoroney.com/datasets.html
https://creativecommons.org/licenses/by/2.0/
Credit the author with every model that is trained on these pictures.
";

/// Lays the pictures out as `paper`, `rock` and `scissors` in one folder, with the licence.
///
/// # Errors
/// No picture of a class, an unsafe archive, a folder that is there already.
pub fn run(checkout: &Checkout, options: &DataOptions) -> Result<()> {
    let out = options.out.clone().unwrap_or_else(|| checkout.path("data/rps"));
    if out.exists() {
        if !options.force {
            bail!("{} is there already; --force replaces it", checkout.shown(&out));
        }
        refuse_others(&out, &[&CLASSES[..], &[LICENCE, MEASURING]].concat(), checkout.shown(&out))?;
    }
    let part = beside(&out, "part");
    remove(&part)?;
    let laid_out = lay_out(&options.source, &part).and_then(|counts| replace(&out, &part).map(|()| counts));
    let counts = laid_out.inspect_err(|_| drop(remove(&part)))?;
    let total: usize = counts.iter().sum();
    let counted: Vec<_> = CLASSES.iter().zip(counts).map(|(class, count)| format!("{class} {count}")).collect();
    println!("{}: {total} pictures ({}), licence in {LICENCE}", checkout.shown(&out), counted.join(", "));
    Ok(())
}

fn lay_out(source: &Path, part: &Path) -> Result<[usize; 3]> {
    let pictures = if source.is_dir() { from_folder(source, part)? } else { from_archive(source, part)? };
    let path = part.join(LICENCE);
    fs::write(&path, LICENCE_TEXT).with_context(|| format!("write {}", path.display()))?;
    Ok(CLASSES.map(|class| pictures.iter().filter(|picture| picture.class == class).count()))
}

fn from_archive(source: &Path, part: &Path) -> Result<Vec<Picture>> {
    let mut archive = Archive::open(source)?;
    let files = archive.files()?;
    let paths: Vec<PathBuf> = files.iter().map(|entry| entry.path.clone()).collect();
    let pictures = classes::find(&paths, source)?;
    check_count(&pictures, source)?;
    let mut total = 0;
    for picture in &pictures {
        total += archive.extract(&files[picture.index], &part.join(picture.target()), PICTURE_LIMIT)?;
        check_total(total, source)?;
    }
    Ok(pictures)
}

fn from_folder(source: &Path, part: &Path) -> Result<Vec<Picture>> {
    let paths = files_below(source)?;
    let pictures = classes::find(&paths, source)?;
    check_count(&pictures, source)?;
    let mut total = 0;
    for picture in &pictures {
        let (from, to) = (source.join(&paths[picture.index]), part.join(picture.target()));
        let doing = || format!("copy {} to {}", from.display(), to.display());
        let length = fs::metadata(&from).with_context(doing)?.len();
        if length > PICTURE_LIMIT {
            bail!("{}: expected a picture of at most {PICTURE_LIMIT} bytes, found {length}", from.display());
        }
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).with_context(doing)?;
        }
        total += fs::copy(&from, &to).with_context(doing)?;
        check_total(total, source)?;
    }
    Ok(pictures)
}

fn check_count(pictures: &[Picture], source: &Path) -> Result<()> {
    if pictures.len() > MOST_PICTURES {
        bail!("{}: expected at most {MOST_PICTURES} pictures, found {}", source.display(), pictures.len());
    }
    Ok(())
}

fn check_total(bytes: u64, source: &Path) -> Result<()> {
    if bytes > TOTAL_LIMIT {
        bail!("{}: expected at most {TOTAL_LIMIT} bytes of pictures, found more", source.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::tests::write_zip;

    const FILES: [(&str, &[u8]); 6] = [
        ("rps/rock/rock01-000.png", b"r0"),
        ("rps/rock/rock01-001.png", b"r1"),
        ("rps/paper/paper01-000.png", b"p"),
        ("rps/scissors/scissors01-000.png", b"s"),
        ("__MACOSX/rps/rock/._rock01-000.png", b"junk"),
        ("rps/README.txt", b"text"),
    ];

    fn options(source: PathBuf, out: PathBuf) -> DataOptions {
        DataOptions { source, out: Some(out), force: false }
    }

    #[test]
    fn an_archive_and_its_unpacked_folder_give_the_same_layout() {
        let place = tempfile::tempdir().expect("a folder");
        let archive = place.path().join("rps.zip");
        write_zip(&archive, &FILES);
        let folder = place.path().join("Downloads");
        for (name, content) in FILES {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, content).expect("written");
        }
        let checkout = Checkout::at(place.path());
        let expected = [
            "LICENCE.txt",
            "paper/paper01-000.png",
            "rock/rock01-000.png",
            "rock/rock01-001.png",
            "scissors/scissors01-000.png",
        ];
        for (source, out) in [(archive, "from-archive"), (folder, "from-folder/")] {
            let out = place.path().join(out);
            run(&checkout, &options(source, out.clone())).expect("laid out");
            let files = files_below(&out).expect("there");
            assert_eq!(files, expected.map(PathBuf::from));
            assert_eq!(fs::read(out.join("rock/rock01-001.png")).expect("there"), b"r1");
            let licence = fs::read_to_string(out.join(LICENCE)).expect("there");
            assert!(licence.starts_with("Laurence Moroney, \"Rock, Paper, Scissors Dataset\", Feb 2019, CC BY 2.0"));
        }
    }

    #[test]
    fn what_is_there_stays_without_force_and_goes_with_it() {
        let place = tempfile::tempdir().expect("a folder");
        let archive = place.path().join("rps.zip");
        write_zip(&archive, &FILES);
        let out = place.path().join("rps");
        fs::create_dir_all(out.join("rock")).expect("made");
        fs::write(out.join("rock/old.png"), "old").expect("written");
        let checkout = Checkout::at(place.path());
        let mut options = options(archive, out.clone());
        let error = run(&checkout, &options).expect_err("refused").to_string();
        assert_eq!(error, "rps is there already; --force replaces it");
        options.force = true;
        fs::write(out.join("mine.txt"), "mine").expect("written");
        let error = run(&checkout, &options).expect_err("not ours").to_string();
        assert_eq!(error, "rps: only what this command made is replaced, found mine.txt in it; remove it yourself");
        assert!(out.join("rock/old.png").is_file());
        fs::remove_file(out.join("mine.txt")).expect("removed");
        run(&checkout, &options).expect("replaced");
        assert!(!out.join("rock/old.png").exists() && out.join(LICENCE).is_file());
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let place = tempfile::tempdir().expect("a folder");
        let archive = place.path().join("rps.zip");
        write_zip(&archive, &[("rps/rock/a.png", b"r"), ("rps/paper/a.png", b"p"), ("../scissors/a.png", b"s")]);
        let out = place.path().join("rps");
        run(&Checkout::at(place.path()), &options(archive, out)).expect_err("unsafe");
        assert_eq!(fs::read_dir(place.path()).expect("a folder").count(), 1, "only the archive");
    }

    #[test]
    fn what_can_not_get_its_name_is_taken_away() {
        let place = tempfile::tempdir().expect("a folder");
        let archive = place.path().join("rps.zip");
        write_zip(&archive, &FILES);
        let out = place.path().join("rps");
        // What is there can't be put aside: a file has that name.
        fs::create_dir(&out).expect("made");
        fs::write(beside(&out, "old.part"), "mine").expect("written");
        let options = DataOptions { force: true, ..options(archive, out.clone()) };
        run(&Checkout::at(place.path()), &options).expect_err("not replaced");
        assert!(out.is_dir() && !beside(&out, "part").exists());
    }
}
