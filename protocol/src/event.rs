//! What happened: durable events with a position, and ephemeral ones without.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Cid, EventId, Json, Topic, UserId};

/// A fact in a topic's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Where.
    pub topic: Topic,
    /// The position in the topic: 1, 2, 3 … without gaps.
    pub seq: u64,
    /// How many events up to this one are worth an unread badge.
    pub n: u64,
    /// What happened, as `msg.sent`: an open set; a client skips what it does not know.
    pub k: Arc<str>,
    /// The event's own id.
    pub id: EventId,
    /// Who caused it.
    pub by: UserId,
    /// When, in milliseconds since the epoch, UTC.
    pub at: i64,
    /// The `cid` of the command that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cid: Option<Cid>,
    /// The rest, by kind. What counts in `n` carries `rev`: the `seq` of its last change.
    pub data: Json,
}

/// Something worth knowing only now: it may be dropped and is never replayed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ephemeral {
    /// What, as `read` or `receipts`.
    pub k: Arc<str>,
    /// Where, if it concerns a topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<Topic>,
    /// The rest, by kind.
    pub data: Json,
}

/// Sees every kind of event and ephemeral with the type of its data; see [`each`].
pub trait Visitor {
    /// A kind of durable event, and what it says in a sentence.
    fn event<D: Serialize + DeserializeOwned + JsonSchema>(
        &mut self,
        k: &'static str,
        doc: &'static str,
    );
    /// A kind of ephemeral, and what it says in a sentence.
    fn ephemeral<D: Serialize + DeserializeOwned + JsonSchema>(
        &mut self,
        k: &'static str,
        doc: &'static str,
    );
}

/// Shows a visitor every kind of this crate: for documents, types and tests that must leave none
/// out.
pub fn each(visitor: &mut impl Visitor) {
    crate::audit::events(visitor);
    crate::card::events(visitor);
    crate::conv::events(visitor);
    crate::conv::ephemerals(visitor);
    crate::ding::events(visitor);
    crate::msg::events(visitor);
    crate::notify::events(visitor);
    crate::org::events(visitor);
    crate::poll::events(visitor);
    crate::presence::ephemerals(visitor);
    crate::receipt::ephemerals(visitor);
    crate::room::ephemerals(visitor);
    crate::room::events(visitor);
    crate::session::events(visitor);
}

/// Declares kinds of durable events: doc comment, constant, name, type of the data.
macro_rules! events {
    ($($(#[doc = $doc:literal])+ $name:ident = $k:literal: $data:ty;)+) => {
        /// The names of the events.
        pub mod kind {
            $($(#[doc = $doc])+ pub const $name: &str = $k;)+
        }

        /// Shows a visitor every event of this module.
        pub(crate) fn events(visitor: &mut impl $crate::event::Visitor) {
            $(visitor.event::<$data>(kind::$name, concat!($($doc),+));)+
        }
    };
}
pub(crate) use events;

/// Declares kinds of ephemerals: doc comment, constant, name, type of the data.
macro_rules! ephemerals {
    ($($(#[doc = $doc:literal])+ $name:ident = $k:literal: $data:ty;)+) => {
        /// The names of the ephemerals.
        pub mod ephemeral {
            $($(#[doc = $doc])+ pub const $name: &str = $k;)+
        }

        /// Shows a visitor every ephemeral of this module.
        pub(crate) fn ephemerals(visitor: &mut impl $crate::event::Visitor) {
            $(visitor.ephemeral::<$data>(ephemeral::$name, concat!($($doc),+));)+
        }
    };
}
pub(crate) use ephemerals;
