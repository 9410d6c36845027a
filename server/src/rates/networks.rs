//! Buckets of networks: as many as there may be in the world, in bounded memory.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use super::bucket::Bucket;

/// The most networks with a bucket of their own, at some 60 bytes each. So many at once are an
/// attack from everywhere: those that come on top share one bucket.
const NETWORKS_MAX: usize = 16_384;
/// How often to look for buckets that are full again, when there are so many, in milliseconds.
const SWEEP_MS: i64 = 1_000;

/// How often each network may do something.
#[derive(Debug)]
pub struct Networks {
    per_s: u32,
    table: Mutex<Table>,
}

#[derive(Debug)]
struct Table {
    own: HashMap<IpAddr, Bucket>,
    shared: Bucket,
    swept_at: i64,
}

impl Networks {
    /// Full buckets for everybody, of so many a second.
    pub fn new(per_s: u32) -> Networks {
        let table = Table { own: HashMap::new(), shared: Bucket::full(per_s, 0), swept_at: 0 };
        Networks { per_s, table: Mutex::new(table) }
    }

    /// How many a second.
    pub fn per_s(&self) -> u32 {
        self.per_s
    }

    /// Whether there is a token, which stays.
    ///
    /// # Errors
    /// How many milliseconds to wait for one.
    pub fn look(&self, network: IpAddr, now: i64) -> Result<(), u64> {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = (table.own.len() >= NETWORKS_MAX).then_some(table.shared);
        let bucket = table.own.get(&network).copied().or(shared);
        bucket.map_or(Ok(()), |mut copy| copy.take(self.per_s, now))
    }

    /// Takes a token.
    ///
    /// # Errors
    /// How many milliseconds to wait for one.
    pub fn take(&self, network: IpAddr, now: i64) -> Result<(), u64> {
        // Numbers are never left half-changed.
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let table = &mut *table;
        if let Some(bucket) = table.own.get_mut(&network) {
            return bucket.take(self.per_s, now);
        }
        if table.own.len() >= NETWORKS_MAX && (now - table.swept_at).abs() >= SWEEP_MS {
            table.swept_at = now;
            table.own.retain(|_, bucket| !bucket.is_full(self.per_s, now));
        }
        if table.own.len() >= NETWORKS_MAX {
            return table.shared.take(self.per_s, now);
        }
        table
            .own
            .entry(network)
            .or_insert_with(|| Bucket::full(self.per_s, now))
            .take(self.per_s, now)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const T0: i64 = 1_790_000_000_000;

    fn network(number: usize) -> IpAddr {
        Ipv4Addr::from_bits(number as u32).into()
    }

    #[test]
    fn every_network_has_a_bucket_and_who_comes_after_too_many_shares_one() {
        let networks = Networks::new(5);
        for number in 0..NETWORKS_MAX {
            assert_eq!(networks.take(network(number), T0), Ok(()));
        }
        let passed = (0..100).filter(|i| networks.take(network(NETWORKS_MAX + i), T0).is_ok());
        assert_eq!(passed.count(), 15);
        assert_eq!(networks.take(network(NETWORKS_MAX), T0), Err(200));
        assert_eq!(networks.take(network(7), T0), Ok(()), "who was there before does not pay");
        assert_eq!(networks.table.lock().unwrap().own.len(), NETWORKS_MAX);

        let later = T0 + SWEEP_MS;
        let passed = (0..100).filter(|_| networks.take(network(NETWORKS_MAX), later).is_ok());
        assert_eq!(passed.count(), 15, "when others are gone it has its own");
        assert_eq!(networks.table.lock().unwrap().own.len(), 1, "and they cost nothing");
    }
}
