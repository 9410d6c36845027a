//! A shard: one thread that owns connections and fans events out to them.

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    io,
    rc::Rc,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use carillon_plugin::{Caller, Host, LiveChange};
use carillon_protocol::{CloseCode, DeviceId, SessionId, Topic, UserId, operation::GUESTS_READ};
use rustls::ServerConnection;
use slab::Slab;
use smallvec::SmallVec;
use tokio::{
    net::TcpStream,
    runtime::{Builder, Handle},
    sync::{mpsc, oneshot},
    task::LocalSet,
};

use super::{
    ConnId, HELLO_MAX_S, Hub, Settings,
    conn::{Conn, Origin, Sent},
    delivery::Delivery,
    outbox::Kind,
    progress::Progress,
    rooms::Room,
    session,
    timers::Check,
    tls::Tls,
    wheel::Wheel,
};
use crate::telemetry::Metrics;

/// Writes to listeners before the shard looks at its sockets again: about 2.5 ms, so that replies
/// and pings are not stuck behind a large room.
pub(super) const WRITES_PER_TURN: usize = 256;
/// Commands taken from the inbox at a time.
const CMDS_PER_TURN: usize = 256;
/// Events on their way to listeners; with more, nothing is taken from the inbox.
const BACKLOG_MAX: usize = 16 * 1024;

/// A socket that has become a WebSocket.
#[derive(Debug)]
pub(super) struct Adopted {
    pub(super) stream: std::net::TcpStream,
    /// If the client speaks TLS.
    pub(super) tls: Option<Box<ServerConnection>>,
    /// What came after the upgrade in the same packets.
    pub(super) early: Bytes,
    pub(super) origin: Origin,
}

/// What a shard is asked to do.
#[derive(Debug)]
pub(super) enum Cmd {
    /// A new connection.
    Adopt(Box<Adopted>),
    /// Something for who listens to a topic, and what it means for connections.
    Deliver { delivery: Arc<Delivery>, changes: Vec<LiveChange> },
    /// The answer to a call.
    Reply { conn: ConnId, frame: Bytes },
    /// A call for a program.
    Ask { conn: ConnId, frame: Bytes },
    /// The answer to a `presence.watch`, of these people, as they are when it is sent.
    Follow { conn: ConnId, re: u64, users: Vec<UserId> },
    /// The ordered calls that were handed out have their places.
    LaneIdle { conn: ConnId },
    /// The token was good: this is who it is.
    Attach(Box<Attach>),
    /// The connection listens to these topics from now on.
    Subscribe { conn: ConnId, topics: Vec<Topic>, done: oneshot::Sender<()> },
    /// A part of the catch-up; done when the reader has taken what was before it.
    Page { conn: ConnId, frame: Bytes, done: oneshot::Sender<()> },
    /// The catch-up is complete, up to these heads and the position of its token.
    Release { conn: ConnId, sent: HashMap<Topic, u64>, synced: Bytes, position: u64 },
    /// Everything up to this position in commit order came before.
    Reached { position: u64 },
    /// The connection ends.
    Bye { conn: ConnId, code: CloseCode },
    /// The connection is refused, after one frame more.
    Refuse { conn: ConnId, frame: Bytes, code: CloseCode, retry_ms: Option<u64> },
    /// Every connection ends within so many seconds: the node goes down.
    Drain { seconds: u32 },
}

/// Who a connection is.
#[derive(Debug)]
pub(super) struct Attach {
    pub(super) conn: ConnId,
    pub(super) caller: Caller,
    pub(super) device: DeviceId,
    pub(super) expires_at: i64,
    pub(super) dirty_ok: bool,
    /// The operations that it answers, if it is a program that answers or listens.
    pub(super) handles: Option<Vec<String>>,
    pub(super) welcome: Bytes,
    pub(super) done: oneshot::Sender<()>,
}

/// Everything that one thread owns.
pub(super) struct Shard {
    pub(super) index: u16,
    pub(super) hub: Arc<Hub>,
    pub(super) host: Host,
    /// Where handlers run.
    pub(super) main: Handle,
    pub(super) settings: Settings,
    pub(super) metrics: Arc<Metrics>,
    pub(super) conns: Slab<Conn>,
    pub(super) rooms: Slab<Room>,
    pub(super) by_topic: HashMap<Topic, u32>,
    pub(super) users: HashMap<UserId, SmallVec<[u32; 2]>>,
    pub(super) active: VecDeque<u32>,
    pub(super) wheel: Wheel<Check>,
    generation: u32,
    /// Sockets that are full: a task waits for each.
    pub(super) stalled: Vec<u32>,
    /// Connections that turned out too slow.
    pub(super) too_slow: Vec<u32>,
    /// Sessions that ended lately.
    pub(super) ended: VecDeque<SessionId>,
    /// Whether the node goes down.
    pub(super) draining: bool,
    /// How far everybody here has been told.
    pub(super) progress: Progress,
}

/// A shard, as its tasks share it; borrowed for as long as nothing is awaited.
pub(super) type Shared = Rc<RefCell<Shard>>;

/// Starts the shards, a thread each, and answers the hub. `host` is asked for when the first
/// connection comes, because the host needs the hub.
///
/// # Errors
/// If a thread cannot be started.
pub fn start(
    settings: Settings,
    metrics: Arc<Metrics>,
    main: &Handle,
) -> io::Result<(Arc<Hub>, impl FnOnce(Host) -> io::Result<()>)> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let count = if settings.shards == 0 { cores } else { settings.shards };
    let (hub, inboxes) = Hub::new(count, Arc::clone(&settings.presence), Arc::clone(&metrics));
    let hub = Arc::new(hub);
    let (main, shards) = (main.clone(), Arc::clone(&hub));
    let run = move |host: Host| {
        for (index, inbox) in inboxes.into_iter().enumerate() {
            let shard = (index as u16, Arc::clone(&shards), host.clone(), main.clone());
            let (settings, metrics) = (settings.clone(), Arc::clone(&metrics));
            let runtime = Builder::new_current_thread().enable_all().build()?;
            std::thread::Builder::new().name(format!("shard-{index}")).spawn(move || {
                let shard = Rc::new(RefCell::new(Shard::new(shard, settings, metrics)));
                LocalSet::new().block_on(&runtime, run(shard, inbox));
            })?;
        }
        Ok(())
    };
    Ok((hub, run))
}

/// The loop of a shard; ends within a second after the node closed the hub.
async fn run(shard: Shared, mut inbox: mpsc::Receiver<Cmd>) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let mut cmds = Vec::with_capacity(CMDS_PER_TURN);
    loop {
        let active = !shard.borrow().active.is_empty();
        tokio::select! {
            biased;
            _ = second.tick() => {
                let mut shard = shard.borrow_mut();
                if shard.hub.is_closed() {
                    return;
                }
                shard.tick();
            }
            () = std::future::ready(()), if active => {}
            count = inbox.recv_many(&mut cmds, CMDS_PER_TURN), if !active => {
                if count == 0 {
                    return;
                }
            }
        }
        // While delivering is behind, the inbox fills, and with it the writer slows down.
        let behind = shard.borrow().backlog() > BACKLOG_MAX;
        while !behind && cmds.len() < CMDS_PER_TURN {
            let Ok(cmd) = inbox.try_recv() else { break };
            cmds.push(cmd);
        }
        for cmd in cmds.drain(..) {
            match cmd {
                Cmd::Adopt(adopted) => session::adopt(&shard, *adopted),
                cmd => shard.borrow_mut().handle(cmd),
            }
        }
        {
            let mut shard = shard.borrow_mut();
            shard.fan_out();
            shard.everybody_has_it();
        }
        settle(&shard);
        if active {
            tokio::task::yield_now().await;
        }
    }
}

/// Ends who is too slow, and lets a task wait for each socket that became full.
pub(super) fn settle(shard: &Shared) {
    let stalled = {
        let mut shard = shard.borrow_mut();
        for slot in std::mem::take(&mut shard.too_slow) {
            shard.metrics.slow.inc();
            shard.bye(slot, CloseCode::Slow, None);
        }
        std::mem::take(&mut shard.stalled)
    };
    for slot in stalled {
        session::drain_when_writable(shard, slot);
    }
}

impl Shard {
    fn new(
        (index, hub, host, main): (u16, Arc<Hub>, Host, Handle),
        settings: Settings,
        metrics: Arc<Metrics>,
    ) -> Shard {
        Shard {
            index,
            hub,
            host,
            main,
            settings,
            metrics,
            conns: Slab::new(),
            rooms: Slab::new(),
            by_topic: HashMap::new(),
            users: HashMap::new(),
            active: VecDeque::new(),
            wheel: Wheel::new(),
            generation: 0,
            stalled: Vec::new(),
            too_slow: Vec::new(),
            ended: VecDeque::new(),
            draining: false,
            progress: Progress::default(),
        }
    }

    /// The second that the wheel is at.
    pub(super) fn second(&self) -> u32 {
        self.wheel.now()
    }

    /// The connection, if it is still the same one.
    pub(super) fn conn(&mut self, id: ConnId) -> Option<&mut Conn> {
        let conn = self.conns.get_mut(id.slot as usize)?;
        (conn.generation == id.generation).then_some(conn)
    }

    /// Takes a socket in.
    pub(super) fn insert(
        &mut self,
        stream: (Rc<TcpStream>, Option<Tls>),
        origin: Origin,
    ) -> ConnId {
        self.generation = self.generation.wrapping_add(1);
        let (generation, second) = (self.generation, self.second());
        let conn = Conn::new(generation, stream, origin, second);
        let slot = self.conns.insert(conn) as u32;
        self.wheel.after(HELLO_MAX_S, Check::Alive(slot, generation));
        self.hub.door(self.index).load.fetch_add(1, Ordering::Relaxed);
        self.hub.door(self.index).open.fetch_add(1, Ordering::Relaxed);
        if self.draining {
            self.send_elsewhere(slot);
        }
        ConnId { shard: self.index, slot, generation }
    }

    fn handle(&mut self, cmd: Cmd) {
        match cmd {
            Cmd::Adopt(_) => unreachable!("adopting needs the shard as its tasks share it"),
            Cmd::Deliver { delivery, changes } => self.deliver(delivery, &changes),
            Cmd::Reply { conn, frame } => self.reply(conn, frame),
            Cmd::Ask { conn, frame } => {
                if self.conn(conn).is_some() {
                    self.send_frame(conn.slot, frame);
                }
            }
            Cmd::Follow { conn, re, users } => self.follow(conn, re, &users),
            Cmd::LaneIdle { conn } => self.lane_idle(conn),
            Cmd::Attach(attach) => self.attach(*attach),
            Cmd::Subscribe { conn, topics, done } => {
                if self.conn(conn).is_some() {
                    topics.into_iter().for_each(|topic| self.subscribe(conn.slot, topic, true));
                    self.conns[conn.slot as usize].rooms.shrink_to_fit();
                }
                let _gone = done.send(());
            }
            Cmd::Page { conn, frame, done } => {
                if self.conn(conn).is_some() {
                    self.send_frame(conn.slot, frame);
                    if !self.conns[conn.slot as usize].is_backlogged() {
                        let _gone = done.send(());
                        return;
                    }
                    self.conns[conn.slot as usize].paced = Some(done);
                }
            }
            Cmd::Release { conn, sent, synced, position } => {
                if let Some(live) = self.conn(conn) {
                    live.token = position;
                    let sent = live.release(|topic| sent.get(topic).copied().unwrap_or(0));
                    self.note(conn.slot, sent);
                    self.send_frame(conn.slot, synced);
                }
            }
            Cmd::Reached { position } => self.progress.came(position),
            Cmd::Bye { conn, code } => {
                if self.conn(conn).is_some() {
                    self.bye(conn.slot, code, None);
                }
            }
            Cmd::Refuse { conn, frame, code, retry_ms } => {
                if self.conn(conn).is_some() {
                    self.send_frame(conn.slot, frame);
                    self.bye(conn.slot, code, retry_ms);
                }
            }
            Cmd::Drain { seconds } => self.drain(seconds),
        }
    }

    /// Somebody is who the token says.
    fn attach(&mut self, attach: Attach) {
        let id = attach.conn;
        if self.conn(id).is_none_or(|conn| conn.is_closing()) {
            return;
        }
        if attach.caller.session.is_some_and(|session| self.ended.contains(&session)) {
            return self.bye(id.slot, CloseCode::Revoked, None);
        }
        let left_ms = attach.expires_at.saturating_sub(self.host.now());
        let conn = &mut self.conns[id.slot as usize];
        conn.caller = attach.caller.from_network(conn.caller.network);
        conn.device = Some(attach.device);
        conn.expires_at = attach.expires_at;
        conn.dirty_ok = attach.dirty_ok;
        // A session that ends before the first check needs one of its own.
        if let Ok(left_s) = u32::try_from(left_ms.div_euclid(1000))
            && left_s < HELLO_MAX_S
        {
            self.wheel.after(left_s + 1, Check::Alive(id.slot, conn.generation));
        }
        if attach.caller.may(GUESTS_READ) {
            self.users.entry(attach.caller.user).or_default().push(id.slot);
        }
        let codec = conn.codec;
        self.send_frame(id.slot, attach.welcome);
        if let Some(handles) = attach.handles {
            self.hub.links.attach(id, codec, (attach.caller.org, handles));
        }
        let _gone = attach.done.send(());
        self.lane_idle(id);
    }

    /// Sends a frame that must not be left out.
    pub(super) fn send_frame(&mut self, slot: u32, frame: Bytes) {
        let sent = self.conns[slot as usize].send_frame(frame, Kind::Must);
        self.note(slot, sent);
    }

    /// Remembers what is to be done about a connection once nothing is borrowed.
    pub(super) fn note(&mut self, slot: u32, sent: Sent) {
        sent.note(slot, &mut self.stalled, &mut self.too_slow);
    }
}

#[cfg(test)]
mod tests;
