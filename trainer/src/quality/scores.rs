//! What a set of fakes scores, beside what real pictures score.

use std::collections::BTreeMap;
use std::fmt::Write;

use model_spec::manifest::BEST_BY;
use serde::Serialize;

use super::holdout::Rule;

/// Distances and shares of one set of pictures against another of the same size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Scores {
    /// Kernel inception distance, 0 for one distribution.
    pub kid: f64,
    /// Its standard deviation over random halves.
    pub kid_spread: f64,
    /// Fréchet distance, 0 for one distribution of endless samples.
    pub frechet: f64,
    /// Share of fakes as near to a real picture as its third neighbor, which in a clip is one of its next frames.
    pub precision: f64,
    /// Share of real pictures on the fake manifold.
    pub recall: f64,
    /// Real pictures around a fake.
    pub density: f64,
    /// Share of real pictures with a fake near.
    pub coverage: f64,
}

impl Scores {
    /// Names and values of all but the spread.
    pub fn named(&self) -> [(&'static str, f64); 6] {
        let Self { kid, frechet, precision, recall, density, coverage, .. } = *self;
        [
            (BEST_BY, kid),
            ("frechet", frechet),
            ("precision", precision),
            ("recall", recall),
            ("density", density),
            ("coverage", coverage),
        ]
    }

    /// In one line.
    pub fn text(&self) -> String {
        let Self { kid, frechet, precision, recall, coverage, .. } = self;
        let kid = kid * 1e3;
        format!(
            "KID x 1000 {kid:.0}, Frechet {frechet:.0}, precision {precision:.2}, recall {recall:.2}, coverage {coverage:.2}"
        )
    }
}

/// The scores of one label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelScores {
    /// Its name.
    pub label: String,
    /// Fakes, and real pictures that they are compared with.
    pub samples: usize,
    /// Of the fakes.
    pub fakes: Scores,
    /// Of other real pictures in their place.
    pub floor: Scores,
    /// Share of fakes that the classifier gives this label.
    pub accuracy: f64,
    /// Mean distance of two fakes over that of two real pictures: near 0 is a collapse.
    pub diversity: f64,
}

/// How near fakes come to the pictures that were trained on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Memorisation {
    /// Median distance of a fake to its nearest training picture over [`Self::held_out`]: where whole clips are held out, at 1
    /// as far as a hand or clip that is new. A new picture of a known clip is below 1 too.
    pub ratio: f64,
    /// Median distance of held-out real pictures to the nearest of the others; held out are whole clips where names tell them.
    pub held_out: f64,
    /// The place of the nearest training picture of each fake.
    #[serde(skip)]
    pub nearest: Vec<i64>,
    /// The distance to it.
    #[serde(skip)]
    pub distances: Vec<f64>,
}

/// All that is measured of one set of fakes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Fakes, and real pictures that they are compared with, in the scores of all labels together.
    pub samples: usize,
    /// Of all fakes.
    pub fakes: Scores,
    /// Of other real pictures in their place, a random half of the data set.
    pub floor: Scores,
    /// Of real pictures of clips that were left out, against all others: how far new hands are, where the floor is other frames
    /// of the same clips. None where file names tell of no clips.
    pub new_clips: Option<Scores>,
    /// What [`Memorisation::held_out`] is the distance of.
    pub held_out: Rule,
    /// Share of fakes that the classifier gives the label that they were made for.
    pub accuracy: f64,
    /// Fakes by label asked for (row) and label seen (column).
    pub confusion: Vec<Vec<u64>>,
    /// Copies of training pictures.
    pub memorisation: Memorisation,
    /// By label, in label order.
    pub labels: Vec<LabelScores>,
    /// The network that gave the features: `sha256` of its file. Scores of different networks can't be compared.
    pub features: String,
    /// The classifier's accuracy on held-out real pictures, of new hands where these are whole clips. Pictures like those that
    /// it learned from, as good fakes are, can have more.
    pub classifier_accuracy: f64,
}

impl Evaluation {
    /// The start of the hash in [`Self::features`], for people.
    pub fn short_features(&self) -> &str {
        self.features.get(..12).unwrap_or(&self.features)
    }

    /// The least diversity of any label.
    pub fn least_diversity(&self) -> f64 {
        self.labels.iter().map(|label| label.diversity).fold(f64::INFINITY, f64::min)
    }

    /// All finite numbers by name: `kid`, `kid_floor`, `kid/rock`, ... Equal pictures have ratios that are none.
    pub fn named(&self) -> BTreeMap<String, f64> {
        let mut named = BTreeMap::from([
            ("samples".to_owned(), self.samples as f64),
            ("kid_spread".to_owned(), self.fakes.kid_spread),
            ("accuracy".to_owned(), self.accuracy),
            ("diversity".to_owned(), self.least_diversity()),
            ("memorisation".to_owned(), self.memorisation.ratio),
        ]);
        for ((name, value), (_, floor)) in self.fakes.named().into_iter().zip(self.floor.named()) {
            named.insert(name.to_owned(), value);
            named.insert(format!("{name}_floor"), floor);
        }
        for label in &self.labels {
            let (name, spread) = (&label.label, label.fakes.kid_spread);
            let own = [("accuracy", label.accuracy), ("diversity", label.diversity)];
            let own = own.into_iter().chain([("samples", label.samples as f64), ("kid_spread", spread)]);
            named.extend(
                label.fakes.named().into_iter().chain(own).map(|(score, value)| (format!("{score}/{name}"), value)),
            );
            let floor = label.floor.named().into_iter();
            named.extend(floor.map(|(score, value)| (format!("{score}_floor/{name}"), value)));
        }
        // JSON has no others: a file with them could not be read again.
        named.retain(|_, value| value.is_finite());
        named
    }

    /// A table for a terminal: scores with the floor beside each, then the confusion of labels.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{:<16} {:>7} {:>21} {:>15} {:>13} {:>13} {:>13} {:>13} {:>9} {:>9}\n",
            "fakes (real)",
            "samples",
            "KID x 1000, spread",
            "Frechet",
            "precision",
            "recall",
            "density",
            "coverage",
            "accuracy",
            "diversity"
        );
        let all = (self.samples, &self.fakes, &self.floor, self.accuracy, self.least_diversity());
        row(&mut text, "all", all);
        for label in &self.labels {
            let own = (label.samples, &label.fakes, &label.floor, label.accuracy, label.diversity);
            row(&mut text, &label.label, own);
        }
        if let Some(clips) = &self.new_clips {
            let _ =
                writeln!(text, "\nreal pictures of whole clips that were left out, against the rest: {}", clips.text());
        }
        let _ = writeln!(text, "\nlabel asked for (row) and seen by the classifier (column)");
        let width = self.labels.iter().map(|label| label.label.chars().count()).max().unwrap_or(0).max(6);
        let heads: String = self.labels.iter().map(|label| format!(" {:>width$}", label.label)).collect();
        let _ = writeln!(text, "{:<16}{heads}", "");
        for (label, counts) in self.labels.iter().zip(&self.confusion) {
            let cells: String = counts.iter().map(|count| format!(" {count:>width$}")).collect();
            let _ = writeln!(text, "{:<16}{cells}", label.label);
        }
        let _ = writeln!(
            text,
            "\nnearest training picture: {:.2} times as far as that of {}",
            self.memorisation.ratio,
            self.held_out.picture()
        );
        text
    }
}

fn row(text: &mut String, name: &str, (samples, fakes, floor, accuracy, diversity): RowValues<'_>) {
    let both = |fakes: f64, floor: f64, digits: usize| format!("{fakes:.digits$} ({floor:.digits$})");
    let _ = writeln!(
        text,
        "{name:<16} {samples:>7} {:>21} {:>15} {:>13} {:>13} {:>13} {:>13} {:>8.1}% {diversity:>9.2}",
        format!("{:.1} ± {:.1} ({:.1})", fakes.kid * 1e3, fakes.kid_spread * 1e3, floor.kid * 1e3),
        both(fakes.frechet, floor.frechet, 1),
        both(fakes.precision, floor.precision, 2),
        both(fakes.recall, floor.recall, 2),
        both(fakes.density, floor.density, 2),
        both(fakes.coverage, floor.coverage, 2),
        accuracy * 100.0,
    );
}

type RowValues<'a> = (usize, &'a Scores, &'a Scores, f64, f64);
