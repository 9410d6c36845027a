//! What was asked for lately, until an event says that it changed.

use std::{
    hash::Hash,
    sync::atomic::{AtomicU64, Ordering::SeqCst},
};

use quick_cache::sync::Cache;

/// A bounded cache that never keeps what an event made untrue: a value that was read before the
/// event and would be kept after it is not kept.
pub(super) struct Memory<K, V> {
    kept: Cache<K, V>,
    /// How often something was forgotten since the start.
    forgotten: AtomicU64,
}

/// When a value began to be read.
#[derive(Clone, Copy)]
pub(super) struct Since(u64);

impl<K: Eq + Hash, V: Clone> Memory<K, V> {
    /// Keeps so many at most.
    pub(super) fn new(max: usize) -> Memory<K, V> {
        Memory { kept: Cache::new(max), forgotten: AtomicU64::new(0) }
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        self.kept.get(key)
    }

    /// To be taken before the tables are read.
    pub(super) fn since(&self) -> Since {
        Since(self.forgotten.load(SeqCst))
    }

    /// Keeps what was read, unless something was forgotten meanwhile.
    pub(super) fn keep(&self, since: Since, key: K, value: V)
    where
        K: Clone,
    {
        if self.forgotten.load(SeqCst) != since.0 {
            return;
        }
        self.kept.insert(key.clone(), value);
        // The event may have come right before the insertion, when there was nothing to forget yet.
        if self.forgotten.load(SeqCst) != since.0 {
            self.kept.remove(&key);
        }
    }

    pub(super) fn forget(&self, key: &K) {
        self.forgotten.fetch_add(1, SeqCst);
        self.kept.remove(key);
    }

    pub(super) fn forget_all(&self) {
        self.forgotten.fetch_add(1, SeqCst);
        self.kept.clear();
    }
}
