//! Calls on their way: each keeps its id, arguments and `cid` until it is answered for good.

use std::collections::{BTreeMap, BTreeSet};

use carillon_protocol::{
    Cid, Codec, Command, Effect, ErrorBody, ErrorCode, Json, Topic, bot,
    frame::client,
    limits::{CALLS_IN_FLIGHT_MAX, FRAME_LEN_MAX, Limits},
    session,
};
use tokio::sync::oneshot;

use crate::Error;

/// Calls that wait for an answer; beyond, the program's next call waits for its turn.
pub(crate) const CALLS_MAX: usize = 256;

/// Each of these makes a token, which nobody would know of if the answer was lost: asked again,
/// there would be two.
const NOT_REPEATED: [&str; 4] =
    [session::Issue::OP, session::Ticket::OP, bot::Rotate::OP, bot::Update::OP];

/// Who waits for an answer.
#[derive(Debug)]
pub(crate) enum To {
    /// The program.
    Caller(oneshot::Sender<Result<Json, Error>>),
    /// A gap of this topic.
    Gap(Topic),
    /// The outbox.
    Outbox(Cid),
}

/// A call and who waits for its answer.
#[derive(Debug)]
pub(crate) struct Call {
    pub op: &'static str,
    pub effect: Effect,
    pub cid: Option<Cid>,
    pub prev: Option<Cid>,
    pub args: Json,
    pub to: To,
    /// How often it was tried in vain.
    pub attempts: u32,
}

impl Call {
    /// Whether it may be sent again when nobody knows whether it had its effect.
    pub fn repeats(&self) -> bool {
        !NOT_REPEATED.contains(&self.op)
    }

    /// Whether nobody waits any more.
    fn abandoned(&self) -> bool {
        matches!(&self.to, To::Caller(caller) if caller.is_closed())
    }
}

/// A call as a frame, or one that the server would not take, with the reason.
pub(crate) type Frame = Result<Vec<u8>, Box<(Call, ErrorBody)>>;

/// Every call without an answer.
#[derive(Debug)]
pub(crate) struct Calls {
    last_id: u64,
    all: BTreeMap<u64, Call>,
    /// In the order in which they were made.
    waiting: BTreeSet<u64>,
    /// `(when, id)` of those that were asked to wait.
    later: BTreeSet<(u64, u64)>,
    reads: Bucket,
    writes: Bucket,
    /// A longer frame ends the connection for good.
    frame_max: u64,
}

impl Calls {
    pub fn new() -> Calls {
        Calls {
            last_id: 0,
            all: BTreeMap::new(),
            waiting: BTreeSet::new(),
            later: BTreeSet::new(),
            reads: Bucket::new(0, 0),
            writes: Bucket::new(0, 0),
            frame_max: FRAME_LEN_MAX as u64,
        }
    }

    /// Takes a call.
    pub fn add(&mut self, call: Call) {
        if self.all.len() >= CALLS_MAX {
            // Without a connection nothing else removes what the program has given up.
            self.waiting.retain(|id| match self.all.get(id) {
                Some(call) if !call.abandoned() => true,
                _ => self.all.remove(id).is_none(),
            });
        }
        self.last_id += 1;
        self.waiting.insert(self.last_id);
        self.all.insert(self.last_id, call);
    }

    /// A connection is there, with its bounds.
    pub fn online(&mut self, limits: &Limits, now: u64) {
        self.reads = Bucket::new(limits.reads_per_s, now);
        self.writes = Bucket::new(limits.writes_per_s, now);
        self.frame_max = limits.frame;
    }

    /// The connection is gone: what was in flight is sent again, the outbox's by the outbox.
    /// Gives back what must not be.
    pub fn offline(&mut self) -> Vec<Call> {
        let idle =
            |id: &u64| self.waiting.contains(id) || self.later.iter().any(|(_, later)| later == id);
        let lost = self.all.extract_if(.., |id, call| !call.repeats() && !idle(id));
        let lost = lost.map(|(_, call)| call).collect();
        self.all.retain(|_, call| !matches!(call.to, To::Outbox(_)));
        self.later.clear();
        self.waiting = self.all.keys().copied().collect();
        lost
    }

    /// Whether the server takes a frame of this length.
    ///
    /// # Errors
    /// What the server would say, if it did not end the connection instead.
    pub fn fits(&self, len: usize) -> Result<(), ErrorBody> {
        if len as u64 <= self.frame_max {
            return Ok(());
        }
        let why = format!("a frame of {len} bytes; the server takes {}", self.frame_max);
        Err(ErrorBody::new(ErrorCode::TooLarge, why))
    }

    /// The next call as a frame, if the server takes one now; or a call that is too large for it.
    pub fn next(&mut self, codec: Codec, now: u64) -> Option<Frame> {
        while let Some(&(at, id)) = self.later.first()
            && at <= now
        {
            self.later.pop_first();
            self.waiting.insert(id);
        }
        while self.in_flight() < CALLS_IN_FLIGHT_MAX {
            let id = self.affordable(now)?;
            self.waiting.remove(&id);
            if self.all.get(&id).is_some_and(Call::abandoned) {
                self.all.remove(&id);
                continue;
            }
            let Some(call) = self.all.get(&id) else { continue };
            let effect = call.effect;
            let frame = client::call(codec, id, call.op, call.cid, call.prev, &call.args);
            if let Err(error) = self.fits(frame.len()) {
                return self.all.remove(&id).map(|call| Err(Box::new((call, error))));
            }
            self.bucket(effect).take();
            return Some(Ok(frame));
        }
        None
    }

    fn in_flight(&self) -> usize {
        self.all.len() - self.waiting.len() - self.later.len()
    }

    /// The first waiting call for which the server has patience.
    fn affordable(&mut self, now: u64) -> Option<u64> {
        let (reads, writes) = (self.reads.due(now) <= now, self.writes.due(now) <= now);
        let affordable = |id: &&u64| match self.all.get(id).map(|call| call.effect) {
            Some(Effect::Read) => reads,
            _ => writes,
        };
        self.waiting.iter().find(affordable).copied()
    }

    fn bucket(&mut self, effect: Effect) -> &mut Bucket {
        match effect {
            Effect::Read => &mut self.reads,
            Effect::State | Effect::Once => &mut self.writes,
        }
    }

    /// The call that this is the answer to; the second answer has none.
    pub fn answered(&mut self, id: u64) -> Option<Call> {
        if self.waiting.contains(&id) || self.later.iter().any(|(_, later)| *later == id) {
            return None;
        }
        self.all.remove(&id)
    }

    /// Sends a call again, not before `at`.
    pub fn again(&mut self, call: Call, at: u64) {
        self.last_id += 1;
        self.later.insert((at, self.last_id));
        self.all.insert(self.last_id, call);
    }

    /// When [`Calls::next`] has something after a wait.
    pub fn due(&mut self, now: u64) -> Option<u64> {
        let later = self.later.first().map(|(at, _)| *at);
        if self.waiting.is_empty() || self.in_flight() >= CALLS_IN_FLIGHT_MAX {
            return later;
        }
        let effects = self.waiting.iter().filter_map(|id| self.all.get(id)).map(|c| c.effect);
        let (mut reads, mut writes) = (false, false);
        for effect in effects {
            reads |= effect == Effect::Read;
            writes |= effect != Effect::Read;
        }
        let reads = reads.then(|| self.reads.due(now));
        let writes = writes.then(|| self.writes.due(now));
        [later, reads, writes].into_iter().flatten().min()
    }

    /// Ends every call.
    pub fn drain(&mut self) -> impl Iterator<Item = Call> {
        self.waiting.clear();
        self.later.clear();
        std::mem::take(&mut self.all).into_values()
    }
}

/// Keeps below the server's rate: who ignores it is closed for good.
///
/// Holds two seconds' worth while the server takes three: calls that the network bunches pass.
#[derive(Debug)]
struct Bucket {
    /// Calls a second; 0 is no bound.
    rate: u32,
    /// Thousandths of a call.
    level: u64,
    at: u64,
}

impl Bucket {
    fn new(rate: u32, now: u64) -> Bucket {
        Bucket { rate, level: u64::from(rate) * 2_000, at: now }
    }

    /// When the next call may go.
    fn due(&mut self, now: u64) -> u64 {
        let rate = u64::from(self.rate);
        self.level = (self.level + (now - self.at).saturating_mul(rate)).min(rate * 2_000);
        self.at = now;
        match rate {
            0 => now,
            _ => now + 1_000_u64.saturating_sub(self.level).div_ceil(rate),
        }
    }

    fn take(&mut self) {
        self.level = self.level.saturating_sub(1_000);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(effect: Effect) -> Call {
        let (op, args) = ("test.op", Json::default());
        Call {
            op,
            effect,
            cid: None,
            prev: None,
            args,
            to: To::Outbox(Cid(Default::default())),
            attempts: 0,
        }
    }

    /// Everything that travels now.
    fn frames(calls: &mut Calls) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| calls.next(Codec::Json, 0)).map(Result::unwrap).collect()
    }

    #[test]
    fn at_most_sixteen_calls_travel_at_once() {
        let mut calls = Calls::new();
        (0..20).for_each(|_| calls.add(call(Effect::Read)));
        assert_eq!(frames(&mut calls).len(), CALLS_IN_FLIGHT_MAX);
        assert!(calls.answered(1).is_some() && calls.answered(1).is_none());
        assert!(calls.next(Codec::Json, 0).is_some());
    }

    #[test]
    fn writes_keep_below_the_announced_rate_and_do_not_hold_up_reads() {
        let mut calls = Calls::new();
        calls.online(&Limits { writes_per_s: 2, reads_per_s: 100, ..Limits::default() }, 0);
        (0..6).for_each(|_| calls.add(call(Effect::State)));
        calls.add(call(Effect::Read));
        assert_eq!(frames(&mut calls).len(), 5);
        assert_eq!(calls.due(0), Some(500));
        assert!(calls.next(Codec::Json, 499).is_none());
        assert!(calls.next(Codec::Json, 500).is_some());
    }

    #[test]
    fn after_a_lost_connection_calls_are_sent_again_in_their_order() {
        let mut calls = Calls::new();
        (0..3).for_each(|_| {
            let to = To::Gap("o:01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap());
            calls.add(Call { to, ..call(Effect::Read) });
        });
        let first = frames(&mut calls);
        calls.offline();
        let second = frames(&mut calls);
        assert_eq!((first.len(), &first), (3, &second));
    }
}
