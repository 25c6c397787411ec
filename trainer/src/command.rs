//! The command `trainer`: plan, say what will be done, train.

use anyhow::Context;
use edge_runtime::output;
use indicatif::{ProgressBar, ProgressDrawTarget};

use crate::cli::TrainOptions;
use crate::device::Arithmetic;
use crate::plan::{self, Plan};
use crate::progress::{Console, say};
use crate::quality::Cache;
use crate::run_folder::Claimed;
use crate::session::{Ending, Session, Setting};
use crate::{device, interrupt, run_folder, summary};

/// Trains, or with `--dry-run` says what it would do.
///
/// # Errors
/// Anything that keeps the run from starting or going on; what was saved stays.
pub fn train(options: &TrainOptions) -> anyhow::Result<()> {
    interrupt::listen().context("listen for Ctrl-C")?;
    let (device, device_line) = device::open(options.device)?;
    let plan = load(options)?;
    plan.data.skipped.iter().for_each(output::tell);
    if !options.quiet {
        announce(&plan, &device_line);
    }
    if options.dry_run {
        say("dry run: no run was begun");
        return Ok(());
    }
    let Plan { mut settings, data, resumed, .. } = plan;
    let arithmetic = Arithmetic::of(device);
    let before = settings.arithmetic.replace(arithmetic).filter(|before| *before != arithmetic);
    let is_resumed = resumed.is_some();
    let run = match resumed {
        Some(run) => run,
        None => Claimed::of(run_folder::create(&options.out, &data.name, settings.recipe.name())?)?,
    };
    let console = Console::new(options.quiet);
    let cache = Cache::of(settings.data.as_deref(), &run_folder::folder_of(&run));
    let mut session = Session::open(run, settings, &Setting { data: &data, device, cache: &cache }, &console)?;
    let progress = session.progress();
    if !options.quiet {
        let from = if is_resumed { format!(", after epoch {}", progress.epochs) } else { String::new() };
        say(format_args!("run: {}{from}", session.run().display()));
        if let Some(before) = before {
            let images = progress.images;
            say(format_args!(
                "bits will differ from image {images} on: the run was on {before}, and is now on {arithmetic}"
            ));
        }
    }
    let ending = session.train(&console);
    console.finish();
    let run = session.run().display();
    match ending? {
        Ending::Complete => say(format_args!("done: {run}")),
        Ending::Interrupted => say(format_args!("stopped and saved; go on with --resume {run}")),
    }
    Ok(())
}

fn load(options: &TrainOptions) -> anyhow::Result<Plan> {
    let target = if options.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(None, target).with_message("pictures");
    let plan = plan::resolve(options, &|done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    Ok(plan?)
}

fn announce(plan: &Plan, device_line: &str) {
    for remark in &plan.remarks {
        say(remark);
    }
    let data = &plan.data;
    say(format_args!("data: {}, {}, labels {}", data.name, data.counts(), data.labels.names().join(", ")));
    say(device_line);
    say(summary::text(&plan.settings.architecture, data.labels.len()));
}
