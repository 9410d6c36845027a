//! Whether what happened is what was promised: a pure check of what programs wrote and were told
//! against the log that stands in the end.

use std::collections::{BTreeMap, HashMap, HashSet};

use carillon_protocol::{ConvId, Event, EventId, Topic, UserId, log, msg};

use crate::kit::TestClient;

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub seq: u64,
    pub id: EventId,
}

impl From<&msg::Sent> for Place {
    fn from(sent: &msg::Sent) -> Place {
        Place { seq: sent.seq, id: sent.id }
    }
}

/// A message that a program wrote. Its text is its name: no two are alike.
#[derive(Debug, Clone)]
pub struct Written {
    pub text: String,
    /// What the server acknowledged; `None` if no answer came.
    pub told: Option<Place>,
}

/// An event of the log.
#[derive(Debug, Clone)]
pub struct Entry {
    pub place: Place,
    pub by: UserId,
    /// The text, if it is a message.
    pub text: Option<String>,
}

impl From<&Event> for Entry {
    fn from(event: &Event) -> Entry {
        let place = Place { seq: event.seq, id: event.id };
        Entry { place, by: event.by, text: text_of(event) }
    }
}

/// What a message says; `None` for other events.
pub fn text_of(event: &Event) -> Option<String> {
    let is_message = &*event.k == msg::kind::SENT;
    let data = is_message.then(|| event.data.to::<msg::SentData>().expect("a message has a body"));
    data.map(|data| match data.body {
        msg::Body::Text { text, .. } => text,
        body => panic!("people write texts, not {body:?}"),
    })
}

/// The log of a conversation from its first event on, as a member may read it.
pub async fn read_log(client: &mut TestClient, conv: ConvId) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let after = Some(entries.last().map_or(0, |last| last.place.seq));
        let read = log::Read { topic: Topic::Conv(conv), after, before: None, limit: Some(200) };
        let page = client.call(&read).await.unwrap();
        entries.extend(page.events.iter().map(Entry::from));
        if !page.more {
            return entries;
        }
    }
}

/// Everything that happened in a conversation.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// What each person wrote, in the order of writing.
    pub written: Vec<(UserId, Vec<Written>)>,
    /// The log from its first event on.
    pub log: Vec<Entry>,
    /// The messages that each device was shown, in the order of showing.
    pub devices: Vec<Vec<Place>>,
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// The log has another position where this one belongs.
    Gap { expected: u64, found: u64 },
    /// A message stands in the log twice.
    Duplicate { text: String },
    /// A message was acknowledged and is not in the log.
    Lost { text: String },
    /// A message was acknowledged with another position or id than it has.
    Moved { text: String },
    /// A message stands behind one that its author wrote later.
    Order { text: String },
    /// The log has a message that this person did not write.
    Unwritten { text: String },
    /// A device was shown something else than the log at its so manyeth message.
    Diverged { device: usize, at: usize },
}

/// Broken promises that a failing test shows: the first ones say what went wrong.
const SHOWN_MAX: usize = 10;

impl History {
    /// Fails if a promise was broken.
    pub fn assert_kept(&self) {
        let found = self.violations();
        let shown = &found[..found.len().min(SHOWN_MAX)];
        assert!(found.is_empty(), "{} promises were broken, as {shown:?}", found.len());
    }

    /// Every broken promise; none if all is well.
    pub fn violations(&self) -> Vec<Violation> {
        let texts = self.written.iter().flat_map(|(by, written)| self.written_by(*by, written));
        let mut found = self.gaps();
        found.extend(self.duplicates());
        found.extend(texts);
        found.extend(self.unwritten());
        found.extend(self.diverged());
        found
    }

    fn messages(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.log.iter().filter_map(|entry| Some((entry.text.as_deref()?, entry)))
    }

    fn gaps(&self) -> Vec<Violation> {
        let numbered = (1..).zip(self.log.iter().map(|entry| entry.place.seq));
        let wrong = numbered.filter(|(expected, found)| expected != found);
        // What follows the first gap is shifted by it.
        wrong.take(1).map(|(expected, found)| Violation::Gap { expected, found }).collect()
    }

    fn duplicates(&self) -> Vec<Violation> {
        let mut seen = HashSet::new();
        let again = self.messages().filter(|(text, _)| !seen.insert(*text));
        again.map(|(text, _)| Violation::Duplicate { text: text.to_owned() }).collect()
    }

    /// What became of one person's messages.
    fn written_by(&self, by: UserId, written: &[Written]) -> Vec<Violation> {
        let own = self.messages().filter(|(_, entry)| entry.by == by);
        // The first one counts where there are two: that is said elsewhere.
        let mut places: HashMap<&str, Place> = HashMap::new();
        own.for_each(|(text, entry)| {
            places.entry(text).or_insert(entry.place);
        });
        let mut found = Vec::new();
        let mut last = 0;
        for Written { text, told } in written {
            let text = || text.clone();
            match (places.get(text().as_str()), told) {
                (None, Some(_)) => found.push(Violation::Lost { text: text() }),
                (None, None) => {}
                (Some(place), told) => {
                    if told.is_some_and(|told| told != *place) {
                        found.push(Violation::Moved { text: text() });
                    }
                    if place.seq < last {
                        found.push(Violation::Order { text: text() });
                    }
                    last = last.max(place.seq);
                }
            }
        }
        found
    }

    fn unwritten(&self) -> Vec<Violation> {
        let mut known: BTreeMap<UserId, HashSet<&str>> = BTreeMap::new();
        for (by, written) in &self.written {
            known.entry(*by).or_default().extend(written.iter().map(|w| w.text.as_str()));
        }
        let is_known = |text, by| known.get(by).is_some_and(|texts| texts.contains(text));
        let unknown = self.messages().filter(|(text, entry)| !is_known(*text, &entry.by));
        unknown.map(|(text, _)| Violation::Unwritten { text: text.to_owned() }).collect()
    }

    fn diverged(&self) -> Vec<Violation> {
        let log: Vec<Place> = self.messages().map(|(_, entry)| entry.place).collect();
        let numbered = self.devices.iter().enumerate();
        let unlike = numbered.filter(|(_, shown)| **shown != log);
        let first = |shown: &[Place]| {
            let same = shown.iter().zip(&log).take_while(|(shown, entry)| shown == entry);
            same.count()
        };
        unlike.map(|(device, shown)| Violation::Diverged { device, at: first(shown) }).collect()
    }
}

#[cfg(test)]
mod tests {
    use carillon_protocol::id::Ulid;

    use super::*;

    const AMY: UserId = UserId(Ulid(1));
    const BOB: UserId = UserId(Ulid(2));

    fn place(seq: u64) -> Place {
        Place { seq, id: EventId(Ulid(u128::from(seq) + 100)) }
    }

    fn entry(seq: u64, by: UserId, text: &str) -> Entry {
        Entry { place: place(seq), by, text: (!text.is_empty()).then(|| text.to_owned()) }
    }

    fn written(text: &str, seq: u64) -> Written {
        Written { text: text.to_owned(), told: Some(place(seq)) }
    }

    /// Two people wrote two messages each, and both devices saw them.
    fn good() -> History {
        let log = vec![
            entry(1, AMY, ""),
            entry(2, AMY, "a1"),
            entry(3, BOB, "b1"),
            entry(4, AMY, "a2"),
            entry(5, BOB, "b2"),
        ];
        let shown: Vec<Place> = (2..=5).map(place).collect();
        History {
            written: vec![
                (AMY, vec![written("a1", 2), written("a2", 4)]),
                (BOB, vec![written("b1", 3), written("b2", 5)]),
            ],
            log,
            devices: vec![shown.clone(), shown],
        }
    }

    fn planted(plant: impl FnOnce(&mut History)) -> Vec<Violation> {
        let mut history = good();
        plant(&mut history);
        history.violations()
    }

    #[test]
    fn what_was_promised_has_no_violations() {
        assert_eq!(good().violations(), []);
        // Nobody was promised anything about a message without an answer.
        let unanswered = Written { text: "a3".into(), told: None };
        assert_eq!(planted(|history| history.written[0].1.push(unanswered)), []);
    }

    #[test]
    fn an_acknowledged_message_that_is_gone_is_lost() {
        let found = planted(|history| {
            history.log.pop();
            history.devices.iter_mut().for_each(|shown| shown.truncate(3));
        });
        assert_eq!(found, [Violation::Lost { text: "b2".into() }]);
    }

    #[test]
    fn a_message_that_stands_there_twice_is_a_duplicate() {
        let found = planted(|history| {
            history.log.push(entry(6, AMY, "a1"));
            history.devices.iter_mut().for_each(|shown| shown.push(place(6)));
        });
        assert_eq!(found, [Violation::Duplicate { text: "a1".into() }]);
    }

    #[test]
    fn a_missing_position_is_a_gap() {
        let found = planted(|history| drop(history.log.remove(0)));
        assert_eq!(found, [Violation::Gap { expected: 1, found: 2 }]);
    }

    #[test]
    fn an_event_that_repeats_a_position_is_a_gap() {
        let found = planted(|history| history.log.insert(1, entry(1, AMY, "")));
        assert_eq!(found, [Violation::Gap { expected: 2, found: 1 }]);
    }

    #[test]
    fn two_messages_of_one_author_that_changed_places_are_out_of_order() {
        let found = planted(|history| {
            let texts = [3, 1].map(|at| history.log[at].text.clone());
            [history.log[1].text, history.log[3].text] = texts;
            history.written[0].1 = vec![written("a1", 4), written("a2", 2)];
        });
        assert_eq!(found, [Violation::Order { text: "a2".into() }]);
    }

    #[test]
    fn a_message_that_has_another_place_than_its_author_was_told_has_moved() {
        let found = planted(|history| history.written[1].1[0].told = Some(place(9)));
        assert_eq!(found, [Violation::Moved { text: "b1".into() }]);
    }

    #[test]
    fn a_message_under_the_name_of_another_is_lost_and_unwritten() {
        let found = planted(|history| history.log[2].by = AMY);
        let text = "b1".to_owned();
        assert_eq!(found, [Violation::Lost { text: text.clone() }, Violation::Unwritten { text }]);
    }

    #[test]
    fn a_device_that_was_shown_less_or_more_or_another_order_has_diverged() {
        let less = planted(|history| history.devices[0].truncate(3));
        assert_eq!(less, [Violation::Diverged { device: 0, at: 3 }]);
        let twice = planted(|history| history.devices[1].insert(1, place(2)));
        assert_eq!(twice, [Violation::Diverged { device: 1, at: 1 }]);
        let swapped = planted(|history| history.devices[1].swap(1, 2));
        assert_eq!(swapped, [Violation::Diverged { device: 1, at: 1 }]);
    }
}
