//! `edge-runtime regenerate`: makes a picture again from its own texts and holds it against the file.

use anyhow::{Context, Result, bail};
use edge_runtime::parity::Parity;
use edge_runtime::provenance::Provenance;
use edge_runtime::sink::files::{Encoding, OneFile};
use edge_runtime::{EngineKind, Model, Picture, Sink, decode, output, tf32};

use crate::cli::Regenerate;
use crate::setup::{self, usage};

/// Runs the command.
pub fn run(options: &Regenerate) -> Result<()> {
    let shown = options.file.display();
    let bytes = setup::read_picture(&options.file)?;
    let decoded = decode::png(&bytes).with_context(|| format!("{shown}"))?;
    let made_from = Provenance::from_texts(&decoded.texts).with_context(|| format!("{shown}"))?;
    let model = setup::model(&options.engine)?;
    if model.sha256() != made_from.model_sha256 {
        let wanted = setup::plain(&made_from.model_sha256);
        bail!("{shown}: expected the model with sha256 {wanted}, found {}; name it with --model", model.sha256());
    }
    let given = options.engine.spec();
    let spec = if given.kind == EngineKind::Auto { made_from.spec(given)? } else { given };
    if spec.ort.tf32 && tf32::is_forbidden() {
        return Err(usage(format_args!("{shown}: it was made in TF32: add --tf32")));
    }
    let mut generator = setup::generator_of(&model, &spec, options.engine.quiet)?.truncated(made_from.truncation);
    let label = label(&model, &made_from.label)?;
    let frame = generator.frame(label, made_from.seed, made_from.index)?;
    let scale = scale(&decoded.picture, &frame.picture)
        .with_context(|| format!("{shown}: expected a whole multiple of the model's picture, found another size"))?;
    if let Some(out) = &options.out {
        OneFile::create(out, Encoding { origin: generator.origin(), scale })?.show(&frame)?;
    }
    let mut parity = Parity::new();
    parity.add(&decoded.picture, &frame.picture.enlarged(scale));
    let engine = generator.origin().engine;
    match parity.max() {
        0 => Ok(output::print(&format!("{shown}: the same pixels, by {engine}\n"))?),
        max => bail!(
            "{shown}: expected the same pixels, found differences of up to {max} of 255; it was made by {}, this is by {engine}",
            setup::plain(&made_from.engine)
        ),
    }
}

/// The picture names its label; a name wins over everything else that it could be read as.
fn label(model: &Model, name: &str) -> Result<usize> {
    let names = model.metadata().labels.names();
    let found = names.iter().position(|known| known == name);
    found.with_context(|| format!("expected a label of the model, found {:?}", setup::plain(name)))
}

/// How many times larger the file is.
fn scale(file: &Picture, made: &Picture) -> Option<usize> {
    let scale = file.width() / made.width();
    let fits = scale > 0
        && file.width() == made.width() * scale
        && file.height() == made.height() * scale
        && file.channels() == made.channels();
    fits.then_some(scale)
}
