//! Clients of a room, for tests and for the generator of load: the other end of every connection,
//! with sockets of its own, and a wire between that can be as bad as one likes.
//!
//! A client is driven by whoever holds it ([`Client::step`]); nothing waits and nothing has
//! threads.

#![expect(clippy::disallowed_methods, reason = "whoever holds sockets reads the clock")]

pub mod arrivals;
mod client;
mod end;
mod forwarder;
mod picture;
pub mod targets;
mod wire;

pub use client::{Client, Received, Track};
pub use end::Counted;
pub use forwarder::Forwarder;
pub use picture::{Picture, Pictured};
pub use wire::Weather;
