//! Several nodes on one database are one server.
//!
//! The database has the log, and every node follows it. What a node commits it also hands to the
//! bus, as a hint: the others tell their listeners at once, where they would else look once a
//! second. What is worth knowing only now goes by the bus alone.

mod beat;
mod calls;
pub(crate) mod message;
pub(crate) mod pending;
mod presence;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use carillon_bus::{Bus, Health, Part, Signal, Subscription};
use carillon_plugin::{Asked, BoxFuture, Error, Live, LiveChange, Result};
use carillon_plugins::presence::Presence;
use carillon_protocol::{ErrorCode, Event, Json, RunId, Topic, event::Ephemeral};
use carillon_store::{Run, Store};
use tokio::task::AbortHandle;

use self::{calls::Calls, message::Message};
use crate::{gateway::Hub, media::Carrier};

pub use beat::Beats;
pub use presence::Presences;

/// A node that was not heard for so long is gone, and whoever was connected to it: it probes each
/// second, and who is well comes back elsewhere by then.
const GONE_AFTER: Duration = Duration::from_secs(5);
/// When to ask again for a program that is not connected here, and may be elsewhere.
const ELSEWHERE_RETRY_MS: u64 = 2_000;

/// The others, as this node reaches them.
#[derive(Debug, Clone)]
pub struct Cluster {
    bus: Arc<dyn Bus>,
    calls: Arc<Calls>,
    listener: Arc<OnceLock<AbortHandle>>,
}

impl Cluster {
    /// From now on the others hear what is committed here, and this node what they commit.
    pub fn join(
        run: RunId,
        (bus, heard): (Arc<dyn Bus>, Subscription),
        store: &Store,
        (hub, presence, media): (&Arc<Hub>, &Arc<Presence>, &Arc<Carrier>),
    ) -> Cluster {
        media.join(Arc::clone(&bus));
        let calls = Arc::new(Calls::new(run, Arc::clone(&bus)));
        let cluster = Cluster { bus, calls, listener: Arc::default() };
        let told = cluster.clone();
        store.on_own_commit(Arc::new(move |run| told.committed(run)));
        let told = cluster.clone();
        hub.announce(Arc::new(move |window| {
            let part = Part::of(&Topic::User(window.user));
            told.bus.publish(part, message::attached(window));
        }));
        let inbound = Inbound {
            run,
            store: store.clone(),
            hub: Arc::clone(hub),
            presence: Arc::clone(presence),
            media: Arc::clone(media),
            calls: Arc::clone(&cluster.calls),
        };
        let listener = tokio::spawn(inbound.listen(heard));
        let set = cluster.listener.set(listener.abort_handle());
        set.expect("nobody else has it yet");
        cluster
    }

    /// Hears nothing more: who listens holds the store, and the store this.
    pub fn leave(&self) {
        if let Some(listener) = self.listener.get() {
            listener.abort();
        }
    }

    /// How the bus is.
    pub fn health(&self) -> Health {
        self.bus.health()
    }

    fn committed(&self, run: &Run) {
        let Some(event) = run.events.first() else { return };
        let part = Part::of(&event.topic);
        self.bus.publish(part, message::committed(run));
    }
}

/// Takes what comes from the others to whom it concerns.
struct Inbound {
    run: RunId,
    store: Store,
    hub: Arc<Hub>,
    presence: Arc<Presence>,
    media: Arc<Carrier>,
    calls: Arc<Calls>,
}

impl Inbound {
    async fn listen(self, mut heard: Subscription) {
        while let Some(signal) = heard.next().await {
            let Signal::Arrived { payload, .. } = signal else {
                self.store.look();
                self.presence.missed();
                self.hub.missed();
                continue;
            };
            match message::read(&payload) {
                Ok(message) => self.hear(message).await,
                // A node of a later version says something new: what it commits is in the log.
                Err(error) => {
                    tracing::debug!(%error, "another node said something that is not understood");
                    self.store.look();
                }
            }
        }
    }

    async fn hear(&self, message: Message) {
        match message {
            Message::Committed { first, after, events } => {
                self.store.hint(Run { first, after, events });
            }
            Message::Moved {} => self.store.look(),
            Message::Attached(window) => self.hub.moved(&window).await,
            Message::Ephemeral { topic, eph } => self.hub.push(&topic, eph),
            Message::Present { run, people } => self.presence.heard(run, people),
            Message::RollCall {} => self.presence.asked(),
            Message::Wanted { call, org, op } => self.calls.wanted(call, (org, &op), &self.hub),
            Message::Found { call: (to, id), run, here } if to == self.run => {
                self.calls.found(id, run, here);
            }
            Message::Asked { to, call, asked } if to == self.run => {
                let (calls, hub) = (Arc::clone(&self.calls), Arc::clone(&self.hub));
                // Nothing else waits for a program.
                tokio::spawn(async move { calls.answer(call, asked, &hub).await });
            }
            Message::Answered { call: (to, id), answer } if to == self.run => {
                self.calls.answered(id, answer);
            }
            Message::Media { to, call, asked } if to == self.run => {
                self.media.answer(call, asked).await;
            }
            Message::Carried { call: (to, id), answer } if to == self.run => {
                self.media.answered(id, answer);
            }
            Message::Carries { run, rooms, load } => {
                let media = Arc::clone(&self.media);
                load.into_iter().for_each(|load| media.loaded(run, load));
                // Nothing else waits for rooms to end.
                tokio::spawn(async move { media.carried_by(run, &rooms).await });
            }
            Message::Leaves { run } => self.media.leaves(run),
            // It is for another node.
            Message::Found { .. }
            | Message::Asked { .. }
            | Message::Answered { .. }
            | Message::Media { .. }
            | Message::Carried { .. } => {}
        }
    }
}

/// The live connections of all nodes that share a database.
#[derive(Debug)]
pub struct Everywhere {
    /// Those of this node.
    pub here: Arc<Hub>,
    /// The way to the others, if there is Redis.
    pub elsewhere: Option<Cluster>,
}

impl Everywhere {
    async fn ask_elsewhere(&self, asked: Asked) -> Result<Json> {
        if let Some(cluster) = &self.elsewhere {
            return cluster.calls.ask(asked).await;
        }
        let msg = format!(
            "no program that is connected to this node answers `{}`: connect it to each node, or \
             give the nodes a `redis`",
            asked.op.escape_debug()
        );
        Err(Error::new(ErrorCode::Unavailable, msg).retry_ms(ELSEWHERE_RETRY_MS))
    }
}

impl Live for Everywhere {
    fn committed(&self, events: &[(Event, Vec<LiveChange>)]) {
        // The others follow the log themselves.
        self.here.committed(events);
    }

    fn push(&self, topic: &Topic, eph: Ephemeral) {
        if let Some(cluster) = &self.elsewhere {
            cluster.bus.publish(Part::of(topic), message::ephemeral(topic, &eph));
        }
        self.here.push(topic, eph);
    }

    fn called(&self, op: &'static str, error: Option<ErrorCode>, took: Duration) {
        self.here.called(op, error, took);
    }

    fn buried(&self, plugin: &'static str) {
        self.here.buried(plugin);
    }

    fn forgotten(&self, plugin: &'static str) {
        self.here.forgotten(plugin);
    }

    fn ask(&self, asked: Asked) -> BoxFuture<'_, Result<Json>> {
        match self.here.has_program(asked.caller.org, &asked.op) {
            true => self.here.ask(asked),
            false => Box::pin(self.ask_elsewhere(asked)),
        }
    }
}
