//! The connection that a line publishes through.
//!
//! Whoever publishes writes to the socket itself, if nothing is on its way: so a lone hint leaves
//! before anything else happens. What comes while the server has not answered waits in the outbox
//! and leaves with the answer, together; and what the socket does not take at once, the line's
//! publishing task brings out, for whom the connection's wakers are kept.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError, TryLockError, atomic::Ordering},
    task::{Context, Poll, Waker, ready},
};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use super::{
    ANSWER_PATIENCE, Shared,
    frame::{Header, Kind},
    line::Fault,
    now,
    resp::{self, Reply},
    wire::{READ_LEN, Socket, Wire},
};
use crate::Part;

/// Payloads that are sent at once. Beyond it waiting grows, and the cost of each does not fall.
const BATCH_MAX: usize = 64;
/// Buffers are kept for the next message, unless they are larger.
const KEPT_LEN_MAX: usize = 64 * 1_024;

/// The place of a line's connection.
#[derive(Debug, Default)]
pub(super) struct Slot(Mutex<Option<Outlet>>);

impl Slot {
    pub fn put(&self, outlet: Outlet) {
        *self.lock() = Some(outlet);
    }

    pub fn close(&self) -> Option<Outlet> {
        self.lock().take()
    }

    pub fn with<T>(&self, act: impl FnOnce(&mut Outlet) -> T) -> Option<T> {
        self.lock().as_mut().map(act)
    }

    /// The same, unless somebody else has the connection at this moment. Says whether not.
    pub fn try_with(&self, act: impl FnOnce(&mut Outlet)) -> bool {
        let mut slot = match self.0.try_lock() {
            Ok(slot) => slot,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        slot.as_mut().map(act);
        true
    }

    fn lock(&self) -> MutexGuard<'_, Option<Outlet>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection, and what is on its way through it.
pub(super) struct Outlet {
    socket: Box<dyn Socket>,
    incoming: BytesMut,
    /// What the socket has not taken.
    outgoing: BytesMut,
    flushed: bool,
    /// What the server has not answered, in order.
    unanswered: VecDeque<Sent>,
    /// What went wrong while somebody else than the task had the connection.
    broken: Option<io::Error>,
    /// The task's.
    waker: Waker,
}

struct Sent {
    kind: Kind,
    at: Instant,
}

/// What a server answered lately.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// The last thing that it refused.
    pub refused: Option<String>,
}

impl Outlet {
    pub fn new(wire: Wire) -> Outlet {
        Outlet {
            socket: wire.socket,
            incoming: wire.incoming,
            outgoing: BytesMut::new(),
            flushed: true,
            unanswered: VecDeque::new(),
            broken: None,
            waker: Waker::noop().clone(),
        }
    }

    /// Writes what was just published in this part, unless something is on its way: then it
    /// leaves when that is answered. Done by who published, who does not wait.
    pub fn publish(&mut self, shared: &Shared, part: Part) {
        if !self.unanswered.is_empty() {
            return;
        }
        self.take(shared, &[part], 0);
        let waker = self.waker.clone();
        if let Poll::Ready(Err(error)) = self.poll_flush(&mut Context::from_waker(&waker)) {
            self.broken = Some(error);
            waker.wake();
        }
    }

    /// Takes from the outbox what may leave now.
    pub fn take(&mut self, shared: &Shared, parts: &[Part], turn: usize) {
        if self.unanswered.len() > BATCH_MAX {
            return;
        }
        let at = now();
        for item in shared.outbox.take(parts, turn, BATCH_MAX, at) {
            self.add(shared, (Kind::Payload, at), item.part, (item.number, &item.payload));
        }
    }

    /// Adds a probe of each part.
    pub fn probe(&mut self, shared: &Shared, parts: &[Part]) {
        let at = now();
        let stamp = shared.pulse.stamp(at);
        for part in parts {
            self.add(shared, (Kind::Probe, at), *part, (shared.outbox.left(*part), &stamp));
        }
    }

    /// When the server must have answered what is on its way.
    pub fn deadline(&self) -> Option<Instant> {
        self.unanswered.front().map(|sent| sent.at + ANSWER_PATIENCE)
    }

    /// Payloads that the server has not answered.
    pub fn payloads(&self) -> u64 {
        self.unanswered.iter().filter(|sent| sent.kind == Kind::Payload).count() as u64
    }

    fn add(
        &mut self,
        shared: &Shared,
        (kind, at): (Kind, Instant),
        part: Part,
        (number, payload): (u64, &[u8]),
    ) {
        let header = Header { node: shared.node, kind, part, number }.to_bytes();
        let command: &[u8] = if shared.sharded { b"SPUBLISH" } else { b"PUBLISH" };
        resp::begin(&mut self.outgoing, 3);
        resp::word(&mut self.outgoing, &[command]);
        resp::word(&mut self.outgoing, &[shared.channels[part.index()].as_bytes()]);
        resp::word(&mut self.outgoing, &[&header, payload]);
        self.unanswered.push_back(Sent { kind, at });
    }

    /// Brings out what waits and takes in what the server answers; ready when it answered.
    pub fn poll(
        &mut self,
        shared: &Shared,
        context: &mut Context<'_>,
    ) -> Poll<Result<Answers, Fault>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Err(error.into()));
        }
        self.waker.clone_from(context.waker());
        if let Poll::Ready(Err(error)) = self.poll_flush(context) {
            return Poll::Ready(Err(error.into()));
        }
        let mut answers = Answers::default();
        loop {
            let before = self.unanswered.len();
            self.read(shared, &mut answers)?;
            if self.unanswered.len() < before {
                return Poll::Ready(Ok(answers));
            }
            ready!(self.poll_fill(context))?;
        }
    }

    fn read(&mut self, shared: &Shared, answers: &mut Answers) -> Result<(), Fault> {
        while let Some(reply) = resp::read(&mut self.incoming)? {
            let sent = self.unanswered.pop_front();
            let Sent { kind, .. } = sent.ok_or(Fault::Unknown("it answers what nobody asked"))?;
            let is_payload = u64::from(kind == Kind::Payload);
            match reply {
                Reply::Refused(why) => {
                    shared.outbox.lost(is_payload);
                    answers.refused = Some(why);
                }
                _ => {
                    shared.published.fetch_add(is_payload, Ordering::Relaxed);
                }
            }
        }
        Ok(())
    }

    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        // Answers are short, and a buffer of this size is enough for a batch of them.
        let mut space = [0; 1_024];
        let mut read = ReadBuf::new(&mut space);
        ready!(Pin::new(&mut self.socket).poll_read(context, &mut read))?;
        if read.filled().is_empty() {
            return Poll::Ready(Err(Fault::Closed));
        }
        if self.incoming.len() > READ_LEN {
            return Poll::Ready(Err(Fault::Unknown("an answer of it does not end")));
        }
        self.incoming.extend_from_slice(read.filled());
        Poll::Ready(Ok(()))
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.is_empty() {
            self.flushed = false;
            let socket = Pin::new(&mut self.socket);
            match ready!(socket.poll_write(context, &self.outgoing))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.outgoing.advance(count),
            }
        }
        if !self.flushed {
            ready!(Pin::new(&mut self.socket).poll_flush(context))?;
            self.flushed = true;
            if self.outgoing.capacity() > KEPT_LEN_MAX {
                self.outgoing = BytesMut::new();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl std::fmt::Debug for Outlet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let on_its_way = self.unanswered.len();
        f.debug_struct("Outlet").field("unanswered", &on_its_way).finish_non_exhaustive()
    }
}
