//! All that a plugin may see besides the protocol.
//!
//! A plugin is a value ([`Plugin`]): a table of handlers, migrations and rules about who may
//! listen. A handler reads through its [`Ctx`], decides, and returns a [`Tx`], which is a value
//! too; the [`Host`] commits it. No handler holds a connection or a lock.
//!
//! What a plugin does besides answering goes the same way. It reads events ([`Plugin::reads`]), is
//! owed calls ([`Tx::at`]) and has effects on the outside ([`Tx::outbox`]): each is a row that goes
//! in the transaction which says that it is done, so a crash repeats nothing and loses nothing.

pub mod apart;
mod audit;
mod backlog;
mod call;
mod caller;
mod confined;
mod ctx;
mod db;
mod dead;
mod duties;
mod error;
mod fact;
mod host;
mod listener;
mod media;
mod outbox;
mod plugin;
mod program;
mod reader;
mod refusals;
mod step;
mod storage;
mod timer;
mod tx;
mod withheld;

pub use audit::Audited;
pub use call::{Answer, Outcome, Request};
pub use caller::Caller;
pub use carillon_protocol as protocol;
pub use ctx::Ctx;
pub use db::{FromValue, Row, Value};
pub use duties::Portrait;
pub use error::{Error, Result};
pub use fact::Period;
pub use futures_util::future::BoxFuture;
pub use host::{Clock, Host, Live, Operation, nobody};
pub use listener::{Hearing, Listens, kind_of};
pub use media::{Media, MediaAnswer, MediaAsked, MediaCall, MediaFact};
pub use outbox::Delivery;
pub use plugin::{Decision, Listening, LiveChange, Plugin, TopicKind, Window};
pub use program::Asked;
pub use reader::Behind;
pub use step::{Duty, Next, Retries};
pub use storage::{Committed, Head, Logged, Look, Migration, Storage, Tail};
pub use tx::{Emit, Expect, Rewrite, Statement, Transaction, Tx};
pub use withheld::{rev, withhold};
