//! One room and what a message to all its members costs the server.

use std::time::Duration;

use carillon_protocol::{
    Codec, Command, ConvId, DeviceId, VERSION,
    frame::{Hello, client},
    msg,
};
use serde::{Deserialize, Serialize};

use crate::{
    clock::{Deadline, new_cid, now_ns},
    fleet::{AUTHORS_MAX, Awaited, Failed, Fleet, Target},
    process::Process,
    wire,
};

/// One line of the file of tokens: a connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Token {
    /// For `hello.token`.
    pub token: String,
    /// For `hello.device`.
    pub device: DeviceId,
}

/// How a message is said.
#[derive(Debug, Clone, Copy)]
pub enum Speech {
    /// The payload itself, to the raw loop.
    Raw,
    /// A call of `msg.send`.
    Carillon(ConvId),
}

/// Members of one conversation, all connected, and the server that they are connected to.
pub struct Room {
    fleet: Fleet,
    server: Process,
    speech: Speech,
    calls: u64,
}

/// How a measurement is made.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// How many messages are under way at once.
    pub window: u32,
    /// How many connections write them in turn.
    pub authors: usize,
    /// How long the text is.
    pub text_len: usize,
    /// For how long one repetition goes on.
    pub time: Duration,
}

/// One repetition.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Processor time of the server for one message to one member.
    pub cpu_us: f64,
    /// What a member read for one message.
    pub bytes: f64,
    /// Half of the deliveries took less.
    pub p50_ms: f64,
    /// One delivery of a hundred took longer.
    pub p99_ms: f64,
}

impl Room {
    /// Connects `members` to the raw loop.
    pub fn raw(target: Target, server: Process, members: usize) -> Result<Room, Failed> {
        let mut fleet = Fleet::new(target)?;
        fleet.grow(members, |_| None)?;
        Ok(Room { fleet, server, speech: Speech::Raw, calls: 0 })
    }

    /// Connects one member for each token.
    pub fn carillon(
        target: Target,
        server: Process,
        conv: ConvId,
        tokens: &[Token],
    ) -> Result<Room, Failed> {
        let mut fleet = Fleet::new(target)?;
        fleet.grow(tokens.len(), |number| Some(hello(&tokens[number], None)))?;
        Ok(Room { fleet, server, speech: Speech::Carillon(conv), calls: 0 })
    }

    /// One repetition: bursts of `window` messages, each after everybody has all of the last.
    pub fn measure(&mut self, load: Load) -> Result<Cost, Failed> {
        if let Speech::Carillon(_) = self.speech {
            heartbeat(&mut self.fleet)?;
        }
        // Once outside the figure, so that no buffer grows inside it.
        self.burst(load)?;
        self.fleet.delays.reset();
        let (bytes, cpu_us) = (self.fleet.bytes_read, self.server.cpu_us()?);
        let deadline = Deadline::after(load.time);
        let mut bursts = 0_u64;
        while !deadline.is_over() {
            self.burst(load)?;
            bursts += 1;
        }
        let cpu_us = self.server.cpu_us()? - cpu_us;
        let deliveries = (bursts * u64::from(load.window) * self.fleet.len() as u64) as f64;
        let delay_ms = |percentile| self.fleet.delays.value_at_quantile(percentile) as f64 / 1e6;
        Ok(Cost {
            cpu_us: cpu_us as f64 / deliveries,
            bytes: (self.fleet.bytes_read - bytes) as f64 / deliveries,
            p50_ms: delay_ms(0.5),
            p99_ms: delay_ms(0.99),
        })
    }

    /// Writes `window` messages and waits until every member has read them.
    fn burst(&mut self, load: Load) -> Result<(), Failed> {
        let authors = load.authors.clamp(1, self.fleet.len().min(AUTHORS_MAX));
        let since = now_ns();
        let mut writes = vec![Vec::new(); authors];
        for message in 0..load.window as usize {
            let text = wire::stamped(now_ns(), load.text_len);
            let frame = self.say(text);
            wire::append_masked(&mut writes[message % authors], &frame);
        }
        for (author, bytes) in writes.iter().enumerate().filter(|(_, bytes)| !bytes.is_empty()) {
            self.fleet.write(author, bytes);
        }
        self.fleet.wait(0..self.fleet.len(), Awaited::StampsSince(since), load.window)
    }

    fn say(&mut self, text: String) -> Vec<u8> {
        match self.speech {
            Speech::Raw => text.into_bytes(),
            Speech::Carillon(conv) => {
                self.calls += 1;
                send(self.calls, conv, text)
            }
        }
    }
}

/// The heartbeat that the protocol asks of every connection; not part of a delivery.
pub fn heartbeat(fleet: &mut Fleet) -> Result<(), Failed> {
    let mut ping = Vec::new();
    wire::append_masked(&mut ping, &client::ping(Codec::Json));
    for number in 0..fleet.len() {
        fleet.write(number, &ping);
    }
    fleet.wait(0..fleet.len(), Awaited::Text("\"t\":\"pong\""), 1)
}

/// A call that sends a message.
pub fn send(id: u64, conv: ConvId, text: String) -> Vec<u8> {
    let cid = Some(new_cid());
    client::call(Codec::Json, id, msg::Send::OP, cid, None, &message(conv, text))
}

/// A message of text.
pub fn message(conv: ConvId, text: String) -> msg::Send {
    let body = msg::Body::Text { text, mentions: Vec::new() };
    msg::Send { conv, body, reply_to: None, everybody: false }
}

/// What a connection says first; `sync` is what the one before was told last.
pub fn hello(token: &Token, sync: Option<&str>) -> Vec<u8> {
    let hello = Hello {
        v: VERSION,
        token: Some(token.token.clone()),
        device: token.device,
        tab: None,
        sync: sync.map(str::to_owned),
        caps: Vec::new(),
        handles: Vec::new(),
        listens: Vec::new(),
    };
    client::hello(Codec::Json, &hello)
}
