//! What a program changes outside itself, such as the modes of a terminal, and puts back however it ends.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

/// How long [`exit`] waits for a device that takes nothing.
const PATIENCE: Duration = Duration::from_secs(5);

static CHANGES: Changes = Changes::new();

/// Something through which the outside is changed, until the change is undone: when this is dropped, or by [`exit`].
///
/// ```
/// use std::sync::mpsc::channel;
///
/// use edge_runtime::restore::Restored;
///
/// let (terminal, seen) = channel();
/// let changed = Restored::new(terminal, |terminal| terminal.send("cursor on").expect("somebody looks"));
/// changed.with(|terminal| terminal.send("cursor off").expect("somebody looks"));
/// drop(changed);
/// assert_eq!(seen.iter().collect::<Vec<_>>(), ["cursor off", "cursor on"]);
/// ```
#[derive(Debug)]
pub struct Restored<T> {
    thing: Arc<Mutex<Option<T>>>,
    number: u64,
}

impl<T: Send + 'static> Restored<T> {
    /// Takes a thing and what undoes all that will be done through it.
    pub fn new(thing: T, undo: impl FnOnce(T) + Send + 'static) -> Self {
        let thing = Arc::new(Mutex::new(Some(thing)));
        let shared = Arc::clone(&thing);
        let number = CHANGES.add(Box::new(move || {
            // Taken first, so that nothing is changed any more when it has been undone.
            let thing = locked(&shared).take();
            if let Some(thing) = thing {
                undo(thing);
            }
        }));
        Self { thing, number }
    }

    /// Works with the thing; nothing is done where the program is about to end.
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        locked(&self.thing).as_mut().map(work)
    }
}

impl<T> Drop for Restored<T> {
    fn drop(&mut self) {
        CHANGES.undo(self.number);
    }
}

/// Undoes every change and ends the process, whatever its other threads are doing; after some seconds without undoing what
/// can't be, as on a terminal that takes nothing.
pub fn exit(code: i32) -> ! {
    let (done, is_done) = mpsc::channel();
    let undone = std::thread::Builder::new().spawn(move || {
        // Never given back, so that no other thread changes anything anew.
        mem::forget(CHANGES.undo_all());
        // Nobody waits any more where this fails.
        let _ = done.send(());
    });
    if undone.is_ok() {
        // Either way the process ends.
        let _ = is_done.recv_timeout(PATIENCE);
    }
    std::process::exit(code)
}

type Undo = Box<dyn FnOnce() + Send>;

/// What is changed now, the latest change last.
struct Changes(Mutex<Numbered>);

struct Numbered {
    next: u64,
    undos: Vec<(u64, Undo)>,
}

impl Changes {
    const fn new() -> Self {
        Self(Mutex::new(Numbered { next: 0, undos: Vec::new() }))
    }

    fn add(&self, undo: Undo) -> u64 {
        let mut changes = locked(&self.0);
        let number = changes.next;
        changes.next += 1;
        changes.undos.push((number, undo));
        number
    }

    /// Undoes a change, unless that was done. Whoever wants to undo all waits until it is through.
    fn undo(&self, number: u64) {
        let mut changes = locked(&self.0);
        if let Some(place) = changes.undos.iter().position(|(other, _)| *other == number) {
            changes.undos.remove(place).1();
        }
    }

    /// Undoes all changes; until the guard is dropped nothing new is changed.
    fn undo_all(&self) -> MutexGuard<'_, Numbered> {
        let mut changes = locked(&self.0);
        while let Some((_, undo)) = changes.undos.pop() {
            undo();
        }
        changes
    }
}

/// What a thread that panicked left behind is undone all the same.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_undone_once_and_the_latest_first() {
        let changes = Changes::new();
        let undone = Arc::new(Mutex::new(Vec::new()));
        let add = |name: &'static str| {
            let undone = Arc::clone(&undone);
            changes.add(Box::new(move || locked(&undone).push(name)))
        };
        let numbers = ["first", "second", "third"].map(add);
        changes.undo(numbers[1]);
        changes.undo(numbers[1]);
        assert_eq!(*locked(&undone), ["second"]);
        drop(changes.undo_all());
        changes.undo(numbers[0]);
        assert_eq!(*locked(&undone), ["second", "third", "first"]);
    }

    #[test]
    fn what_was_undone_is_not_used_again() {
        let undone = Arc::new(Mutex::new(0));
        let changed = Restored::new(Arc::clone(&undone), |undone| *locked(&undone) += 1);
        changed.with(|undone| *locked(undone) = 10);
        CHANGES.undo(changed.number);
        assert_eq!(changed.with(|undone| *locked(undone) = 20), None);
        drop(changed);
        assert_eq!(*locked(&undone), 11);
    }
}
