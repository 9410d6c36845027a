//! A server of a few lines that keeps every promise, with a switch for each fault that the checker
//! must find.

use std::collections::{BTreeMap, BTreeSet};

use carillon_protocol::{
    Cid, ConvId, DeviceId, EventId, Json, OrgId, Retry, Topic, UserId, conv, id::Ulid, msg,
};

use crate::{
    dice::Dice,
    dump::Logged,
    history::{Record, Seen, Via},
};

use super::super::Device;

/// A fault of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    AckBeforeCommit,
    SkippedFill,
    ReusedSeq,
    DeliveryToLeft,
    DoubledMessage,
    Reorder,
}

const USERS_EACH: u128 = 4;
/// How often a bug shows itself when it could, of a hundred times.
const OFTEN: u64 = 30;

struct Installation {
    device: Device,
    connected: bool,
    have: BTreeMap<Topic, BTreeSet<u64>>,
    last: BTreeMap<Topic, Cid>,
}

pub struct World {
    dice: Dice,
    bug: Option<Bug>,
    ids: u128,
    log: Vec<Logged>,
    installations: Vec<Installation>,
    convs: BTreeMap<Topic, Conversation>,
}

struct Conversation {
    org: OrgId,
    history: conv::History,
    /// When who was in it; whoever is in it now has a last time without an end.
    times: BTreeMap<UserId, Vec<(u64, u64)>>,
}

impl Conversation {
    fn has(&self, user: UserId) -> bool {
        self.times.get(&user).is_some_and(|times| times.last().unwrap().1 == u64::MAX)
    }

    fn shows(&self, user: UserId, seq: u64) -> bool {
        let within = |&(from, to): &(u64, u64)| (from..=to).contains(&seq);
        self.history == conv::History::All || self.times[&user].iter().any(within)
    }
}

/// What such a server leaves behind after so many steps.
pub fn run(seed: u64, steps: u32, bug: Option<Bug>) -> (Vec<Device>, Vec<Logged>) {
    let mut world = World::new(seed, bug);
    for _ in 0..steps {
        world.step();
    }
    world.settle();
    (world.installations.into_iter().map(|one| one.device).collect(), world.log)
}

impl World {
    fn new(seed: u64, bug: Option<Bug>) -> World {
        let mut world = World {
            dice: Dice::new(seed),
            bug,
            ids: 1_000,
            log: Vec::new(),
            installations: Vec::new(),
            convs: BTreeMap::new(),
        };
        for org in 1..=2_u128 {
            let users: Vec<UserId> =
                (0..USERS_EACH).map(|user| UserId(Ulid(org * 100 + user))).collect();
            for history in [conv::History::All, conv::History::Joined] {
                let topic = Topic::Conv(ConvId(Ulid(world.id())));
                let data = conv::CreatedData {
                    kind: conv::Kind::Group,
                    title: None,
                    history,
                    members: users[1..].to_vec(),
                };
                let times = users.iter().map(|&user| (user, vec![(1, u64::MAX)])).collect();
                let conv = Conversation { org: OrgId(Ulid(org)), history, times };
                world.convs.insert(topic.clone(), conv);
                world.commit(&topic, users[0], None, conv::kind::CREATED, &data, 0);
            }
            for user in users.iter().flat_map(|user| [user, user]) {
                world.install(*user, OrgId(Ulid(org)));
            }
        }
        for number in 0..world.installations.len() {
            world.connect(number, false);
        }
        world
    }

    fn id(&mut self) -> u128 {
        self.ids += 1;
        self.ids
    }

    fn install(&mut self, user: UserId, org: OrgId) {
        let device = DeviceId(Ulid(self.id()));
        let records = vec![Record::Device { device, user, org }];
        let device = Device { device, user, org, records };
        let (have, last) = (BTreeMap::new(), BTreeMap::new());
        self.installations.push(Installation { device, connected: false, have, last });
    }

    fn head(&self, topic: &Topic) -> (u64, u64) {
        let last = self.log.iter().rfind(|event| event.topic == *topic);
        last.map_or((0, 0), |last| (last.seq, last.n))
    }

    fn commit(
        &mut self,
        topic: &Topic,
        by: UserId,
        cid: Option<Cid>,
        k: &str,
        data: &impl serde::Serialize,
        counts: u64,
    ) -> Logged {
        let (head, n) = self.head(topic);
        let reused = self.bug == Some(Bug::ReusedSeq) && head > 3 && self.dice.percent(OFTEN);
        let event = Logged {
            pos: self.log.len() as u64 + 1,
            topic: topic.clone(),
            org: self.convs[topic].org,
            seq: if reused { head } else { head + 1 },
            n: n + counts,
            counts,
            k: k.into(),
            id: EventId(Ulid(self.id())),
            by,
            cid,
            data: Json::of(data),
        };
        self.log.push(event.clone());
        event
    }

    fn step(&mut self) {
        let number = self.dice.below(self.installations.len() as u64) as usize;
        match self.dice.below(10) {
            0 => self.connect(number, false),
            1 => {
                let one = &mut self.installations[number];
                if std::mem::replace(&mut one.connected, false) {
                    one.device.records.push(Record::Lost { at: 0, why: "cut".into() });
                }
            }
            2 => self.change_members(number),
            _ => self.send(number),
        }
    }

    fn records(&mut self, number: usize) -> &mut Vec<Record> {
        &mut self.installations[number].device.records
    }

    fn topics(&self, number: usize) -> Vec<Topic> {
        let user = self.installations[number].device.user;
        let convs = self.convs.iter().filter(|(_, conv)| conv.has(user));
        convs.map(|(topic, _)| topic.clone()).collect()
    }

    fn send(&mut self, number: usize) {
        let topics = self.topics(number);
        let Some(topic) = self.dice.pick(&topics).cloned() else { return };
        if !self.installations[number].connected {
            return;
        }
        let (user, cid) = (self.installations[number].device.user, Cid(Ulid(self.id())));
        let prev = self.installations[number].last.get(&topic).copied();
        let op = "msg.send".to_owned();
        let invoke = Record::Invoke { at: 0, cid, op, topic: topic.clone(), prev };
        self.records(number).push(invoke);
        let outcome = self.dice.below(10);
        if outcome == 0 {
            // It never reached the server.
            self.records(number).push(Record::Unknown { at: 0, cid });
            return;
        }
        if outcome == 1 {
            let (code, retry) = (carillon_protocol::ErrorCode::Forbidden, Retry::No);
            self.records(number).push(Record::Err { at: 0, cid, code, retry });
            return;
        }
        if self.bug == Some(Bug::AckBeforeCommit) && self.dice.percent(OFTEN) {
            let (seq, id) = (self.head(&topic).0 + 1, Some(EventId(Ulid(self.id()))));
            self.records(number).push(Record::Ok { at: 0, cid, seq, id, dup: false });
            return;
        }
        let text = format!("message {cid}");
        let body = msg::Body::Text { text, mentions: Vec::new() };
        let data = msg::SentData { body, reply_to: None, everybody: false, rev: None };
        let mut event = self.commit(&topic, user, Some(cid), msg::kind::SENT, &data, 1);
        self.deliver(&event, &[]);
        if outcome == 2 {
            // The answer was lost; the client asks again.
            self.records(number).push(Record::Unknown { at: 0, cid });
            if self.bug == Some(Bug::DoubledMessage) {
                event = self.commit(&topic, user, Some(cid), msg::kind::SENT, &data, 1);
                self.deliver(&event, &[]);
            }
        }
        let ok = Record::Ok { at: 0, cid, seq: event.seq, id: Some(event.id), dup: outcome == 2 };
        self.records(number).push(ok);
        self.installations[number].last.insert(topic, cid);
    }

    fn change_members(&mut self, number: usize) {
        let Device { user, org, .. } = self.installations[number].device;
        let of_org = self.convs.iter().filter(|(_, conv)| conv.org == org);
        let topics: Vec<Topic> = of_org.map(|(topic, _)| topic.clone()).collect();
        let Some(topic) = self.dice.pick(&topics).cloned() else { return };
        // The first one stays, so that somebody is there.
        let owner = UserId(Ulid(org.0.0 * 100));
        if user == owner {
            return;
        }
        let mut data = conv::MembersChangedData::default();
        let seq = self.head(&topic).0 + 1;
        let conv = self.convs.get_mut(&topic).unwrap();
        let is_in = conv.has(user);
        let times = conv.times.entry(user).or_default();
        if is_in {
            times.last_mut().unwrap().1 = seq;
            data.removed.push(user);
        } else {
            times.push((seq, u64::MAX));
            data.added.push(user);
        }
        let event = self.commit(&topic, owner, None, conv::kind::MEMBERS_CHANGED, &data, 0);
        self.deliver(&event, &data.removed);
        // Who comes back asks for what was missed, if it may be seen.
        for number in 0..self.installations.len() {
            if data.added.contains(&self.installations[number].device.user) {
                self.fill(number, &topic);
            }
        }
    }

    /// To the members, and to who was one until this event.
    fn deliver(&mut self, event: &Logged, left: &[UserId]) {
        for number in 0..self.installations.len() {
            let (one, conv) = (&self.installations[number], &self.convs[&event.topic]);
            let user = one.device.user;
            let stranger = one.device.org == conv.org && self.bug == Some(Bug::DeliveryToLeft);
            let hears = conv.has(user) || left.contains(&user) || stranger;
            if one.connected && hears {
                self.receive(number, event, Via::Live);
                if self.bug == Some(Bug::Reorder) && self.dice.percent(OFTEN) {
                    let records = self.records(number);
                    let lives =
                        |record: &Record| matches!(record, Record::Ev { via: Via::Live, .. });
                    if let [.., a, b] = &mut records[..]
                        && lives(a)
                        && lives(b)
                    {
                        std::mem::swap(a, b);
                    }
                }
            }
        }
    }

    fn receive(&mut self, number: usize, event: &Logged, via: Via) {
        let seen = Seen {
            topic: event.topic.clone(),
            seq: event.seq,
            n: event.n,
            k: event.k.clone(),
            id: event.id,
            by: event.by,
            cid: event.cid,
            sum: crate::history::sum(&event.data),
        };
        let one = &mut self.installations[number];
        one.have.entry(event.topic.clone()).or_default().insert(event.seq);
        one.device.records.push(Record::Ev { at: 0, via, event: seen });
    }

    fn connect(&mut self, number: usize, settled: bool) {
        if std::mem::replace(&mut self.installations[number].connected, true) && !settled {
            return;
        }
        self.records(number).push(Record::Connect { at: 0, node: 0, sync: None });
        for topic in self.topics(number) {
            let head = self.head(&topic).0;
            self.records(number).push(Record::Page { topic: topic.clone(), head });
            let last = self.log.iter().rfind(|event| event.topic == topic).cloned();
            self.receive(number, &last.expect("each begins with an event"), Via::Page);
            self.fill(number, &topic);
        }
        self.records(number).push(Record::Synced { at: 0, sync: "1.0.1".into() });
    }

    /// Asks for everything after the last event before the first hole.
    fn fill(&mut self, number: usize, topic: &Topic) {
        let one = &self.installations[number];
        if self.bug == Some(Bug::SkippedFill) || !one.connected {
            return;
        }
        let (user, conv) = (one.device.user, &self.convs[topic]);
        let have = one.have.get(topic).cloned().unwrap_or_default();
        let head = self.head(topic).0;
        let missing = (1..=head).find(|seq| conv.shows(user, *seq) && !have.contains(seq));
        let Some(after) = missing.map(|seq| seq - 1) else { return };
        let missed = |event: &&Logged| {
            event.topic == *topic && event.seq > after && conv.shows(user, event.seq)
        };
        let missed: Vec<Logged> = self.log.iter().filter(missed).cloned().collect();
        self.records(number).push(Record::Read { topic: topic.clone(), after, head });
        for event in &missed {
            self.receive(number, event, Via::Read);
        }
    }

    /// Everybody asks for everything once more.
    fn settle(&mut self) {
        for number in 0..self.installations.len() {
            self.connect(number, false);
            self.records(number).push(Record::Final { at: 0 });
            self.connect(number, true);
        }
    }
}
