//! What the transactions of a batch refer to, looked up once: topics, authors, earlier intents.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

use carillon_plugin::Transaction;
use carillon_protocol::{Cid, Topic, UserId};

use super::{Last, Memory};
use crate::{
    engine::{Lane, Reading, Standing},
    log::Place,
};

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

/// What a batch knows when it begins. Reading it costs nothing if memory has it all, as usual.
pub(super) struct Known<'a> {
    /// The newest numbers given out before the batch.
    pub(super) last: Last,
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
        lane: &mut impl Lane,
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
        let users: Vec<_> = authors.list.into_iter().copied().collect();
        let Standing { last, places, authors } = lane.begin(memory, &topics.list, &users).await?;
        let topics = topics.list.into_iter().zip(places).collect();
        let authors = users.into_iter().zip(authors).collect();
        let (earlier, unasked) = earlier(lane, memory, txs).await?;
        Ok(Known { last, topics, authors, earlier, unasked, topic_of, author_of })
    }
}

/// The intents that `prev` names: those that were committed before this batch, and those that the
/// batch itself may commit.
async fn earlier(
    lane: &mut impl Lane,
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
    earlier.extend(committed(lane, &Vec::from_iter(unknown)).await?);
    Ok((earlier, unasked))
}

/// Those of some intents that are in the log.
pub(super) async fn committed(
    lane: &mut impl Lane,
    intents: &[(UserId, Cid)],
) -> sqlx::Result<Vec<(UserId, Cid)>> {
    if intents.is_empty() {
        return Ok(Vec::new());
    }
    let found = lane.conn().find(intents).await?;
    let known = intents.iter().zip(found).filter(|(_, found)| found.is_some());
    Ok(known.map(|(intent, _)| *intent).collect())
}
