//! A share of many pictures, for one of several machines.

use std::str::FromStr;

/// Share `part` of `count`, from 1: every picture whose index leaves the remainder `part - 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    part: usize,
    count: usize,
}

/// The whole.
impl Default for Shard {
    fn default() -> Self {
        Self { part: 1, count: 1 }
    }
}

impl Shard {
    /// The indices of this share below `count`.
    pub fn indices(self, count: usize) -> impl ExactSizeIterator<Item = u32> + Clone {
        // At most a million pictures of one label.
        (self.part - 1..count.max(self.part - 1)).step_by(self.count).map(|index| index as u32)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(part, count)| Some((part.parse().ok()?, count.parse().ok()?)));
        match parsed {
            Some((part, count)) if (1..=count).contains(&part) => Ok(Self { part, count }),
            _ => Err(format!("expected I/N with I from 1 to N, found {text:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_disjoint_and_whole() {
        for (count, shards) in [(10, 3), (2, 5), (7, 1), (0, 2)] {
            let share = |part| format!("{part}/{shards}").parse::<Shard>().expect("in range").indices(count);
            let mut all: Vec<u32> = (1..=shards).flat_map(share).collect();
            all.sort_unstable();
            assert_eq!(all, (0..count as u32).collect::<Vec<_>>(), "{count} in {shards}");
            assert_eq!((1..=shards).map(|part| share(part).len()).sum::<usize>(), count);
        }
        assert_eq!("2/3".parse::<Shard>().expect("in range").indices(8).collect::<Vec<_>>(), [1, 4, 7]);
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "1", "0/2", "3/2", "1/0", "a/b", "1/2/3", "-1/2", "1/99999999999999999999999"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
