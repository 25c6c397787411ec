//! How far pictures are from what they should be: one comparison and one table, for a device, the exporter and tests.

use model_spec::metadata::Bound;

use crate::Picture;

/// First difference of each column of the table; the last column has no end.
const BUCKETS: [u8; 6] = [0, 1, 2, 4, 8, 32];

/// The differences of 8-bit levels over any number of pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct Parity {
    bound: Bound,
    counts: [u64; 256],
    pictures: usize,
    worst: Option<Place>,
}

/// Where the largest difference is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Which of the pictures, in the order in which they were added.
    pub picture: usize,
    /// Its row.
    pub row: usize,
    /// Its column.
    pub column: usize,
    /// Its channel.
    pub channel: usize,
    /// The level that should be there.
    pub expected: u8,
    /// The level that is.
    pub found: u8,
}

impl Parity {
    /// No picture yet, and one level of 255 allowed.
    pub fn new() -> Self {
        Self::within(Bound::ONE_LEVEL)
    }

    /// No picture yet, and a bound for those that come.
    pub fn within(bound: Bound) -> Self {
        Self { bound, counts: [0; 256], pictures: 0, worst: None }
    }

    /// Compares one more picture; one of another size differs as much as a level can, everywhere.
    pub fn add(&mut self, expected: &Picture, found: &Picture) {
        let size = |picture: &Picture| (picture.width(), picture.height(), picture.channels());
        let is_same_size = size(expected) == size(found);
        for (index, expected_level) in expected.levels().iter().copied().enumerate() {
            let level = found.levels().get(index).copied().filter(|_| is_same_size);
            let level = level.unwrap_or(if expected_level < 128 { u8::MAX } else { 0 });
            let difference = if is_same_size { expected_level.abs_diff(level) } else { u8::MAX };
            self.counts[usize::from(difference)] += 1;
            if self.worst.is_none_or(|worst| difference > worst.expected.abs_diff(worst.found)) {
                let (pixel, channel) = (index / expected.channels(), index % expected.channels());
                let (row, column) = (pixel / expected.width(), pixel % expected.width());
                self.worst = Some(Place {
                    picture: self.pictures,
                    row,
                    column,
                    channel,
                    expected: expected_level,
                    found: level,
                });
            }
        }
        self.pictures += 1;
    }

    /// How many pictures were compared.
    pub fn pictures(&self) -> usize {
        self.pictures
    }

    /// How many levels have each difference.
    pub fn histogram(&self) -> &[u64; 256] {
        &self.counts
    }

    /// The largest difference.
    pub fn max(&self) -> u8 {
        self.counts.iter().rposition(|count| *count > 0).map_or(0, |level| level as u8)
    }

    /// The mean difference.
    pub fn mean(&self) -> f64 {
        self.moment(1)
    }

    /// Peak signal-to-noise ratio in dB, infinite where nothing differs.
    pub fn psnr_db(&self) -> f64 {
        10.0 * (255.0 * 255.0 / self.moment(2)).log10()
    }

    /// The first place of the largest difference, where anything differs.
    pub fn worst(&self) -> Option<Place> {
        self.worst.filter(|worst| worst.expected != worst.found)
    }

    /// Whether something was compared and is within the bound.
    pub fn passes(&self) -> bool {
        self.pictures > 0 && self.max() <= self.bound.max && self.mean() <= self.bound.mean
    }

    fn moment(&self, power: i32) -> f64 {
        let total: u64 = self.counts.iter().sum();
        let weighted = self.counts.iter().enumerate().map(|(level, count)| (level as f64).powi(power) * *count as f64);
        weighted.sum::<f64>() / total.max(1) as f64
    }
}

impl Default for Parity {
    fn default() -> Self {
        Self::new()
    }
}

/// What one engine made, or why it made nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The engine.
    pub name: String,
    /// Its pictures beside those that should be, or why there are none.
    pub outcome: Result<Parity, String>,
    /// What the engine said when it started: providers that were passed over, and why.
    pub notes: Vec<String>,
}

impl Row {
    /// Whether it ran and failed; an engine that could not run has not failed.
    pub fn has_failed(&self) -> bool {
        self.outcome.as_ref().is_ok_and(|parity| !parity.passes())
    }
}

/// Whether at least one row was compared and none failed.
pub fn all_pass(rows: &[Row]) -> bool {
    rows.iter().any(|row| row.outcome.is_ok()) && !rows.iter().any(Row::has_failed)
}

/// The rows as text: errors in 8-bit levels, and how many levels have each difference.
pub fn table(title: &str, rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.name.chars().count()).chain([title.chars().count()]).max().unwrap_or(0);
    let mut text = format!("{title:width$}  pictures  max  mean      PSNR dB");
    BUCKETS.iter().enumerate().for_each(|(index, _)| text += &format!("  {:>8}", bucket_name(index)));
    text += "  result\n";
    for row in rows {
        match &row.outcome {
            Ok(parity) => text += &line(&row.name, width, parity),
            Err(problem) => {
                let first = problem.lines().next().unwrap_or_default().trim_end_matches("; tried:");
                text += &format!("{:width$}  not run: {first}\n", row.name);
            }
        }
    }
    text
}

fn line(name: &str, width: usize, parity: &Parity) -> String {
    let psnr = if parity.psnr_db().is_finite() { format!("{:.1}", parity.psnr_db()) } else { "same".to_owned() };
    let (pictures, max, mean) = (parity.pictures(), parity.max(), parity.mean());
    let mut text = format!("{name:width$}  {pictures:>8}  {max:>3}  {mean:<8.5}  {psnr:>7}");
    for index in 0..BUCKETS.len() {
        text += &format!("  {:>8}", bucket(parity, index));
    }
    text + if parity.passes() { "  pass\n" } else { "  FAIL\n" }
}

fn bucket_name(index: usize) -> String {
    let first = BUCKETS[index];
    match BUCKETS.get(index + 1) {
        Some(next) if *next == first + 1 => first.to_string(),
        Some(next) => format!("{first}-{}", next - 1),
        None => format!("{first}+"),
    }
}

fn bucket(parity: &Parity, index: usize) -> u64 {
    let end = BUCKETS.get(index + 1).map_or(256, |next| usize::from(*next));
    parity.counts[usize::from(BUCKETS[index])..end].iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(levels: [u8; 6]) -> Picture {
        Picture::new(2, 1, 3, levels.to_vec()).expect("2 x 1 x 3")
    }

    fn compared(expected: [u8; 6], found: [u8; 6]) -> Parity {
        let mut parity = Parity::new();
        parity.add(&picture(expected), &picture(found));
        parity
    }

    #[test]
    fn errors_are_measured_in_levels() {
        let parity = compared([10, 20, 30, 40, 50, 255], [10, 19, 30, 45, 50, 255]);
        assert_eq!((parity.max(), parity.histogram()[..6].to_vec()), (5, vec![4, 1, 0, 0, 0, 1]));
        assert!((parity.mean() - 1.0).abs() < 1e-12);
        // A mean square of 26 / 6.
        assert!((parity.psnr_db() - 41.7627).abs() < 1e-3, "{}", parity.psnr_db());
        let worst = parity.worst().expect("a difference");
        assert_eq!((worst.picture, worst.row, worst.column, worst.channel), (0, 0, 1, 0));
        assert_eq!((worst.expected, worst.found), (40, 45));
    }

    #[test]
    fn one_level_passes_and_two_do_not() {
        let levels = [0, 1, 100, 128, 254, 255];
        assert!(compared(levels, levels).passes() && compared(levels, levels).psnr_db().is_infinite());
        assert!(compared(levels, [1, 0, 101, 127, 255, 254]).passes());
        assert!(!compared(levels, [0, 1, 100, 128, 254, 253]).passes());
        assert!(!Parity::new().passes());
    }

    #[test]
    fn a_stated_bound_holds_the_largest_and_the_mean_difference() {
        let passes = |max, mean| {
            let mut parity = Parity::within(Bound { max, mean });
            parity.add(&picture([10, 20, 30, 40, 50, 60]), &picture([10, 20, 30, 40, 50, 66]));
            parity.passes()
        };
        assert!(passes(6, 1.0) && !passes(5, 1.0) && !passes(6, 0.99));
    }

    #[test]
    fn another_size_is_no_match() {
        let mut parity = Parity::new();
        parity.add(&picture([128; 6]), &Picture::new(1, 2, 3, vec![128; 6]).expect("1 x 2 x 3"));
        assert_eq!((parity.max(), parity.passes()), (255, false));
    }

    #[test]
    fn the_table_shows_every_row_and_an_engine_that_did_not_run() {
        let row = |name: &str, outcome| Row { name: name.to_owned(), outcome, notes: Vec::new() };
        let good = row("one", Ok(compared([9; 6], [9, 9, 9, 9, 9, 10])));
        let bad = row("another", Ok(compared([0; 6], [0, 0, 3, 4, 40, 255])));
        let absent = row("ort", Err("no library\nin these places".to_owned()));
        let rows = [good.clone(), bad, absent.clone()];
        let expected = "\
engine   pictures  max  mean      PSNR dB         0         1       2-3       4-7      8-31       32+  result
one             1    1  0.16667      55.9         5         1         0         0         0         0  pass
another         1  255  50.33333      7.7         2         0         1         1         0         2  FAIL
ort      not run: no library
";
        assert_eq!(table("engine", &rows), expected);
        assert!(!all_pass(&rows) && all_pass(&[good, absent.clone()]) && !all_pass(&[absent]));
    }
}
