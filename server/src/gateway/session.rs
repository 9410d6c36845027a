//! What a client says: from bytes to calls, and back to the socket.

use std::{
    borrow::Cow,
    cell::RefCell,
    io,
    ops::ControlFlow::{self, Break, Continue},
    rc::Rc,
    task::Poll,
};

use bytes::Bytes;
use carillon_plugin::{Asked, Outcome};
use carillon_protocol::{
    CloseCode, Codec, Effect, ErrorBody, ErrorCode,
    frame::{Call, ClientFrame, server},
    limits::{CALLS_IN_FLIGHT_MAX, FRAME_LEN_MAX},
};
use tokio::net::TcpStream;

use super::{
    ConnId, STRIKES_MAX,
    call::OwnedCall,
    conn::{Conn, Phase},
    delivery::framed,
    frame::{self, Message, Reader, Violation},
    join,
    link::Answer,
    shard::{Adopted, Cmd, Shard, Shared, settle},
    tls::Tls,
};

/// What one read takes; every connection of a shard reads into the same buffer.
const READ_LEN: usize = 64 * 1024;

/// How much of an unknown operation's name an answer repeats.
const OP_SHOWN_MAX: usize = 64;

thread_local! {
    static READ_BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_LEN].into());
    /// What the records of one read carry, with the one that it completes.
    static OPENED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Takes a new WebSocket in and starts the task that reads it.
pub(super) fn adopt(shard: &Shared, adopted: Adopted) {
    let Adopted { stream, tls, early, origin } = adopted;
    let stream = match TcpStream::from_std(stream) {
        Ok(stream) => Rc::new(stream),
        Err(error) => return tracing::warn!(%error, "a socket could not be taken over"),
    };
    let sealed = tls.is_some();
    let parts = (Rc::clone(&stream), tls.map(Tls::new));
    let id = shard.borrow_mut().insert(parts, origin);
    let mut reader = Reader::new(FRAME_LEN_MAX as u32);
    // It lies in a buffer of the HTTP connection, which must not live as long as the WebSocket.
    let mut first = early.to_vec();
    drop(early);
    if sealed {
        // Of the end, if it is there already, the first read tells again.
        let _again = shard.borrow_mut().open(id, &[], &mut first);
    }
    let mut flow = hear(shard, id, &mut reader, &mut first);
    drop(first);
    let shard = Rc::clone(shard);
    // In one piece: what one future hands to another stands in the task twice, and every
    // connection has a task.
    tokio::task::spawn_local(async move {
        loop {
            while flow.is_break() {
                room_for_calls(&shard, id).await;
                flow = hear(&shard, id, &mut reader, &mut []);
            }
            if stream.readable().await.is_err() {
                break;
            }
            match read(&shard, id, (&stream, sealed), &mut reader) {
                Some(read) => flow = read,
                None => break,
            }
        }
        shard.borrow_mut().remove(id);
        settle(&shard);
    });
}

/// Deals with what the socket has; nothing when it has ended.
fn read(
    shard: &Shared,
    id: ConnId,
    (stream, sealed): (&TcpStream, bool),
    reader: &mut Reader,
) -> Option<ControlFlow<()>> {
    READ_BUFFER.with_borrow_mut(|buffer| match stream.try_read(buffer) {
        Ok(0) => None,
        Ok(count) if sealed => hear_sealed(shard, id, reader, &buffer[..count]),
        Ok(count) => Some(hear(shard, id, reader, &mut buffer[..count])),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(Continue(())),
        Err(_) => None,
    })
}

/// Deals with what came through TLS; nothing when it has ended.
fn hear_sealed(
    shard: &Shared,
    id: ConnId,
    reader: &mut Reader,
    records: &[u8],
) -> Option<ControlFlow<()>> {
    OPENED.with_borrow_mut(|opened| {
        opened.clear();
        let more = shard.borrow_mut().open(id, records, opened);
        let flow = hear(shard, id, reader, opened);
        more.is_continue().then_some(flow)
    })
}

/// Waits until the connection may have another call in flight.
async fn room_for_calls(shard: &Shared, id: ConnId) {
    std::future::poll_fn(|cx| match shard.borrow_mut().conn(id) {
        Some(conn) if conn.is_full() => {
            conn.paused = Some(cx.waker().clone());
            Poll::Pending
        }
        _ => Poll::Ready(()),
    })
    .await;
}

/// Deals with what came; breaks when the connection has as many calls in flight as it may.
fn hear(shard: &Shared, id: ConnId, reader: &mut Reader, input: &mut [u8]) -> ControlFlow<()> {
    let fed = {
        let mut shard = shard.borrow_mut();
        let second = shard.second();
        match shard.conn(id) {
            Some(conn) => conn.seen = second,
            None => return Continue(()),
        }
        let fed = reader.feed(input, |message| shard.on_message(id, message));
        shard.start_lane(id);
        fed
    };
    let flow = fed.unwrap_or_else(|violation| {
        shard.borrow_mut().on_violation(id, violation);
        Continue(())
    });
    settle(shard);
    flow
}

/// Writes what waits for a socket as soon as it takes it.
pub(super) fn drain_when_writable(shard: &Shared, slot: u32) {
    let Some((id, stream)) = shard.borrow_mut().watch_stall(slot) else { return };
    let shard = Rc::clone(shard);
    tokio::task::spawn_local(async move {
        loop {
            let writable = stream.writable().await;
            let mut shard = shard.borrow_mut();
            let second = shard.second();
            let Some(conn) = shard.conn(id) else { return };
            if writable.and_then(|()| conn.drain(second)).is_err() {
                return conn.shut(std::net::Shutdown::Both);
            }
            if !conn.is_backlogged() {
                return;
            }
        }
    });
}

impl Conn {
    fn is_full(&self) -> bool {
        usize::from(self.in_flight) >= CALLS_IN_FLIGHT_MAX && !self.is_closing()
    }
}

impl Shard {
    /// Adds what records carry to `opened`; breaks when nothing more comes.
    fn open(&mut self, id: ConnId, records: &[u8], opened: &mut Vec<u8>) -> ControlFlow<()> {
        let Some(conn) = self.conn(id) else { return Break(()) };
        let (flow, sent) = conn.open(records, opened);
        self.note(id.slot, sent);
        flow
    }

    fn on_message(&mut self, id: ConnId, message: Message<'_>) -> ControlFlow<()> {
        let Some(conn) = self.conn(id) else { return Continue(()) };
        if conn.is_closing() || conn.leaving.is_some() {
            return Continue(());
        }
        match (message, conn.codec) {
            (Message::Text(text), Codec::Json) => self.on_frame(id, text.as_bytes()),
            (Message::Binary(bytes), Codec::MsgPack) => self.on_frame(id, bytes),
            (Message::Text(_) | Message::Binary(_), _) => {
                self.bye(id.slot, CloseCode::Protocol, None);
            }
            (Message::Ping(payload), _) => {
                if self.may_chat(id) {
                    self.send_frame(id.slot, frame::pong(payload));
                }
            }
            (Message::Pong(_), _) => {}
            (Message::Close { code, .. }, _) => {
                self.end(id.slot, None, code.unwrap_or(1000), "");
            }
        }
        match self.conn(id) {
            Some(conn) if conn.is_full() => Break(()),
            _ => Continue(()),
        }
    }

    fn on_violation(&mut self, id: ConnId, violation: Violation) {
        if violation == Violation::TooLarge {
            let msg = format!("a frame may have {FRAME_LEN_MAX} bytes");
            self.refuse(id, None, &ErrorBody::new(ErrorCode::TooLarge, msg));
        }
        // `bye` tells a program not to come back with the same; the number is RFC 6455's.
        let bye = Some((CloseCode::Protocol, None));
        self.end(id.slot, bye, violation.close_code(), &violation.to_string());
    }

    fn on_frame(&mut self, id: ConnId, bytes: &[u8]) {
        let conn = &mut self.conns[id.slot as usize];
        let codec = conn.codec;
        match (ClientFrame::decode(codec, bytes), &mut conn.phase) {
            (Ok(ClientFrame::Hello(hello)), Phase::Hello) => {
                let bearer = conn.bearer.take();
                conn.phase = Phase::Joining(Box::default());
                // Calls that come with the hello wait until it is known whose they are.
                conn.lane_busy = true;
                let joining = join::Joining {
                    hub: self.hub.clone(),
                    host: self.host.clone(),
                    limits: self.settings.limits.clone(),
                    conn: id,
                    codec,
                };
                self.main.spawn(joining.run(*hello, bearer));
            }
            (Ok(ClientFrame::Unknown), _) => {
                self.may_chat(id);
            }
            (Err(error), phase) => {
                let first = matches!(phase, Phase::Hello);
                self.refuse(id, ClientFrame::id_of_refused(codec, bytes), &error);
                if first {
                    self.bye(id.slot, CloseCode::Protocol, None);
                } else {
                    self.strike(id);
                }
            }
            (_, Phase::Hello) | (Ok(ClientFrame::Hello(_)), _) => {
                self.bye(id.slot, CloseCode::Protocol, None);
            }
            (Ok(ClientFrame::Call(call)), _) => self.on_call(id, call),
            (Ok(ClientFrame::Ok { re, data }), _) => {
                self.on_answer(id, re, Ok(Bytes::copy_from_slice(data.bytes)));
            }
            (Ok(ClientFrame::Err { re, error }), _) => self.on_answer(id, re, Err(error)),
            (Ok(ClientFrame::Ack { topic, seq }), _) => {
                if !self.hub.links.acked(id, &topic, seq) {
                    self.may_chat(id);
                }
            }
            (Ok(ClientFrame::Ping), _) => {
                if self.may_chat(id) {
                    let body = server::pong(codec, self.host.now());
                    self.send_frame(id.slot, framed(codec, &body));
                    self.say_how_far(id.slot);
                }
            }
        }
    }

    /// An answer to what was asked of a program costs nothing: there are as many as calls.
    fn on_answer(&mut self, id: ConnId, re: u64, answer: Answer) {
        if !self.hub.links.answered(id, re, answer) {
            self.may_chat(id);
        }
    }

    /// What an operation is called, and what it does to the world: nobody knows what a program
    /// does.
    fn operation(&self, op: &str) -> Option<(Cow<'static, str>, Effect)> {
        match self.host.lookup(op) {
            Some((op, effect)) => Some((op.into(), effect)),
            None => Asked::is_programs(op).then(|| (op.to_owned().into(), Effect::Once)),
        }
    }

    fn on_call(&mut self, id: ConnId, call: Call<'_>) {
        let Some((op, effect)) = self.operation(call.op) else {
            self.strike(id);
            let name: String = call.op.chars().take(OP_SHOWN_MAX).collect();
            let msg = format!("there is no operation `{}`", name.escape_debug());
            return self.refuse(id, Some(call.id), &ErrorBody::new(ErrorCode::UnknownOp, msg));
        };
        if let Err(error) = self.take(id, effect) {
            self.strike(id);
            return self.refuse(id, Some(call.id), &error);
        }
        let conn = &mut self.conns[id.slot as usize];
        conn.strikes = conn.strikes.saturating_sub(1);
        conn.in_flight += 1;
        let call = OwnedCall {
            id: call.id,
            op,
            cid: call.cid,
            prev: call.prev,
            args: Bytes::copy_from_slice(call.args.bytes),
            codec: conn.codec,
        };
        if effect == Effect::Read && conn.device.is_some() {
            let (host, hub, caller) = (self.host.clone(), self.hub.clone(), conn.caller);
            self.main.spawn(async move {
                let result = host.call(caller, call.request()).await;
                hub.reply(id, &call, result).await;
            });
        } else {
            conn.lane.push_back(call);
        }
    }

    /// Hands the ordered calls that wait to the main runtime, unless earlier ones are still
    /// taking their places there.
    pub(super) fn start_lane(&mut self, id: ConnId) {
        let Some(conn) = self.conn(id) else { return };
        if conn.lane_busy || conn.lane.is_empty() {
            return;
        }
        let calls = std::mem::take(&mut conn.lane);
        conn.lane_busy = true;
        let caller = conn.caller;
        let (host, hub) = (self.host.clone(), self.hub.clone());
        self.main.spawn(async move {
            for call in calls {
                match host.begin(caller, call.request()).await {
                    Outcome::Done(result) => hub.reply(id, &call, result).await,
                    Outcome::Queued(rest) => {
                        let hub = hub.clone();
                        tokio::spawn(async move { hub.reply(id, &call, rest.await).await });
                    }
                }
            }
            hub.send(id.shard, Cmd::LaneIdle { conn: id }).await;
        });
    }

    /// The calls that were handed out have their places: the next ones may go.
    pub(super) fn lane_idle(&mut self, id: ConnId) {
        if let Some(conn) = self.conn(id) {
            conn.lane_busy = false;
            self.start_lane(id);
        }
    }

    /// The answer to a call.
    pub(super) fn reply(&mut self, id: ConnId, frame: Bytes) {
        if let Some(conn) = self.conn(id) {
            conn.in_flight -= 1;
            conn.wake();
            self.send_frame(id.slot, frame);
            self.end_if_answered(id.slot);
        }
    }

    fn refuse(&mut self, id: ConnId, re: Option<u64>, error: &ErrorBody) {
        let Some(conn) = self.conn(id) else { return };
        let codec = conn.codec;
        let sent = conn.send(&server::err(codec, re, error));
        self.note(id.slot, sent);
    }

    /// Whether the client may say something that is not a call: it costs as much as a read.
    fn may_chat(&mut self, id: ConnId) -> bool {
        let taken = self.take(id, Effect::Read).is_ok();
        if !taken {
            self.strike(id);
        }
        taken
    }

    /// Takes a token of the session, which all its connections share.
    fn take(&self, id: ConnId, effect: Effect) -> Result<(), ErrorBody> {
        let caller = self.conns[id.slot as usize].caller;
        self.settings.rates.take(caller, None, effect, self.host.now())
    }

    /// Counts a call that should not have been made; too many, and the client is cut off.
    fn strike(&mut self, id: ConnId) {
        let Some(conn) = self.conn(id) else { return };
        conn.strikes += 1;
        if conn.strikes > STRIKES_MAX {
            self.bye(id.slot, CloseCode::Abuse, None);
        }
    }
}
