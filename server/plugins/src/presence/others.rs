//! What the other nodes said of who is connected to them.

use std::collections::HashMap;

use carillon_protocol::{RunId, SessionId, UserId};

use super::people::{PARTS, Said, part};

type People = HashMap<UserId, Vec<SessionId>>;

/// The nodes that said something. The bus says which are alive, and knows a bounded number.
#[derive(Debug, Default)]
pub(super) struct Others(HashMap<RunId, Node>);

/// One of them: as many people as it has connections, at some 80 bytes each.
#[derive(Debug)]
struct Node {
    parts: [People; PARTS],
    /// Which parts it has said all of.
    whole: u64,
}

impl Default for Node {
    fn default() -> Node {
        Node { parts: std::array::from_fn(|_| People::new()), whole: 0 }
    }
}

impl Others {
    /// A node said something: answers who may have come or gone by it.
    pub(super) fn heard(&mut self, run: RunId, said: Said) -> Vec<UserId> {
        let node = self.0.entry(run).or_default();
        let mut touched = Vec::new();
        if let Some(number) = said.all_of
            && let Some(people) = node.parts.get_mut(usize::from(number))
        {
            node.whole |= 1 << number;
            touched.extend(people.drain().map(|(user, _)| user));
        }
        for (user, sessions) in said.people {
            let people = &mut node.parts[usize::from(part(user))];
            touched.push(user);
            match sessions {
                Some(sessions) => drop(people.insert(user, sessions)),
                None => drop(people.remove(&user)),
            }
        }
        touched
    }

    /// Forgets the nodes that are gone; answers who was connected to them.
    pub(super) fn keep(&mut self, alive: &[RunId]) -> Vec<UserId> {
        let gone = self.0.extract_if(|run, _| !alive.contains(run));
        let parts = gone.flat_map(|(_, node)| node.parts);
        parts.flat_map(|people| people.into_keys()).collect()
    }

    /// Whether a node said everything.
    pub(super) fn is_whole(&self, run: RunId) -> bool {
        self.0.get(&run).is_some_and(|node| node.whole == u64::MAX)
    }

    /// The sessions of a person on each node where the person is.
    pub(super) fn of(&self, user: UserId) -> impl Iterator<Item = &[SessionId]> {
        let number = usize::from(part(user));
        self.0.values().filter_map(move |node| node.parts[number].get(&user).map(Vec::as_slice))
    }

    /// Everybody who is somewhere.
    pub(super) fn everybody(&self) -> impl Iterator<Item = UserId> {
        self.0.values().flat_map(|node| &node.parts).flat_map(HashMap::keys).copied()
    }
}
