//! What has been heard of each node: finds what is missing, and what comes twice.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::frame::{Header, Kind};
use crate::{NodeId, Part, Peer};

/// Nodes that are remembered. With more, the quietest is forgotten, and is a stranger again.
const PEERS_MAX: usize = 256;
/// A node that is not heard for so long has ended: it probes each second.
const PEER_SILENCE_MAX: Duration = Duration::from_secs(60);

/// The newest number of every node and part.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<HashMap<NodeId, Heard>>);

#[derive(Debug)]
struct Heard {
    /// Nothing is known of a part before its first message.
    newest: [Option<u64>; Part::COUNT],
    at: Instant,
}

/// What a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    /// It is not a repetition.
    pub fresh: bool,
    /// Something before it did not come.
    pub hole: bool,
}

impl Ledger {
    /// Notes a message of another node.
    pub fn note(&self, header: &Header, now: Instant) -> Verdict {
        let mut peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !peers.contains_key(&header.node) {
            make_room(&mut peers, now);
        }
        let stranger = || Heard { newest: [None; Part::COUNT], at: now };
        let heard = peers.entry(header.node).or_insert_with(stranger);
        heard.at = now;
        let newest = &mut heard.newest[header.part.index()];
        // Of a part that is not known yet, everything may be missing; of a node that has just
        // started, there is nothing.
        let last = newest.unwrap_or(0);
        let next = match header.kind {
            Kind::Payload => header.number.saturating_sub(1),
            Kind::Probe => header.number,
        };
        *newest = Some(last.max(header.number));
        Verdict { fresh: header.number > last, hole: next > last }
    }

    /// Who was heard lately.
    pub fn peers(&self, now: Instant) -> Vec<Peer> {
        let peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let peers = peers.iter().map(|(node, heard)| Peer { node: *node, heard: now - heard.at });
        let mut peers: Vec<Peer> = peers.filter(|peer| peer.heard < PEER_SILENCE_MAX).collect();
        peers.sort_by_key(|peer| peer.node);
        peers
    }
}

fn make_room(peers: &mut HashMap<NodeId, Heard>, now: Instant) {
    peers.retain(|_, heard| now - heard.at < PEER_SILENCE_MAX);
    if peers.len() < PEERS_MAX {
        return;
    }
    let quietest = peers.iter().min_by_key(|(_, heard)| heard.at).map(|(node, _)| *node);
    quietest.map(|node| peers.remove(&node));
}

#[cfg(test)]
mod tests {
    use carillon_protocol::id::Ulid;

    use super::*;
    use crate::redis::now;

    fn says(ledger: &Ledger, node: u128, kind: Kind, number: u64) -> (bool, bool) {
        let part = Part::new(5).unwrap();
        let header = Header { node: NodeId(Ulid(node)), kind, part, number };
        let verdict = ledger.note(&header, now());
        (verdict.fresh, verdict.hole)
    }

    #[test]
    fn holes_and_repetitions_are_found() {
        let ledger = Ledger::default();
        for (kind, number, fresh, hole) in [
            (Kind::Probe, 0, false, false),
            (Kind::Payload, 1, true, false),
            (Kind::Payload, 2, true, false),
            (Kind::Payload, 2, false, false),
            (Kind::Probe, 2, false, false),
            (Kind::Payload, 4, true, true),
            (Kind::Payload, 3, false, false),
            (Kind::Probe, 6, true, true),
            (Kind::Payload, 7, true, false),
        ] {
            assert_eq!(says(&ledger, 1, kind, number), (fresh, hole), "{kind:?} {number}");
        }
    }

    #[test]
    fn what_a_stranger_said_before_may_be_missing() {
        let ledger = Ledger::default();
        assert_eq!(says(&ledger, 1, Kind::Payload, 1), (true, false));
        assert_eq!(says(&ledger, 2, Kind::Payload, 2), (true, true));
        assert_eq!(says(&ledger, 3, Kind::Probe, 1), (true, true));
    }

    #[test]
    fn only_so_many_are_remembered() {
        let ledger = Ledger::default();
        for node in 0..=PEERS_MAX as u128 {
            says(&ledger, node, Kind::Payload, 1);
        }
        assert_eq!(ledger.peers(now()).len(), PEERS_MAX);
        // The first is forgotten, so it is not a repetition.
        assert_eq!(says(&ledger, 0, Kind::Payload, 1), (true, false));
    }
}
