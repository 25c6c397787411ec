//! The watchdog: when a run has gone wrong and training on would waste it.

use std::fmt;

use crate::quality::scores::Evaluation;
use crate::stats::EpochStats;

/// Why a run is to be set back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// It broke after the last checkpoint.
    Broken(String),
    /// A measurement showed it, and so may checkpoints since the one before.
    Collapsed(String),
}

impl fmt::Display for Alarm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Broken(reason) | Self::Collapsed(reason)) = self;
        formatter.write_str(reason)
    }
}

/// A label whose pictures are this much nearer to each other than the real ones has collapsed ...
const COLLAPSED: f64 = 0.1;
/// ... if it had been this varied before; early on all pictures are alike.
const VARIED: f64 = 0.3;

/// Below this share of the real pictures' diversity a label is spoken of.
const SOUND: f64 = 0.7;
/// A mean loss below which a discriminator is hardly ever wrong.
const SATURATED: f64 = 0.01;

/// A discriminator loss this many times over that of the last epochs ...
const JUMP: f64 = 10.0;
/// ... and above this is no swing but a broken balance between the networks.
const HIGH: f64 = 3.0;
/// Epochs that a loss is held against; with fewer nothing is said.
const EPOCHS: usize = 3;

/// Says what is wrong where a loss is no number any more.
pub fn not_finite(discriminator: &[f32], generator: &[f32]) -> Option<Alarm> {
    [("discriminator", discriminator), ("generator", generator)].into_iter().find_map(|(network, losses)| {
        let value = losses.iter().find(|loss| !loss.is_finite())?;
        Some(Alarm::Broken(format!("the {network} loss is {value}")))
    })
}

/// Says what is wrong with an epoch that has ended, and was measured or not, after others.
pub fn alarm(history: &[EpochStats], now: &EpochStats, quality: Option<&Evaluation>) -> Option<Alarm> {
    let collapsed = quality.and_then(|quality| collapsed(history, quality));
    collapsed.map(Alarm::Collapsed).or_else(|| jumped(history, now).map(Alarm::Broken))
}

/// What is no reason to set a run back, and should be looked at: a line each.
pub fn doubts(now: &EpochStats, quality: &Evaluation) -> Vec<String> {
    let narrow = quality.labels.iter().filter(|label| label.diversity < SOUND);
    let narrow = narrow.map(|label| format!("{} {:.2}", label.label, label.diversity)).collect::<Vec<_>>().join(", ");
    let narrow = (!narrow.is_empty()).then(|| {
        format!("  pictures of a label are too much alike (1: as varied as real ones, {SOUND} is sound): {narrow}")
    });
    let saturated = (now.d_loss < SATURATED).then(|| {
        format!(
            "  the discriminator is hardly ever wrong (loss {:.4}): the generator learns little from it",
            now.d_loss
        )
    });
    narrow.into_iter().chain(saturated).collect()
}

/// Says which label has collapsed since an earlier measurement.
fn collapsed(history: &[EpochStats], now: &Evaluation) -> Option<String> {
    now.labels.iter().find_map(|label| {
        let name = format!("diversity/{}", label.label);
        let before =
            history.iter().filter_map(|stats| stats.scores.get(&name)).fold(0.0f64, |most, value| most.max(*value));
        let fell = label.diversity < COLLAPSED && before >= VARIED;
        fell.then(|| {
            format!(
                "label {:?} has collapsed: its diversity fell from {before:.2} to {:.2}",
                label.label, label.diversity
            )
        })
    })
}

/// Says that the discriminator's loss has left the level of the epochs before.
fn jumped(history: &[EpochStats], now: &EpochStats) -> Option<String> {
    let before = history.last_chunk::<EPOCHS>()?.iter().fold(0.0f64, |most, stats| most.max(stats.d_loss));
    (now.d_loss > HIGH && now.d_loss > JUMP * before)
        .then(|| format!("the discriminator loss rose from {before:.2} to {:.2} in one epoch", now.d_loss))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::quality::holdout::Rule;
    use crate::quality::scores::{LabelScores, Memorisation, Scores};

    const SCORES: Scores =
        Scores { kid: 0.0, kid_spread: 0.0, frechet: 0.0, precision: 0.0, recall: 0.0, density: 0.0, coverage: 0.0 };

    fn evaluation(diversity: f64) -> Evaluation {
        let label = |name: &str, diversity| LabelScores {
            label: name.into(),
            samples: 12,
            fakes: SCORES,
            floor: SCORES,
            accuracy: 1.0,
            diversity,
        };
        Evaluation {
            samples: 24,
            fakes: SCORES,
            floor: SCORES,
            new_clips: None,
            held_out: Rule::Groups,
            accuracy: 1.0,
            confusion: vec![vec![12, 0], vec![0, 12]],
            memorisation: Memorisation { ratio: 1.0, held_out: 1.0, nearest: Vec::new(), distances: Vec::new() },
            labels: vec![label("fist", 0.9), label("palm", diversity)],
            features: String::new(),
            classifier_accuracy: 1.0,
        }
    }

    fn history(diversity: f64) -> Vec<EpochStats> {
        let scores = BTreeMap::from([("diversity/palm".to_owned(), diversity)]);
        let stats = EpochStats {
            epoch: 1,
            kimg: 1.0,
            d_loss: 0.5,
            g_loss: 1.0,
            images_per_s: 9.0,
            unix_time: 0.0,
            scores,
            features: None,
        };
        vec![stats.clone(), EpochStats { scores: BTreeMap::new(), ..stats }]
    }

    #[test]
    fn a_collapse_is_a_fall_and_not_a_slow_start() {
        assert_eq!(collapsed(&[], &evaluation(0.02)), None);
        assert_eq!(collapsed(&history(0.2), &evaluation(0.02)), None);
        assert_eq!(collapsed(&history(0.8), &evaluation(0.2)), None);
        let text = collapsed(&history(0.8), &evaluation(0.02)).expect("collapsed");
        assert_eq!(text, "label \"palm\" has collapsed: its diversity fell from 0.80 to 0.02");
    }

    #[test]
    fn a_jump_is_far_above_the_last_epochs() {
        let epochs = |losses: &[f64]| -> Vec<EpochStats> {
            losses.iter().map(|loss| EpochStats { d_loss: *loss, ..history(0.5).remove(0) }).collect()
        };
        let jumped = |losses: &[f64]| {
            let (now, before) = losses.split_last().expect("losses");
            super::jumped(&epochs(before), &epochs(&[*now])[0])
        };
        assert_eq!(jumped(&[0.1, 0.1, 14.2]), None, "too few epochs to tell");
        assert_eq!(jumped(&[0.1, 0.1, 0.1, 2.0]), None);
        assert_eq!(jumped(&[9.0, 0.5, 0.5, 0.7, 4.0]), None);
        let text = jumped(&[9.0, 0.07, 0.08, 0.07, 14.17]).expect("a jump");
        assert_eq!(text, "the discriminator loss rose from 0.08 to 14.17 in one epoch");
    }

    #[test]
    fn labels_of_little_variety_and_a_discriminator_that_is_always_right_are_spoken_of() {
        let epoch = |d_loss| EpochStats { d_loss, ..history(0.5).remove(0) };
        assert!(doubts(&epoch(0.5), &evaluation(0.75)).is_empty());
        let doubts = doubts(&epoch(0.002), &evaluation(0.55));
        assert!(doubts[0].ends_with(": palm 0.55") && doubts[1].contains("loss 0.0020"), "{doubts:?}");
    }

    #[test]
    fn a_collapse_is_told_from_a_jump_and_comes_first() {
        let history = [history(0.8), history(0.8)].concat();
        let epoch = |d_loss| EpochStats { d_loss, ..history[0].clone() };
        assert_eq!(alarm(&history, &epoch(0.5), Some(&evaluation(0.5))), None);
        assert!(matches!(alarm(&history, &epoch(50.0), None), Some(Alarm::Broken(_))));
        assert!(matches!(alarm(&history, &epoch(50.0), Some(&evaluation(0.5))), Some(Alarm::Broken(_))));
        assert!(matches!(alarm(&history, &epoch(50.0), Some(&evaluation(0.02))), Some(Alarm::Collapsed(_))));
    }

    #[test]
    fn the_first_loss_that_is_no_number_is_named() {
        assert_eq!(not_finite(&[0.5, 0.1], &[1.0, 2.0]), None);
        let named = |text: &str| Some(Alarm::Broken(text.to_owned()));
        assert_eq!(not_finite(&[0.5, f32::NAN], &[1.0]), named("the discriminator loss is NaN"));
        assert_eq!(not_finite(&[0.5], &[1.0, f32::INFINITY]), named("the generator loss is inf"));
    }
}
