//! What the log must be by itself: positions without holes, one event for an intent, and what
//! belongs together is there together.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use carillon_protocol::{Cid, Topic, UserId, msg};

use crate::{dump::Logged, history};

use super::{Matter, Verdict, members::Members};

/// The log by its topics.
pub(crate) struct Log {
    topics: HashMap<Topic, Vec<Entry>>,
    /// Which event an intent caused.
    intents: HashMap<(UserId, Cid), (Topic, u64)>,
    /// Who was in which conversation when.
    pub(crate) members: Members,
}

/// An event, with the sum of its data as the histories have it.
pub(crate) struct Entry {
    pub(crate) event: Logged,
    pub(crate) sum: u64,
}

impl Log {
    /// Sorts the events, and says what is wrong with them.
    pub(crate) fn read(mut events: Vec<Logged>, verdict: &mut Verdict) -> Log {
        events.sort_by_key(|event| event.pos);
        commits(&events, verdict);
        mentions(&events, verdict);
        let members = Members::read(&events);
        let mut log = Log { topics: HashMap::new(), intents: HashMap::new(), members };
        for event in events {
            log.add(event, verdict);
        }
        log
    }

    /// The next event in the order of commits.
    fn add(&mut self, event: Logged, verdict: &mut Verdict) {
        let Logged { topic, seq, n, .. } = &event;
        let entries = self.topics.entry(topic.clone()).or_default();
        let (head, head_n) = entries.last().map_or((0, 0), |last| (last.event.seq, last.event.n));
        if *seq <= head {
            let what = if entries.iter().any(|entry| entry.event.seq == *seq) {
                format!("position {seq} of {topic} is used twice")
            } else {
                format!("position {seq} of {topic} was committed after position {head}")
            };
            verdict.fault(Matter::Position, what);
        } else if *seq != head + 1 {
            let what = format!("{topic} has no position {} below {seq}", head + 1);
            verdict.fault(Matter::Position, what);
        } else if *n != head_n + event.counts {
            let what = format!("{topic}/{seq} counts {n} after {head_n}");
            verdict.fault(Matter::Position, what);
        }
        if let Some(cid) = event.cid {
            let place = (topic.clone(), *seq);
            if let Some((topic, first)) = self.intents.insert((event.by, cid), place) {
                let what = format!("{cid} is in the log twice: at {topic}/{first} and /{seq}");
                verdict.fault(Matter::Doubled, what);
            }
        }
        entries.push(Entry { sum: history::sum(&event.data), event });
    }

    /// The event at a position.
    pub(crate) fn at(&self, topic: &Topic, seq: u64) -> Option<&Entry> {
        let entries = self.topics.get(topic)?;
        // Where the log is in order, that is its place.
        let place = entries.partition_point(|entry| entry.event.seq < seq);
        entries.get(place).filter(|entry| entry.event.seq == seq)
    }

    /// The event that an intent caused.
    pub(crate) fn intent(&self, by: UserId, cid: Cid) -> Option<&Entry> {
        let (topic, seq) = self.intents.get(&(by, cid))?;
        self.at(topic, *seq)
    }

    /// The newest position of a topic.
    pub(crate) fn head(&self, topic: &Topic) -> u64 {
        self.topics.get(topic).and_then(|entries| entries.last()).map_or(0, |last| last.event.seq)
    }

    /// Every event that has an intent.
    pub(crate) fn intents(&self) -> impl Iterator<Item = &Entry> {
        self.topics.values().flatten().filter(|entry| entry.event.cid.is_some())
    }
}

/// The order of commits has no hole: so a reader that follows it sees what is missing.
fn commits(events: &[Logged], verdict: &mut Verdict) {
    for pair in events.windows(2) {
        let (before, pos) = (pair[0].pos, pair[1].pos);
        if pos != before + 1 {
            let what = format!("the log goes from commit {before} to {pos}");
            verdict.fault(Matter::Position, what);
        }
    }
}

/// A message and what it puts into the logs of those whom it mentions are one commit.
fn mentions(events: &[Logged], verdict: &mut Verdict) {
    let mut told = BTreeMap::<Cid, BTreeSet<Topic>>::new();
    for event in events.iter().filter(|event| event.k == msg::kind::MENTIONED) {
        if let Ok(data) = event.data.to::<msg::MentionedData>() {
            told.entry(data.cid).or_default().insert(event.topic.clone());
        }
    }
    let mut known = HashSet::new();
    for event in events.iter().filter(|event| event.k == msg::kind::SENT) {
        let (Some(cid), Ok(data)) = (event.cid, event.data.to::<msg::SentData>()) else { continue };
        known.insert(cid);
        let meant: BTreeSet<Topic> =
            data.body.mentions().iter().copied().map(Topic::User).collect();
        let told = told.get(&cid).cloned().unwrap_or_default();
        if let Some(missing) = meant.difference(&told).next() {
            let what =
                format!("{}/{} mentions {missing}, whose log does not", event.topic, event.seq);
            verdict.fault(Matter::Half, what);
        }
    }
    for cid in told.keys().filter(|cid| !known.contains(*cid)) {
        let what = format!("{cid} is mentioned, and there is no such message");
        verdict.fault(Matter::Half, what);
    }
}
