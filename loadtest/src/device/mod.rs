//! A device of somebody: connects, writes, receives, fills gaps, comes back, and notes all of it.
//!
//! It speaks the wire itself. What it holds and what it means to do is worked out here and not by
//! an SDK, so that a fault of theirs cannot hide one of the server's.

mod outbox;
mod plan;
mod replica;
mod session;

use std::{collections::HashSet, sync::Arc, thread, time::Duration};

use carillon_protocol::{ConvId, EventId, OrgId, Topic, UserId};

pub use plan::{Part, Phase, Plan};

use crate::{
    clock::now_ns,
    dice::Dice,
    fleet::Failed,
    history::{History, Record},
    link::Link,
    room::Token,
    wire,
};

use self::{
    outbox::{Act, Outbox},
    replica::Replica,
    session::Session,
};

/// How long somebody waits before coming back: at most this, at random, doubled each time.
const BACK_MS: u64 = 500;
const BACK_MS_MAX: u64 = 30_000;
/// How long the connection and its hello may take.
const DIAL_MAX: Duration = Duration::from_secs(3);
/// How long a device may take for the end.
const END_NS_MAX: u64 = 60_000_000_000;
/// How long nothing is looked at while nothing happens.
const IDLE: Duration = Duration::from_millis(100);
/// Of a hundred messages, so many mention somebody.
const MENTIONS_PERCENT: u64 = 5;

/// Whose device it is.
#[derive(Debug, Clone)]
pub struct Owner {
    /// The person.
    pub user: UserId,
    /// The organisation, as an index and as an id.
    pub org: (usize, OrgId),
    /// How to connect.
    pub token: Token,
    /// The conversations that the person is in at the start.
    pub convs: Vec<ConvId>,
    /// Who may be mentioned: somebody who is always there.
    pub foreman: UserId,
}

/// When something was due, and when it was done, in nanoseconds since the epoch.
pub type Sample = (u64, u64);

/// What a device measured.
#[derive(Debug, Default)]
pub struct Samples {
    /// Acknowledgements.
    pub acks: Vec<Sample>,
    /// Messages of others.
    pub deliveries: Vec<Sample>,
    /// What was not even begun, because too much waited.
    pub unsaid: u64,
    /// How often it connected.
    pub connects: u64,
    /// How often it was told to come back later.
    pub busy: u64,
}

/// A device that runs.
pub struct Device {
    number: usize,
    owner: Owner,
    part: Part,
    plan: Arc<Plan>,
    dice: Dice,
    history: History,
    outbox: Outbox,
    replica: Replica,
    /// The conversations that the person is in, and since which event.
    rooms: Vec<(ConvId, u64, bool)>,
    samples: Samples,
    /// What was measured already: it may come again.
    heard: HashSet<EventId>,
    /// How many times it was meant to do something.
    turns: u64,
    sync: Option<String>,
    retries: u32,
}

impl Device {
    /// A device that is not connected yet.
    pub fn new(
        (number, owner, part): (usize, Owner, Part),
        plan: Arc<Plan>,
        seed: u64,
    ) -> Result<Device, Failed> {
        let path = plan.folder.join(format!("device-{number}.jsonl"));
        let mut history = History::create(&path)?;
        let (device, user, org) = (owner.token.device, owner.user, owner.org.1);
        history.write(&Record::Device { device, user, org })?;
        Ok(Device {
            number,
            rooms: owner.convs.iter().map(|&conv| (conv, 0, true)).collect(),
            owner,
            part,
            plan,
            dice: Dice::new(seed ^ (number as u64 + 1).wrapping_mul(0x9e37_79b9)),
            history,
            outbox: Outbox::default(),
            replica: Replica::default(),
            samples: Samples::default(),
            heard: HashSet::new(),
            turns: 0,
            sync: None,
            retries: 0,
        })
    }

    /// Runs until the end; returns what was measured.
    pub fn run(mut self) -> Result<Samples, Failed> {
        let mut session = None;
        let mut back_at = 0;
        while self.plan.phase() < Phase::Final {
            self.mean()?;
            session = match session {
                None => self.come(&mut back_at)?,
                Some(session) => self.go_on(session, &mut back_at)?,
            };
        }
        self.note(&Record::Final { at: now_us() })?;
        if session.take().is_some() {
            self.note(&Record::Lost { at: now_us(), why: "the end".into() })?;
        }
        self.end()?;
        self.history.close()?;
        Ok(self.samples)
    }

    /// Asks for everything anew.
    fn end(&mut self) -> Result<(), Failed> {
        self.replica.clear();
        (self.sync, self.retries) = (None, 0);
        let (mut session, mut back_at) = (None, 0);
        let deadline = now_ns() + END_NS_MAX;
        while now_ns() < deadline {
            session = match session {
                None => self.come(&mut back_at)?,
                Some(session) => self.go_on(session, &mut back_at)?,
            };
            let synced = session.as_ref().is_some_and(Session::is_synced);
            if synced && self.replica.is_whole() {
                break;
            }
        }
        Ok(())
    }

    fn note(&mut self, record: &Record) -> Result<(), Failed> {
        Ok(self.history.write(record)?)
    }

    /// Connects, if it is time.
    fn come(&mut self, back_at: &mut u64) -> Result<Option<Session>, Failed> {
        self.plan.set_level(self.number, false);
        let wait = back_at.saturating_sub(now_ns());
        if wait > 0 {
            thread::sleep(Duration::from_nanos(wait).min(IDLE));
            return Ok(None);
        }
        let node = self.dice.below(self.plan.targets.len() as u64) as usize;
        let sync = self.sync.clone();
        self.note(&Record::Connect { at: now_us(), node, sync: sync.clone() })?;
        self.samples.connects += 1;
        let hello = crate::room::hello(&self.owner.token, sync.as_deref());
        match Link::dial(&self.plan.targets[node], hello, DIAL_MAX) {
            Ok(link) => Ok(Some(Session::new(link))),
            Err(why) => {
                *back_at = self.lost(&why.to_string(), None)?;
                Ok(None)
            }
        }
    }

    /// Reads and writes a little.
    fn go_on(
        &mut self,
        mut session: Session,
        back_at: &mut u64,
    ) -> Result<Option<Session>, Failed> {
        let patience = self.until_next();
        match session.turn(self, patience)? {
            Ok(()) => {
                let level = session.is_synced() && self.outbox.is_empty() && self.has_all();
                self.plan.set_level(self.number, level);
                Ok(Some(session))
            }
            Err(lost) => {
                *back_at = self.lost(&lost.why, lost.retry_ms)?;
                Ok(None)
            }
        }
    }

    /// The connection is over; answers when to come back.
    fn lost(&mut self, why: &str, retry_ms: Option<u64>) -> Result<u64, Failed> {
        let at = now_us();
        self.note(&Record::Lost { at, why: why.to_owned() })?;
        for cid in self.outbox.cut() {
            self.note(&Record::Unknown { at, cid })?;
        }
        self.replica.cut(now_ns());
        let most = BACK_MS.saturating_mul(1 << self.retries.min(16)).min(BACK_MS_MAX);
        self.retries += 1;
        self.samples.busy += u64::from(retry_ms.is_some());
        let wait_ms = retry_ms.unwrap_or_else(|| self.dice.below(most));
        Ok(now_ns() + wait_ms * 1_000_000)
    }

    /// When the next intent is due.
    fn due(&self) -> u64 {
        let (first, every) = match &self.part {
            Part::Speaker { first, every } => (*first, *every),
            Part::Foreman { every, .. } => (*every, *every),
        };
        self.plan.start + first + self.turns * every
    }

    fn until_next(&self) -> Duration {
        Duration::from_nanos(self.due().saturating_sub(now_ns())).min(IDLE)
    }

    /// Means to do what is due by now: times are fixed beforehand, whatever the server does.
    fn mean(&mut self) -> Result<(), Failed> {
        while self.plan.phase() == Phase::Talk && self.due() <= now_ns() {
            let due = self.due();
            self.turns += 1;
            let meant = match self.part.clone() {
                Part::Speaker { .. } => self.say(due),
                Part::Foreman { groups, .. } => self.dismiss(due, &groups),
            };
            self.samples.unsaid += u64::from(!meant);
        }
        Ok(())
    }

    fn say(&mut self, due: u64) -> bool {
        let rooms: Vec<ConvId> =
            self.rooms.iter().filter(|(_, _, is_in)| *is_in).map(|(conv, _, _)| *conv).collect();
        let Some(&conv) = self.dice.pick(&rooms) else { return true };
        let canary = &self.plan.canaries[self.owner.org.0];
        let text = format!("{canary} {}", wire::stamped(due, self.plan.text_len));
        let mentions = self.dice.percent(MENTIONS_PERCENT).then_some(self.owner.foreman);
        self.outbox.add(conv, Act::Say { text, mentions: mentions.into_iter().collect() }, due)
    }

    /// Lets somebody go, and the time after come again.
    fn dismiss(&mut self, due: u64, groups: &[(ConvId, Vec<UserId>)]) -> bool {
        let turn = self.turns - 1;
        let mut of_pair = Dice::new(self.plan.start ^ (turn / 2));
        let Some((conv, members)) = of_pair.pick(groups) else { return true };
        let Some(&user) = of_pair.pick(members) else { return true };
        let act = if turn.is_multiple_of(2) { Act::Remove(user) } else { Act::Add(user) };
        self.outbox.add(*conv, act, due)
    }

    /// Whether it holds everything that anybody was told is there.
    fn has_all(&self) -> bool {
        let rooms = self.rooms.iter().filter(|(_, _, is_in)| *is_in).map(|(conv, _, _)| *conv);
        let has = |conv: ConvId| self.replica.have(&Topic::Conv(conv)) >= self.plan.head(conv);
        self.replica.is_whole() && rooms.into_iter().all(has)
    }
}

/// Microseconds since the epoch.
fn now_us() -> u64 {
    now_ns() / 1_000
}
