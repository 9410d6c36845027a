//! Those who carry media, as the tests meet them: they note what they are asked, answer
//! descriptions of nothing, and keep what a real one would know.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

use carillon_plugin::{
    BoxFuture, Error, Media, MediaAnswer, MediaAsked, MediaCall, Result,
    protocol::{ErrorCode, ParticipantId, RoomId, RunId, id::Ulid, room::Source},
};

/// What nodes carry, seen from one of them.
#[derive(Debug)]
pub struct Carrier {
    here: RunId,
    nodes: Arc<Mutex<Nodes>>,
}

/// What all nodes carry.
#[derive(Debug, Default)]
struct Nodes {
    away: BTreeSet<RunId>,
    busy: bool,
    deaf: bool,
    dull: bool,
    /// Who has connections where, and what of them is forwarded.
    carried: BTreeMap<(RunId, RoomId, ParticipantId), BTreeSet<Source>>,
}

/// The run of the node with this number.
pub fn run(number: u128) -> RunId {
    RunId(Ulid(number))
}

impl Carrier {
    pub fn new() -> Arc<Carrier> {
        Arc::new(Carrier { here: run(1), nodes: Arc::default() })
    }

    /// The same nodes, seen from another one.
    pub fn at(&self, number: u128) -> Arc<Carrier> {
        Arc::new(Carrier { here: run(number), nodes: self.nodes.clone() })
    }

    fn nodes(&self) -> MutexGuard<'_, Nodes> {
        self.nodes.lock().unwrap()
    }

    /// A node dies, and what it carried is gone.
    pub fn dies(&self, owner: RunId) {
        let mut nodes = self.nodes();
        nodes.away.insert(owner);
        nodes.carried.retain(|(node, ..), _| *node != owner);
    }

    /// Whether everybody has too much to do.
    pub fn is_busy(&self, busy: bool) {
        self.nodes().busy = busy;
    }

    /// Whether nothing can be asked for a moment, though everybody runs.
    pub fn deafens(&self, deaf: bool) {
        self.nodes().deaf = deaf;
    }

    /// Whether what is said changes nothing, as if it had not been said.
    pub fn dulls(&self, dull: bool) {
        self.nodes().dull = dull;
    }

    /// Nothing is heard of somebody any more.
    pub fn loses(&self, lost: ParticipantId) {
        self.nodes().carried.retain(|(_, _, participant), _| *participant != lost);
    }

    /// What is forwarded of somebody; `None` if they have no connection.
    pub fn forwards(&self, of: ParticipantId) -> Option<Vec<Source>> {
        let nodes = self.nodes();
        let mut found = nodes.carried.iter().filter(|((_, _, participant), _)| *participant == of);
        let (_, sources) = found.next()?;
        Some(sources.iter().copied().collect())
    }

    /// Who has a connection.
    pub fn connected(&self) -> Vec<ParticipantId> {
        self.nodes().carried.keys().map(|(_, _, participant)| *participant).collect()
    }

    /// Where somebody has a connection.
    pub fn owner(&self, of: ParticipantId) -> Option<RunId> {
        let nodes = self.nodes();
        let mut owners = nodes.carried.keys().filter(|(_, _, participant)| *participant == of);
        owners.next().map(|(owner, ..)| *owner)
    }

    fn answer(&self, owner: RunId, asked: MediaAsked) -> Result<MediaAnswer> {
        let mut nodes = self.nodes();
        if nodes.deaf || nodes.away.contains(&owner) {
            return Err(Error::new(ErrorCode::Unavailable, "it is away").retry_ms(1_000));
        }
        let MediaAsked { room, what } = asked;
        let key = |participant| (owner, room, participant);
        let known = |nodes: &Nodes, participant| match nodes.carried.contains_key(&key(participant))
        {
            true => Ok(()),
            false => Err(Error::not_found("participant; join again")),
        };
        match what {
            MediaCall::Permit { .. } | MediaCall::Leave { .. } | MediaCall::End if nodes.dull => {}
            MediaCall::Join { .. } if nodes.busy => {
                return Err(Error::new(ErrorCode::Busy, "too much to do").retry_ms(1_000));
            }
            MediaCall::Join { participant, .. } => {
                nodes.carried.insert(key(participant), BTreeSet::new());
                return Ok(MediaAnswer::Joined { offer: "v=0 offer".into() });
            }
            MediaCall::Offer { participant, .. } => {
                known(&nodes, participant)?;
                return Ok(MediaAnswer::Description { sdp: "v=0 answer".into() });
            }
            MediaCall::Subscribe { participant, .. } => {
                known(&nodes, participant)?;
                return Ok(MediaAnswer::Subscribed { slots: Vec::new(), offer: None });
            }
            MediaCall::Answer { participant, .. } | MediaCall::Candidate { participant, .. } => {
                known(&nodes, participant)?;
            }
            MediaCall::Permit { participant, sends } => {
                known(&nodes, participant)?;
                nodes.carried.insert(key(participant), sends.into_iter().collect());
            }
            MediaCall::Leave { participant } => {
                nodes.carried.remove(&key(participant));
            }
            MediaCall::End => nodes.carried.retain(|(_, of, _), _| *of != room),
            MediaCall::Connected => {
                let of = |(node, it, _): &&(RunId, RoomId, _)| (*node, *it) == (owner, room);
                let participants = nodes.carried.keys().filter(of).map(|(_, _, who)| *who);
                return Ok(MediaAnswer::Connected { participants: participants.collect() });
            }
        }
        Ok(MediaAnswer::Done)
    }
}

impl Media for Carrier {
    fn here(&self) -> RunId {
        self.here
    }

    fn reaches(&self, owner: RunId) -> bool {
        !self.nodes().away.contains(&owner)
    }

    fn ask(&self, owner: RunId, asked: MediaAsked) -> BoxFuture<'_, Result<MediaAnswer>> {
        Box::pin(async move { self.answer(owner, asked) })
    }
}
