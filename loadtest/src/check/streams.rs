//! What a device received: the log, in order, all of it that concerns the person, and nothing else.

use std::collections::{BTreeSet, HashMap};

use carillon_protocol::Topic;

use crate::history::{Record, Seen, Via};

use super::{
    Device, Matter, Verdict,
    log::{Entry, Log},
};

/// Judges what one device received.
pub(crate) fn check(device: &Device, log: &Log, verdict: &mut Verdict) {
    let mut stream = Stream { device, log, verdict, session: HashMap::new(), got: HashMap::new() };
    let (mut end, mut settled) = (End::Never, false);
    for record in &device.records {
        match record {
            Record::Connect { .. } => {
                stream.session.clear();
                if settled {
                    end = End::Connected;
                }
            }
            Record::Page { topic, head } | Record::Dirty { topic, head } => {
                let sent = stream.session.entry(topic.clone()).or_default();
                (sent.head, sent.read) = (sent.head.max(*head), 0);
            }
            Record::Read { topic, after, .. } => {
                stream.session.entry(topic.clone()).or_default().read = *after;
            }
            Record::Ev { via, event, .. } => stream.event(*via, event, settled),
            Record::Canary { word, .. } => {
                let what =
                    format!("{} heard {word}, a word of another organisation", device.device);
                stream.verdict.fault(Matter::Stranger, what);
            }
            Record::Synced { .. } if settled && end == End::Connected => end = End::Synced,
            Record::Final { .. } => settled = true,
            _ => {}
        }
    }
    if end != End::Synced {
        let what = format!("{} could not ask for everything at the end", device.device);
        stream.verdict.fault(Matter::Stalled, what);
    }
    stream.complete();
}

/// How far a device got after everything had settled.
#[derive(PartialEq, Eq)]
enum End {
    Never,
    Connected,
    Synced,
}

/// What one connection sent of a topic.
#[derive(Default)]
struct Sent {
    /// Up to where the live stream is.
    live: u64,
    /// Up to where pages and `dirty` said that there is nothing to come.
    head: u64,
    /// Up to where the last answer of `log.read` is.
    read: u64,
}

struct Stream<'a> {
    device: &'a Device,
    log: &'a Log,
    verdict: &'a mut Verdict,
    session: HashMap<Topic, Sent>,
    got: HashMap<Topic, BTreeSet<u64>>,
}

impl Stream<'_> {
    fn event(&mut self, via: Via, event: &Seen, settled: bool) {
        self.verdict.received += 1;
        match self.log.at(&event.topic, event.seq) {
            Some(entry) => {
                self.same(entry, event);
                self.concerns(entry, via, event);
            }
            None => {
                let what = format!("was told of {}, which is not in the log", place(event));
                self.fault(Matter::Differs, &what);
            }
        }
        self.order(via, event);
        let new = self.got.entry(event.topic.clone()).or_default().insert(event.seq);
        if new && settled {
            let what = format!("got {} only when it asked for everything anew", place(event));
            self.fault(Matter::Stalled, &what);
        }
    }

    fn fault(&mut self, matter: Matter, what: &str) {
        let what = format!("{} {what}", self.device.device);
        self.verdict.fault(matter, what);
    }

    fn same(&mut self, entry: &Entry, event: &Seen) {
        let logged = &entry.event;
        let same = logged.id == event.id
            && logged.by == event.by
            && logged.cid == event.cid
            && logged.n == event.n
            && logged.k == event.k
            && entry.sum == event.sum;
        if !same {
            let what = format!("was told of another {} than the log has", place(event));
            self.fault(Matter::Differs, &what);
        }
    }

    fn concerns(&mut self, entry: &Entry, via: Via, event: &Seen) {
        let (members, user) = (&self.log.members, self.device.user);
        let concerns = match &event.topic {
            Topic::Conv(_) if via == Via::Live => members.hears(&event.topic, user, event.seq),
            Topic::Conv(_) => members.may_read(&event.topic, user, event.seq),
            Topic::User(owner) => *owner == user,
            Topic::Org(_) | Topic::Plugin(_) => true,
        };
        if entry.event.org != self.device.org {
            let what = format!("was told of {}, of another organisation", place(event));
            self.fault(Matter::Stranger, &what);
        } else if !concerns {
            let what = format!("was told of {}, which {user} may not see", place(event));
            self.fault(Matter::Stranger, &what);
        }
    }

    /// On one connection a live stream goes forward only, and so does each answer.
    fn order(&mut self, via: Via, event: &Seen) {
        let sent = self.session.entry(event.topic.clone()).or_default();
        let (before, what) = match via {
            Via::Live => (sent.live.max(sent.head), "live"),
            Via::Read => (sent.read, "in an answer"),
            // A page is sent once, oldest event first.
            Via::Page => (sent.read, "in a page"),
        };
        let spans = self.log.members.spans(&event.topic, self.device.user);
        // Who comes back to a conversation was not told what happened meanwhile.
        let came = spans.iter().any(|&(from, _)| from == event.seq);
        let jumped = via == Via::Live && before > 0 && event.seq > before + 1 && !came;
        match via {
            Via::Live => sent.live = sent.live.max(event.seq),
            Via::Read | Via::Page => sent.read = event.seq,
        }
        self.verdict.jumps += usize::from(jumped);
        if event.seq == before {
            let what = format!("got {} twice, {what}, on one connection", place(event));
            self.fault(Matter::Doubled, &what);
        } else if event.seq < before {
            let what = format!("got {} after {before}, {what}, on one connection", place(event));
            self.fault(Matter::Order, &what);
        }
    }

    /// At the end a device has everything that the person may see.
    fn complete(&mut self) {
        let (log, user) = (self.log, self.device.user);
        let own = Topic::User(user);
        let mut due: Vec<(&Topic, Vec<(u64, u64)>)> = log.members.windows(user).collect();
        due.push((&own, vec![(1, u64::MAX)]));
        // Of other topics a device has what came since it heard of them first.
        let orgs: Vec<(Topic, u64)> = self.got.iter().filter_map(first_of_org).collect();
        due.extend(orgs.iter().map(|(topic, first)| (topic, vec![(*first, u64::MAX)])));
        for (topic, spans) in due {
            let head = log.head(topic);
            let got = self.got.get(topic);
            let has = |seq: &u64| got.is_some_and(|got| got.contains(seq));
            let all = spans.into_iter().flat_map(|(from, to)| from..=to.min(head));
            let missing: Vec<u64> = all.filter(|seq| !has(seq)).collect();
            if let (Some(first), Some(last)) = (missing.first(), missing.last()) {
                let many = missing.len();
                let what = format!(
                    "never got {many} events of {topic} between {first} and {last}, of {head}"
                );
                self.fault(Matter::Gap, &what);
            }
        }
    }
}

fn first_of_org((topic, got): (&Topic, &BTreeSet<u64>)) -> Option<(Topic, u64)> {
    let first = got.first().filter(|_| matches!(topic, Topic::Org(_)))?;
    Some((topic.clone(), *first))
}

fn place(event: &Seen) -> String {
    format!("{}/{}", event.topic, event.seq)
}
