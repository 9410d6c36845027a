//! Who may connect: how many sockets there are, in all and by address, and how often an address
//! may cost a TLS handshake.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use carillon_plugin::Clock as _;
use dashmap::DashMap;
use tokio::sync::Semaphore;

use crate::{clock::SystemClock, rates::Networks, telemetry::Metrics};

/// How many may be reading that they are one too many; beyond, their sockets just end.
const TURNED_AWAY_MAX: usize = 256;
/// How many seconds an address takes at least to open all the sockets that it may have, where that
/// costs a handshake: half a millisecond of a core.
const FILL_S: u32 = 100;

/// Whom an address stands for: of IPv6 a customer has a whole /64.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

/// Counts sockets, in all and by address.
#[derive(Debug)]
pub struct Gate {
    total: AtomicU32,
    total_max: u32,
    addresses: DashMap<IpAddr, u32>,
    address_max: u32,
    handshakes: Networks,
    clock: SystemClock,
    /// Places for those who are told that they are one too many.
    pub(super) turned_away: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

impl Gate {
    /// A gate that admits so many sockets, and so many from one address.
    pub fn new(total_max: u32, address_max: u32, metrics: Arc<Metrics>) -> Arc<Gate> {
        Arc::new(Gate {
            total: AtomicU32::new(0),
            total_max,
            addresses: DashMap::new(),
            address_max,
            handshakes: Networks::new(address_max.div_ceil(FILL_S)),
            clock: SystemClock::default(),
            turned_away: Arc::new(Semaphore::new(TURNED_AWAY_MAX)),
            metrics,
        })
    }

    /// Admits a socket, until the answer is dropped.
    pub(super) fn admit(self: &Arc<Gate>, peer: IpAddr) -> Option<Admitted> {
        let (peer, address) = (peer.to_canonical(), network(peer));
        let ticket = Ticket { gate: Arc::clone(self), peer, address };
        let total = self.total.fetch_add(1, Ordering::Relaxed);
        let here = {
            let mut count = self.addresses.entry(address).or_insert(0);
            *count += 1;
            *count
        };
        let admitted = Admitted(Arc::new(ticket));
        if total >= self.total_max || here > self.address_max {
            self.metrics.refused_connections.inc();
            return None;
        }
        Some(admitted)
    }
}

#[derive(Debug)]
struct Ticket {
    gate: Arc<Gate>,
    peer: IpAddr,
    address: IpAddr,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.gate.total.fetch_sub(1, Ordering::Relaxed);
        self.gate.addresses.remove_if_mut(&self.address, |_, count| {
            *count -= 1;
            *count == 0
        });
    }
}

/// A socket's place, kept for as long as the socket, also after it became a WebSocket.
#[derive(Debug, Clone)]
pub struct Admitted(Arc<Ticket>);

impl Admitted {
    /// Where the socket comes from.
    pub fn peer(&self) -> IpAddr {
        self.0.peer
    }

    /// Whether the socket may cost a handshake now: its network has not had too many.
    pub(super) fn may_shake_hands(&self) -> bool {
        let Ticket { gate, address, .. } = &*self.0;
        let taken = gate.handshakes.take(*address, gate.clock.now());
        if taken.is_err() {
            gate.metrics.refused_connections.inc();
        }
        taken.is_ok()
    }
}

#[cfg(test)]
impl Gate {
    /// Waits until nobody has a place any more.
    pub(super) async fn empty(&self) {
        while self.total.load(Ordering::Relaxed) > 0 {
            tokio::task::yield_now().await;
        }
        assert!(self.addresses.is_empty(), "their places are free again");
    }
}
