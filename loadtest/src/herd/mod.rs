//! Many clients that come back: one thread, and of each frame only as much is read as is needed.
//!
//! Unlike a [`crate::fleet::Fleet`], which measures what a server that does well costs, this one
//! expects to be refused, cut off and told to wait, and counts it.

mod member;

use std::{
    collections::{BTreeSet, HashMap},
    io::{self, Write},
    net::TcpStream,
    time::Duration,
};

use carillon_protocol::{
    Codec, ErrorCode,
    frame::{ServerFrame, client},
};
use socket2::{Domain, Protocol, Socket, Type};

pub use self::member::Counts;
use self::member::{Member, State};
use crate::{
    clock::now_ns,
    dice::Dice,
    fleet::{Failed, Target, check_files},
    frames::{Frames, Heard},
    os::{Epoll, Ready},
    room::{self, Token},
    timeline::Timeline,
    wire,
};

const READY_MAX: usize = 1_024;
const READ_LEN: usize = 64 * 1024;
const NS_PER_MS: u64 = 1_000_000;
/// How often a client says that it is there; the first time at random within it.
const PING_NS: u64 = 25_000 * NS_PER_MS;
/// How long it may take from the connect to the end of the catch-up.
const JOIN_NS_MAX: u64 = 30_000 * NS_PER_MS;
/// Who comes back waits at random, at most this, doubled each time: as the protocol says.
const BACK_MS: u64 = 500;
const BACK_MS_MAX: u64 = 30_000;

/// What comes next for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Dial,
    Ping,
    GiveUp,
}

/// All clients.
pub struct Herd {
    targets: Vec<Target>,
    tokens: Vec<Token>,
    epoll: Epoll,
    ready: Ready,
    members: Vec<Member>,
    next: BTreeSet<(u64, usize, Next)>,
    calls: HashMap<(usize, u64), u64>,
    dice: Dice,
    buffer: Vec<u8>,
    up: usize,
    /// How often all connections were cut.
    cuts: usize,
    /// Stamps before this are of another run.
    since: u64,
    /// What was counted.
    pub counts: Counts,
    /// Second by second.
    pub timeline: Timeline,
}

impl Herd {
    /// Clients with these tokens, of whom nobody is connected.
    pub fn new(targets: Vec<Target>, tokens: Vec<Token>) -> Result<Herd, Failed> {
        check_files(tokens.len())?;
        let now = now_ns();
        Ok(Herd {
            members: tokens.iter().map(|_| Member::default()).collect(),
            targets,
            tokens,
            epoll: Epoll::new()?,
            ready: Ready::with_capacity(READY_MAX),
            next: BTreeSet::new(),
            calls: HashMap::new(),
            dice: Dice::new(now),
            buffer: vec![0; READ_LEN],
            up: 0,
            cuts: 0,
            since: now,
            counts: Counts::default(),
            timeline: Timeline::new(now),
        })
    }

    /// How many clients there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// How many are up.
    pub fn up(&self) -> usize {
        self.up
    }

    /// Whether somebody is up.
    pub fn is_up(&self, number: usize) -> bool {
        self.members[number].state == State::Up
    }

    /// How many calls are not answered.
    pub fn unanswered(&self) -> usize {
        self.calls.len()
    }

    /// Times count from now: what was before is forgotten.
    pub fn begin(&mut self) {
        self.since = now_ns();
        self.timeline = Timeline::new(self.since);
        self.counts = Counts::default();
    }

    /// Somebody is to be up at this time.
    pub fn dial_at(&mut self, number: usize, due: u64) {
        self.members[number].due = due;
        self.members[number].retries = 0;
        self.next.insert((due, number, Next::Dial));
    }

    /// Cuts all connections at once; everybody comes back as the protocol says, at the next node:
    /// what the one before has in memory does not help there.
    pub fn cut_all(&mut self) {
        self.cuts += 1;
        let now = now_ns();
        for number in 0..self.members.len() {
            self.leave(number);
            self.members[number].due = now;
            self.members[number].retries = 0;
        }
        (0..self.members.len()).for_each(|number| self.back(number, now));
    }

    /// Somebody says something that was due then.
    pub fn call(&mut self, number: usize, id: u64, payload: &[u8], due: u64) {
        let mut frame = Vec::with_capacity(payload.len() + 8);
        wire::append_masked(&mut frame, payload);
        self.calls.insert((number, id), due);
        self.write(number, &frame);
    }

    /// Deals with what happens until this time is over.
    pub fn turn(&mut self, patience: Duration) -> Result<(), Failed> {
        let now = now_ns();
        while let Some(&(due, number, next)) = self.next.first().filter(|(due, _, _)| *due <= now) {
            self.next.pop_first();
            match next {
                Next::Dial => self.dial(number)?,
                Next::Ping => self.ping(number),
                Next::GiveUp => {
                    let member = &self.members[number];
                    if member.state != State::Up && member.began + JOIN_NS_MAX == due {
                        self.lost(number);
                    }
                }
            }
        }
        let until = self.next.first().map_or(u64::MAX, |(due, _, _)| due.saturating_sub(now));
        let wait_ms = (patience.as_nanos() as u64).min(until).div_ceil(NS_PER_MS);
        let ready = self.epoll.wait(&mut self.ready, wait_ms as i32)?;
        let ready: Vec<usize> = ready.map(|number| number as usize).collect();
        for number in ready {
            if self.members[number].state == State::Dialing {
                self.dialed(number)?;
            } else {
                self.read(number);
            }
        }
        let up = self.up as u64;
        self.timeline.at(now_ns()).connected = Some(up);
        Ok(())
    }

    fn target(&self, number: usize) -> &Target {
        &self.targets[(number + self.cuts) % self.targets.len()]
    }

    fn dial(&mut self, number: usize) -> Result<(), Failed> {
        if self.members[number].state != State::Away {
            return Ok(());
        }
        let target = self.target(number).clone();
        let socket =
            Socket::new(Domain::for_address(target.address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        let began = now_ns();
        self.counts.dials += 1;
        let member = &mut self.members[number];
        (member.began, member.retry_ms) = (began, None);
        member.retries += 1;
        self.counts.dials_max = self.counts.dials_max.max(member.retries);
        match socket.connect(&target.address.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(_) => {
                self.lost(number);
                return Ok(());
            }
        }
        let stream = TcpStream::from(socket);
        self.epoll.add_dialing(&stream, number as u64)?;
        (member.state, member.stream) = (State::Dialing, Some(stream));
        self.next.insert((began + JOIN_NS_MAX, number, Next::GiveUp));
        Ok(())
    }

    fn dialed(&mut self, number: usize) -> Result<(), Failed> {
        let member = &mut self.members[number];
        let Some(stream) = &member.stream else { return Ok(()) };
        if stream.take_error()?.is_some() {
            self.lost(number);
            return Ok(());
        }
        self.epoll.dialed(stream, number as u64)?;
        member.state = State::Upgrading;
        let target = self.target(number).clone();
        let request = wire::upgrade(&target.address.to_string(), &target.path);
        self.write(number, request.as_bytes());
        Ok(())
    }

    fn write(&mut self, number: usize, bytes: &[u8]) {
        let stream = self.members[number].stream.as_mut();
        // What a socket does not take at once is not waited for: that client is over.
        if stream.is_some_and(|stream| stream.write_all(bytes).is_err()) {
            self.lost(number);
        }
    }

    fn ping(&mut self, number: usize) {
        if self.is_up(number) {
            let mut frame = Vec::new();
            wire::append_masked(&mut frame, &client::ping(Codec::Json));
            self.write(number, &frame);
            self.next.insert((now_ns() + PING_NS, number, Next::Ping));
        }
    }

    fn read(&mut self, number: usize) {
        let mut frames = std::mem::take(&mut self.members[number].frames);
        let read = match &mut self.members[number].stream {
            Some(stream) => frames.read(stream, &mut self.buffer),
            None => return,
        };
        match read {
            Ok(true) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ => {
                self.lost(number);
                return;
            }
        }
        while let Some(heard) = frames.next() {
            match heard {
                Heard::Upgraded => {
                    let member = &mut self.members[number];
                    member.state = State::Joining;
                    let hello = room::hello(&self.tokens[number], member.sync.as_deref());
                    let mut frame = Vec::new();
                    wire::append_masked(&mut frame, &hello);
                    self.write(number, &frame);
                }
                Heard::Text(text) => self.hear(number, &text),
                Heard::End => {
                    self.lost(number);
                    return;
                }
            }
        }
        // What was said in return may have been the end.
        if self.members[number].stream.is_some() {
            self.members[number].frames = frames;
        }
    }

    fn hear(&mut self, number: usize, text: &[u8]) {
        if text.starts_with(br#"{"t":"ev""#) {
            let (now, since, timeline) = (now_ns(), self.since, &mut self.timeline);
            wire::stamps(text, |due| {
                if due >= since {
                    timeline.delivered(due, now);
                }
            });
            return;
        }
        let told = [r#"{"t":"ok""#, r#"{"t":"err""#, r#"{"t":"synced""#, r#"{"t":"bye""#];
        if !told.iter().any(|start| text.starts_with(start.as_bytes())) {
            return;
        }
        match ServerFrame::decode(Codec::Json, text) {
            Ok(ServerFrame::Ok { re, .. }) => {
                if let Some(due) = self.calls.remove(&(number, re)) {
                    self.timeline.acknowledged(due, now_ns());
                }
            }
            Ok(ServerFrame::Err { re: Some(re), .. }) => {
                self.calls.remove(&(number, re));
                self.counts.errors += 1;
                self.timeline.at(now_ns()).failed += 1;
            }
            Ok(ServerFrame::Err { re: None, error }) => {
                let member = &mut self.members[number];
                member.retry_ms = error.retry_ms.or(member.retry_ms);
                match error.code {
                    ErrorCode::Busy => self.counts.busy += 1,
                    ErrorCode::TooFar => member.sync = None,
                    _ => self.counts.refused += 1,
                }
            }
            Ok(ServerFrame::Synced { sync }) => self.synced(number, sync),
            Ok(ServerFrame::Bye { retry_ms, .. }) => {
                let member = &mut self.members[number];
                member.retry_ms = retry_ms.or(member.retry_ms);
            }
            _ => {}
        }
    }

    fn synced(&mut self, number: usize, sync: String) {
        let now = now_ns();
        let member = &mut self.members[number];
        member.sync = Some(sync);
        if member.state == State::Up {
            // A newer token for the next time.
            return;
        }
        member.state = State::Up;
        self.up += 1;
        self.counts.joins += 1;
        let due = member.due;
        self.timeline.joined(due, now);
        let first = now + self.dice.below(PING_NS);
        self.next.insert((first, number, Next::Ping));
    }

    fn leave(&mut self, number: usize) {
        let member = &mut self.members[number];
        self.up -= usize::from(member.state == State::Up);
        (member.state, member.stream, member.frames) = (State::Away, None, Frames::default());
        self.calls.retain(|(of, _), _| *of != number);
    }

    /// The connection is over though nobody here ended it.
    fn lost(&mut self, number: usize) {
        let told = self.members[number].retry_ms.is_some();
        self.leave(number);
        self.counts.lost += u64::from(!told);
        let now = now_ns();
        self.timeline.at(now).failed += 1;
        self.back(number, now);
    }

    fn back(&mut self, number: usize, now: u64) {
        let member = &mut self.members[number];
        let most = BACK_MS.saturating_mul(1 << member.retries.min(16)).min(BACK_MS_MAX);
        let wait_ms = member.retry_ms.take().unwrap_or_else(|| self.dice.below(most));
        self.next.insert((now + wait_ms * NS_PER_MS, number, Next::Dial));
    }
}
