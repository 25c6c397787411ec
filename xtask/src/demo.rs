//! `cargo xtask demo`: the whole chain on small settings, from pictures to a generated picture.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::checkout::Checkout;
use crate::cli::{DemoOptions, SetupOptions};
use crate::command::{cargo, run as run_command};
use crate::folder::{entries, files_below};
use crate::setup;

/// A short training, export and drawing; everything it writes goes below one folder.
#[derive(Debug)]
pub struct Chain {
    /// Folder of pictures; the trainer's own choice if none.
    pub data: Option<PathBuf>,
    /// Passes over the pictures.
    pub epochs: u32,
    /// Side of the pictures in pixels.
    pub size: u32,
    /// Where run folder, model and pictures go; emptied first.
    pub folder: PathBuf,
}

/// What a chain leaves behind.
#[derive(Debug)]
pub struct Made {
    /// The ONNX file.
    pub model: PathBuf,
    /// A picture of each label, `<label>/<seed>-0.png`.
    pub pictures: Vec<PathBuf>,
    /// A sheet of all labels.
    pub sheet: PathBuf,
}

/// Runs the chain and says where the pictures are.
///
/// # Errors
/// Any step fails.
pub fn run(checkout: &Checkout, options: &DemoOptions) -> Result<()> {
    if !setup::is_done(checkout) {
        setup::run(checkout, &SetupOptions::default())?;
    }
    let few = options.data.is_none() && !checkout.path("data/rps").is_dir();
    let chain = Chain {
        data: options.data.clone().map(std::path::absolute).transpose().context("find --data")?,
        epochs: options.epochs.unwrap_or(if few { 60 } else { 12 }),
        size: options.size,
        folder: checkout.target().join("demo"),
    };
    let made = chain.run(checkout)?;
    println!("model     {}", checkout.shown(&made.model));
    for picture in &made.pictures {
        println!("picture   {}", checkout.shown(picture));
    }
    println!("sheet     {}", checkout.shown(&made.sheet));
    println!("This was a short training: shapes, not yet hands. `cargo run -p trainer` trains the whole recipe.");
    Ok(())
}

impl Chain {
    /// Trains, exports, draws.
    ///
    /// # Errors
    /// Any step fails, or does not leave what it should.
    pub fn run(&self, checkout: &Checkout) -> Result<Made> {
        setup::remove(&self.folder)?;
        let [runs, model, pictures, sheet] =
            ["runs", "gen.onnx", "pictures", "sheet.png"].map(|name| self.folder.join(name));
        fs::create_dir_all(&runs).with_context(|| format!("create {}", runs.display()))?;

        let (epochs, size) = (self.epochs.to_string(), self.size.to_string());
        let mut train = words(&["run", "--package", "trainer", "--", "--epochs", &epochs, "--size", &size]);
        train.extend(words(&["--preset", "small", "--seed", "1"]));
        train.extend(["--out".into(), runs.clone().into()]);
        train.extend(self.data.iter().flat_map(|data| ["--data".into(), data.clone().into()]));
        run_command(&mut cargo(checkout, train))?;

        let trained = only_folder(&runs)?;
        let mut export = words(&["run", "--package", "exporter", "--", "--run"]);
        export.extend([trained.into(), "--out".into(), model.clone().into()]);
        run_command(&mut cargo(checkout, export))?;

        let mut draw = words(&["run", "--package", "edge-runtime", "--", "--label", "all", "--seed", "1", "--model"]);
        draw.extend([model.clone().into(), "--out".into(), with_separator(&pictures), "--grid".into()]);
        draw.push(sheet.clone().into());
        run_command(&mut cargo(checkout, draw))?;

        let pictures = pictures_below(&pictures)?;
        if pictures.is_empty() || !sheet.is_file() {
            bail!("expected pictures and {} in {}, found none", sheet.display(), self.folder.display());
        }
        Ok(Made { model, pictures, sheet })
    }
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

/// A path that reads as a folder though nothing is there yet.
fn with_separator(folder: &Path) -> OsString {
    folder.join("").into_os_string()
}

fn only_folder(parent: &Path) -> Result<PathBuf> {
    let is_hidden = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let folders: Vec<PathBuf> = entries(parent)?.into_iter().filter(|path| path.is_dir() && !is_hidden(path)).collect();
    match folders.as_slice() {
        [folder] => Ok(folder.clone()),
        _ => bail!("{}: expected one run folder, found {}", parent.display(), folders.len()),
    }
}

fn pictures_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let is_picture = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "png");
    Ok(files_below(folder)?.into_iter().filter(is_picture).map(|path| folder.join(path)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_and_the_pictures_of_each_label_are_found() {
        let place = tempfile::tempdir().expect("a folder");
        let root = place.path();
        assert!(only_folder(root).expect_err("none yet").to_string().contains("expected one run folder, found 0"));
        for name in ["rock/1-0.png", "paper/1-0.png", "paper/notes.txt"] {
            let path = root.join("pictures").join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, "x").expect("written");
        }
        assert_eq!(only_folder(root).expect("one"), root.join("pictures"));
        let found = pictures_below(&root.join("pictures")).expect("readable");
        assert_eq!(found, ["paper/1-0.png", "rock/1-0.png"].map(|name| root.join("pictures").join(name)));
        assert!(with_separator(root).to_string_lossy().ends_with(std::path::MAIN_SEPARATOR));
    }
}
