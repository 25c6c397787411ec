//! `edge-runtime bench --profile`: where the time of a picture goes.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Result, bail};
use edge_runtime::engine::{self, LayerTime};
use edge_runtime::{Batch, Model, Opened, output};
use model_spec::latent;

use crate::cli::Bench;
use crate::measured::{WARM_UP, ms, quantile};
use crate::{interrupt, setup};

/// Runs the command.
pub fn run(options: &Bench) -> Result<()> {
    let model = setup::model(&options.engine)?;
    let mut opened = engine::open(&setup::spec(&options.engine)?, &model)?;
    let layers = layers(&mut opened, &model, options.runs as u32)?;
    let text = format!("engine  {}, medians of {} pictures\n\n{}", opened.description, options.runs, table(&layers)?);
    Ok(output::print(&text)?)
}

/// Each layer with its time in every counted picture, sorted.
fn layers(opened: &mut Opened, model: &Model, runs: u32) -> Result<Vec<(String, Vec<Duration>)>> {
    let mut layers = Vec::new();
    for index in 0..WARM_UP + runs {
        interrupt::check(Vec::new)?;
        let latent = latent::latent(1, index, model.metadata().architecture.latent_dim);
        let label = index as usize % model.metadata().labels.len();
        let Some(steps) = opened.engine.profile(&Batch::new(&latent, &[label as i64]))? else {
            opened.notes.iter().for_each(output::tell);
            bail!("{} does not tell the time of its layers; --engine native does", opened.name);
        };
        if index == WARM_UP {
            layers = steps.iter().enumerate().map(|(place, step)| (title(&steps, place, step), Vec::new())).collect();
        }
        layers.iter_mut().zip(steps).for_each(|((_, times), step)| times.push(step.time));
    }
    layers.iter_mut().for_each(|(_, times)| times.sort());
    Ok(layers)
}

/// A layer's name, with its number among those that are called the same.
fn title(steps: &[LayerTime], place: usize, step: &LayerTime) -> String {
    let is_same = |other: &&LayerTime| other.layer == step.layer;
    match steps.iter().filter(is_same).count() {
        1 => step.layer.to_owned(),
        _ => format!("{} {}", step.layer, steps[..place].iter().filter(is_same).count()),
    }
}

fn table(layers: &[(String, Vec<Duration>)]) -> Result<String> {
    let median = |times: &[Duration]| ms(quantile(times, 0.5));
    let sum: f64 = layers.iter().map(|(_, times)| median(times)).sum();
    let mut text = "| layer | ms | share |\n| --- | --- | --- |\n".to_owned();
    for (name, times) in layers {
        let time = median(times);
        writeln!(text, "| {name} | {time:.3} | {:.0} % |", 100.0 * time / sum.max(f64::MIN_POSITIVE))?;
    }
    writeln!(text, "| sum | {sum:.3} | 100 % |")?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_of_one_name_are_counted_and_shares_are_of_the_sum() {
        let step = |layer| LayerTime { layer, time: Duration::ZERO };
        let steps = [step("stem"), step("block"), step("other"), step("block")];
        let titles: Vec<String> = (0..steps.len()).map(|place| title(&steps, place, &steps[place])).collect();
        assert_eq!(titles, ["stem", "block 0", "other", "block 1"]);
        let times = |middle| [1, middle, 9].map(Duration::from_millis).to_vec();
        let text = table(&[("stem".to_owned(), times(1)), ("block".to_owned(), times(3))]).expect("a table");
        assert!(
            text.ends_with("| stem | 1.000 | 25 % |\n| block | 3.000 | 75 % |\n| sum | 4.000 | 100 % |\n"),
            "{text}"
        );
    }
}
