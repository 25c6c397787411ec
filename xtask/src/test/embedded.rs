//! edge-runtime with a model built in makes a picture where there is no model file, and says what to do where there is
//! none to build in.

use anyhow::{Context, Result, bail};

use crate::checkout::Checkout;
use crate::command::{cargo, output, run as run_command};
use crate::outcome::Outcome;

/// Names the model to build in.
const VARIABLE: &str = "MUDRA_EMBED";
/// Without a choice of packages, so that what the stage "tests" compiled is taken.
const BUILD: [&str; 5] = ["run", "--quiet", "--bin", "edge-runtime", "--features=edge-runtime/embed"];
const DRAW: [&str; 7] = ["--", "--label", "0", "--seed", "1", "--quiet", "--out"];

/// Builds in a model of the stages before, else that of the clone.
///
/// # Errors
/// The build succeeds without a model, or the picture is another one than that of the same model in a file.
pub fn test(checkout: &Checkout) -> Result<Outcome> {
    let folder = checkout.target().join("ci-embedded");
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let missing = folder.join("missing.onnx");
    let mut without = draw(checkout);
    match output(without.env(VARIABLE, &missing).arg(folder.join("no.png")).current_dir(&folder)) {
        Ok(_) => bail!("expected an error of the build with {VARIABLE}={}, found success", missing.display()),
        Err(error) if format!("{error:#}").contains("name a model with MUDRA_EMBED=") => {}
        Err(error) => return Err(error).context("expected the build to say what to do"),
    }
    let models = [checkout.target().join("ci/gen.onnx"), checkout.path("models/gen.onnx")];
    let Some(model) = models.iter().find(|model| model.is_file()) else {
        return Ok(Outcome::skipped(
            1,
            "no models/gen.onnx: export one with `cargo run -p exporter -- --out models/gen.onnx`",
        ));
    };
    let (embedded, named) = (folder.join("embedded.png"), folder.join("named.png"));
    run_command(draw(checkout).env(VARIABLE, model).arg(&embedded).current_dir(&folder))?;
    run_command(draw(checkout).env(VARIABLE, model).arg(&named).arg("--model").arg(model).current_dir(&folder))?;
    let read = |path| std::fs::read(path).with_context(|| format!("read a picture in {}", folder.display()));
    if read(&embedded)? != read(&named)? {
        bail!("{}: expected the picture of {}, found another", embedded.display(), model.display());
    }
    Ok(Outcome::Done)
}

/// From a folder without a model, where the lookup would find that one first.
fn draw(checkout: &Checkout) -> std::process::Command {
    let manifest = format!("--manifest-path={}", checkout.path("Cargo.toml").display());
    let mut command = cargo(checkout, BUILD);
    command.arg(manifest).args(DRAW);
    command
}
