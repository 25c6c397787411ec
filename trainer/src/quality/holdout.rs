//! Which pictures the feature network learns from, and which it is tried on.

use std::collections::HashMap;

use serde::Serialize;

/// How the held-out pictures were chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Whole groups of pictures whose names share a prefix, as frames of one clip do.
    Groups,
    /// Pictures one by one: no two names share a prefix.
    Singles,
    /// The last pictures of each label in file order: some label has fewer than three groups.
    LastBlock,
}

impl Rule {
    /// For people.
    pub fn text(self) -> &'static str {
        match self {
            Self::Groups => "whole groups of file names that share a prefix",
            Self::Singles => "pictures one by one, since no two file names share a prefix",
            Self::LastBlock => "the last pictures of each label in file order",
        }
    }

    /// What a held-out picture is, for people.
    pub fn picture(self) -> &'static str {
        match self {
            Self::Groups => "a real picture of a new hand or clip",
            Self::Singles | Self::LastBlock => "a held-out real picture, which may be the next frame of a known clip",
        }
    }
}

/// A split of a data set's places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// To learn from.
    pub learned: Vec<i64>,
    /// To try on.
    pub held_out: Vec<i64>,
    /// How it was made.
    pub rule: Rule,
}

const LEAST_GROUPS: usize = 3;
/// One picture in so many is held out, at least.
const SHARE: usize = 5;

/// Holds out about a fifth of each label, so that no group of pictures stands on both sides.
///
/// `label_of` and `names` are those of a data set, in order; pictures of a label are neighbors.
pub fn split(label_of: &[i64], names: &[String]) -> Split {
    let labels: Vec<Vec<Vec<i64>>> = label_of
        .chunk_by(|left, right| left == right)
        .scan(0, |first, label| {
            let start = *first;
            *first += label.len();
            Some(groups(start, &names[start..start + label.len()]))
        })
        .collect();
    let rule = if labels.iter().any(|groups| groups.len() < LEAST_GROUPS) {
        Rule::LastBlock
    } else if labels.iter().flatten().all(|group| group.len() == 1) {
        Rule::Singles
    } else {
        Rule::Groups
    };
    let (mut learned, mut held_out) = (Vec::new(), Vec::new());
    for groups in labels {
        let count: usize = groups.iter().map(Vec::len).sum();
        let wanted = count.div_ceil(SHARE);
        let places = groups.into_iter().rev();
        match rule {
            Rule::LastBlock => {
                let mut places: Vec<i64> = places.flatten().collect();
                places.sort_unstable();
                let (first, last) = places.split_at(count - wanted);
                learned.extend(first);
                held_out.extend(last);
            }
            Rule::Groups | Rule::Singles => {
                let mut held = 0;
                for group in places {
                    // Of three groups and more at most one is larger than half: something to learn from is left.
                    let is_held = held < wanted && held + group.len() <= count.div_ceil(2);
                    held += if is_held { group.len() } else { 0 };
                    if is_held { &mut held_out } else { &mut learned }.extend(group);
                }
            }
        }
    }
    learned.sort_unstable();
    held_out.sort_unstable();
    Split { learned, held_out, rule }
}

/// Pictures of one label by prefix, in the order of their first ones.
fn groups(start: usize, names: &[String]) -> Vec<Vec<i64>> {
    let mut groups: Vec<Vec<i64>> = Vec::new();
    let mut index_of = HashMap::new();
    for (place, name) in (start as i64..).zip(names) {
        let index = *index_of.entry(prefix(name)).or_insert(groups.len());
        if index == groups.len() {
            groups.push(Vec::new());
        }
        groups[index].push(place);
    }
    groups
}

/// `rock/rock05ck01-017.jpg` without ending, number and separators: `rock/rock05ck01`.
fn prefix(name: &str) -> &str {
    let stem = match name.rsplit_once('.') {
        Some((stem, ending)) if !ending.contains('/') => stem,
        _ => name,
    };
    let stem = stem.trim_end_matches(')').trim_end_matches(|letter: char| letter.is_ascii_digit());
    stem.trim_end_matches(['-', '_', ' ', '('])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(clips: &[(&str, usize)]) -> Vec<String> {
        clips.iter().flat_map(|(clip, count)| (0..*count).map(move |frame| format!("{clip}-{frame:03}.png"))).collect()
    }

    #[test]
    fn a_prefix_is_a_name_without_its_number() {
        let cases = [
            ("rock/rock05ck01-017.jpg", "rock/rock05ck01"),
            ("rock/IMG_0012.JPG", "rock/IMG"),
            ("rock/7.png", "rock/"),
            ("a.b/take 2 (31).webp", "a.b/take 2"),
            ("a.b/x", "a.b/x"),
        ];
        for (name, expected) in cases {
            assert_eq!(prefix(name), expected, "{name}");
        }
    }

    #[test]
    fn no_clip_stands_on_both_sides() {
        let mut files = names(&[("a/p", 10), ("a/q", 10), ("a/r", 10)]);
        files.extend(names(&[("b/p", 4), ("b/q", 9), ("b/r", 1), ("b/s", 1)]));
        let label_of: Vec<i64> = (0..files.len()).map(|place| i64::from(place >= 30)).collect();
        let split = split(&label_of, &files);
        assert_eq!(split.rule, Rule::Groups);
        // Of label b the two last clips are too few, and the one before them is more than half of all.
        assert_eq!(split.held_out, (20..30).chain(30..34).chain(43..45).collect::<Vec<_>>());
        assert_eq!(split.learned.len() + split.held_out.len(), files.len());
    }

    #[test]
    fn names_that_share_no_prefix_are_no_clips() {
        let files: Vec<String> = ["ada", "bob", "eve", "kim", "lee"].map(|name| format!("a/{name}.png")).to_vec();
        let split = split(&[0; 5], &files);
        assert_eq!((split.rule, split.held_out), (Rule::Singles, vec![4]));
    }

    #[test]
    fn with_fewer_than_three_clips_the_last_block_is_held_out() {
        let mut files = names(&[("a/p", 10), ("a/q", 10), ("a/r", 10)]);
        files.extend(names(&[("b/", 10)]));
        let label_of: Vec<i64> = (0..files.len()).map(|place| i64::from(place >= 30)).collect();
        let split = split(&label_of, &files);
        assert_eq!(split.rule, Rule::LastBlock);
        assert_eq!(split.held_out, (24..30).chain(38..40).collect::<Vec<_>>());
    }
}
