//! What the server says of each topic after `hello`, also when its log is not what it was.

use carillon_protocol::{Topic, frame::TopicPage};

use super::{Effect, Held, Sync};

impl Sync {
    /// A topic of the catch-up.
    pub(super) fn page(&mut self, page: TopicPage, now: u64) {
        let TopicPage { topic, head, last, .. } = page;
        if self.first && !self.topics.contains_key(&topic) {
            let held = Held { have: head, want: head, heard: true, ..Held::default() };
            self.topics.insert(topic.clone(), held);
            self.effects.push(Effect::Start(topic, head));
            return;
        }
        let resumed = self.token.is_some();
        let held = self.topic(&topic, last.first(), now);
        if held.want > head && !resumed {
            self.set_back(&topic, head);
        }
        let held = self.topic(&topic, None, now);
        held.want = held.want.max(head);
        held.due = now;
        for event in last {
            self.keep_early(event);
        }
        self.settle(&topic, now);
    }

    /// A backup was restored: the log is shorter than it was, and goes on with other events.
    fn set_back(&mut self, topic: &Topic, head: u64) {
        let Some(held) = self.topics.get_mut(topic) else { return };
        self.early_total -= held.early.len();
        held.early.clear();
        held.want = head;
        held.stale = held.reading.is_some();
        if held.have > head {
            held.have = head;
            self.effects.push(Effect::Start(topic.clone(), head));
        }
    }

    /// A catch-up without a token names every topic that is not empty: the others are gone, or
    /// are empty again. What is heard of them later begins anew.
    pub(super) fn forget_unheard(&mut self, now: u64) {
        let unheard = self.topics.iter().filter(|(_, held)| !held.heard);
        let unheard: Vec<_> = unheard.map(|(topic, held)| (topic.clone(), held.reading)).collect();
        for (topic, reading) in unheard {
            match reading {
                None => self.forget(&topic),
                // The answer on its way must not be taken for one about the new beginning.
                Some(_) => {
                    self.set_back(&topic, 0);
                    self.settle(&topic, now);
                }
            }
        }
    }
}
