//! The Rust client of Carillon: connects and comes back, resumes where it was, keeps a persistent
//! outbox, fills gaps, and offers every operation as a typed call.
//!
//! An echo bot:
//!
//! ```no_run
#![doc = include_str!("../examples/echo_bot.rs")]
//! ```
//!
//! - [`Client::call`] asks any operation; `chat` and `session` have short forms of the usual ones.
//! - [`Client::send`] writes a message through the outbox: in order, exactly once.
//! - [`Client::events`] is the stream of what happens.
//! - With the feature `rooms`, `Client::join_room` meets people with sound and pictures.
//!
//! A client lives as long as a clone of [`Client`]; its events end with it.

mod calls;
mod chat;
mod client;
mod clock;
mod disk;
mod error;
mod events;
mod handlers;
mod http;
mod inbound;
mod journal;
mod link;
mod listener;
mod options;
mod outbox;
#[cfg(feature = "rooms")]
pub mod rooms;
mod server;
mod session;
mod socket;
mod sync;
mod task;

pub use carillon_protocol as protocol;
pub use chat::{body, text};
pub use client::{Client, Receipt};
pub use error::Error;
pub use events::{Events, Update};
pub use options::Options;
pub use server::Server;
pub use session::login;
