//! On whose behalf a command runs.

use std::net::IpAddr;

use carillon_protocol::{Access, OrgId, RoomId, SessionId, UserId, id::Ulid};
use serde::{Deserialize, Serialize};

/// Who calls, with what rights. Cheap to clone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The person or program; nil for the system and for strangers.
    pub user: UserId,
    /// The tenant; nil for the system and for strangers.
    pub org: OrgId,
    /// The session that the call came through, if it came from outside.
    pub session: Option<SessionId>,
    /// The network that the call came from, if it came from outside: an IPv4 address, or the /64
    /// of an IPv6 one.
    pub network: Option<IpAddr>,
    /// The only room that the caller may be in, for a guest: somebody without an account.
    pub room: Option<RoomId>,
    rights: u8,
}

/// How a caller travels to a plugin that runs apart; nobody else can write one down.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Caller")]
pub(crate) struct CallerForm {
    user: UserId,
    org: OrgId,
    session: Option<SessionId>,
    network: Option<IpAddr>,
    room: Option<RoomId>,
    rights: u8,
}

const READ: u8 = 1;
const WRITE: u8 = 2;
const ADMIN: u8 = 4;
const SYSTEM: u8 = 8;
/// Lets a call in, and is gone when it is.
const ENTRY: u8 = 16;
/// A guest's, in one room.
const GUEST: u8 = 32;
/// What the scope of a guest begins with; the room's id follows.
const ROOM: &str = "room:";

/// The bit of a scope; 0 for one that does not exist.
fn bit(scope: &str) -> u8 {
    match scope {
        "read" => READ,
        "write" => WRITE,
        "admin" => ADMIN,
        _ => 0,
    }
}

impl Caller {
    /// Somebody who is not signed in.
    pub const STRANGER: Caller = Caller {
        user: UserId(Ulid::nil()),
        org: OrgId(Ulid::nil()),
        session: None,
        network: None,
        room: None,
        rights: 0,
    };

    /// The node itself, and the command line beside it: may do everything.
    pub const SYSTEM: Caller = Caller { rights: READ | WRITE | ADMIN | SYSTEM, ..Caller::STRANGER };

    /// A person or program with a session; or a guest, whose only scope names a room.
    pub fn signed_in<'a>(
        user: UserId,
        org: OrgId,
        session: SessionId,
        scopes: impl IntoIterator<Item = &'a str>,
    ) -> Caller {
        let mut caller = Caller { user, org, session: Some(session), ..Caller::STRANGER };
        for scope in scopes {
            match scope.strip_prefix(ROOM).map(str::parse) {
                Some(Ok(room)) => caller.room = Some(room),
                Some(Err(_)) => {}
                None => caller.rights |= bit(scope),
            }
        }
        // Whatever else such a session may say: a guest is nothing but that.
        if caller.room.is_some() {
            caller.rights = GUEST;
        }
        caller
    }

    /// The scope of a guest's session, which [`signed_in`](Caller::signed_in) reads.
    pub fn scope_of_guest(room: RoomId) -> String {
        format!("{ROOM}{room}")
    }

    /// A person as the system speaks for them, with everything but administration.
    pub fn on_behalf_of(user: UserId, org: OrgId) -> Caller {
        Caller { user, org, rights: READ | WRITE, ..Caller::STRANGER }
    }

    /// A plugin that acts by itself, in the name of whoever caused that: it may call what only the
    /// system may.
    pub fn for_plugin(user: UserId, org: OrgId) -> Caller {
        Caller { user, org, ..Caller::SYSTEM }
    }

    /// A person whom a plugin lets into an operation that only the system may call. Its handler
    /// sees the person, who may what the person may: what it passes on as its caller is checked.
    pub fn let_in(user: UserId, org: OrgId) -> Caller {
        let person = Caller::on_behalf_of(user, org);
        Caller { rights: person.rights | ENTRY, ..person }
    }

    /// The same caller inside of the operation.
    #[must_use]
    pub(crate) fn inside(self) -> Caller {
        Caller { rights: self.rights & !ENTRY, ..self }
    }

    /// The same caller, from this network.
    #[must_use]
    pub fn from_network(self, network: Option<IpAddr>) -> Caller {
        Caller { network, ..self }
    }

    /// Whether the caller may call an operation with this access.
    pub fn may(&self, access: Access) -> bool {
        match access {
            Access::Public => true,
            Access::Scope(scope) => self.rights & bit(scope) != 0,
            Access::Room(scope) => self.rights & (bit(scope) | GUEST) != 0,
            Access::System => self.rights & (SYSTEM | ENTRY) != 0,
        }
    }

    /// Whether it is the node itself or the command line beside it.
    pub fn is_system(&self) -> bool {
        self.rights & SYSTEM != 0
    }

    /// Whether it is a guest of a room, who has no account.
    pub fn is_guest(&self) -> bool {
        self.rights & GUEST != 0
    }

    /// Whether nobody is signed in.
    pub fn is_stranger(&self) -> bool {
        self.rights == 0
    }
}
