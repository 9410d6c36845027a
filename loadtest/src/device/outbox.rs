//! What a device means to do: each intent is written until it is answered, in order, with one
//! `cid` for all its tries.

use std::collections::{HashMap, HashSet, VecDeque};

use carillon_protocol::{Cid, Codec, Command, ConvId, UserId, conv, frame::client, msg};

use crate::{clock::new_cid, room::message};

/// How many intents may wait: who cannot say more than this is not heard for minutes.
const WAITING_MAX: usize = 500;
/// How many calls are unanswered at once.
const FLYING_MAX: usize = 4;

/// What is to happen.
#[derive(Debug, Clone)]
pub enum Act {
    /// A message, which may mention somebody.
    Say { text: String, mentions: Vec<UserId> },
    /// Somebody comes.
    Add(UserId),
    /// Somebody goes.
    Remove(UserId),
}

/// An intent.
#[derive(Debug)]
pub struct Draft {
    /// The same for all tries.
    pub cid: Cid,
    /// Where.
    pub conv: ConvId,
    /// What.
    pub act: Act,
    /// When it was meant to happen, in nanoseconds since the epoch.
    pub due: u64,
    prev: Option<Cid>,
    /// When it may be written; `None` while it is unanswered.
    at: Option<u64>,
}

impl Draft {
    /// The operation.
    pub fn op(&self) -> &'static str {
        match self.act {
            Act::Say { .. } => msg::Send::OP,
            Act::Add(_) => conv::AddMembers::OP,
            Act::Remove(_) => conv::RemoveMembers::OP,
        }
    }

    fn frame(&self, id: u64, prev: Option<Cid>) -> Vec<u8> {
        let (cid, conv) = (Some(self.cid), self.conv);
        match &self.act {
            Act::Say { text, mentions } => {
                let body = msg::Body::Text { text: text.clone(), mentions: mentions.clone() };
                let send = msg::Send { body, ..message(conv, String::new()) };
                client::call(Codec::Json, id, self.op(), cid, prev, &send)
            }
            Act::Add(user) => {
                let add = conv::AddMembers { conv, users: vec![*user] };
                client::call(Codec::Json, id, self.op(), cid, prev, &add)
            }
            Act::Remove(user) => {
                let remove = conv::RemoveMembers { conv, users: vec![*user] };
                client::call(Codec::Json, id, self.op(), cid, prev, &remove)
            }
        }
    }
}

/// A call that is about to be written.
pub struct Writing {
    /// The intent.
    pub cid: Cid,
    /// Where.
    pub conv: ConvId,
    /// The operation.
    pub op: &'static str,
    /// What has to be in the log before.
    pub prev: Option<Cid>,
    /// The bytes.
    pub frame: Vec<u8>,
}

/// All intents of a device that are not answered yet, oldest first.
#[derive(Debug, Default)]
pub struct Outbox {
    drafts: VecDeque<Draft>,
    last: HashMap<ConvId, Cid>,
    refused: HashSet<Cid>,
}

impl Outbox {
    /// Adds an intent; answers whether there was room.
    pub fn add(&mut self, conv: ConvId, act: Act, due: u64) -> bool {
        if self.drafts.len() >= WAITING_MAX {
            return false;
        }
        let cid = new_cid();
        let says = matches!(act, Act::Say { .. });
        let prev = if says { self.last.insert(conv, cid) } else { None };
        self.drafts.push_back(Draft { cid, conv, act, due, prev, at: Some(0) });
        true
    }

    /// The next one that may be written, as the call with this number.
    pub fn write(&mut self, id: u64, now: u64) -> Option<Writing> {
        let flying = self.drafts.iter().filter(|draft| draft.at.is_none()).count();
        if flying >= FLYING_MAX {
            return None;
        }
        // Nothing overtakes what was meant before it for the same conversation.
        let mut held = HashSet::new();
        let place = self.drafts.iter().position(|draft| {
            let may = draft.at.is_some_and(|at| at <= now) && !held.contains(&draft.conv);
            // Who comes and goes is decided by what is committed: those wait for each other.
            if !may && (draft.at.is_some() || !matches!(draft.act, Act::Say { .. })) {
                held.insert(draft.conv);
            }
            may
        })?;
        let draft = &mut self.drafts[place];
        draft.at = None;
        // What was refused for good will never be there.
        let prev = draft.prev.filter(|prev| !self.refused.contains(prev));
        let frame = draft.frame(id, prev);
        Some(Writing { cid: draft.cid, conv: draft.conv, op: draft.op(), prev, frame })
    }

    /// It is in the log, or never will be.
    pub fn done(&mut self, cid: Cid, refused: bool) -> Option<Draft> {
        if refused {
            self.refused.insert(cid);
        }
        let place = self.drafts.iter().position(|draft| draft.cid == cid)?;
        self.drafts.remove(place)
    }

    /// It is to be written again, at this time.
    pub fn again(&mut self, cid: Cid, at: u64) {
        if let Some(draft) = self.drafts.iter_mut().find(|draft| draft.cid == cid) {
            draft.at = Some(at);
        }
    }

    /// The connection is gone: what was not answered, which is written again.
    pub fn cut(&mut self) -> Vec<Cid> {
        let flying = self.drafts.iter_mut().filter(|draft| draft.at.is_none());
        flying
            .map(|draft| {
                draft.at = Some(0);
                draft.cid
            })
            .collect()
    }

    /// Whether everything is answered.
    pub fn is_empty(&self) -> bool {
        self.drafts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use carillon_protocol::{frame::ClientFrame, id::Ulid};

    use super::*;

    const CONV: ConvId = ConvId(Ulid(1));
    const OTHER: ConvId = ConvId(Ulid(2));

    fn say() -> Act {
        Act::Say { text: "hello".into(), mentions: Vec::new() }
    }

    #[test]
    fn each_message_names_the_one_before_it_unless_that_was_refused() {
        let mut outbox = Outbox::default();
        (0..3).for_each(|due| assert!(outbox.add(CONV, say(), due)));
        let first = outbox.write(1, 0).unwrap();
        let second = outbox.write(2, 0).unwrap();
        assert_eq!((first.prev, second.prev), (None, Some(first.cid)));
        assert_eq!(outbox.done(second.cid, true).unwrap().due, 1);
        assert_eq!(outbox.write(3, 0).unwrap().prev, None);
    }

    #[test]
    fn what_was_not_answered_is_written_again_with_its_cid_and_in_its_order() {
        let mut outbox = Outbox::default();
        (0..2).for_each(|due| assert!(outbox.add(CONV, say(), due)));
        let written = [outbox.write(1, 0).unwrap().cid, outbox.write(2, 0).unwrap().cid];
        assert!(outbox.write(3, 0).is_none());
        assert_eq!(outbox.cut(), written);
        let again = outbox.write(1, 0).unwrap();
        assert_eq!(again.cid, written[0]);
        match ClientFrame::decode(Codec::Json, &again.frame).unwrap() {
            ClientFrame::Call(call) => {
                assert_eq!((call.cid, call.op), (Some(again.cid), "msg.send"))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn who_is_told_to_wait_is_not_overtaken_in_the_same_conversation() {
        let mut outbox = Outbox::default();
        [CONV, CONV, OTHER].into_iter().for_each(|conv| assert!(outbox.add(conv, say(), 0)));
        let first = outbox.write(1, 0).unwrap().cid;
        outbox.again(first, 100);
        assert_eq!(outbox.write(2, 0).unwrap().conv, OTHER);
        assert!(outbox.write(3, 0).is_none());
        assert_eq!(outbox.write(3, 100).unwrap().cid, first);
    }
}
