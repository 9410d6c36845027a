//! Several nodes on one database are one server.
//!
//! The database has the log, and every node follows it. What a node commits it also hands to the
//! bus, as a hint: the others tell their listeners at once, where they would else look once a
//! second. What is worth knowing only now goes by the bus alone.

mod beat;
mod message;
mod presence;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use carillon_bus::{Bus, Health, Part, Signal, Subscription};
use carillon_plugin::{Asked, BoxFuture, Live, LiveChange, Result};
use carillon_plugins::presence::Presence;
use carillon_protocol::{ErrorCode, Event, Json, Topic, event::Ephemeral};
use carillon_store::{Run, Store};
use tokio::task::AbortHandle;

use self::message::Message;
use crate::gateway::Hub;

pub use beat::Beats;
pub use presence::Presences;

/// The others, as this node reaches them.
#[derive(Debug, Clone)]
pub struct Cluster {
    bus: Arc<dyn Bus>,
    listener: Arc<OnceLock<AbortHandle>>,
}

impl Cluster {
    /// From now on the others hear what is committed here, and this node what they commit.
    pub fn join(
        (bus, heard): (Arc<dyn Bus>, Subscription),
        store: &Store,
        hub: &Arc<Hub>,
        presence: &Arc<Presence>,
    ) -> Cluster {
        let cluster = Cluster { bus, listener: Arc::default() };
        let told = cluster.clone();
        store.on_own_commit(Arc::new(move |run| told.committed(run)));
        let told = cluster.clone();
        hub.announce(Arc::new(move |window| {
            let part = Part::of(&Topic::User(window.user));
            told.bus.publish(part, message::attached(window));
        }));
        let listener =
            tokio::spawn(listen(heard, store.clone(), (Arc::clone(hub), Arc::clone(presence))));
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

/// What comes from the others.
async fn listen(mut heard: Subscription, store: Store, (hub, presence): (Arc<Hub>, Arc<Presence>)) {
    while let Some(signal) = heard.next().await {
        let Signal::Arrived { payload, .. } = signal else {
            store.look();
            presence.missed();
            hub.missed();
            continue;
        };
        match message::read(&payload) {
            Ok(Message::Committed { first, after, events }) => {
                store.hint(Run { first, after, events });
            }
            Ok(Message::Moved {}) => store.look(),
            Ok(Message::Attached(window)) => hub.moved(&window).await,
            Ok(Message::Ephemeral { topic, eph }) => hub.push(&topic, eph),
            Ok(Message::Present { run, people }) => presence.heard(run, people),
            Ok(Message::RollCall {}) => presence.asked(),
            // A node of a later version says something new: what it commits is in the log.
            Err(error) => {
                tracing::debug!(%error, "another node said something that is not understood");
                store.look();
            }
        }
    }
}

/// The live connections of all nodes.
#[derive(Debug)]
pub struct Everywhere {
    /// Those of this node.
    pub here: Arc<Hub>,
    /// The way to the others.
    pub elsewhere: Cluster,
}

impl Live for Everywhere {
    fn committed(&self, events: &[(Event, Vec<LiveChange>)]) {
        // The others follow the log themselves.
        self.here.committed(events);
    }

    fn push(&self, topic: &Topic, eph: Ephemeral) {
        self.elsewhere.bus.publish(Part::of(topic), message::ephemeral(topic, &eph));
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
        self.here.ask(asked)
    }
}
