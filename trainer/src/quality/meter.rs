//! Measures fakes against the pictures of a data set.

use std::cell::OnceCell;
use std::path::Path;

use tch::{Device, Kind, Tensor};

use super::Cache;
use super::classifier::{Classifier, OnDevice};
use super::extractor::Extractor;
use super::holdout::Rule;
use super::scores::{Evaluation, LabelScores, Memorisation, Scores};
use super::{distance, holdout, neighbors};
use crate::dataset::{DataSet, places_by_label};
use crate::error::TrainError;
use crate::order::epoch_order;

/// The fewest pictures of a label, half of which are compared with the other half.
pub const LEAST_PICTURES: usize = 24;
/// The most pictures of all labels that are compared with as many fakes: distances between all of them are held in memory.
const MOST_COMPARED: usize = 5_000;
const HALVES_SEED: u64 = 0x6861_6c66;

/// The measuring networks and what they see in the real pictures.
pub struct Meter {
    classifier: Classifier,
    extractor: Option<Extractor>,
    label_names: Vec<String>,
    halves: Vec<[Vec<i64>; 2]>,
    reals: Tensor, // [n, d]
    held_out_distance: f64,
    rule: Rule,
    /// Places of clips that were left out, and as many of all others, where file names tell of clips.
    clips: Option<[Vec<i64>; 2]>,
    floors: Floors,
}

/// What real pictures score in the place of as many fakes as [`Meter::samples`] has: the same each time.
struct Floors {
    all: OnceCell<Scores>,
    new_clips: OnceCell<Scores>,
    labels: Vec<OnceCell<Scores>>,
}

impl Floors {
    fn of(labels: usize) -> Self {
        Self { all: OnceCell::new(), new_clips: OnceCell::new(), labels: vec![OnceCell::new(); labels] }
    }
}

/// Where the measuring networks come from.
#[derive(Debug, Clone, Copy)]
pub struct Networks<'a> {
    /// Where the data set's classifier is kept.
    pub cache: &'a Cache,
    /// Instead of it: a network that this tool fitted elsewhere (`*.safetensors`); or a TorchScript extractor of the
    /// user's own, for the features only.
    pub file: Option<&'a Path>,
}

/// Generated pictures.
#[derive(Debug)]
pub struct Fakes {
    /// u8 `[n, channels, side, side]`, where the real pictures are
    pub images: Tensor,
    /// What each was made for, `[n]`.
    pub label_of: Vec<i64>,
}

impl Meter {
    /// Opens or fits the networks and reads the real pictures.
    ///
    /// `progress` is called with (done, total) steps of fitting.
    ///
    /// # Errors
    /// Fewer than [`LEAST_PICTURES`] of some label, or a network file that can't be read, written or run, or doesn't know
    /// these pictures.
    pub fn open(
        pictures: &OnDevice<'_>,
        networks: &Networks<'_>,
        progress: &dyn Fn(u64, u64),
    ) -> Result<Self, TrainError> {
        let data = pictures.data;
        let halves = halves(data)?;
        let split = holdout::split(&data.label_of, &data.names);
        let is_ours = |path: &&Path| path.extension().is_some_and(|end| end == "safetensors");
        let ours = networks.file.filter(is_ours);
        let foreign = networks.file.filter(|path| !is_ours(path));
        // Before a network is fitted, which takes long.
        let extractor = foreign.map(|path| Extractor::open(path, pictures.images.device())).transpose()?;
        let classifier = match ours {
            Some(path) => Classifier::read(path, pictures, split.rule)?,
            None => Classifier::of_data(pictures, &split, networks.cache, progress)?,
        };
        let seen = classifier.look(pictures.images);
        if let Some(path) = ours {
            classifier.check(path, pictures, &split, &seen)?;
        }
        let reals = match &extractor {
            Some(extractor) => extractor.features(pictures.images)?,
            None => seen.features,
        };
        let side = |places: &[i64]| rows(&reals, places);
        let held_out = some(split.held_out, MOST_COMPARED);
        let (_, distances) = neighbors::nearest(&side(&held_out), &side(&split.learned));
        let others = some(split.learned, held_out.len());
        let left_out = some(held_out, others.len());
        let is_enough = left_out.len() > neighbors::COVERAGE_NEIGHBORS as usize;
        let clips = (split.rule == Rule::Groups && is_enough).then_some([left_out, others]);
        let held_out_distance = neighbors::median(&distances);
        let label_names = data.labels.names().to_vec();
        let floors = Floors::of(label_names.len());
        let rule = split.rule;
        Ok(Self { classifier, extractor, label_names, halves, reals, held_out_distance, rule, clips, floors })
    }

    /// Fakes of each label that a full measurement takes: half of its real pictures, or a share of some thousands.
    pub fn samples(&self) -> Vec<usize> {
        self.halves.iter().map(|[half, _]| half.len()).collect()
    }

    /// The classifier.
    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// Measures fakes; of labels with more fakes than [`Self::samples`] the first ones.
    ///
    /// # Errors
    /// Too few fakes of some label, or an extractor that fails.
    pub fn measure(&self, fakes: &Fakes) -> Result<Evaluation, TrainError> {
        let reading = self.classifier.look(&fakes.images);
        let features = match &self.extractor {
            Some(extractor) => extractor.features(&fakes.images)?,
            None => reading.features,
        };
        let seen = Vec::<i64>::try_from(&reading.labels).expect("one label a picture");
        let groups = self.groups(&fakes.label_of)?;
        let labels: Vec<LabelScores> =
            groups.iter().enumerate().map(|(label, group)| self.label_scores(label, group, &features, &seen)).collect();
        let share = share(groups.iter().map(|group| group.fakes.len()));
        let first = |places: &[i64]| places[..places.len().min(share)].to_vec();
        let all = |part: fn(&Group) -> &[i64]| groups.iter().flat_map(|group| first(part(group))).collect::<Vec<i64>>();
        let (reals, others, fakes) = (all(|group| &group.reals), all(|group| &group.others), all(|group| &group.fakes));
        let (fake_rows, real_rows) = (rows(&features, &fakes), rows(&self.reals, &reals));
        let is_full = groups.iter().zip(&self.halves).all(|(group, [half, _])| group.reals.len() == half.len());
        let right: f64 = labels.iter().map(|label| label.accuracy * label.samples as f64).sum();
        let made: usize = labels.iter().map(|label| label.samples).sum();
        let tried = self.classifier.tried;
        Ok(Evaluation {
            samples: fakes.len(),
            fakes: scores(&real_rows, &fake_rows),
            floor: self.floor(is_full.then_some(&self.floors.all), &reals, &others),
            new_clips: self
                .clips
                .as_ref()
                .map(|[left_out, others]| self.floor(Some(&self.floors.new_clips), others, left_out)),
            held_out: self.rule,
            accuracy: right / made as f64,
            confusion: groups.iter().map(|group| counts(group, &seen, self.label_names.len())).collect(),
            memorisation: self.memorisation(&features),
            labels,
            features: self.extractor.as_ref().map_or(&self.classifier.sha256, |own| &own.sha256).clone(),
            classifier_accuracy: tried.right as f64 / tried.pictures as f64,
        })
    }

    /// Where fakes are measured.
    pub fn device(&self) -> Device {
        self.reals.device()
    }

    fn groups(&self, label_of: &[i64]) -> Result<Vec<Group>, TrainError> {
        let by_label = places_by_label(label_of, self.halves.len());
        let group = |(label, [reals, others]): (usize, &[Vec<i64>; 2])| {
            let fakes = &by_label[label];
            if fakes.len() < LEAST_PICTURES / 2 {
                let name = &self.label_names[label];
                return Err(TrainError::Options(format!(
                    "measure {name:?}: expected at least {} fakes, found {}",
                    LEAST_PICTURES / 2,
                    fakes.len()
                )));
            }
            let count = reals.len().min(fakes.len());
            let first = |places: &[i64]| places[..count].to_vec();
            Ok(Group { reals: first(reals), others: first(others), fakes: first(fakes) })
        };
        self.halves.iter().enumerate().map(group).collect()
    }

    fn label_scores(&self, label: usize, group: &Group, features: &Tensor, seen: &[i64]) -> LabelScores {
        let (reals, fakes) = (rows(&self.reals, &group.reals), rows(features, &group.fakes));
        let is_full = group.reals.len() == self.halves[label][0].len();
        let right = group.fakes.iter().filter(|place| seen[**place as usize] == label as i64).count();
        LabelScores {
            label: self.label_names[label].clone(),
            samples: group.fakes.len(),
            fakes: scores(&reals, &fakes),
            floor: self.floor(is_full.then_some(&self.floors.labels[label]), &group.reals, &group.others),
            accuracy: right as f64 / group.fakes.len() as f64,
            diversity: neighbors::mean_distance(&fakes) / neighbors::mean_distance(&reals),
        }
    }

    /// What `others` score against `reals`, kept where there is a place for it.
    fn floor(&self, kept: Option<&OnceCell<Scores>>, reals: &[i64], others: &[i64]) -> Scores {
        let measured = || scores(&rows(&self.reals, reals), &rows(&self.reals, others));
        kept.map_or_else(measured, |kept| *kept.get_or_init(measured))
    }

    fn memorisation(&self, features: &Tensor) -> Memorisation {
        let (nearest, distances) = neighbors::nearest(features, &self.reals);
        Memorisation {
            ratio: neighbors::median(&distances) / self.held_out_distance,
            held_out: self.held_out_distance,
            nearest: Vec::try_from(&nearest).expect("one place a picture"),
            distances: Vec::try_from(&distances).expect("one distance a picture"),
        }
    }
}

/// Places of one label, equally many of each.
struct Group {
    reals: Vec<i64>,
    others: Vec<i64>,
    fakes: Vec<i64>,
}

/// Two random halves of each label, or parts of them where there are many.
fn halves(data: &DataSet) -> Result<Vec<[Vec<i64>; 2]>, TrainError> {
    let by_label = places_by_label(&data.label_of, data.labels.len());
    let half = |(label, (name, of_label)): (u64, (&String, Vec<i64>))| {
        if of_label.len() < LEAST_PICTURES {
            return Err(TrainError::TooFewToMeasure {
                label: name.clone(),
                expected: LEAST_PICTURES,
                found: of_label.len(),
            });
        }
        let order = epoch_order(HALVES_SEED, label, of_label.len());
        let mut shuffled = order.iter().map(|place| of_label[*place as usize]);
        let count = compared(of_label.len(), data.labels.len());
        Ok([shuffled.by_ref().take(count).collect(), shuffled.take(count).collect()])
    };
    (0..).zip(data.labels.names().iter().zip(by_label)).map(half).collect()
}

/// Pictures of one of several labels that are compared: half of them, or its share of the most.
fn compared(of_label: usize, labels: usize) -> usize {
    (of_label / 2).min((MOST_COMPARED / labels).max(LEAST_PICTURES / 2))
}

/// Pictures of each label that overall scores take, which compare all with all: labels have a few of their own in any case.
fn share(counts: impl ExactSizeIterator<Item = usize>) -> usize {
    let labels = counts.len();
    if counts.sum::<usize>() <= MOST_COMPARED { usize::MAX } else { MOST_COMPARED / labels }
}

/// At most so many of some places, spread evenly; in order where these are all of them.
fn some(places: Vec<i64>, most: usize) -> Vec<i64> {
    if places.len() <= most {
        return places;
    }
    let order = epoch_order(HALVES_SEED, u64::MAX, places.len());
    order.iter().take(most).map(|place| places[*place as usize]).collect()
}

fn scores(reals: &Tensor, fakes: &Tensor) -> Scores {
    let distance::Kid { mean, spread } = distance::kid(reals, fakes);
    let neighbors::Manifold { precision, recall, density, coverage } = neighbors::manifold(reals, fakes);
    let frechet = distance::frechet(reals, fakes);
    Scores { kid: mean, kid_spread: spread, frechet, precision, recall, density, coverage }
}

fn counts(group: &Group, seen: &[i64], labels: usize) -> Vec<u64> {
    let mut counts = vec![0; labels];
    for place in &group.fakes {
        counts[seen[*place as usize] as usize] += 1;
    }
    counts
}

fn rows(features: &Tensor, places: &[i64]) -> Tensor {
    features.index_select(0, &Tensor::from_slice(places).to_device(features.device())).to_kind(Kind::Double)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{self, DeviceChoice};
    use crate::hands;
    use crate::quality::classifier::write_unfitted;

    #[test]
    fn the_floor_of_full_counts_is_measured_once_and_of_fewer_fakes_anew() {
        let data = hands::rendered_hands(32, 32, 3, 1, &|_, _| {});
        let (device, _) = device::open(DeviceChoice::Cpu).expect("the CPU is always there");
        let images = data.pictures.tensor(3, 32, device);
        let folder = tempfile::tempdir().expect("temporary folder");
        let (network, pictures) = (folder.path().join("n.safetensors"), OnDevice { images: &images, data: &data });
        write_unfitted(&network, &pictures, &holdout::split(&data.label_of, &data.names));
        let networks = Networks { cache: &Cache::of(None, folder.path()), file: Some(&network) };
        let meter = Meter::open(&pictures, &networks, &|_, _| {}).expect("opened");
        let measure = |each: i64| {
            let places: Vec<i64> = (0..3 * each).map(|place| place / each * 32 + place % each).collect();
            let label_of = places.iter().map(|place| place / 32).collect();
            let images = images.index_select(0, &Tensor::from_slice(&places));
            meter.measure(&Fakes { images, label_of }).expect("measured")
        };
        let few = measure(12);
        assert!(meter.floors.all.get().is_none() && meter.floors.labels.iter().all(|kept| kept.get().is_none()));
        let full = measure(16);
        assert_eq!(meter.floors.all.get(), Some(&full.floor));
        assert!(full.labels.iter().zip(&meter.floors.labels).all(|(label, kept)| kept.get() == Some(&label.floor)));
        assert_eq!(measure(16), full);
        assert_eq!(measure(12), few);
        assert_ne!(few.floor, full.floor);
    }

    #[test]
    fn pictures_of_new_clips_are_measured_where_names_tell_of_clips() {
        let mut data = hands::rendered_hands(32, 32, 3, 1, &|_, _| {});
        let measured = |data: &DataSet| {
            let (device, _) = device::open(DeviceChoice::Cpu).expect("the CPU is always there");
            let images = data.pictures.tensor(3, 32, device);
            let folder = tempfile::tempdir().expect("temporary folder");
            let (network, pictures) = (folder.path().join("n.safetensors"), OnDevice { images: &images, data });
            let split = holdout::split(&data.label_of, &data.names);
            write_unfitted(&network, &pictures, &split);
            let networks = Networks { cache: &Cache::of(None, folder.path()), file: Some(&network) };
            let meter = Meter::open(&pictures, &networks, &|_, _| {}).expect("opened");
            let seen = meter.measure(&Fakes { images: images.shallow_clone(), label_of: data.label_of.clone() });
            let evaluation = seen.expect("measured");
            let Some([left_out, others]) = &meter.clips else { return (evaluation, None) };
            assert!(left_out.iter().all(|place| split.held_out.contains(place)) && left_out.len() == others.len());
            assert!(others.iter().all(|place| split.learned.contains(place)));
            (evaluation, Some(scores(&rows(&meter.reals, others), &rows(&meter.reals, left_out))))
        };
        let (blocks, _) = measured(&data);
        assert_eq!((blocks.new_clips, blocks.held_out), (None, Rule::LastBlock));
        assert!(blocks.text().contains("the next frame of a known clip") && !blocks.text().contains("left out"));
        for (place, name) in data.names.iter_mut().enumerate() {
            *name = format!("{}/clip{}-{place:03}.png", place / 32, ["a", "b", "c", "d"][place % 32 / 8]);
        }
        let (clips, expected) = measured(&data);
        assert_eq!((clips.new_clips, clips.held_out), (expected, Rule::Groups));
        assert!(expected.is_some());
        assert!(clips.text().contains("whole clips that were left out, against the rest: KID"), "{}", clips.text());
    }

    #[test]
    fn the_halves_of_a_label_share_no_picture() {
        let data = hands::rendered_hands(32, 32, 3, 1, &|_, _| {});
        for (label, [first, second]) in halves(&data).expect("enough pictures").into_iter().enumerate() {
            let mut places = [first, second].concat();
            places.sort_unstable();
            let label = label as i64;
            assert_eq!(places, Vec::from_iter(32 * label..32 * (label + 1)));
        }
    }

    #[test]
    fn half_of_a_label_is_compared_up_to_its_share_of_the_most() {
        assert_eq!([compared(840, 3), compared(100_000, 2), compared(25, 2)], [420, 2_500, 12]);
        assert_eq!(compared(1_000, 1_000), LEAST_PICTURES / 2);
    }

    #[test]
    fn overall_scores_take_evenly_many_of_each_of_many_labels() {
        assert_eq!(share([420; 3].into_iter()), usize::MAX);
        assert_eq!(share([12; 416].into_iter()), usize::MAX);
        assert_eq!(share([12; 1_000].into_iter()), 5);
    }

    #[test]
    fn of_many_places_a_spread_few_are_taken_and_of_few_all() {
        let few: Vec<i64> = (7..7 + MOST_COMPARED as i64).collect();
        assert_eq!(some(few.clone(), MOST_COMPARED), few);
        let many: Vec<i64> = (0..4 * MOST_COMPARED as i64).collect();
        let mut taken = some(many.clone(), MOST_COMPARED);
        assert_eq!(taken, some(many, MOST_COMPARED));
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken.len(), MOST_COMPARED);
        let early = taken.iter().filter(|place| **place < 2 * MOST_COMPARED as i64).count();
        assert!(early.abs_diff(MOST_COMPARED / 2) < MOST_COMPARED / 10, "{early} of the first half");
    }
}
