//! Calls of this node that others answer, until they do.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// So many wait at once: each keeps its arguments, of a frame's length at most, until it is handed
/// over, and a room that was lost asks for all its people at the same time.
pub const CALLS_MAX: usize = 1_024;
/// When to come back if there are more.
pub const BUSY_RETRY_MS: u64 = 500;

/// What each call waits for, by its number.
pub struct Pending<T>(Mutex<Numbered<T>>);

struct Numbered<T> {
    last: u64,
    calls: HashMap<u64, T>,
}

impl<T> Default for Pending<T> {
    fn default() -> Pending<T> {
        Pending(Mutex::new(Numbered { last: 0, calls: HashMap::new() }))
    }
}

/// A call that waits. Whoever gives up takes it back.
pub struct Ticket<'a, T> {
    pending: &'a Pending<T>,
    /// Its number.
    pub id: u64,
}

impl<T> Drop for Ticket<'_, T> {
    fn drop(&mut self) {
        self.pending.numbered().calls.remove(&self.id);
    }
}

impl<T> Ticket<'_, T> {
    /// From now on it waits for something else.
    pub fn waits(&self, what: T) {
        self.pending.numbered().calls.insert(self.id, what);
    }
}

impl<T> Pending<T> {
    fn numbered(&self) -> MutexGuard<'_, Numbered<T>> {
        // Nothing in here panics between two changes that belong together.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more call; none if too many wait.
    pub fn begin(&self, waits: T) -> Option<Ticket<'_, T>> {
        let mut numbered = self.numbered();
        if numbered.calls.len() >= CALLS_MAX {
            return None;
        }
        numbered.last += 1;
        let id = numbered.last;
        numbered.calls.insert(id, waits);
        Some(Ticket { pending: self, id })
    }

    /// Takes what a call waits for, if that is what came: whoever waited may have given up.
    pub fn take_if(&self, id: u64, is: impl FnOnce(&mut T) -> bool) -> Option<T> {
        let mut numbered = self.numbered();
        numbered.calls.get_mut(&id).is_some_and(is).then(|| numbered.calls.remove(&id)).flatten()
    }

    /// Whether no call waits.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.numbered().calls.is_empty()
    }
}
