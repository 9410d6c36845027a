//! Who may ask how much at once: a lane for each origin, so that one that does not answer delays
//! nobody else, and in it the connections that are kept for the next request.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::connection::{Kept, Sender};

/// The most requests that are made or wait at once: a large alert, and some more.
const CALLS_MAX: usize = 8192;
/// The most connections in use at once, which are files of the process.
const CONNECTIONS_MAX: usize = 512;
/// The most of these to one origin: a fourth, so that several dead ones leave room for others.
const CONNECTIONS_PER_ORIGIN: usize = 128;
/// The most connections that wait for a next request, of one origin.
const KEPT_PER_ORIGIN: usize = CONNECTIONS_PER_ORIGIN;
/// The most origins that are remembered; those without a request are forgotten beyond that.
const ORIGINS_MAX: usize = 256;

/// All lanes.
pub(super) struct Lanes {
    by_origin: Mutex<HashMap<String, Arc<Lane>>>,
    calls: Semaphore,
    connections: Semaphore,
}

/// The lane of one origin.
pub(super) struct Lane {
    connections: Semaphore,
    kept: Mutex<Vec<Arc<Kept>>>,
}

/// A place among those that ask or wait.
pub(super) struct Place<'a> {
    lanes: &'a Lanes,
    pub(super) lane: Arc<Lane>,
    _call: SemaphorePermit<'a>,
}

impl Lanes {
    pub(super) fn new() -> Lanes {
        Lanes {
            by_origin: Mutex::default(),
            calls: Semaphore::new(CALLS_MAX),
            connections: Semaphore::new(CONNECTIONS_MAX),
        }
    }

    /// A place in the lane of an origin, unless too many wait already.
    pub(super) fn enter(&self, origin: String) -> Option<Place<'_>> {
        let call = self.calls.try_acquire().ok()?;
        let mut lanes = locked(&self.by_origin);
        if lanes.len() >= ORIGINS_MAX && !lanes.contains_key(&origin) {
            // A lane that somebody is in has a second owner.
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        }
        let lane = Arc::clone(lanes.entry(origin).or_insert_with(|| Arc::new(Lane::new())));
        Some(Place { lanes: self, lane, _call: call })
    }
}

impl Place<'_> {
    /// Waits until a connection may be used. First for the lane: who waits there holds nothing that
    /// others need.
    pub(super) async fn turn(&self) -> (SemaphorePermit<'_>, SemaphorePermit<'_>) {
        let never = "these semaphores are never closed";
        let own = self.lane.connections.acquire().await.expect(never);
        (own, self.lanes.connections.acquire().await.expect(never))
    }
}

impl Lane {
    fn new() -> Lane {
        Lane { connections: Semaphore::new(CONNECTIONS_PER_ORIGIN), kept: Mutex::default() }
    }

    /// A connection that is open and idle.
    pub(super) fn take(&self) -> Option<(Arc<Kept>, Sender)> {
        let mut kept = locked(&self.kept);
        while let Some(one) = kept.pop() {
            if let Some(sender) = one.take() {
                return Some((one, sender));
            }
        }
        None
    }

    /// Keeps a connection for the next request.
    pub(super) fn put(&self, one: Arc<Kept>, sender: Sender) {
        let mut kept = locked(&self.kept);
        if kept.len() >= KEPT_PER_ORIGIN {
            kept.retain(|one| one.is_idle());
        }
        if kept.len() < KEPT_PER_ORIGIN && one.put(sender) {
            kept.push(one);
        }
    }
}

/// A lock whose holder never stops halfway: nothing in this file panics while it holds one.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[test]
    fn origins_without_a_request_are_forgotten() {
        let lanes = Lanes::new();
        let busy = lanes.enter("https://busy.example".into()).unwrap();
        for i in 0..ORIGINS_MAX * 3 {
            drop(lanes.enter(format!("https://{i}.example")).unwrap());
        }
        let remembered = locked(&lanes.by_origin);
        assert!(remembered.len() <= ORIGINS_MAX);
        assert!(Arc::ptr_eq(&busy.lane, &remembered["https://busy.example"]));
    }

    #[tokio::test]
    async fn an_origin_that_never_answers_leaves_room_for_others() {
        let lanes = Lanes::new();
        let dead: Vec<_> = (0..CALLS_MAX - 1)
            .map(|_| lanes.enter("https://dead.example".into()).unwrap())
            .collect();
        let mut turns = Vec::new();
        for place in &dead[..CONNECTIONS_PER_ORIGIN] {
            turns.push(place.turn().await);
        }
        let soon = async |place: &Place<'_>| timeout(Duration::ZERO, place.turn()).await.is_ok();
        assert!(!soon(&dead[CONNECTIONS_PER_ORIGIN]).await);
        let other = lanes.enter("https://alive.example".into()).unwrap();
        assert!(soon(&other).await);
        // And no more than the limit wait at all.
        assert!(lanes.enter("https://alive.example".into()).is_none());
    }
}
