//! Scores of sets that are worse than real pictures in known ways, measured on the built-in hands.

use tch::{Kind, Tensor};
use trainer::dataset::DataSet;
use trainer::device::{self, DeviceChoice};
use trainer::hands;
use trainer::quality::Cache;
use trainer::quality::classifier::OnDevice;
use trainer::quality::meter::{Fakes, Meter, Networks};
use trainer::quality::scores::Evaluation;

const SIDE: i64 = 32;
const PER_LABEL: i64 = 96;
const HALF: i64 = PER_LABEL / 2;

struct Bench {
    images: Tensor,
    meter: Meter,
}

impl Bench {
    fn new() -> Self {
        let data = hands::rendered_hands(PER_LABEL as usize, SIDE as usize, 3, 1, &|_, _| {});
        let images = tensor(&data);
        let cache = tempfile::tempdir().expect("temporary folder");
        let networks = Networks { cache: &Cache::of(None, cache.path()), file: None };
        let pictures = OnDevice { images: &images, data: &data };
        let meter = Meter::open(&pictures, &networks, &|_, _| {}).expect("fitted");
        let again = Meter::open(&pictures, &networks, &|_, _| panic!("fitted twice")).expect("read back");
        assert_eq!(again.classifier().sha256, meter.classifier().sha256);
        Self { images, meter }
    }

    fn measure(&self, images: Tensor) -> Evaluation {
        let label_of = (0..3).flat_map(|label| std::iter::repeat_n(label, HALF as usize)).collect();
        self.meter.measure(&Fakes { images, label_of }).expect("measured")
    }

    /// `count` pictures of each label, repeated to half of the data set.
    fn repeated(&self, count: i64) -> Tensor {
        let places: Vec<i64> = (0..3 * HALF).map(|place| place / HALF * PER_LABEL + place % HALF % count).collect();
        self.images.index_select(0, &Tensor::from_slice(&places))
    }
}

fn tensor(data: &DataSet) -> Tensor {
    let (device, _) = device::open(DeviceChoice::Cpu).expect("the CPU is always there");
    Tensor::from_slice(&data.pictures).view([-1, 3, SIDE, SIDE]).to_device(device)
}

/// Every fourth pixel in each direction, spread over its square.
fn coarse(images: &Tensor) -> Tensor {
    let small = images.to_kind(Kind::Float).avg_pool2d([4, 4], [4, 4], [0, 0], false, true, None);
    small.upsample_nearest2d([SIDE, SIDE], None, None).to_kind(Kind::Uint8)
}

#[test]
fn every_way_to_be_worse_shows_in_the_scores_that_are_for_it() {
    tch::set_num_threads(1); // small pictures gain nothing from more
    let bench = Bench::new();
    // Other hands of the same kind: as good as a generator can be.
    let fresh = hands::rendered_hands(HALF as usize, SIDE as usize, 3, 2, &|_, _| {});
    let fresh = bench.measure(tensor(&fresh));
    let blurred = bench.measure(coarse(&bench.repeated(HALF)));
    let four = bench.measure(bench.repeated(4));
    let one = bench.measure(bench.repeated(1));
    let collapsed = {
        let images = bench.repeated(HALF);
        let mut first = images.narrow(0, 0, HALF);
        first.copy_(&bench.repeated(1).narrow(0, 0, HALF));
        bench.measure(images)
    };
    let swapped = {
        let images = bench.repeated(HALF);
        bench.measure(images.roll([HALF], [0]))
    };

    let kid = |evaluation: &Evaluation| evaluation.fakes.kid;
    assert!(fresh.classifier_accuracy > 0.8, "the classifier knows the hands: {}", fresh.classifier_accuracy);
    let floor = fresh.floor;
    assert!(floor.frechet > 1e-3 && floor.recall < 1.0, "the floor is that of two sets: {floor:?}");
    assert!(floor.kid < kid(&blurred) && floor.coverage > four.fakes.coverage, "{floor:?}");
    let frechet = |evaluation: &Evaluation| evaluation.fakes.frechet;
    assert!(frechet(&fresh) < frechet(&collapsed) && frechet(&collapsed) < frechet(&four));
    assert!(frechet(&four) < frechet(&one) && frechet(&fresh) < frechet(&blurred));
    assert!(kid(&fresh) < kid(&four) && kid(&four) < kid(&one) && kid(&fresh) < kid(&collapsed));
    assert!(kid(&blurred) > 3.0 * kid(&fresh) && blurred.fakes.recall < fresh.fakes.recall);
    let recall = |evaluation: &Evaluation| evaluation.fakes.recall;
    let coverage = |evaluation: &Evaluation| evaluation.fakes.coverage;
    for spread in [recall, coverage] {
        assert!(spread(&fresh) > spread(&collapsed) && spread(&collapsed) > spread(&four));
        assert!(spread(&four) > spread(&one));
    }
    assert!(one.fakes.precision == 1.0, "real pictures, if few, are precise");
    assert!(fresh.least_diversity() > 0.8 && one.least_diversity() < 1e-6);
    assert!(collapsed.labels[0].diversity < 1e-6 && collapsed.labels[1].diversity > 0.8);
    assert!(swapped.accuracy < 0.1 && fresh.accuracy > 0.8, "{} {}", swapped.accuracy, fresh.accuracy);
    assert_eq!(swapped.confusion.iter().flatten().sum::<u64>(), 3 * HALF as u64);
    assert!(four.memorisation.ratio < 1e-6 && fresh.memorisation.ratio > 0.5, "{}", fresh.memorisation.ratio);
    assert_eq!(four.memorisation.nearest[0], 0);
    let named = fresh.named();
    assert_eq!((named["kid/rock"], named["kid_floor/rock"]), (fresh.labels[1].fakes.kid, fresh.labels[1].floor.kid));
    assert_eq!((named["samples/rock"], named["samples"]), (HALF as f64, 3.0 * HALF as f64));
    assert_eq!(fresh.features.len(), 64);
}
