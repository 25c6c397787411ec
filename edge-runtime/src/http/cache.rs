//! Answers that were made before, the least recently used of them dropped first.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::made::Made;

/// Bytes that an entry takes beside its key and body, about.
const OVERHEAD: usize = 256;

/// A bounded number of bytes, for several threads.
#[derive(Debug)]
pub(super) struct Cache {
    most: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    bytes: usize,
    uses: u64,
    entries: HashMap<String, (Made, u64)>,
    /// Keys by when they were last used.
    order: BTreeMap<u64, String>,
}

impl Cache {
    /// An empty cache that never holds more than `most` bytes.
    pub fn new(most: usize) -> Self {
        Self { most, held: Mutex::default() }
    }

    /// Entries held now, and their bytes.
    pub fn entries_and_bytes(&self) -> (usize, usize) {
        let held = self.held();
        (held.entries.len(), held.bytes)
    }

    /// An entry, which becomes the most recently used.
    pub fn get(&self, key: &str) -> Option<Made> {
        self.held().get(key)
    }

    /// Keeps an answer, dropping others for it; one larger than a quarter of the cache is not kept.
    pub fn insert(&self, key: String, made: Made) {
        let size = size(&key, &made);
        if size <= self.most / 4 {
            self.held().insert(key, made, self.most);
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn get(&mut self, key: &str) -> Option<Made> {
        let (made, used) = self.entries.get_mut(key)?;
        self.uses += 1;
        if let Some(key) = self.order.remove(used) {
            self.order.insert(self.uses, key);
        }
        *used = self.uses;
        Some(made.clone())
    }

    fn insert(&mut self, key: String, made: Made, most: usize) {
        if self.entries.contains_key(&key) {
            return;
        }
        let size = size(&key, &made);
        while self.bytes + size > most {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            if let Some((dropped, _)) = self.entries.remove(&oldest) {
                self.bytes -= self::size(&oldest, &dropped);
            }
        }
        self.uses += 1;
        self.bytes += size;
        self.order.insert(self.uses, key.clone());
        self.entries.insert(key, (made, self.uses));
    }
}

fn size(key: &str, made: &Made) -> usize {
    2 * key.len() + made.bytes.len() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(bytes: usize) -> Made {
        Made { bytes: vec![7; bytes].into(), width: 1, height: 1, channels: 1 }
    }

    #[test]
    fn the_least_recently_used_goes_first_and_the_bound_holds() {
        let cache = Cache::new(8 * (OVERHEAD + 1002));
        for name in 0..8 {
            cache.insert(name.to_string(), made(1000));
        }
        assert_eq!(cache.entries_and_bytes(), (8, 8 * (OVERHEAD + 1002)));
        assert!(cache.get("0").is_some());
        cache.insert("8".to_owned(), made(1000));
        assert_eq!(cache.entries_and_bytes().0, 8);
        assert_eq!((cache.get("1").is_some(), cache.get("0").is_some()), (false, true));
        cache.insert("twice as large".to_owned(), made(2000));
        assert!(cache.entries_and_bytes().1 <= 8 * (OVERHEAD + 1002));
        assert!(cache.get("2").is_none() && cache.get("0").is_some());
    }

    #[test]
    fn what_would_push_out_most_others_is_not_kept() {
        let cache = Cache::new(4 * 1000);
        cache.insert("large".to_owned(), made(1000));
        assert_eq!(cache.entries_and_bytes(), (0, 0));
        let none = Cache::new(0);
        none.insert("any".to_owned(), made(1));
        assert!(none.get("any").is_none());
    }
}
