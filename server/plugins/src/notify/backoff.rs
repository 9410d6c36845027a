//! Which devices and which push services want to be left alone, and until when. A refusal of one
//! device is that device's own; only what a service cannot do for anybody closes it, and never for
//! long: everybody's alerts wait for it. What a restart forgets costs one more request.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use carillon_notify::webpush::Outcome;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// So many devices are remembered, of all organisations.
const DEVICES_MAX: usize = 4_096;
/// So many push services.
const SERVICES_MAX: usize = 256;
/// The longest that a push service is left alone, in milliseconds.
const SERVICE_MS_MAX: i64 = 60_000;

/// Who wants to be left alone. Times are in milliseconds since the epoch.
#[derive(Default)]
pub(super) struct Backoff {
    /// By endpoint.
    devices: Mutex<HashMap<String, i64>>,
    /// By origin; until one of its answers says that it is back.
    services: Mutex<HashMap<String, Service>>,
}

#[derive(Default)]
struct Service {
    until: i64,
    /// Whoever asks whether it is back.
    probe: Arc<Turn<()>>,
}

/// Somebody may ask: alone, as long as nobody knows whether the service is back.
pub(super) type Admitted = Option<OwnedMutexGuard<()>>;

impl Backoff {
    /// Whether a device's push service may be asked, or else until when it is left alone. Once that
    /// is over one request finds out whether it is back, and the others wait for what it hears.
    pub(super) async fn admit(
        &self,
        endpoint: &str,
        service: &str,
        now: i64,
    ) -> Result<Admitted, i64> {
        if let Some(&until) = lock(&self.devices).get(endpoint)
            && until > now
        {
            return Err(until);
        }
        let mut admitted = None;
        loop {
            let closed = lock(&self.services)
                .get(service)
                .map(|closed| (closed.until, Arc::clone(&closed.probe)));
            match closed {
                None => return Ok(None),
                Some((until, _)) if until > now => return Err(until),
                Some(_) if admitted.is_some() => return Ok(admitted),
                Some((_, probe)) => admitted = Some(probe.lock_owned().await),
            }
        }
    }

    /// Takes note of what a push service answered; until when it or the device is left alone.
    pub(super) fn heard(
        &self,
        endpoint: &str,
        service: &str,
        answer: &Outcome,
        now: i64,
    ) -> Option<i64> {
        if let Outcome::Away(at) = answer {
            let until = (*at)?.min(now + SERVICE_MS_MAX);
            let mut services = lock(&self.services);
            if until > now && has_room(&mut services, service, SERVICES_MAX, |it| it.until > now) {
                services.entry(service.to_owned()).or_default().until = until;
            }
            return Some(until);
        }
        let mut services = lock(&self.services);
        // What was asked before it closed says nothing.
        if services.get(service).is_some_and(|closed| closed.until <= now) {
            services.remove(service);
        }
        let Outcome::Later(Some(until)) = *answer else { return None };
        let mut devices = lock(&self.devices);
        if until > now && has_room(&mut devices, endpoint, DEVICES_MAX, |&until| until > now) {
            devices.insert(endpoint.to_owned(), until);
        }
        Some(until)
    }
}

/// Whether a map has room for this key, after what does not count any more was taken out.
fn has_room<V>(
    map: &mut HashMap<String, V>,
    key: &str,
    most: usize,
    counts: impl Fn(&V) -> bool,
) -> bool {
    if map.len() >= most && !map.contains_key(key) {
        map.retain(|_, value| counts(value));
    }
    map.len() < most || map.contains_key(key)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: &str = "https://push.example";

    #[tokio::test]
    async fn one_request_finds_out_whether_a_service_is_back() {
        let backoff = Arc::new(Backoff::default());
        let away = |now, ms| {
            backoff.heard("a", SERVICE, &Outcome::Away(Some(now + ms)), now);
        };
        away(0, 3_600_000);
        assert_eq!(backoff.admit("b", SERVICE, 59_999).await.err(), Some(60_000), "a minute");
        let probe = backoff.admit("a", SERVICE, 60_000).await.unwrap();
        assert!(probe.is_some());
        let next_at = |now| {
            let backoff = Arc::clone(&backoff);
            tokio::spawn(async move { backoff.admit("b", SERVICE, now).await })
        };
        // It is not: nobody else asks.
        let next = next_at(60_000);
        tokio::task::yield_now().await;
        assert!(!next.is_finished(), "the one before is under way");
        away(60_000, 5_000);
        drop(probe);
        assert_eq!(next.await.unwrap().err(), Some(65_000));
        // It is.
        let probe = backoff.admit("a", SERVICE, 65_000).await.unwrap();
        let next = next_at(65_000);
        tokio::task::yield_now().await;
        assert!(!next.is_finished(), "the one before is under way");
        backoff.heard("a", SERVICE, &Outcome::Accepted, 65_000);
        drop(probe);
        assert!(next.await.unwrap().unwrap().is_none(), "everybody asks");
    }

    #[tokio::test]
    async fn as_many_as_are_remembered_are_not_exceeded() {
        let backoff = Backoff::default();
        for i in 0..=DEVICES_MAX {
            let name = i.to_string();
            backoff.heard(&name, SERVICE, &Outcome::Later(Some(10)), 0);
            backoff.heard(&name, &name, &Outcome::Away(Some(10)), 0);
        }
        let lens = (lock(&backoff.devices).len(), lock(&backoff.services).len());
        assert_eq!(lens, (DEVICES_MAX, SERVICES_MAX));
        backoff.heard("new", "new", &Outcome::Away(Some(20)), 10);
        backoff.heard("new", SERVICE, &Outcome::Later(Some(20)), 10);
        let lens = (lock(&backoff.devices).len(), lock(&backoff.services).len());
        assert_eq!(lens, (1, 1), "those whose time is over make room");
    }
}
