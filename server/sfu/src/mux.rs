//! Which connection a datagram is for.
//!
//! Everybody sends to one socket. A check of the way names its connection, and proves that its
//! sender knows the connection's secret; only then is the address it came from taken for that
//! connection's. Handshakes and media from other addresses reach nobody.

use std::collections::HashMap;

use crate::adapter::Peer;

/// So many addresses of one client are known: Wi-Fi, a cable, a phone's network and a tunnel, in
/// both versions of IP, before and after a change.
const ADDRESSES_MAX: usize = 16;

/// The number of a connection.
pub(crate) type Id = usize;

#[derive(Debug, Default)]
pub(crate) struct Mux {
    by_peer: HashMap<Peer, Id>,
    by_ufrag: HashMap<String, Id>,
    peers: HashMap<Id, Vec<Peer>>,
    ufrags: HashMap<Id, Vec<String>>,
}

impl Mux {
    /// Checks under this name are for this connection, besides those under its earlier ones.
    pub(crate) fn name(&mut self, id: Id, ufrag: String) {
        let known = self.ufrags.entry(id).or_default();
        if !known.contains(&ufrag) {
            known.push(ufrag.clone());
            self.by_ufrag.insert(ufrag, id);
        }
    }

    /// Who checks under this name.
    pub(crate) fn named(&self, ufrag: &str) -> Option<Id> {
        self.by_ufrag.get(ufrag).copied()
    }

    /// Who is at this address.
    pub(crate) fn at(&self, peer: Peer) -> Option<Id> {
        self.by_peer.get(&peer).copied()
    }

    /// The connection's client has proved to be at this address.
    pub(crate) fn found(&mut self, id: Id, peer: Peer) {
        match self.by_peer.insert(peer, id) {
            Some(before) if before == id => return,
            Some(before) => {
                self.peers.entry(before).or_default().retain(|known| *known != peer);
            }
            None => {}
        }
        let known = self.peers.entry(id).or_default();
        if known.len() == ADDRESSES_MAX {
            self.by_peer.remove(&known.remove(0));
        }
        known.push(peer);
    }

    /// The connection has ended.
    pub(crate) fn forget(&mut self, id: Id) {
        for peer in self.peers.remove(&id).unwrap_or_default() {
            self.by_peer.remove(&peer);
        }
        for ufrag in self.ufrags.remove(&id).unwrap_or_default() {
            self.by_ufrag.remove(&ufrag);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::adapter::Transport;

    fn peer(port: u16) -> Peer {
        Peer { transport: Transport::Udp, address: (Ipv4Addr::LOCALHOST, port).into() }
    }

    #[test]
    fn an_address_belongs_to_who_proved_to_be_there_last() {
        let mut mux = Mux::default();
        mux.found(1, peer(1));
        mux.found(2, peer(1));
        assert_eq!(mux.at(peer(1)), Some(2));
        mux.forget(1);
        assert_eq!(mux.at(peer(1)), Some(2));
        mux.forget(2);
        assert_eq!(mux.at(peer(1)), None);
    }

    #[test]
    fn a_client_that_moves_on_and_on_is_known_by_its_last_addresses() {
        let mut mux = Mux::default();
        for port in 1..=100 {
            mux.found(7, peer(port));
        }
        assert_eq!(mux.by_peer.len(), ADDRESSES_MAX);
        assert_eq!((mux.at(peer(1)), mux.at(peer(100))), (None, Some(7)));
        mux.forget(7);
        assert!(mux.by_peer.is_empty() && mux.peers.is_empty());
    }
}
