//! One connection of a device.

use std::{collections::HashMap, time::Duration};

use carillon_protocol::{
    Cid, Codec, Command, ConvId, ErrorBody, ErrorCode, Event, Json, Retry, Topic,
    conv::{self, CreatedData, MembersChangedData},
    frame::{ServerFrame, client},
    limits::EVENTS_PER_PAGE_MAX,
    log, msg,
};
use tungstenite::Utf8Bytes;

use super::{Device, now_us, outbox::Act};
use crate::{
    clock::now_ns,
    fleet::Failed,
    history::{Record, Seen, Via},
    link::{self, Link},
    wire,
};

/// How often a device says that it is there.
const PING_NS: u64 = 2_000_000_000;
/// A connection on which nothing is heard for so long is over.
const SILENT_NS_MAX: u64 = 6_000_000_000;
/// How long an answer may take.
const ANSWER_NS_MAX: u64 = 8_000_000_000;
/// How many frames are read before anything else is looked at.
const FRAMES_MAX: usize = 64;
/// How long to wait before a try that may have happened is repeated, in nanoseconds.
const SAME_NS: u64 = 200_000_000;

/// Why a connection is over.
pub struct Lost {
    pub why: String,
    pub retry_ms: Option<u64>,
}

/// What an answer will be about.
enum Asked {
    Intent(Cid),
    Missing(Topic, u64),
}

/// A connection.
pub struct Session {
    link: Link,
    synced: bool,
    calls: u64,
    asked: HashMap<u64, (Asked, u64)>,
    heard_at: u64,
    ping_at: u64,
    /// When the server says goodbye it may say when to come back.
    retry_ms: Option<u64>,
}

/// The outer error ends the run, the inner one the connection.
type Turn<T> = Result<Result<T, Lost>, Failed>;

impl Session {
    /// One that has just said hello.
    pub fn new(link: Link) -> Session {
        let now = now_ns();
        Session {
            link,
            synced: false,
            calls: 0,
            asked: HashMap::new(),
            heard_at: now,
            ping_at: now + PING_NS,
            retry_ms: None,
        }
    }

    /// Whether the server has said that the catch-up is complete.
    pub fn is_synced(&self) -> bool {
        self.synced
    }

    /// Writes what there is to write, and reads what comes within this time.
    pub fn turn(&mut self, device: &mut Device, patience: Duration) -> Turn<()> {
        if let Err(why) = self.write(device)? {
            return Ok(Err(self.lost(&why)));
        }
        let mut wait = patience;
        for _ in 0..FRAMES_MAX {
            match self.link.text_within(wait) {
                Ok(Some(text)) => {
                    self.heard_at = now_ns();
                    if let Err(lost) = self.hear(device, &text)? {
                        return Ok(Err(lost));
                    }
                }
                Ok(None) => break,
                Err(why) => return Ok(Err(self.lost(&why))),
            }
            wait = Duration::ZERO;
        }
        let now = now_ns();
        let late = self.asked.values().any(|(_, at)| at + ANSWER_NS_MAX < now);
        if late || self.heard_at + SILENT_NS_MAX < now {
            let why = if late { "no answer" } else { "silent" }.to_owned();
            return Ok(Err(Lost { why, retry_ms: self.retry_ms }));
        }
        Ok(Ok(()))
    }

    fn lost(&self, why: &Failed) -> Lost {
        Lost { why: why.to_string(), retry_ms: self.retry_ms }
    }

    fn call(&mut self, asked: Asked) -> u64 {
        self.calls += 1;
        self.asked.insert(self.calls, (asked, now_ns()));
        self.calls
    }

    fn write(&mut self, device: &mut Device) -> Result<Result<(), Failed>, Failed> {
        let now = now_ns();
        if now >= self.ping_at {
            self.ping_at = now + PING_NS;
            if let Err(why) = self.link.write(client::ping(Codec::Json)) {
                return Ok(Err(why));
            }
        }
        if !self.synced {
            return Ok(Ok(()));
        }
        while let Some((topic, after)) = device.replica.missing(now) {
            let id = self.call(Asked::Missing(topic.clone(), after));
            let limit = Some(EVENTS_PER_PAGE_MAX);
            let read = log::Read { topic, after: Some(after), before: None, limit };
            let frame = client::call(Codec::Json, id, log::Read::OP, None, None, &read);
            if let Err(why) = self.link.write(frame) {
                return Ok(Err(why));
            }
        }
        while let Some(writing) = device.outbox.write(self.calls + 1, now) {
            self.call(Asked::Intent(writing.cid));
            let (cid, prev, op) = (writing.cid, writing.prev, writing.op.to_owned());
            let topic = Topic::Conv(writing.conv);
            device.note(&Record::Invoke { at: now_us(), cid, op, topic, prev })?;
            if let Err(why) = self.link.write(writing.frame) {
                return Ok(Err(why));
            }
        }
        Ok(Ok(()))
    }

    fn hear(&mut self, device: &mut Device, text: &Utf8Bytes) -> Turn<()> {
        let own = device.owner.org.0;
        let foreign = device.plan.canaries.iter().enumerate().filter(|(org, _)| *org != own);
        let heard = foreign.map(|(_, word)| word).find(|word| text.contains(word.as_str()));
        if let Some(word) = heard.cloned() {
            device.note(&Record::Canary { at: now_us(), word })?;
        }
        let frame = match link::frame(text) {
            Ok(frame) => frame,
            Err(why) => return Ok(Err(self.lost(&why))),
        };
        match frame {
            ServerFrame::Ev(event) => device.hear(Via::Live, &event)?,
            ServerFrame::Page(topics) => {
                for page in topics {
                    let (topic, head) = (page.topic.clone(), page.head);
                    device.note(&Record::Page { topic, head })?;
                    for event in &page.last {
                        device.hear(Via::Page, event)?;
                    }
                    device.replica.page(&page.topic, page.head, &page.last, now_ns());
                }
            }
            ServerFrame::Dirty(topics) => {
                for (topic, head) in topics {
                    device.note(&Record::Dirty { topic: topic.clone(), head })?;
                    device.replica.page(&topic, head, &[], now_ns());
                }
            }
            ServerFrame::Synced { sync } => {
                device.note(&Record::Synced { at: now_us(), sync: sync.clone() })?;
                (device.sync, device.retries, self.synced) = (Some(sync), 0, true);
            }
            ServerFrame::Ok { re, data } => match self.asked.remove(&re) {
                Some((asked, _)) => device.answered(asked, &data)?,
                None => {
                    return Ok(Err(Lost { why: "an answer to nothing".into(), retry_ms: None }));
                }
            },
            ServerFrame::Err { re: Some(re), error } => {
                if let Some((asked, _)) = self.asked.remove(&re) {
                    device.refused(asked, &error)?;
                }
            }
            ServerFrame::Err { re: None, error } => {
                if error.code == ErrorCode::TooFar {
                    device.sync = None;
                }
                self.retry_ms = error.retry_ms.or(self.retry_ms);
            }
            ServerFrame::Bye { retry_ms, .. } => self.retry_ms = retry_ms.or(self.retry_ms),
            _ => {}
        }
        Ok(Ok(()))
    }
}

impl Device {
    /// An event arrived.
    fn hear(&mut self, via: Via, event: &Event) -> Result<(), Failed> {
        let at = now_us();
        self.note(&Record::Ev { at, via, event: Seen::from(event) })?;
        if via == Via::Live {
            self.replica.live(event, now_ns());
        }
        match (&event.topic, &*event.k) {
            (Topic::Conv(conv), conv::kind::CREATED) => {
                let data = event.data.to::<CreatedData>().map_err(std::io::Error::from)?;
                let is_in = event.by == self.owner.user || data.members.contains(&self.owner.user);
                self.moved(*conv, event.seq, is_in);
            }
            (Topic::Conv(conv), conv::kind::MEMBERS_CHANGED) => {
                let data = event.data.to::<MembersChangedData>().map_err(std::io::Error::from)?;
                if data.added.contains(&self.owner.user) {
                    self.moved(*conv, event.seq, true);
                } else if data.removed.contains(&self.owner.user) {
                    self.moved(*conv, event.seq, false);
                }
            }
            // What a fresh start shows again has been measured.
            (_, msg::kind::SENT) if self.is_new(event) => {
                let now = now_ns();
                let deliveries = &mut self.samples.deliveries;
                wire::stamps(event.data.as_str().as_bytes(), |due| deliveries.push((due, now)));
            }
            _ => {}
        }
        Ok(())
    }

    fn is_new(&mut self, event: &Event) -> bool {
        self.plan.phase() < super::Phase::Final
            && event.by != self.owner.user
            && self.heard.insert(event.id)
    }

    /// The person came or went.
    fn moved(&mut self, conv: ConvId, seq: u64, is_in: bool) {
        match self.rooms.iter_mut().find(|(of, _, _)| *of == conv) {
            Some(room) if room.1 < seq => (room.1, room.2) = (seq, is_in),
            Some(_) => return,
            None => self.rooms.push((conv, seq, is_in)),
        }
        if is_in {
            self.replica.came_back(&Topic::Conv(conv), now_ns());
        }
    }

    fn answered(&mut self, asked: Asked, data: &Json) -> Result<(), Failed> {
        match asked {
            Asked::Missing(topic, after) => {
                let page: log::Page = data.to().map_err(std::io::Error::from)?;
                self.note(&Record::Read { topic: topic.clone(), after, head: page.head })?;
                for event in &page.events {
                    self.hear(Via::Read, event)?;
                }
                let end = (page.head, page.more);
                self.replica.answered(&topic, &page.events, end, now_ns());
            }
            Asked::Intent(cid) => {
                let Some(draft) = self.outbox.done(cid, false) else { return Ok(()) };
                let (seq, id, dup) = match draft.act {
                    Act::Say { .. } => {
                        let sent: msg::Sent = data.to().map_err(std::io::Error::from)?;
                        (sent.seq, Some(sent.id), sent.dup)
                    }
                    Act::Add(_) | Act::Remove(_) => {
                        let changed: conv::Changed = data.to().map_err(std::io::Error::from)?;
                        (changed.seq, None, false)
                    }
                };
                self.note(&Record::Ok { at: now_us(), cid, seq, id, dup })?;
                self.plan.acknowledged(draft.conv, seq);
                self.samples.acks.push((draft.due, now_ns()));
            }
        }
        Ok(())
    }

    fn refused(&mut self, asked: Asked, error: &ErrorBody) -> Result<(), Failed> {
        let (now, wait) = (now_ns(), error.retry_ms.unwrap_or_default() * 1_000_000);
        match asked {
            Asked::Missing(topic, _) if error.retry == Retry::No => self.replica.refused(&topic),
            Asked::Missing(topic, _) => self.replica.again(&topic, now + wait),
            Asked::Intent(cid) => {
                let (code, retry) = (error.code, error.retry);
                self.note(&Record::Err { at: now_us(), cid, code, retry })?;
                match retry {
                    Retry::After => self.outbox.again(cid, now + wait),
                    Retry::Same => self.outbox.again(cid, now + SAME_NS.max(wait)),
                    _ => drop(self.outbox.done(cid, true)),
                }
            }
        }
        Ok(())
    }
}
