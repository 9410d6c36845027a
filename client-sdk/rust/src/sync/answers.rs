//! What the log answers.

use carillon_protocol::{Topic, log};

use super::{Effect, Sync, admits};

impl Sync {
    /// The answer to a question that was asked too early: it is asked again.
    pub(super) fn outdated(&mut self, topic: &Topic, now: u64) {
        let Some(held) = self.topics.get_mut(topic) else { return };
        held.reading = None;
        held.stale = false;
        held.due = now;
        self.settle(topic, now);
    }

    pub(super) fn log_page(&mut self, topic: &Topic, page: log::Page, now: u64) {
        let me = self.me;
        let Some(held) = self.topics.get_mut(topic) else { return };
        if held.stale {
            return self.outdated(topic, now);
        }
        let Some(asked) = held.reading.take() else { return };
        held.due = now;
        if held.joining.is_some() {
            let joined = page.events.iter().rev().find(|event| admits(event, me));
            match (joined, page.events.first()) {
                (None, Some(oldest)) if page.more => {
                    held.joining = Some(oldest.seq);
                    return;
                }
                (Some(first), _) | (None, Some(first)) => held.have = first.seq - 1,
                (None, None) => held.have = page.head.max(asked),
            }
            held.joining = None;
            self.effects.push(Effect::Start(topic.clone(), held.have));
            return self.settle(topic, now);
        }
        let complete = !page.more || page.events.is_empty();
        for event in page.events {
            if event.seq <= held.have {
                continue;
            }
            if self.room == 0 {
                // The rest is read again when the program has taken some.
                return;
            }
            self.room -= 1;
            held.have = event.seq;
            self.effects.push(Effect::Deliver(event));
        }
        // What the log does not show up to its end is not for this person.
        if complete {
            held.have = held.have.max(page.head).max(asked);
        }
        self.settle(topic, now);
    }
}
