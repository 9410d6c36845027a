//! All that a plugin may see besides the protocol.
//!
//! A plugin is a value ([`Plugin`]): a table of handlers, migrations and rules about who may
//! listen. A handler reads through its [`Ctx`], decides, and returns a [`Tx`], which is a value
//! too; the [`Host`] commits it. No handler holds a connection or a lock.

mod call;
mod caller;
mod ctx;
mod db;
mod error;
mod host;
mod plugin;
mod storage;
mod tx;

pub use call::{Answer, Outcome, Request};
pub use caller::Caller;
pub use carillon_protocol as protocol;
pub use ctx::Ctx;
pub use db::{FromValue, Row, Value};
pub use error::{Error, Result};
pub use futures_util::future::BoxFuture;
pub use host::{Clock, Host, Live, Operation};
pub use plugin::{Decision, Listening, LiveChange, Plugin, TopicKind, Window};
pub use storage::{Committed, Head, Look, Migration, Storage, Tail};
pub use tx::{Emit, Expect, Rewrite, Statement, Transaction, Tx};
