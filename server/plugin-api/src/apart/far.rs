//! What the handlers of a plugin that runs apart stand on: everything is asked of the node.

use std::sync::{Arc, Mutex, PoisonError};

use carillon_protocol::{Cid, ErrorCode, Event, Json, Topic, UserId, event::Ephemeral};
use futures_util::FutureExt;

use super::{
    Ask, Node, Told,
    order::{Asking, Telling},
};
use crate::{
    BoxFuture, Caller, Committed, Error, Head, Live, LiveChange, Logged, Look, Outcome, Request,
    Result, Row, Storage, Tail, Transaction, Tx, Value, Window,
};

/// So much may a handler say to live connections; what it says beyond is dropped, as it may be.
pub(super) const PUSHED_MAX: usize = 256;

/// The node, as seen from a plugin's process, for one order.
#[derive(Clone)]
pub(crate) struct Far {
    node: Arc<dyn Node>,
    /// Of the node, when it gave the order.
    position: (u64, u64),
    pushed: Arc<Mutex<Vec<(Topic, Ephemeral)>>>,
}

/// Asks, and takes the one kind of answer that fits.
macro_rules! ask {
    ($far:expr, $asking:expr => $telling:path) => {{
        let far = $far.clone();
        let asking = $asking;
        async move {
            match far.node.ask(Ask(asking)).await? {
                Told($telling(told)) => Ok(told),
                Told(_) => Err(unfit()),
            }
        }
        .boxed()
    }};
}

/// What arrived is no answer to what was asked: the two ends are of different versions.
pub(super) fn unfit() -> Error {
    Error::internal(std::io::Error::other("what arrived is no answer to what was asked"))
}

/// What only a plugin that runs in the node may do.
fn not_here() -> Error {
    Error::denied("a plugin that runs apart reaches the log and its tables through its context")
}

impl Far {
    pub(super) fn new(node: Arc<dyn Node>, position: (u64, u64)) -> Far {
        Far { node, position, pushed: Arc::default() }
    }

    /// What was said to live connections.
    pub(super) fn take_pushed(&self) -> Vec<(Topic, Ephemeral)> {
        // Nothing in here panics half way.
        std::mem::take(&mut self.pushed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Commits what sets a state.
    pub(crate) fn commit(&self, tx: Tx) -> BoxFuture<'static, Result<Committed>> {
        ask!(self, Asking::Commit(Box::new(tx.into())) => Telling::Committed)
    }

    /// The window of the order's caller.
    pub(crate) fn window(&self, topic: Topic) -> BoxFuture<'static, Result<Window>> {
        ask!(self, Asking::Window(topic) => Telling::Window)
    }

    /// Calls an operation, the plugin's own too.
    pub(crate) fn call(&self, caller: Caller, request: Request<'_>) -> Outcome {
        let Request { op, cid, args, .. } = request;
        let codec = args.codec;
        let args = match args.bytes.is_empty() {
            true => Json::default(),
            false => match args.decode() {
                Ok(args) => args,
                Err(bad) => return Outcome::Done(Err(bad.into())),
            },
        };
        let call = Asking::Call { caller, op: op.to_owned(), cid, args };
        let answer = ask!(self, call => Telling::Answer);
        Outcome::Queued(Box::pin(async move { Ok(codec.encode(&answer.await?)) }))
    }
}

impl Storage for Far {
    fn commit(&self, _: Transaction) -> BoxFuture<'static, Result<Committed>> {
        async { Err(not_here()) }.boxed()
    }

    fn query(&self, sql: &str, args: Vec<Value>) -> BoxFuture<'_, Result<Vec<Row>>> {
        ask!(self, Asking::Query { sql: sql.to_owned(), args } => Telling::Rows)
    }

    fn heads(&self, topics: Vec<Topic>) -> BoxFuture<'_, Result<Vec<Head>>> {
        ask!(self, Asking::Heads(topics) => Telling::Heads)
    }

    fn events(
        &self,
        topic: Topic,
        window: Window,
        look: Look,
        counted: bool,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Event>>> {
        ask!(self, Asking::Events { topic, window, look, counted, limit } => Telling::Events)
    }

    fn events_at(&self, topic: Topic, seqs: Vec<u64>) -> BoxFuture<'_, Result<Vec<Event>>> {
        ask!(self, Asking::EventsAt(topic, seqs) => Telling::Events)
    }

    fn tails(&self, tails: Vec<Tail>, counted: bool) -> BoxFuture<'_, Result<Vec<Vec<Event>>>> {
        ask!(self, Asking::Tails(tails, counted) => Telling::Tails)
    }

    fn news(&self, _: Vec<Tail>, _: Option<u64>) -> BoxFuture<'_, Result<Vec<Vec<Event>>>> {
        async { Err(not_here()) }.boxed()
    }

    fn log_after(
        &self,
        _: u64,
        _: u64,
        _: &[&'static str],
        _: usize,
    ) -> BoxFuture<'_, Result<Vec<Logged>>> {
        async { Err(not_here()) }.boxed()
    }

    fn relations(&self) -> BoxFuture<'_, Result<Vec<String>>> {
        async { Err(not_here()) }.boxed()
    }

    fn find(&self, by: UserId, cid: Cid) -> BoxFuture<'_, Result<Option<(Event, i64)>>> {
        ask!(self, Asking::Find(by, cid) => Telling::Found)
    }

    fn position(&self) -> (u64, u64) {
        self.position
    }

    fn reaches(&self, pos: u64) -> BoxFuture<'_, bool> {
        std::future::ready(pos <= self.position.0).boxed()
    }
}

impl Live for Far {
    fn committed(&self, _: &[(Event, Vec<LiveChange>)]) {}

    fn push(&self, topic: &Topic, eph: Ephemeral) {
        let mut pushed = self.pushed.lock().unwrap_or_else(PoisonError::into_inner);
        if pushed.len() < PUSHED_MAX {
            pushed.push((topic.clone(), eph));
        }
    }

    fn called(&self, _: &'static str, _: Option<ErrorCode>, _: std::time::Duration) {}
}
