//! Who was in which conversation when, from the events of the conversations alone.

use std::collections::HashMap;

use carillon_protocol::{
    Topic, UserId,
    conv::{CreatedData, History, MembersChangedData, kind},
};

use crate::dump::Logged;

/// A position that no log reaches.
const OPEN: u64 = u64::MAX;

/// The members of all conversations.
#[derive(Default)]
pub(crate) struct Members(HashMap<Topic, Conversation>);

struct Conversation {
    history: History,
    /// From the event that brought somebody to the one that ended it, both included.
    spans: HashMap<UserId, Vec<(u64, u64)>>,
}

impl Conversation {
    fn join(&mut self, user: UserId, seq: u64) {
        let spans = self.spans.entry(user).or_default();
        if spans.last().is_none_or(|&(_, to)| to != OPEN) {
            spans.push((seq, OPEN));
        }
    }

    fn leave(&mut self, user: UserId, seq: u64) {
        let last = self.spans.get_mut(&user).and_then(|spans| spans.last_mut());
        if let Some((_, to)) = last.filter(|(_, to)| *to == OPEN) {
            *to = seq;
        }
    }
}

impl Members {
    /// Reads them from the events, in the order of commits.
    pub(crate) fn read(events: &[Logged]) -> Members {
        let mut members = Members::default();
        for event in events {
            members.apply(event);
        }
        members
    }

    fn apply(&mut self, event: &Logged) {
        if event.k == kind::CREATED {
            let Ok(data) = event.data.to::<CreatedData>() else { return };
            let mut conv = Conversation { history: data.history, spans: HashMap::new() };
            conv.join(event.by, event.seq);
            data.members.iter().for_each(|&user| conv.join(user, event.seq));
            self.0.insert(event.topic.clone(), conv);
        } else if event.k == kind::MEMBERS_CHANGED {
            let Ok(data) = event.data.to::<MembersChangedData>() else { return };
            let Some(conv) = self.0.get_mut(&event.topic) else { return };
            data.added.iter().for_each(|&user| conv.join(user, event.seq));
            data.removed.iter().for_each(|&user| conv.leave(user, event.seq));
        }
    }

    /// The time of somebody in a conversation: spans, ascending.
    pub(crate) fn spans(&self, topic: &Topic, user: UserId) -> &[(u64, u64)] {
        let spans = self.0.get(topic).and_then(|conv| conv.spans.get(&user));
        spans.map_or(&[], Vec::as_slice)
    }

    /// Whether somebody may be told of a position as it happens.
    pub(crate) fn hears(&self, topic: &Topic, user: UserId, seq: u64) -> bool {
        self.spans(topic, user).iter().any(|&(from, to)| (from..=to).contains(&seq))
    }

    /// Whether somebody may at some time have read a position.
    pub(crate) fn may_read(&self, topic: &Topic, user: UserId, seq: u64) -> bool {
        match self.0.get(topic).map(|conv| conv.history) {
            Some(History::All) => self.spans(topic, user).iter().any(|&(_, to)| seq <= to),
            Some(History::Joined) => self.hears(topic, user, seq),
            None => false,
        }
    }

    /// The conversations that somebody is in at the end, with the spans that such a person may
    /// see.
    pub(crate) fn windows(&self, user: UserId) -> impl Iterator<Item = (&Topic, Vec<(u64, u64)>)> {
        self.0.iter().filter_map(move |(topic, conv)| {
            let spans = conv
                .spans
                .get(&user)
                .filter(|spans| spans.last().is_some_and(|last| last.1 == OPEN))?;
            let all = || vec![(1, OPEN)];
            Some((topic, if conv.history == History::All { all() } else { spans.clone() }))
        })
    }
}
