//! The log and the tables of Carillon: the only crate that knows sqlx.
//!
//! [`Store`] implements [`carillon_plugin::Storage`] on SQLite. What is the same for every engine
//! (positions, duplicates, the queue of the writer) lies beside [`Store`]; what is not lies in a
//! folder of its own.
//!
//! A commit takes its place in a bounded queue. One task owns the writing connection and commits
//! whatever queued while its last commit ran: no timer, so a lone message waits for nothing and a
//! crowd shares one `fdatasync`. A commit is answered after the database said that it is on disk.

#[cfg(feature = "kit")]
pub mod kit;
mod log;
mod open;
mod queue;
mod sqlite;
mod store;

pub use open::{Durability, OpenError, Options};
pub use store::Store;
