//! A small chat server that keeps its promises, and a line to it that breaks at random bytes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use carillon_protocol::{Cid, ErrorBody, ErrorCode, Event, frame::server, log, msg};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::broadcast,
};

use crate::kit::{Called, ME, Peer, message, sent, welcome};

/// Numbers that a seed repeats.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % bound
    }
}

/// One conversation and everybody who is connected.
pub struct Model {
    log: Mutex<(Vec<Event>, HashMap<Cid, u64>)>,
    live: broadcast::Sender<Event>,
    random: Mutex<Random>,
}

impl Model {
    /// Starts the server behind a line that breaks; answers its address.
    pub async fn start(seed: u64) -> (Arc<Model>, String) {
        let log = Mutex::default();
        let live = broadcast::channel(10_000).0;
        let model = Arc::new(Model { log, live, random: Mutex::new(Random::new(seed)) });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap();
        let serving = Arc::clone(&model);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(Arc::clone(&serving).serve(stream));
            }
        });
        let line = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", line.local_addr().unwrap());
        let breaking = Arc::clone(&model);
        tokio::spawn(async move {
            loop {
                let (client, _) = line.accept().await.unwrap();
                let bytes = 300 + breaking.below(16_000);
                tokio::spawn(carry(client, TcpStream::connect(server).await.unwrap(), bytes));
            }
        });
        (model, url)
    }

    /// The whole log.
    pub fn events(&self) -> Vec<Event> {
        self.log.lock().unwrap().0.clone()
    }

    fn below(&self, bound: u64) -> u64 {
        self.random.lock().unwrap().below(bound)
    }

    async fn serve(self: Arc<Model>, stream: TcpStream) -> Option<()> {
        let mut peer = Peer::upgrade(stream).await.ok()?;
        peer.hello().await?;
        peer.try_send(server::welcome(peer.codec, &welcome())).await?;
        let mut live = self.live.subscribe();
        let events = self.events();
        let head = events.len() as u64;
        let last = events[events.len().saturating_sub(2)..].to_vec();
        peer.try_page(head, last).await?;
        peer.try_send(server::synced(peer.codec, &format!("s{head}"))).await?;
        loop {
            tokio::select! {
                call = peer.try_call() => {
                    let call = call?;
                    let answer = self.answer(&call, &peer);
                    peer.try_send(answer).await?;
                }
                event = live.recv() => {
                    // A hint may be lost: the client notices by the next one.
                    if self.below(50) > 0 {
                        peer.try_send(server::ev(peer.codec, &event.ok()?)).await?;
                    }
                }
            }
        }
    }

    fn answer(&self, call: &Called, peer: &Peer) -> Vec<u8> {
        let codec = peer.codec;
        let refuse = |code| server::err(codec, Some(call.id), &ErrorBody::new(code, "no"));
        match call.op.as_str() {
            "log.read" => {
                let read: log::Read = call.args();
                let (after, events) = (read.after.unwrap(), self.events());
                let head = events.len() as u64;
                let page: Vec<_> = events.into_iter().filter(|e| e.seq > after).take(30).collect();
                let more = page.last().is_some_and(|last| last.seq < head);
                let page = log::Page { events: page, head, more, floor: 1 };
                server::ok(codec, call.id, &codec.encode(&page))
            }
            "msg.send" if self.below(20) == 0 => refuse(ErrorCode::TimeoutUnknown),
            "msg.send" => {
                let (log, cids) = &mut *self.log.lock().unwrap();
                let cid = call.cid.unwrap();
                if let Some(seq) = cids.get(&cid) {
                    let again = msg::Sent { dup: true, ..sent(*seq) };
                    return server::ok(codec, call.id, &codec.encode(&again));
                }
                if call.prev.is_some_and(|prev| !cids.contains_key(&prev)) {
                    return refuse(ErrorCode::PrevMissing);
                }
                let seq = log.len() as u64 + 1;
                let event = message(ME, seq, Some(cid), &call.text());
                cids.insert(cid, seq);
                log.push(event.clone());
                // Nobody may be connected.
                let _listeners = self.live.send(event);
                server::ok(codec, call.id, &codec.encode(&sent(seq)))
            }
            _ => refuse(ErrorCode::UnknownOp),
        }
    }
}

/// Carries so many bytes, in both directions together; then the line is cut.
async fn carry(mut client: TcpStream, mut server: TcpStream, mut left: u64) -> Option<()> {
    let (mut up, mut down) = ([0; 512], [0; 512]);
    while left > 0 {
        let (bytes, to) = tokio::select! {
            read = client.read(&mut up) => (&up[..read.ok()?], &mut server),
            read = server.read(&mut down) => (&down[..read.ok()?], &mut client),
        };
        if bytes.is_empty() {
            return None;
        }
        let bytes = &bytes[..bytes.len().min(left as usize)];
        to.write_all(bytes).await.ok()?;
        left -= bytes.len() as u64;
    }
    None
}
