//! One of many clients, and what is counted of all of them.

use std::net::TcpStream;

use crate::frames::Frames;

/// How far a client is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Away,
    Dialing,
    Upgrading,
    Joining,
    Up,
}

/// One client.
#[derive(Default)]
pub(super) struct Member {
    pub(super) state: State,
    pub(super) stream: Option<TcpStream>,
    pub(super) frames: Frames,
    /// What the last connection was told at its end.
    pub(super) sync: Option<String>,
    /// When it was to be up.
    pub(super) due: u64,
    /// When the connection began.
    pub(super) began: u64,
    pub(super) retries: u32,
    pub(super) retry_ms: Option<u64>,
}

/// What was counted.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counts {
    /// Connects, also those that came to nothing.
    pub dials: u64,
    /// How often a client was up.
    pub joins: u64,
    /// `E_BUSY`.
    pub busy: u64,
    /// Other refusals.
    pub refused: u64,
    /// Connections that ended though nobody here ended them.
    pub lost: u64,
    /// Calls that were answered with an error.
    pub errors: u64,
    /// The most connects that one client needed.
    pub dials_max: u32,
}
