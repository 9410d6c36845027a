//! The log and the tables of Carillon: the only crate that knows sqlx.
//!
//! [`Store`] implements [`carillon_plugin::Storage`] on SQLite and on PostgreSQL. What is the same
//! for both (batches and duplicates, the queue of the writer, pages) is written once over the two
//! traits of `engine`; what is not lies in a folder of its own. On PostgreSQL several nodes share
//! one log: `line` brings every event to every node in order.
//!
//! A commit takes its place in a bounded queue. One task owns the writing connection and commits
//! whatever queued while its last commit ran: no timer, so a lone message waits for nothing and a
//! crowd shares one `fdatasync`. A commit is answered after the database said that it is on disk.

mod asked;
pub mod backup;
mod batch;
mod cells;
mod engine;
#[cfg(feature = "kit")]
pub mod kit;
mod line;
mod log;
mod log_after;
mod migrate;
mod open;
mod postgres;
mod queue;
mod reading;
mod recent;
mod sqlite;
mod store;

pub use asked::Asked;
pub use line::{AfterCommit, OwnCommit, Run, Tail};
pub use log::Replaced;
pub use open::{Database, Durability, OpenError, Options, without_password};
pub use store::Store;
