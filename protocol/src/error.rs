//! What can go wrong, in two tables: errors answer a command, close codes end a connection.
//!
//! A program needs only `retry` of an error, and the range of a close code: 4000–4499 come back,
//! 4500–4999 do not.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Json;

/// What a program does about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Retry {
    /// Nothing: the same call will be refused again.
    No,
    /// The outcome is unknown: send the same `cid` again.
    Same,
    /// Wait `retry_ms`, then send the same again.
    After,
    /// Sign in again.
    Reauth,
    /// Start without a `sync` token.
    Resync,
    /// A newer client is needed.
    Upgrade,
}

macro_rules! error_codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $retry:ident, $http:literal;)+) => {
        /// The code of an error.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum ErrorCode {
            $($(#[doc = $doc])+ #[serde(rename = $text)] $name,)+
            /// One that a newer server has and this version does not know: go by `retry`. Never
            /// sent, and in no table.
            #[serde(rename = "E_UNKNOWN", other)]
            #[schemars(skip)]
            Unknown,
        }

        impl ErrorCode {
            /// Every code that can be sent, for documents and tests.
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$name,)+];

            /// The code as it is written on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(ErrorCode::$name => $text,)+ ErrorCode::Unknown => "E_UNKNOWN" }
            }

            /// What it means, in a sentence.
            pub const fn doc(self) -> &'static str {
                match self {
                    $(ErrorCode::$name => concat!($($doc),+),)+
                    ErrorCode::Unknown => "A code that this version does not know.",
                }
            }

            /// What a program does about it.
            pub const fn retry(self) -> Retry {
                match self {
                    $(ErrorCode::$name => Retry::$retry,)+
                    ErrorCode::Unknown => Retry::No,
                }
            }

            /// The status of an HTTP answer that carries it.
            pub const fn http_status(self) -> u16 {
                match self { $(ErrorCode::$name => $http,)+ ErrorCode::Unknown => 500 }
            }
        }
    };
}

error_codes! {
    /// The frame cannot be read.
    BadFrame = "E_BAD_FRAME", No, 400;
    /// An argument is missing, of the wrong type or out of range; `field` names it.
    BadArg = "E_BAD_ARG", No, 400;
    /// Something is larger than the limits allow.
    TooLarge = "E_TOO_LARGE", No, 413;
    /// There is no such operation.
    UnknownOp = "E_UNKNOWN_OP", No, 404;
    /// There is no such thing, or it is not the caller's to know of.
    NotFound = "E_NOT_FOUND", No, 404;
    /// The message that `prev` names is not committed yet.
    PrevMissing = "E_PREV_MISSING", After, 409;
    /// The `cid` was used before, for something else.
    IdempotencyConflict = "E_IDEMPOTENCY_CONFLICT", No, 409;
    /// Somebody else changed it first, or it exists already.
    Conflict = "E_CONFLICT", No, 409;
    /// The time in which this could be changed is over.
    EditWindow = "E_EDIT_WINDOW", No, 403;
    /// No token, or one that is not valid.
    Unauth = "E_UNAUTH", Reauth, 401;
    /// The token was valid once.
    TokenExpired = "E_TOKEN_EXPIRED", Reauth, 401;
    /// The caller may see it but not do this.
    Forbidden = "E_FORBIDDEN", No, 403;
    /// The caller was a member, and is no longer.
    NotMember = "E_NOT_MEMBER", No, 403;
    /// The caller may not speak here for now.
    Muted = "E_MUTED", No, 403;
    /// The other person does not hear from the caller: does not want to, or has left.
    Blocked = "E_BLOCKED", No, 403;
    /// The organisation is suspended.
    OrgSuspended = "E_ORG_SUSPENDED", No, 403;
    /// A passkey is needed for this.
    StepUp = "E_STEP_UP", Reauth, 403;
    /// Too many calls.
    Rate = "E_RATE", After, 429;
    /// The server has too much to do.
    Busy = "E_BUSY", After, 429;
    /// Something that the server needs is away, or a fault of its own.
    Unavailable = "E_UNAVAILABLE", After, 503;
    /// No answer in time: it may have happened or not.
    TimeoutUnknown = "E_TIMEOUT_UNKNOWN", Same, 504;
    /// The organisation's allowance is used up.
    Quota = "E_QUOTA", No, 403;
    /// The session is gone.
    SessionGone = "E_SESSION_GONE", Resync, 410;
    /// The `sync` token is older than what is kept, or of another epoch.
    TooFar = "E_TOO_FAR", Resync, 410;
    /// The client speaks a version that the server does not.
    Version = "E_VERSION", Upgrade, 426;
    /// A rule of the organisation refuses the content.
    ContentRejected = "E_CONTENT_REJECTED", No, 422;
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error as it is answered: the body of `err`, and of an HTTP answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorBody {
    /// What is wrong, for programs.
    pub code: ErrorCode,
    /// What is wrong and what to do, for people.
    pub msg: String,
    /// What a program does about it.
    pub retry: Retry,
    /// How long to wait, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_ms: Option<u64>,
    /// The argument that is wrong, as a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What support looks up in the server's own log.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// More, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Json>,
}

impl ErrorBody {
    /// An error with nothing but its code and message.
    pub fn new(code: ErrorCode, msg: impl Into<String>) -> Self {
        ErrorBody {
            code,
            msg: msg.into(),
            retry: code.retry(),
            retry_ms: None,
            field: None,
            reference: None,
            data: None,
        }
    }
}

impl fmt::Display for ErrorBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.msg)
    }
}

impl std::error::Error for ErrorBody {}

macro_rules! close_codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $number:literal, $reason:literal;)+) => {
        /// Why the server ends a connection.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum CloseCode { $($(#[doc = $doc])+ $name,)+ }

        impl CloseCode {
            /// Every code, for documents and tests.
            pub const ALL: &[CloseCode] = &[$(CloseCode::$name,)+];

            /// The number in the close frame.
            pub const fn number(self) -> u16 {
                match self { $(CloseCode::$name => $number,)+ }
            }

            /// The words in the close frame.
            pub const fn reason(self) -> &'static str {
                match self { $(CloseCode::$name => $reason,)+ }
            }

            /// What it means, in a sentence.
            pub const fn doc(self) -> &'static str {
                match self { $(CloseCode::$name => concat!($($doc),+),)+ }
            }

            /// The code with this number.
            pub const fn from_number(number: u16) -> Option<CloseCode> {
                match number { $($number => Some(CloseCode::$name),)+ _ => None }
            }
        }
    };
}

close_codes! {
    /// The node is going down; another one, or the same after a restart, will take over.
    Drain = 4001, "the server is restarting";
    /// Another node has more room.
    Rebalance = 4002, "please reconnect to another node";
    /// The client reads too slowly.
    Slow = 4008, "the client reads too slowly";
    /// No ping for too long.
    Heartbeat = 4009, "no ping for too long";
    /// A fault of the server.
    ServerError = 4010, "an error of the server";
    /// No `hello` in time.
    HelloTimeout = 4011, "no hello in time";
    /// No token, or one that is not valid.
    BadToken = 4501, "sign in again";
    /// Somebody signed this session out.
    Revoked = 4502, "this device was signed out";
    /// The client does not speak the protocol.
    Protocol = 4503, "the client broke the protocol";
    /// The same window connected again.
    Replaced = 4504, "this window connected again";
    /// The organisation is disabled.
    OrgDisabled = 4505, "the organisation is disabled";
    /// The client kept on after it was told to slow down.
    Abuse = 4509, "too many calls";
}

impl CloseCode {
    /// Whether a client should come back.
    pub const fn reconnect(self) -> bool {
        self.number() < 4500
    }
}
