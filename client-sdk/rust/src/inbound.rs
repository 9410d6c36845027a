//! What the task does about what the server says.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use carillon_protocol::{
    Cid, Command, ErrorBody, ErrorCode, Json, Retry, Topic,
    frame::{ServerFrame, Welcome},
    log, msg,
};

use crate::{
    Error, Update,
    calls::{Call, To},
    error::{Step, reconnect_in, step},
    events::Mark,
    journal::Line,
    link::{Heard, Link},
    listener::Listening,
    socket::{Down, Socket},
    sync,
    task::{End, Task, answer},
};

/// So often the server may ask to send a call again; then it is given back to the program.
const CALL_TRIES_MAX: u32 = 10;

impl Task {
    pub fn heard(&mut self, heard: Heard) -> Option<End> {
        match heard {
            Heard::Up(socket, welcome) => {
                self.up(socket, *welcome);
                None
            }
            Heard::Down(down) => self.down(down),
            Heard::Frame(frame) => self.frame(frame),
        }
    }

    pub fn up(&mut self, socket: Box<Socket>, welcome: Welcome) {
        self.calls.online(&welcome.limits, self.clock.now());
        let welcome = Arc::new(welcome);
        *self.shared.welcome.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&welcome);
        self.feed.state(Update::Online(welcome));
        self.link = Link::Up(socket);
    }

    pub fn down(&mut self, down: Down) -> Option<End> {
        let (retry_ms, reason) = match down {
            Down::Final(error) => return Some(End::Failed(error)),
            Down::Lost { retry_ms, reason } => (retry_ms, reason),
            Down::Resync => {
                self.sync.forget_token();
                (None, "the server asks to resume from nothing".to_owned())
            }
        };
        let wait = reconnect_in(retry_ms, self.attempt, &mut self.chance);
        self.attempt += 1;
        tracing::debug!(%reason, wait, "offline");
        self.link = Link::Waiting(self.clock.now().saturating_add(wait));
        self.sync.offline();
        for call in self.calls.offline() {
            let why = "the connection was lost before the answer: it may have happened or not";
            let error = ErrorBody::new(ErrorCode::TimeoutUnknown, why);
            self.refused(call, ErrorBody { retry: Retry::No, ..error });
        }
        self.outbox.offline();
        // What they come to is for a connection that is gone.
        self.answering.detach_all();
        self.listening = Listening::default();
        self.feed.state(Update::Offline { retry_in: Duration::from_millis(wait), reason });
        None
    }

    fn frame(&mut self, frame: ServerFrame) -> Option<End> {
        match frame {
            ServerFrame::Ok { re, data } => return self.answered(re, Ok(data)),
            ServerFrame::Err { re: Some(re), error } => return self.answered(re, Err(error)),
            ServerFrame::Err { re: None, error } => {
                tracing::warn!(%error, "the server refuses a frame");
                // What passes concerns the connection, as a catch-up that must wait. What does
                // not pass concerns a single frame, and the connection stays.
                let down = Down::refused(*error, &mut self.chance);
                return if let Down::Final(_) = down { None } else { self.down(down) };
            }
            ServerFrame::Call(asked) => {
                self.asked(*asked);
                return None;
            }
            ServerFrame::Heard(event) => {
                self.told(*event);
                return None;
            }
            ServerFrame::Eph(eph) => {
                self.feed.hint(Update::Ephemeral(eph));
                return None;
            }
            ServerFrame::Page(ref pages) => {
                for page in pages {
                    self.feed.hint(Update::Topic(Box::new(page.clone())));
                }
            }
            // Only now has the connection proved to be of use: a server that lets clients in and
            // falls over is not stormed.
            ServerFrame::Synced { .. } => self.attempt = 0,
            _ => {}
        }
        let effects = self.sync.apply(frame, self.clock.now(), self.feed.room());
        self.perform(effects);
        None
    }

    pub fn perform(&mut self, effects: Vec<sync::Effect>) {
        for effect in effects {
            match effect {
                sync::Effect::Deliver(event) => {
                    let mark = Mark::At(event.topic.clone(), event.seq);
                    self.feed.deliver(Update::Event(event), mark);
                }
                sync::Effect::Start(topic, seq) => {
                    self.feed.begin(Mark::At(topic, seq));
                }
                sync::Effect::Forget(topic) => self.feed.begin(Mark::Forgotten(topic)),
                sync::Effect::Read(read) => self.calls.add(Call {
                    op: log::Read::OP,
                    effect: log::Read::EFFECT,
                    cid: None,
                    prev: None,
                    args: Json::of(&read),
                    to: To::Gap(read.topic),
                    attempts: 0,
                }),
                sync::Effect::Repaired(topic) => self.feed.hint(Update::Repaired(topic)),
                sync::Effect::Synced(token) => {
                    self.feed.deliver(Update::Synced, Mark::Sync(token));
                }
                // Heartbeats bring newer tokens, which are nothing to the program.
                sync::Effect::InStep(token) => self.feed.begin(Mark::Sync(token)),
            }
        }
    }

    fn answered(&mut self, re: u64, result: Result<Json, Box<ErrorBody>>) -> Option<End> {
        let call = self.calls.answered(re)?;
        let error = match result {
            Ok(data) => {
                self.succeeded(call, data);
                return None;
            }
            Err(error) => error,
        };
        let now = self.clock.now();
        if let (ErrorCode::PrevMissing, To::Outbox(cid)) = (error.code, &call.to) {
            self.outbox.prev_missing(*cid, now);
            return None;
        }
        let attempts = match call.to {
            To::Outbox(cid) => self.outbox.attempts(cid),
            _ => call.attempts,
        };
        let (wait, resync) = match step(&error, attempts, &mut self.chance) {
            Step::Again(_) if error.retry == Retry::Same && !call.repeats() => {
                self.refused(call, *error);
                return None;
            }
            Step::Again(ms) => (ms, false),
            Step::Resync => (0, true),
            Step::Fail => {
                self.refused(call, *error);
                return None;
            }
        };
        let at = now.saturating_add(wait);
        match call.to {
            To::Outbox(cid) => self.outbox.again(cid, at),
            _ if attempts >= CALL_TRIES_MAX => self.refused(call, *error),
            _ => self.calls.again(Call { attempts: attempts + 1, ..call }, at),
        }
        if resync { self.down(Down::Resync) } else { None }
    }

    fn succeeded(&mut self, call: Call, data: Json) {
        let unreadable = |e: serde_json::Error| Error::Reply { op: call.op, why: e.to_string() };
        match call.to {
            To::Caller(caller) => answer(caller, Ok(data)),
            To::Gap(topic) => {
                let read = data.to().map(sync::Read::Page).unwrap_or_else(|error| {
                    tracing::warn!(%topic, %error, "a page of the log cannot be read");
                    sync::Read::Failed
                });
                self.log_read(&topic, read);
            }
            To::Outbox(cid) => self.settle(cid, data.to::<msg::Sent>().map_err(unreadable)),
        }
    }

    /// A call is refused for good.
    pub fn refused(&mut self, call: Call, error: ErrorBody) {
        match call.to {
            To::Caller(caller) => answer(caller, Err(error.into())),
            To::Gap(topic) => {
                tracing::debug!(%topic, %error, "a gap cannot be filled");
                let gone = matches!(
                    error.code,
                    ErrorCode::NotFound | ErrorCode::NotMember | ErrorCode::Forbidden
                );
                self.log_read(&topic, if gone { sync::Read::Gone } else { sync::Read::Failed });
            }
            To::Outbox(cid) => {
                if let Some(conv) = self.outbox.conv_of(cid) {
                    let error = Box::new(error.clone());
                    self.feed.state(Update::Refused { cid, conv, error });
                }
                self.settle(cid, Err(error.into()));
            }
        }
    }

    fn log_read(&mut self, topic: &Topic, read: sync::Read) {
        let effects = self.sync.read(topic, read, self.clock.now(), self.feed.room());
        self.perform(effects);
    }

    /// A message is answered for good.
    fn settle(&mut self, cid: Cid, result: Result<msg::Sent, Error>) {
        self.outbox.answered(cid);
        self.disk.line(Line::Answered(cid));
        for waiting in self.sending.remove(&cid).unwrap_or_default() {
            answer(waiting, result.clone());
        }
    }
}
