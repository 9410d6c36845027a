//! What the transactions of a batch refer to, looked up once: topics, authors, earlier intents.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

use carillon_plugin::Transaction;
use carillon_protocol::{Cid, Topic, UserId};
use sqlx::SqliteConnection;

use super::{read, writer::Memory};
use crate::log::Place;

/// Things that are referred to by their number in a list, each once.
struct Numbered<'a, T> {
    list: Vec<&'a T>,
    numbers: HashMap<&'a T, usize>,
}

impl<'a, T: Eq + Hash> Numbered<'a, T> {
    fn with_capacity(len: usize) -> Self {
        Numbered { list: Vec::with_capacity(len), numbers: HashMap::with_capacity(len) }
    }

    fn number(&mut self, thing: &'a T) -> usize {
        *self.numbers.entry(thing).or_insert_with(|| {
            self.list.push(thing);
            self.list.len() - 1
        })
    }
}

/// What a batch knows before it begins. Reading it costs nothing if memory has it all, as usual.
pub(super) struct Known<'a> {
    /// The topics with where they stand.
    pub(super) topics: Vec<(&'a Topic, Place)>,
    /// The authors with their numbers; 0 for new ones.
    pub(super) authors: Vec<(UserId, i64)>,
    /// What `prev` names and earlier batches committed.
    pub(super) earlier: HashSet<(UserId, Cid)>,
    /// What `prev` names and was not looked up, since this batch may commit it: nearly always it
    /// does, and before it is named.
    pub(super) unasked: HashSet<(UserId, Cid)>,
    /// For each event of each transaction, which of the topics.
    pub(super) topic_of: Vec<Vec<usize>>,
    /// For each transaction, which of the authors.
    pub(super) author_of: Vec<usize>,
}

impl<'a> Known<'a> {
    pub(super) async fn read(
        conn: &mut SqliteConnection,
        memory: &Memory,
        txs: &'a [Transaction],
    ) -> sqlx::Result<Known<'a>> {
        let len = txs.len();
        let (mut topics, mut authors) =
            (Numbered::with_capacity(len), Numbered::with_capacity(len));
        let (mut topic_of, mut author_of) = (Vec::with_capacity(len), Vec::with_capacity(len));
        for tx in txs {
            let numbers = tx.emits.iter().map(|emit| topics.number(&emit.topic));
            topic_of.push(numbers.collect());
            author_of.push(authors.number(&tx.by));
        }
        let topics = places(conn, memory, topics.list).await?;
        let authors = numbers(conn, memory, authors.list).await?;
        let (earlier, unasked) = earlier(conn, memory, txs).await?;
        Ok(Known { topics, authors, earlier, unasked, topic_of, author_of })
    }
}

/// Where the topics stand: from memory, and what it lacks in one query.
async fn places<'a>(
    conn: &mut SqliteConnection,
    memory: &Memory,
    topics: Vec<&'a Topic>,
) -> sqlx::Result<Vec<(&'a Topic, Place)>> {
    let known: Vec<_> = topics.iter().map(|topic| memory.shared.places.get(*topic)).collect();
    let missing = topics.iter().zip(&known).filter(|(_, place)| place.is_none());
    let missing: Vec<_> = missing.map(|(topic, _)| *topic).collect();
    let found = match missing.is_empty() {
        true => Vec::new(),
        false => read::places(conn, &missing).await?,
    };
    let mut found = found.into_iter();
    let places = known.into_iter().map(|place| place.or_else(|| found.next()).unwrap_or_default());
    Ok(topics.into_iter().zip(places).collect())
}

/// The authors' numbers: from memory, and what it lacks in one query.
async fn numbers(
    conn: &mut SqliteConnection,
    memory: &Memory,
    users: Vec<&UserId>,
) -> sqlx::Result<Vec<(UserId, i64)>> {
    let known: Vec<_> = users.iter().map(|user| memory.authors.get(*user).copied()).collect();
    let missing = users.iter().zip(&known).filter(|(_, id)| id.is_none());
    let missing: Vec<_> = missing.map(|(user, _)| **user).collect();
    let found = match missing.is_empty() {
        true => Vec::new(),
        false => read::authors(conn, &missing).await?,
    };
    let mut found = found.into_iter();
    let ids = known.into_iter().map(|id| id.or_else(|| found.next()).unwrap_or_default());
    Ok(users.into_iter().copied().zip(ids).collect())
}

/// The intents that `prev` names: those that were committed before this batch, and those that the
/// batch itself may commit.
async fn earlier(
    conn: &mut SqliteConnection,
    memory: &Memory,
    txs: &[Transaction],
) -> sqlx::Result<(HashSet<(UserId, Cid)>, HashSet<(UserId, Cid)>)> {
    let named: HashSet<_> = txs.iter().filter_map(|tx| Some((tx.by, tx.prev?))).collect();
    if named.is_empty() {
        return Ok((named, HashSet::new()));
    }
    let here: HashSet<_> = txs.iter().filter_map(|tx| Some((tx.by, tx.cid?))).collect();
    let (mut earlier, rest): (HashSet<_>, HashSet<_>) =
        named.into_iter().partition(|intent| memory.recent.get(intent).is_some());
    let (unasked, unknown): (HashSet<_>, HashSet<_>) =
        rest.into_iter().partition(|intent| here.contains(intent));
    earlier.extend(committed(conn, &Vec::from_iter(unknown)).await?);
    Ok((earlier, unasked))
}

/// Those of some intents that are in the log.
pub(super) async fn committed(
    conn: &mut SqliteConnection,
    intents: &[(UserId, Cid)],
) -> sqlx::Result<Vec<(UserId, Cid)>> {
    if intents.is_empty() {
        return Ok(Vec::new());
    }
    let found = read::find(conn, intents).await?;
    let known = intents.iter().zip(found).filter(|(_, found)| found.is_some());
    Ok(known.map(|(intent, _)| *intent).collect())
}
