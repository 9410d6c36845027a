//! Which connection a datagram is for.
//!
//! Everybody sends to one socket. A check of the way names its connection, and proves that its
//! sender knows the connection's secret; only then is the address it came from taken for that
//! connection's. Handshakes and media from other addresses reach nobody.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{adapter::Peer, door::Names};

/// So many addresses of one client are known: Wi-Fi, a cable, a phone's network and a tunnel, in
/// both versions of IP, before and after a change.
const ADDRESSES_MAX: usize = 16;

/// Nobody else is taken to be at an address so soon after its holder proved to be there: addresses
/// can be forged, and clients check the way every few seconds.
const HELD_FOR: Duration = Duration::from_secs(10);

/// A connection is known by its name of now, and by the one before its last restart.
const NAMES_MAX: usize = 2;

/// The number of a connection.
pub(crate) type Id = u64;

#[derive(Debug, Default)]
pub(crate) struct Mux {
    by_peer: HashMap<Peer, (Id, Instant)>,
    by_ufrag: HashMap<String, Id>,
    peers: HashMap<Id, Vec<Peer>>,
    ufrags: HashMap<Id, Vec<String>>,
    /// The names on all threads, and which one this is.
    names: (Arc<Names>, usize),
}

impl Mux {
    /// On this thread, of those that share these names.
    pub(crate) fn new(names: Arc<Names>, thread: usize) -> Mux {
        Mux { names: (names, thread), ..Mux::default() }
    }

    /// One without anybody, in place of this one.
    pub(crate) fn begin_again(&self) -> Mux {
        let (names, thread) = &self.names;
        names.remove_all(*thread);
        Mux::new(names.clone(), *thread)
    }

    /// Checks under this name are for this connection, besides those under the one before.
    pub(crate) fn name(&mut self, id: Id, ufrag: String) {
        let known = self.ufrags.entry(id).or_default();
        if !known.contains(&ufrag) {
            let (names, thread) = &self.names;
            if known.len() == NAMES_MAX {
                let oldest = known.remove(0);
                self.by_ufrag.remove(&oldest);
                names.remove(&oldest);
            }
            known.push(ufrag.clone());
            names.put(&ufrag, *thread);
            self.by_ufrag.insert(ufrag, id);
        }
    }

    /// Who checks under this name.
    pub(crate) fn named(&self, ufrag: &str) -> Option<Id> {
        self.by_ufrag.get(ufrag).copied()
    }

    /// Who is at this address.
    pub(crate) fn at(&self, peer: Peer) -> Option<Id> {
        self.by_peer.get(&peer).map(|(id, _)| *id)
    }

    /// The connection's client has proved to be at this address; whether it is taken to be, since
    /// nobody else was there a moment ago.
    pub(crate) fn found(&mut self, id: Id, peer: Peer, now: Instant) -> bool {
        match self.by_peer.get(&peer).copied() {
            Some((holder, at)) if holder != id => {
                if now.saturating_duration_since(at) < HELD_FOR {
                    return false;
                }
                self.peers.entry(holder).or_default().retain(|known| *known != peer);
            }
            Some(_) => {
                self.by_peer.insert(peer, (id, now));
                return true;
            }
            None => {}
        }
        self.by_peer.insert(peer, (id, now));
        let known = self.peers.entry(id).or_default();
        if known.len() == ADDRESSES_MAX {
            self.by_peer.remove(&known.remove(0));
        }
        known.push(peer);
        true
    }

    /// The connection has ended.
    pub(crate) fn forget(&mut self, id: Id) {
        for peer in self.peers.remove(&id).unwrap_or_default() {
            self.by_peer.remove(&peer);
        }
        for ufrag in self.ufrags.remove(&id).unwrap_or_default() {
            self.by_ufrag.remove(&ufrag);
            self.names.0.remove(&ufrag);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::adapter::Transport;

    #[expect(clippy::disallowed_methods, reason = "any time will do")]
    fn now() -> Instant {
        Instant::now()
    }

    fn peer(port: u16) -> Peer {
        Peer { transport: Transport::Udp, address: (Ipv4Addr::LOCALHOST, port).into() }
    }

    #[test]
    fn an_address_belongs_to_its_holder_until_they_are_silent() {
        let (mut mux, now) = (Mux::default(), now());
        assert!(mux.found(1, peer(1), now));
        assert!(mux.found(1, peer(1), now + HELD_FOR / 2));
        assert!(!mux.found(2, peer(1), now + HELD_FOR));
        assert_eq!(mux.at(peer(1)), Some(1));
        assert!(mux.found(2, peer(1), now + 2 * HELD_FOR));
        assert_eq!(mux.at(peer(1)), Some(2));
        mux.forget(1);
        assert_eq!(mux.at(peer(1)), Some(2));
        mux.forget(2);
        assert_eq!(mux.at(peer(1)), None);
    }

    #[test]
    fn a_connection_that_restarts_again_and_again_has_two_names() {
        let mut mux = Mux::default();
        for n in 0..50 {
            mux.name(3, n.to_string());
        }
        assert_eq!((mux.named("47"), mux.named("48"), mux.named("49")), (None, Some(3), Some(3)));
        mux.forget(3);
        assert!(mux.by_ufrag.is_empty());
    }

    #[test]
    fn all_threads_say_whose_names_are_with_them_and_no_longer() {
        let names = Arc::new(Names::default());
        let [mut first, mut second] = [0, 1].map(|thread| Mux::new(names.clone(), thread));
        ["a", "b", "c"].iter().for_each(|name| first.name(1, (*name).to_owned()));
        second.name(1, "d".to_owned());
        let on = |names: &Names| ["a", "b", "c", "d"].map(|name| names.thread(name));
        assert_eq!(on(&names), [None, Some(0), Some(0), Some(1)]);
        first.forget(1);
        assert_eq!(on(&names), [None, None, None, Some(1)]);
        second = second.begin_again();
        assert_eq!((on(&names), second.named("d")), ([None; 4], None));
    }

    #[test]
    fn a_connection_has_its_last_two_names() {
        let mut mux = Mux::default();
        ["a", "b", "b", "c"].iter().for_each(|name| mux.name(3, (*name).to_owned()));
        assert_eq!(["a", "b", "c"].map(|name| mux.named(name)), [None, Some(3), Some(3)]);
        mux.forget(3);
        assert!(mux.by_ufrag.is_empty());
    }

    #[test]
    fn a_client_that_moves_on_and_on_is_known_by_its_last_addresses() {
        let mut mux = Mux::default();
        for port in 1..=100 {
            mux.found(7, peer(port), now());
        }
        assert_eq!(mux.by_peer.len(), ADDRESSES_MAX);
        assert_eq!((mux.at(peer(1)), mux.at(peer(100))), (None, Some(7)));
        mux.forget(7);
        assert!(mux.by_peer.is_empty() && mux.peers.is_empty());
    }
}
