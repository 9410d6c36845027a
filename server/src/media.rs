//! The media of rooms, as plugins reach them: on this node, and on the others by the bus.

mod carried;
mod elsewhere;
mod facts;
mod load;
mod reach;
mod relays;
mod watch;

use std::{
    fmt, io,
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use carillon_bus::Bus;
use carillon_plugin::{
    BoxFuture, Clock as _, Error, Host, Live, Media, MediaAnswer, MediaAsked, MediaCall, Result,
};
use carillon_protocol::{ErrorCode, RoomId, RunId, UserId, id::Ulid, room::IceServer};
use carillon_sfu::Sfu;
use tokio::task::AbortHandle;

use self::{
    carried::Rooms, elsewhere::Elsewhere, facts::Facts, load::Loads, reach::Reach, relays::Relays,
};
pub use self::{
    elsewhere::{Call, Carried},
    load::Load,
};
use crate::{clock::SystemClock, config::Config};

/// When to come back if this node carries nothing: it starts, or it stops and another one does.
const CLOSED_RETRY_MS: u64 = 1_000;

/// Carries the media of the rooms that this node owns, and asks the others about theirs.
pub struct Carrier {
    run: RunId,
    /// Absent before the server listens, and after it stopped: a command that only opens the
    /// database binds no port.
    sfu: RwLock<Option<Sfu>>,
    relays: Relays,
    reach: Reach,
    elsewhere: OnceLock<Elsewhere>,
    facts: Arc<Facts>,
    /// The rooms that it carries, if there are other nodes.
    rooms: Rooms,
    /// How much the others have to do.
    loads: Loads,
    clock: SystemClock,
    /// Whether others carry its rooms on.
    leaving: AtomicBool,
}

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Carrier").field("run", &self.run).finish_non_exhaustive()
    }
}

impl Carrier {
    /// Of a node that does not carry anything yet.
    pub fn new(run: RunId, config: &Config) -> Carrier {
        Carrier {
            run,
            sfu: RwLock::default(),
            relays: Relays::of(&config.rooms),
            reach: Reach::new(config.database.is_none()),
            elsewhere: OnceLock::new(),
            facts: Arc::default(),
            rooms: Rooms::default(),
            loads: Loads::default(),
            clock: SystemClock::default(),
            leaving: AtomicBool::new(false),
        }
    }

    /// One that never carries anything: for those who only want to know the plugins.
    pub fn closed() -> Arc<Carrier> {
        Arc::new(Carrier::new(RunId(Ulid(0)), &Config::default()))
    }

    /// From now on the other nodes can be asked.
    pub fn join(&self, bus: Arc<dyn Bus>) {
        let set = self.elsewhere.set(Elsewhere::new(self.run, bus));
        assert!(set.is_ok(), "a node joins the others once");
    }

    /// Starts to carry: people can come. Answers where they reach it. With a door, connections that
    /// are accepted there are handed over.
    ///
    /// # Errors
    /// If the ports or threads cannot be had.
    pub fn open(&self, config: &Config, door: Option<u16>) -> io::Result<Vec<SocketAddr>> {
        let cores = std::thread::available_parallelism()?.get();
        let facts = Arc::clone(&self.facts);
        let sfu = Sfu::start(carillon_sfu::Settings {
            listen: config.rooms.listen(config.listen),
            announce: config.rooms.addresses.clone(),
            door,
            threads: config.rooms.threads(cores),
            people_max: config.rooms.people_max as usize,
            lost_after: carillon_sfu::LOST_AFTER,
            told: Arc::new(move |fact| facts.put(fact)),
        })?;
        let addresses = sfu.addresses().to_vec();
        *self.sfu.write().unwrap_or_else(PoisonError::into_inner) = Some(sfu);
        Ok(addresses)
    }

    /// Carries nothing more: everybody who was connected here finds another node.
    pub fn close(&self) {
        let sfu = self.sfu.write().unwrap_or_else(PoisonError::into_inner).take();
        // Its threads end without anybody waiting for the lock.
        drop(sfu);
    }

    /// Tells people and plugins what media come to by themselves, and looks which nodes are gone.
    pub fn work(self: &Arc<Self>, host: &Host, live: Arc<dyn Live>) -> [AbortHandle; 3] {
        let facts = || Arc::clone(&self.facts);
        [
            tokio::spawn(facts::tell(facts(), live)),
            tokio::spawn(facts::bury(facts(), host.clone())),
            tokio::spawn(watch::watch(Arc::clone(self), host.clone())),
        ]
        .map(|task| task.abort_handle())
    }

    /// Goes on with a connection of which the first check of the way was read; answers whether that
    /// is for somebody who is here.
    pub fn take_in(&self, stream: TcpStream, check: Vec<u8>) -> bool {
        self.sfu().is_some_and(|sfu| sfu.take_in(stream, check))
    }

    /// What its threads have counted, while it carries.
    pub fn stats(&self) -> Option<carillon_sfu::Stats> {
        self.sfu().map(|sfu| sfu.stats())
    }

    /// What was not told because too much was to be told.
    pub fn untold(&self) -> u64 {
        self.facts.dropped()
    }

    /// These nodes say in the database that they run.
    pub fn beating(&self, runs: &[RunId]) {
        self.reach.beating(runs);
        self.loads.keep(runs);
    }

    /// Another node stops: its rooms are to be carried by others, at once.
    pub fn leaves(&self, run: RunId) {
        self.reach.leaves(run);
    }

    /// Tells the others that this node stops, if there are any: who is here is carried until the
    /// end, and nobody else comes.
    pub fn leave(&self) {
        if let Some(elsewhere) = self.elsewhere.get() {
            self.leaving.store(true, Ordering::Relaxed);
            elsewhere.leave();
        }
    }

    /// Another node asks about a room of this one.
    pub async fn answer(self: &Arc<Self>, call: Call, asked: MediaAsked) {
        let carrier = Arc::clone(self);
        let room = asked.room;
        let mut answering = Box::pin(async move {
            let carried = carrier.here(asked).await.map_err(Error::into_body);
            if let Some(elsewhere) = carrier.elsewhere.get() {
                elsewhere.publish_answer(room, call, carried);
            }
        });
        // What a node asks is handed over in the order in which it came, and nothing waits for the
        // answer.
        if futures_util::poll!(&mut answering).is_pending() {
            tokio::spawn(answering);
        }
    }

    /// Another node answers.
    pub fn answered(&self, id: u64, carried: Carried) {
        if let Some(elsewhere) = self.elsewhere.get() {
            elsewhere.answered(id, carried);
        }
    }

    fn sfu(&self) -> Option<Sfu> {
        self.sfu.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn here(&self, asked: MediaAsked) -> Result<MediaAnswer> {
        let comes = matches!(asked.what, MediaCall::Join { .. });
        let leaves = comes && self.leaving.load(Ordering::Relaxed);
        let Some(sfu) = self.sfu().filter(|_| !leaves) else {
            let msg = "this node carries no media now: it starts or stops; try again";
            return Err(Error::new(ErrorCode::Unavailable, msg).retry_ms(CLOSED_RETRY_MS));
        };
        let (room, ends) = (asked.room, matches!(asked.what, MediaCall::End));
        let answer = sfu.ask(asked).await?;
        if let Some(elsewhere) = self.elsewhere.get() {
            if comes && self.rooms.joined(room, self.clock.now()) {
                elsewhere.carry(&self.rooms.all(), self.load());
            } else if ends {
                self.rooms.ended(room);
            }
        }
        Ok(answer)
    }

    /// Tells the others which rooms this node carries, and forgets those that are empty.
    async fn say_rooms(&self) {
        let (Some(elsewhere), Some(sfu)) = (self.elsewhere.get(), self.sfu()) else { return };
        for (room, _) in self.rooms.all() {
            let asked = sfu.ask(MediaAsked { room, what: MediaCall::Connected }).await;
            let is_empty = match &asked {
                Ok(MediaAnswer::Connected { participants }) => participants.is_empty(),
                Ok(_) => false,
                Err(error) => error.code() == ErrorCode::NotFound,
            };
            if is_empty {
                self.rooms.empty(room, self.clock.now());
            }
        }
        elsewhere.carry(&self.rooms.all(), self.load());
    }

    /// How much this node has to do.
    fn load(&self) -> Load {
        let open = self.sfu().filter(|_| !self.leaving.load(Ordering::Relaxed));
        let stats = open.map(|sfu| sfu.stats());
        stats.map_or(Load { people: 0, full: true }, |stats| Load {
            people: stats.participants,
            full: stats.full,
        })
    }

    /// Another node says how much it has to do.
    pub fn loaded(&self, run: RunId, load: Load) {
        self.loads.said(run, load);
    }

    /// Another node carries these rooms: those of them that it took from this one end here.
    pub async fn carried_by(&self, run: RunId, rooms: &[(RoomId, i64)]) {
        let Some(sfu) = self.sfu() else { return };
        for room in self.rooms.taken((self.run, run), rooms) {
            tracing::info!(%room, %run, "another node took a room over that was carried here");
            if let Err(error) = sfu.ask(MediaAsked { room, what: MediaCall::End }).await {
                tracing::warn!(%error, %room, "a room that another node took over goes on here");
            }
        }
    }

    async fn there(&self, owner: RunId, asked: MediaAsked) -> Result<MediaAnswer> {
        let Some(elsewhere) = self.elsewhere.get() else {
            let msg =
                "another node carries this room, and cannot be asked: give the nodes a `redis`";
            return Err(Error::new(ErrorCode::Unavailable, msg).retry_ms(CLOSED_RETRY_MS));
        };
        let comes = matches!(asked.what, MediaCall::Join { .. });
        let answer = elsewhere.ask(owner, asked).await;
        if comes && answer.as_ref().is_err_and(|error| error.code() == ErrorCode::Busy) {
            self.loads.refused(owner);
        }
        answer
    }
}

impl Media for Carrier {
    fn here(&self) -> RunId {
        self.run
    }

    fn reaches(&self, owner: RunId) -> bool {
        owner == self.run || self.reach.reaches(owner)
    }

    fn place(&self, room: RoomId, owner: Option<RunId>) -> RunId {
        let others = owner.filter(|owner| *owner != self.run);
        let keeps = |owner: &RunId| match self.reach.reaches(*owner) {
            true => !self.loads.is_full(*owner),
            // It runs, took the room from this node, and does not hear it either: if this node took
            // it back, it would go to and fro.
            false => self.rooms.has(room) && self.reach.beats(*owner),
        };
        if let Some(owner) = others.filter(keeps) {
            return owner;
        }
        match self.load().full {
            true => self.loads.emptiest(|run| self.reaches(run)).unwrap_or(self.run),
            false => self.run,
        }
    }

    fn ask(&self, owner: RunId, asked: MediaAsked) -> BoxFuture<'_, Result<MediaAnswer>> {
        match owner == self.run {
            true => Box::pin(Carrier::here(self, asked)),
            false => Box::pin(self.there(owner, asked)),
        }
    }

    fn relays(&self, user: UserId, now: i64) -> Vec<IceServer> {
        self.relays.of_user(user, now)
    }
}

#[cfg(test)]
mod tests;
