//! `edge-runtime info`: what a model is and what would run it, or what a picture was made from.

use std::path::Path;

use anyhow::{Context, Result, bail};
use edge_runtime::provenance::Provenance;
use edge_runtime::{Generator, Model, Placement, decode, output};
use model_spec::Metadata;

use crate::cli::Info;
use crate::setup;

/// What every PNG begins with (PNG specification, 5.2).
const PNG: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// Runs the command.
pub fn run(options: &Info) -> Result<()> {
    match options.file.as_deref() {
        Some(path) if setup::starts_with(path, &PNG)? => picture(path),
        Some(path) if is_other_picture(path)? => {
            bail!(
                "{}: expected a PNG, the only picture that is read, or a model file; found another picture",
                path.display()
            )
        }
        file => model(file.or(options.engine.model.as_deref()), options),
    }
}

fn is_other_picture(path: &Path) -> Result<bool> {
    let starts: [&[u8]; 3] = [b"\xff\xd8\xff", b"RIFF", b"GIF8"];
    starts.iter().try_fold(false, |found, start| Ok(found || setup::starts_with(path, start)?))
}

fn picture(path: &Path) -> Result<()> {
    let shown = path.display();
    let decoded =
        setup::read_picture(path).and_then(|bytes| Ok(decode::png(&bytes)?)).with_context(|| format!("{shown}"))?;
    let (picture, texts) = (&decoded.picture, &decoded.texts);
    let kind = if picture.channels() == 1 { "gray" } else { "RGB" };
    let mut lines =
        vec![("file", format!("{shown}, PNG of {} x {} pixels, {kind}", picture.width(), picture.height()))];
    lines.extend(texts.iter().map(|(keyword, text)| (keyword.as_str(), setup::plain(text))));
    match Provenance::from_texts(texts) {
        Ok(_) => lines.push(("again", format!("edge-runtime regenerate {shown}"))),
        Err(error) => lines.push(("again", format!("can't be made: {error}"))),
    }
    Ok(output::print(&table(&lines))?)
}

fn model(file: Option<&Path>, options: &Info) -> Result<()> {
    let (model, place) = Model::find(file)?;
    let mut spec = options.engine.spec();
    spec.ort.read_back = true;
    let generator = Generator::of(&model, &spec)?;
    let mut lines =
        vec![("file", format!("{place}, {} bytes", model.bytes().len())), ("sha256", model.sha256().to_owned())];
    lines.extend(about(model.metadata()));
    let opened = generator.opened();
    lines.push(("engine", opened.description.clone()));
    lines.push(("provider", opened.provider.to_owned()));
    lines.push(("kernels", opened.kernels.clone()));
    lines.extend(opened.placement.iter().map(|placement| ("nodes", Placement::text(placement))));
    lines.extend(opened.notes.iter().map(|note| ("note", note.clone())));
    Ok(output::print(&table(&lines))?)
}

fn about(metadata: &Metadata) -> Vec<(&'static str, String)> {
    let architecture = &metadata.architecture;
    let (side, channels) = (architecture.image_size, architecture.channels);
    let names: Vec<String> = metadata.labels.names().iter().map(|name| format!("{name:?}")).collect();
    let mut lines = vec![
        ("labels", names.join(", ")),
        ("picture", format!("{side} x {side}, {}", if channels == 1 { "gray" } else { "RGB" })),
        ("latent", format!("{} numbers", architecture.latent_dim)),
        ("weights", metadata.weights.name().to_owned()),
        ("recipe", setup::plain(&metadata.recipe)),
        ("exporter", setup::plain(&metadata.exporter)),
        ("golden", format!("{} pictures, for edge-runtime verify", metadata.golden.len())),
    ];
    if let Some(data_set) = &metadata.data_set {
        let licence = data_set.licence.as_deref().unwrap_or("licence not stated");
        let text = format!("{}, {} pictures, {licence}", data_set.name, data_set.pictures);
        lines.push(("data set", setup::plain(&text)));
    }
    if let Some(progress) = metadata.progress {
        lines.push(("training", format!("{} images, {} epochs", progress.images, progress.epochs)));
    }
    lines.extend(metadata.scores.iter().map(|(name, score)| ("score", format!("{} {score}", setup::plain(name)))));
    lines
}

fn table(lines: &[(&str, String)]) -> String {
    let width = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    lines.iter().map(|(name, text)| format!("{:width$}  {text}\n", setup::plain(name))).collect()
}
