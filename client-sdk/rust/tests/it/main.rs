//! The client against a server that a test plays itself, over real sockets on port 0.

#![expect(clippy::unwrap_used, reason = "a test stops where something unexpected happens")]

mod cuts;
mod handlers;
mod kit;
mod model;
mod outbox;
mod resume;
mod session;
