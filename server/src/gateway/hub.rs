//! All shards, as the rest of the node sees them.

use std::{
    hash::BuildHasher,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use carillon_plugin::{Asked, BoxFuture, Live, LiveChange, Result};
use carillon_plugins::presence::Presence;
use carillon_protocol::{CloseCode, ErrorCode, Event, Json, Topic, event::Ephemeral};
use tokio::sync::mpsc::{self, error::TrySendError};

use super::{
    ConnId,
    admission::Admission,
    delivery::Delivery,
    link::Links,
    progress::Losses,
    shard::Cmd,
    windows::{Announce, Window, Windows},
};
use crate::telemetry::Metrics;

/// What waits for one shard. A full inbox makes the writer wait: acknowledgements slow down before
/// memory grows.
const INBOX_LEN_MAX: usize = 16 * 1024;
/// Topics fall into so many classes, of which a shard counts how many it hosts.
const INTEREST_CLASSES: usize = 4096;

/// The outside of a shard.
#[derive(Debug)]
pub(super) struct ShardDoor {
    inbox: mpsc::Sender<Cmd>,
    /// How many topics of each class have listeners here: a class without is not sent events.
    interest: Box<[AtomicU32]>,
    /// How many connections live here.
    pub(super) load: AtomicU32,
    /// Those of them that were not told that they end.
    pub(super) open: AtomicU32,
}

/// All shards. Events enter here once and reach every connection that listens.
#[derive(Debug)]
pub struct Hub {
    doors: Vec<ShardDoor>,
    hasher: std::hash::RandomState,
    /// The live windows of each installation.
    pub(super) windows: Windows,
    /// The programs that answer operations.
    pub(super) links: Links,
    /// Whether the node is gone: shards hold the hub as the hub holds them, so somebody must say.
    closed: AtomicBool,
    /// What the other nodes may have said in vain.
    pub(super) losses: Losses,
    /// How many catch up at once.
    pub(super) admission: Admission,
    /// What the node counts.
    pub(crate) metrics: Arc<Metrics>,
}

impl Hub {
    /// A hub for so many shards, with the inboxes that the shards read.
    pub(super) fn new(
        shards: usize,
        presence: Arc<Presence>,
        metrics: Arc<Metrics>,
    ) -> (Hub, Vec<mpsc::Receiver<Cmd>>) {
        let (doors, inboxes) = (0..shards)
            .map(|_| {
                let (inbox, receiver) = mpsc::channel(INBOX_LEN_MAX);
                let interest = (0..INTEREST_CLASSES).map(|_| AtomicU32::new(0)).collect();
                let (load, open) = (AtomicU32::new(0), AtomicU32::new(0));
                (ShardDoor { inbox, interest, load, open }, receiver)
            })
            .unzip();
        let hasher = std::hash::RandomState::new();
        let hub = Hub {
            doors,
            hasher,
            windows: Windows::new(presence),
            links: Links::default(),
            closed: AtomicBool::new(false),
            losses: Losses::default(),
            admission: Admission::new(),
            metrics,
        };
        (hub, inboxes)
    }

    /// How many connections there are.
    pub fn connections(&self) -> u32 {
        self.doors.iter().map(|door| door.load.load(Ordering::Relaxed)).sum()
    }

    /// How many connections there are that were not told that they end.
    pub fn open(&self) -> u32 {
        self.doors.iter().map(|door| door.open.load(Ordering::Relaxed)).sum()
    }

    /// Ends every connection within so many seconds: the node goes down.
    pub async fn drain(&self, seconds: u32) {
        for shard in 0..self.doors.len() {
            self.send(shard as u16, Cmd::Drain { seconds }).await;
        }
    }

    /// Ends the shards, and with them the connections that are left.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    pub(super) fn door(&self, shard: u16) -> &ShardDoor {
        &self.doors[usize::from(shard)]
    }

    /// The shard with the fewest connections.
    pub(super) fn least_loaded(&self) -> u16 {
        let loads = self.doors.iter().map(|door| door.load.load(Ordering::Relaxed));
        loads.enumerate().min_by_key(|&(_, load)| load).map_or(0, |(shard, _)| shard as u16)
    }

    /// Sends to a shard; while the node goes down there may be none, and nobody who minds.
    pub(super) async fn send(&self, shard: u16, cmd: Cmd) {
        let _gone = self.door(shard).inbox.send(cmd).await;
    }

    /// The same without waiting; answers whether there was room.
    pub(super) fn try_send(&self, shard: u16, cmd: Cmd) -> bool {
        self.door(shard).inbox.try_send(cmd).is_ok()
    }

    /// Counts a topic that a shard hosts from now on, or no longer.
    pub(super) fn host(&self, shard: u16, topic: &Topic, on: bool) {
        let count = &self.door(shard).interest[self.class(topic)];
        if on {
            count.fetch_add(1, Ordering::SeqCst);
        } else {
            count.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn class(&self, topic: &Topic) -> usize {
        self.hasher.hash_one(topic) as usize % INTEREST_CLASSES
    }

    /// A window of an installation connected to another node: here it is gone.
    pub async fn moved(&self, window: &Window) {
        for conn in self.windows.moved(window) {
            self.bye(conn, CloseCode::Replaced).await;
        }
    }

    /// Who tells the other nodes of the windows that connect here.
    pub fn announce(&self, announce: Announce) {
        self.windows.announce(announce);
    }

    /// Ends a connection, wherever it lives.
    pub(super) async fn bye(&self, conn: ConnId, code: CloseCode) {
        self.send(conn.shard, Cmd::Bye { conn, code }).await;
    }

    /// One item to each shard that may have listeners, not one a listener.
    fn deliver(&self, delivery: Delivery, changes: Vec<LiveChange>) {
        let class = self.class(delivery.topic());
        let joins = changes.iter().any(|change| matches!(change, LiveChange::Join(_)));
        let delivery = Arc::new(delivery);
        for door in &self.doors {
            if joins {
                // What follows must come after it, though nobody listens there yet. The shard
                // takes this back when it has seen who joins.
                door.interest[class].fetch_add(1, Ordering::SeqCst);
            }
            if changes.is_empty() && door.interest[class].load(Ordering::SeqCst) == 0 {
                continue;
            }
            let mut cmd =
                Cmd::Deliver { delivery: Arc::clone(&delivery), changes: changes.clone() };
            // Shards never wait for anybody, so a full inbox has room again soon.
            while let Err(TrySendError::Full(back)) = door.inbox.try_send(cmd) {
                cmd = back;
                self.metrics.inbox_full.inc();
                tokio::task::block_in_place(|| std::thread::sleep(Duration::from_millis(1)));
            }
        }
    }
}

impl Live for Hub {
    fn committed(&self, events: &[(Event, Vec<LiveChange>)]) {
        self.links.committed(events.iter().map(|(event, _)| &*event.k));
        for (event, changes) in events {
            self.deliver(Delivery::event(event.clone()), changes.clone());
        }
    }

    fn push(&self, topic: &Topic, eph: Ephemeral) {
        self.deliver(Delivery::ephemeral(topic.clone(), eph), Vec::new());
    }

    fn called(&self, op: &'static str, error: Option<ErrorCode>, took: Duration) {
        self.metrics.called(op, error, took);
    }

    fn buried(&self, plugin: &'static str) {
        self.metrics.buried(plugin);
    }

    fn forgotten(&self, plugin: &'static str) {
        self.metrics.forgotten(plugin);
    }

    fn ask(&self, asked: Asked) -> BoxFuture<'_, Result<Json>> {
        Box::pin(self.ask_program(asked))
    }
}
