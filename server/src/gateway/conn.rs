//! One connection as its shard knows it: who it is, and how to write to it.

use std::{
    collections::VecDeque,
    net::IpAddr,
    ops::{Deref, DerefMut},
    os::fd::{AsRawFd, RawFd},
    rc::Rc,
    task::Waker,
};

use bytes::Bytes;
use carillon_plugin::Caller;
use carillon_protocol::{CloseCode, Codec, DeviceId, Topic, frame::server};
use tokio::{net::TcpStream, sync::oneshot};

use super::{
    call::OwnedCall,
    delivery::framed,
    fanout::Run,
    frame,
    outbox::{Kind, Outbox, Overflow, Pushed},
    tls::Tls,
};
use crate::http::Admitted;

/// What the upgrade said of a connection.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) codec: Codec,
    /// The token of its `Authorization` header.
    pub(super) bearer: Option<Box<str>>,
    /// The network that it came from, as calls over HTTP have it.
    pub(super) network: Option<IpAddr>,
    /// Its place among the sockets that the node holds.
    pub(super) admitted: Option<Admitted>,
}

/// How far a connection has come.
#[derive(Debug)]
pub(super) enum Phase {
    /// Nobody has said `hello`.
    Hello,
    /// The catch-up runs: live events are held back.
    Joining(Box<Held>),
    /// Everything flows.
    Live,
    /// `bye` is said: nothing is read any more.
    Closing,
}

/// What a catch-up holds back.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) outbox: Outbox,
    /// Topics that the person left since the list of topics was read.
    pub(super) left: Vec<Topic>,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Sent {
    /// Written, or queued behind others.
    Done,
    /// The socket is full: somebody must wait for it.
    Stalled,
    /// The reader is too slow.
    Overflow,
}

impl Sent {
    /// Adds the connection to the list of those about which something is to be done.
    pub(super) fn note(self, slot: u32, stalled: &mut Vec<u32>, too_slow: &mut Vec<u32>) {
        match self {
            Sent::Done => {}
            Sent::Stalled => stalled.push(slot),
            Sent::Overflow => too_slow.push(slot),
        }
    }
}

/// A connection: what every write needs, small so that a large room's stay in the processor's
/// cache, and the rest apart ([`Seldom`]), which reads like a part of it.
#[derive(Debug)]
pub(super) struct Conn {
    pub(super) generation: u32,
    /// The stream's file descriptor.
    pub(super) socket: RawFd,
    /// Whether TLS stands between.
    pub(super) sealed: bool,
    pub(super) outbox: Option<Box<Outbox>>,
    pub(super) phase: Phase,
    pub(super) codec: Codec,
    pub(super) dirty_ok: bool,
    pub(super) seldom: Box<Seldom>,
}

/// What a connection has besides.
#[derive(Debug)]
pub(super) struct Seldom {
    pub(super) stream: Rc<TcpStream>,
    pub(super) tls: Option<Tls>,
    /// The token of the upgrade, until somebody says `hello`.
    pub(super) bearer: Option<Box<str>>,
    pub(super) caller: Caller,
    pub(super) device: Option<DeviceId>,
    /// When the session ends, in milliseconds since the epoch.
    pub(super) expires_at: i64,
    /// The rooms of the topics that it listens to.
    pub(super) rooms: Vec<u32>,
    /// Those of them in which it hears of the people whom it watches.
    pub(super) follows: Box<[u32]>,
    /// How far it had been told everything at its last heartbeat.
    pub(super) has: u64,
    /// The position of its newest token, of the catch-up or a heartbeat.
    pub(super) token: u64,
    /// Whether something that matters only now may not have been told to it.
    pub(super) missed: bool,
    /// The second in which it last said something.
    pub(super) seen: u32,
    /// The second in which the socket last took something, or in which the end was said.
    pub(super) progress: u32,
    /// Whether the wheel has a check of `progress`: there is one at most.
    pub(super) watched: bool,
    pub(super) in_flight: u8,
    /// Calls that keep their order and wait for those before them.
    pub(super) lane: VecDeque<OwnedCall>,
    pub(super) lane_busy: bool,
    /// With what it ends as soon as its calls are answered; nothing more is read.
    pub(super) leaving: Option<CloseCode>,
    pub(super) strikes: u16,
    /// Wakes the reading task when there is room for calls again.
    pub(super) paused: Option<Waker>,
    /// Told when nothing waits for the socket any more: the catch-up goes on.
    pub(super) paced: Option<oneshot::Sender<()>>,
    /// Its place among the sockets that the node holds; given back when it is dropped.
    _admitted: Option<Admitted>,
}

impl Deref for Conn {
    type Target = Seldom;

    fn deref(&self) -> &Seldom {
        &self.seldom
    }
}

impl DerefMut for Conn {
    fn deref_mut(&mut self) -> &mut Seldom {
        &mut self.seldom
    }
}

impl Conn {
    pub(super) fn new(
        generation: u32,
        (stream, tls): (Rc<TcpStream>, Option<Tls>),
        origin: Origin,
        second: u32,
    ) -> Conn {
        let Origin { codec, bearer, network, admitted } = origin;
        let (socket, sealed) = (stream.as_raw_fd(), tls.is_some());
        let seldom = Seldom {
            stream,
            tls,
            bearer,
            caller: Caller::STRANGER.from_network(network),
            device: None,
            expires_at: i64::MAX,
            rooms: Vec::new(),
            follows: Box::default(),
            has: 0,
            token: 0,
            missed: false,
            seen: second,
            progress: second,
            watched: false,
            in_flight: 0,
            lane: VecDeque::new(),
            lane_busy: false,
            leaving: None,
            strikes: 0,
            paused: None,
            paced: None,
            _admitted: admitted,
        };
        Conn {
            generation,
            socket,
            sealed,
            outbox: None,
            phase: Phase::Hello,
            codec,
            dirty_ok: false,
            seldom: Box::new(seldom),
        }
    }

    /// Whether something waits for the socket.
    pub(super) fn is_backlogged(&self) -> bool {
        self.outbox.is_some()
    }

    /// Whether the end is said.
    pub(super) fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing)
    }

    /// Sends a protocol frame that must not be left out.
    pub(super) fn send(&mut self, body: &[u8]) -> Sent {
        self.send_frame(framed(self.codec, body), Kind::Must)
    }

    /// Sends a WebSocket frame. Events and ephemeral frames wait while a catch-up runs.
    pub(super) fn send_frame(&mut self, frame: Bytes, kind: Kind) -> Sent {
        match &mut self.phase {
            Phase::Joining(held) if kind != Kind::Must => {
                let pushed = held.outbox.push(frame, kind, self.dirty_ok);
                return self.queued(pushed);
            }
            Phase::Closing => return Sent::Done,
            _ => {}
        }
        if let Some(outbox) = &mut self.outbox {
            let pushed = outbox.push(frame, kind, self.dirty_ok);
            return self.queued(pushed);
        }
        let written = self.try_write(&frame);
        if written < frame.len() {
            self.outbox.get_or_insert_default().push_rest(frame, written, kind);
        }
        if self.is_backlogged() { Sent::Stalled } else { Sent::Done }
    }

    fn queued(&mut self, pushed: Result<Pushed, Overflow>) -> Sent {
        match pushed {
            Ok(Pushed::Kept) => {}
            Ok(Pushed::LeftOut) => self.missed = true,
            Err(Overflow) => return Sent::Overflow,
        }
        Sent::Done
    }

    /// Sends what the connection lacks of a topic, in one write if the socket takes it.
    pub(super) fn deliver(&mut self, mut run: Run<'_>) -> Sent {
        if !matches!(self.phase, Phase::Live) || self.outbox.is_some() {
            return self.deliver_each(&run);
        }
        let bytes = run.bytes(self.codec);
        let mut written = self.try_write(bytes);
        if written == bytes.len() && !self.is_backlogged() {
            return Sent::Done;
        }
        let outbox = self.outbox.get_or_insert_default();
        for delivery in run.frames() {
            let frame = delivery.frame(self.codec);
            if written >= frame.len() {
                written -= frame.len();
            } else if outbox.has_no_frames() {
                outbox.push_rest(frame.clone(), std::mem::take(&mut written), delivery.kind());
            } else {
                match outbox.push(frame.clone(), delivery.kind(), self.dirty_ok) {
                    Ok(Pushed::Kept) => {}
                    Ok(Pushed::LeftOut) => self.seldom.missed = true,
                    Err(Overflow) => return Sent::Overflow,
                }
            }
        }
        Sent::Stalled
    }

    /// The same frame by frame: for who is not to get them now.
    fn deliver_each(&mut self, run: &Run<'_>) -> Sent {
        let mut sent = Sent::Done;
        for delivery in run.frames() {
            match self.send_frame(delivery.frame(self.codec).clone(), delivery.kind()) {
                Sent::Done => {}
                Sent::Stalled => sent = Sent::Stalled,
                Sent::Overflow => return Sent::Overflow,
            }
        }
        sent
    }

    /// What a catch-up held back flows, except what it sent itself.
    pub(super) fn release(&mut self, sent: impl Fn(&Topic) -> u64) -> Sent {
        // Whoever was sent away during the catch-up stays away.
        let Phase::Joining(held) = &mut self.phase else { return Sent::Done };
        let held = std::mem::take(held);
        self.phase = Phase::Live;
        let (frames, dirty) = held.outbox.release(sent);
        let mut result = Sent::Done;
        for (frame, kind) in frames {
            match self.send_frame(frame, kind) {
                Sent::Done => {}
                Sent::Stalled => result = Sent::Stalled,
                Sent::Overflow => return Sent::Overflow,
            }
        }
        if !dirty.is_empty() {
            match &mut self.outbox {
                Some(outbox) => outbox.mark_dirty(dirty),
                None => result = self.send(&server::dirty(self.codec, &dirty)),
            }
        }
        result
    }

    /// Ends with a WebSocket close code, after one frame more. What waits is dropped except a frame
    /// that is half written, and calls that have not begun never do.
    pub(super) fn close(&mut self, code: u16, reason: &str, before: Option<Bytes>) -> Sent {
        self.lane.clear();
        if let Some(outbox) = &mut self.outbox {
            // Answers still leave a node that goes down; whoever is sent away gets no more.
            if code != CloseCode::Drain.number() {
                outbox.clear();
            }
            if outbox.is_empty() {
                self.outbox = None;
            }
        }
        self.phase = Phase::Closing;
        for frame in before.into_iter().chain([frame::close(code, reason)]) {
            let written = if self.outbox.is_none() { self.try_write(&frame) } else { 0 };
            if written < frame.len() {
                self.outbox.get_or_insert_default().push_last(frame, written);
            }
        }
        if self.is_backlogged() { Sent::Stalled } else { self.finish() }
    }

    /// Lets the reading task go on.
    pub(super) fn wake(&mut self) {
        if let Some(waker) = self.paused.take() {
            waker.wake();
        }
    }
}
