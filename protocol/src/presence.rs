//! Presence: who is connected now, on whichever node.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    SessionId, UserId,
    event::ephemerals,
    limits::WATCHED_PEOPLE_MAX,
    operation::{Access, READ, operations},
};

operations! {
    /// Says who of some people is online. On a socket it also tells this connection by the
    /// ephemeral `presence` when one of them comes or goes, until it is called again, which
    /// replaces whom it named before, or the connection ends. Those of another organisation are
    /// left out, like those who do not exist.
    "presence.watch": Watch => Watched, State, READ;
    /// Which of a person's sessions are connected.
    "presence.sessions": Sessions => Connected, Read, Access::System;
}

/// `presence.watch`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Watch {
    /// Who is on the screen, at most 200; nobody to watch no more.
    #[schemars(length(max = WATCHED_PEOPLE_MAX))]
    pub users: Vec<UserId>,
}

/// The answer of `presence.watch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Watched {
    /// In the order asked.
    pub people: Vec<Person>,
}

/// How a person is, and `data` of the ephemeral `presence`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Person {
    /// Who.
    pub user: UserId,
    /// Whether a window of theirs is connected, or was until a few seconds ago; absent if that
    /// cannot be known now, because the nodes do not hear each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub online: Option<bool>,
}

/// `presence.sessions`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Sessions {
    /// Whose.
    pub user: UserId,
}

/// The answer of `presence.sessions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Connected {
    /// Those that have a connected window.
    pub sessions: Vec<SessionId>,
    /// Whether the others have none; if not, it cannot be known now.
    pub complete: bool,
}

ephemerals! {
    /// Somebody whom this connection watches came or went.
    PRESENCE = "presence": Person;
}
