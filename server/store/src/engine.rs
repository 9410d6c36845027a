//! What the store asks of an engine's connection: to read, and to commit a batch.

use carillon_plugin::{Row, Value};
use carillon_protocol::{Cid, Event, Topic, UserId};
use sqlx::Result;

use crate::{
    batch::{Draft, Last, Memory},
    log::Place,
    reading::{Order, Stretch},
};

/// The event that a command stands on.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) event: Event,
    /// Of the command.
    pub(crate) hash: i64,
    pub(crate) pos: u64,
}

/// Reads the log and plugins' tables.
pub(crate) trait Reading: Send {
    /// Rows of a plugin's table.
    fn query(&mut self, sql: &str, args: &[Value])
    -> impl Future<Output = Result<Vec<Row>>> + Send;

    /// Where topics stand, in the order asked.
    fn places(&mut self, topics: &[&Topic]) -> impl Future<Output = Result<Vec<Place>>> + Send;

    /// The numbers of people in the log; 0 for those who have caused nothing yet.
    fn authors(&mut self, users: &[UserId]) -> impl Future<Output = Result<Vec<i64>>> + Send;

    /// The events that commands stand on, in the order asked.
    fn find(
        &mut self,
        commands: &[(UserId, Cid)],
    ) -> impl Future<Output = Result<Vec<Option<Found>>>> + Send;

    /// At most `limit` events of each stretch, the first of it in this order, in no order.
    fn stretches(
        &mut self,
        topics: &[Topic],
        wanted: &[Stretch],
        order: Order,
        counted: bool,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(usize, Event)>>> + Send;

    /// The events at some positions of a topic, in no order.
    fn events_at(
        &mut self,
        topic: &Topic,
        seqs: &[u64],
    ) -> impl Future<Output = Result<Vec<Event>>> + Send;
}

/// What has to happen before a transaction's statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// It is the batch's first one: its savepoint is opened.
    First,
    /// The savepoint of the transaction before is let go, its own is opened.
    Next,
    /// Its savepoint is open.
    Open,
}

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// What the statement wants cannot be beside what is there.
    Conflict,
    /// The statement itself: its text, a value too large or of the wrong type.
    Statement,
    /// The whole database.
    Database,
}

/// From where a batch is numbered.
pub(crate) struct Standing {
    pub(crate) last: Last,
    /// Where topics stand, in the order asked.
    pub(crate) places: Vec<Place>,
    /// People's numbers, in the order asked; 0 for new ones.
    pub(crate) authors: Vec<i64>,
}

/// A way for a batch into the database.
pub(crate) trait Lane: Send {
    type Conn: Reading;

    /// What is read on the way.
    fn conn(&mut self) -> &mut Self::Conn;

    /// Takes the right to give out numbers, and says from where on.
    fn begin(
        &mut self,
        memory: &Memory,
        topics: &[&Topic],
        users: &[UserId],
    ) -> impl Future<Output = Result<Standing>> + Send;

    /// Runs a plugin's statement once for a list of rows, or with one; says how many it changed.
    fn execute(
        &mut self,
        opening: Opening,
        sql: &str,
        rows: &[Vec<Value>],
    ) -> impl Future<Output = Result<u64>> + Send;

    /// Undoes what ran in the open savepoint.
    fn undo(&mut self) -> impl Future<Output = Result<()>> + Send;

    /// Writes the log and commits. `opened` says whether a savepoint is open. After an error that
    /// says that a `cid` exists already, all of the batch is undone. If the log does not stand any
    /// more where `begin` said, the answer is no, and nothing is written.
    fn finish(
        &mut self,
        draft: &mut Draft,
        opened: bool,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// Keeps what the batch taught, once it is on disk.
    fn learn(
        &mut self,
        memory: &mut Memory,
        topics: Vec<(&Topic, Place)>,
        authors: Vec<(UserId, i64)>,
    );

    /// Whose fault an error is.
    fn fault(error: &sqlx::Error) -> Fault;
}

/// People's numbers: what is known, and what is not in one query.
pub(crate) async fn authors(
    lane: &mut impl Lane,
    users: &[UserId],
    known: Vec<Option<i64>>,
) -> Result<Vec<i64>> {
    let missing = users.iter().zip(&known).filter(|(_, id)| id.is_none());
    let missing: Vec<_> = missing.map(|(user, _)| *user).collect();
    let found = match missing.is_empty() {
        true => Vec::new(),
        false => lane.conn().authors(&missing).await?,
    };
    let mut found = found.into_iter();
    let ids = known.into_iter().map(|id| id.or_else(|| found.next()).unwrap_or_default());
    Ok(ids.collect())
}
