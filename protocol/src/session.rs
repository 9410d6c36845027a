//! Signing in and out. A session belongs to one person, or to one program.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    OrgId, RoomId, SessionId, UserId,
    event::events,
    field,
    limits::NAME_LEN_MAX,
    operation::{ADMIN, Access, READ, WRITE, operations},
};

operations! {
    /// Makes the first organisation and its administrator, with the first start's one-time token.
    "session.setup": Setup => Grant, State, Access::Public;
    /// How people can sign in here; asked before anything else.
    "session.methods": Methods => Offered, Read, Access::Public;
    /// Signs a person in by name and password. Of 100 sessions of a person, the one that was not
    /// used for longest ends for it.
    "session.login": Login => Grant, State, Access::Public;
    /// Ends the caller's own session; its sockets close within a second.
    "session.logout": Logout => Ended, State, READ;
    /// Who the caller is.
    "session.whoami": Whoami => Identity, Read, READ;
    /// Changes the caller's password, ends the caller's other sessions and withdraws the links that
    /// would set another.
    "session.password": Password => Ended, State, WRITE;
    /// The caller's sessions; with `sessions` also those of somebody in the organisation who may
    /// administer no more than the caller.
    "session.devices": Devices => DevicesListed, Read, READ;
    /// Ends one of the caller's sessions; with `sessions` also that of somebody in the organisation
    /// who may administer no more than the caller.
    "session.revoke": Revoke => Ended, State, READ;
    /// A ticket that opens one socket within 60 seconds.
    "session.token": Ticket => Ticketed, State, READ;
    /// A token for a person's device or a program, shown once; needs `sessions`, every permission
    /// of whom it is for, and for somebody else's with the scope `admin` the administrator's role.
    "session.issue": Issue => Grant, State, ADMIN;
    /// Opens a session for a guest of a room, who is nobody of the organisation.
    "session.guest": Guest => Grant, State, Access::System;
    /// Ends the sessions of a guest.
    "session.guest_gone": GuestGone => Ended, State, Access::System;
    /// Whom a bearer token or ticket belongs to; asked by the node for every connection.
    "session.resolve": Resolve => Resolved, State, Access::System;
}

/// `session.setup`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Setup {
    /// The one-time token that the first start printed.
    pub token: String,
    /// The organisation's name.
    #[schemars(length(min = 1, max = NAME_LEN_MAX))]
    pub org: String,
    /// The administrator's sign-in name.
    #[schemars(length(min = 2, max = 64), regex(pattern = "^[A-Za-z0-9._@-]+$"))]
    pub login: String,
    /// The administrator's name, as people see it.
    #[schemars(length(min = 1, max = NAME_LEN_MAX))]
    pub name: String,
    /// At least 8 characters.
    #[schemars(length(min = 8, max = 1024))]
    pub password: String,
}

/// `session.methods`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Methods {}

/// The answer of `session.methods`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Offered {
    /// Whether there is no organisation yet: `session.setup` makes it.
    pub setup: bool,
    /// The organisation's name, where there is only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// The demo company, whose people anybody may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demo: Option<Demo>,
}

/// A demo company: its password is public.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Demo {
    /// Everybody's password.
    pub password: String,
    /// The people, in the order in which to show them, at most 50.
    pub people: Vec<DemoPerson>,
}

/// A person of the demo company.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DemoPerson {
    /// The sign-in name.
    pub login: String,
    /// The name that people see.
    pub name: String,
    /// The job title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// `session.password`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Password {
    /// The present one.
    pub old: String,
    /// The new one, at least 8 characters.
    #[schemars(length(min = 8, max = 1024))]
    pub new: String,
}

/// `session.login`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Login {
    /// The sign-in name.
    #[schemars(length(min = 2, max = 64), regex(pattern = "^[A-Za-z0-9._@-]+$"))]
    pub login: String,
    /// The password.
    pub password: String,
    /// What to call this session in the list of devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = NAME_LEN_MAX))]
    pub label: Option<String>,
}

/// A token, which is never shown again.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Grant {
    /// The bearer token; absent for a browser, which gets a cookie that its scripts cannot read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub token: String,
    /// The session that it belongs to.
    pub session: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// When it ends, in milliseconds since the epoch.
    pub expires_at: i64,
}

/// `session.logout`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Logout {}

/// The answer of `session.logout` and `session.revoke`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ended {}

/// `session.whoami`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Whoami {}

/// Who the caller is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Identity {
    /// The person or program.
    pub user: UserId,
    /// The organisation.
    pub org: OrgId,
    /// The sign-in name.
    pub login: String,
    /// The name that people see.
    pub name: String,
    /// The job title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The language, as `zh-HK`.
    pub locale: String,
    /// The time zone, as `Asia/Hong_Kong`.
    pub tz: String,
    /// What the session may do: `read`, `write`, `admin`.
    pub scopes: Vec<String>,
    /// What the person may administer; see `PERMISSIONS`.
    pub permissions: Vec<String>,
}

/// `session.devices`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Devices {
    /// Whose; absent, the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
}

/// A session in the list of devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Device {
    /// The session.
    pub session: SessionId,
    /// What it is called.
    pub label: String,
    /// When it was made, in milliseconds since the epoch.
    pub created_at: i64,
    /// When it ends, in milliseconds since the epoch.
    pub expires_at: i64,
    /// When it was used last, to the hour, in milliseconds since the epoch.
    pub seen_at: i64,
    /// Whether it is the caller's own.
    pub current: bool,
    /// Whether a window of it is connected now, on whichever node; absent if that cannot be known
    /// now, because the nodes do not hear each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected: Option<bool>,
}

/// The answer of `session.devices`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DevicesListed {
    /// The live sessions, newest first, at most 100.
    pub devices: Vec<Device>,
}

/// `session.revoke`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Revoke {
    /// Which session ends.
    pub session: SessionId,
}

/// `session.token`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Ticket {}

/// The answer of `session.token`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Ticketed {
    /// For `hello.token`; good for one socket.
    pub token: String,
    /// Until when, in milliseconds since the epoch.
    pub expires_at: i64,
}

/// `session.issue`; `user` or `app`, not both.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Issue {
    /// The organisation; needed only by the command line where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<OrgId>,
    /// The sign-in name of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The name of a program; made if there is none of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 64), regex(pattern = "^[A-Za-z0-9._@-]+$"))]
    pub app: Option<String>,
    /// What the token may do, of `read`, `write` and `admin`; `read` and `write` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1), inner(regex(pattern = "^(read|write|admin)$")))]
    pub scopes: Option<Vec<String>>,
    /// For how long, in milliseconds; 90 days if absent, at most 10 years.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 316_224_000_000_i64))]
    pub ttl_ms: Option<i64>,
}

/// `session.guest`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Guest {
    /// Who they are from now on.
    pub user: UserId,
    /// Whose guest.
    pub org: OrgId,
    /// The only room that the session is good for.
    pub room: RoomId,
    /// For how long, in milliseconds.
    #[serde(deserialize_with = "field::int")]
    pub ttl_ms: i64,
}

/// `session.guest_gone`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct GuestGone {
    /// Who.
    pub user: UserId,
    /// Whose guest.
    pub org: OrgId,
}

/// `session.resolve`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Resolve {
    /// The bearer token or ticket.
    pub token: String,
    /// Whether a ticket will do, which is used up by it: only a socket takes one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ticket: bool,
}

/// The answer of `session.resolve`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resolved {
    /// The session.
    pub session: SessionId,
    /// The person or program.
    pub user: UserId,
    /// The organisation.
    pub org: OrgId,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it ends, in milliseconds since the epoch.
    pub expires_at: i64,
}

/// `data` of `session.ended`, in the person's own log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EndedData {
    /// Which session.
    pub session: SessionId,
}

events! {
    /// A session was signed out.
    ENDED = "session.ended": EndedData;
}

/// Types that hold passwords or tokens show their name and nothing else: what is formatted may end
/// in a log.
macro_rules! opaque {
    ($($name:ty),+) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), " { .. }"))
            }
        }
    )+};
}
opaque!(
    Setup,
    Login,
    Password,
    Grant,
    Ticketed,
    Resolve,
    crate::org::AddMember,
    crate::invite::Created,
    crate::invite::Look,
    crate::invite::Accept,
    crate::bot::Granted,
    crate::bot::Updated,
    crate::bot::Signature,
    crate::bot::Receive,
    crate::frame::Hello
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_a_secret_does_not_show_it() {
        let login = Login { login: "amy".into(), password: "hunter22".into(), label: None };
        assert_eq!(format!("{login:?}"), "Login { .. }");
    }
}
