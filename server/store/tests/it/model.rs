//! Whatever is thrown at the store, it does what a few lines without a disk would do.

use std::collections::BTreeMap;

use carillon_plugin::{Committed, Look, Result, Storage, Transaction, Value, Window};
use carillon_protocol::{Cid, ErrorCode, Topic, UserId};
use carillon_store::Store;
use futures_util::future::join_all;
use proptest::prelude::*;

use crate::bed::*;

const TOPICS: u64 = 3;
const MARK: &str = "UPDATE poll_vote SET seq = $2 WHERE id = $1";

/// A transaction in a few small numbers, so that they meet each other often.
#[derive(Debug, Clone)]
struct Draft {
    author: u64,
    intent: u64,
    after: Option<u64>,
    hash: i64,
    emits: Vec<(u64, bool)>,
    insert: Option<u8>,
    mark: Option<u8>,
}

#[derive(Debug, Clone)]
enum Step {
    /// Queued together.
    Commit(Vec<Draft>),
    Restart,
}

fn draft() -> impl Strategy<Value = Draft> {
    let emits = prop::collection::vec((0..TOPICS, any::<bool>()), 0..4);
    let id = || prop::option::weighted(0.2, 0_u8..4);
    let after = prop::option::weighted(0.3, 0_u64..12);
    (0_u64..2, 0_u64..12, after, 0_i64..8, emits, id(), id()).prop_map(
        |(author, intent, after, hash, emits, insert, mark)| {
            // Mostly the hash that belongs to the intent.
            let hash = if hash == 0 { -1 } else { intent as i64 };
            Draft { author, intent, after, hash, emits, insert, mark }
        },
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let commit = prop::collection::vec(draft(), 1..8).prop_map(Step::Commit);
    prop::collection::vec(prop_oneof![9 => commit, 1 => Just(Step::Restart)], 1..10)
}

fn build(draft: &Draft) -> Transaction {
    let mut tx = tx().by(user(draft.author)).intent(draft.intent);
    tx.hash = draft.hash;
    tx.prev = draft.after.map(cid);
    for (topic, counts) in &draft.emits {
        tx = if *counts { tx.counted(&conv(*topic), "{}") } else { tx.quiet(&conv(*topic)) };
    }
    if let Some(id) = draft.insert {
        tx = tx.run(VOTE, vote(&id.to_string()));
    }
    if let Some(id) = draft.mark {
        // It waits for the position of the first event, if there is one.
        let seq = if draft.emits.is_empty() { Value::Int(0) } else { Value::Seq(0) };
        tx = tx.run_one(MARK, vec![id.to_string().into(), seq]);
    }
    tx
}

/// The log and the table, without a disk.
#[derive(Debug, Default, Clone)]
struct Model {
    /// `(seq, n)` of each topic's events.
    logs: BTreeMap<Topic, Vec<(u64, u64)>>,
    intents: BTreeMap<(UserId, Cid), (i64, u64)>,
    votes: BTreeMap<String, Option<u64>>,
}

impl Model {
    /// What becomes of a transaction; the positions of its events, or the refusal.
    fn commit(&mut self, tx: &Transaction, draft: &Draft) -> Result<Vec<u64>, ErrorCode> {
        let before = self.clone();
        let done = self.apply(tx, draft);
        if done.is_err() {
            *self = before;
        }
        done
    }

    fn apply(&mut self, tx: &Transaction, draft: &Draft) -> Result<Vec<u64>, ErrorCode> {
        if tx.prev.is_some_and(|prev| !self.intents.contains_key(&(tx.by, prev))) {
            return Err(ErrorCode::PrevMissing);
        }
        let id = draft.insert.map(|id| id.to_string());
        if id.is_some_and(|id| self.votes.insert(id, None).is_some()) {
            return Err(ErrorCode::Conflict);
        }
        let mut seqs = Vec::new();
        for emit in &tx.emits {
            let log = self.logs.entry(emit.topic.clone()).or_default();
            let (seq, n) = log.last().copied().unwrap_or_default();
            log.push((seq + 1, n + u64::from(emit.counts)));
            seqs.push(seq + 1);
        }
        if let Some(id) = draft.mark {
            let vote = self.votes.get_mut(&id.to_string()).ok_or(ErrorCode::Conflict)?;
            *vote = Some(seqs.first().copied().unwrap_or(0));
        }
        if let (Some(cid), Some(seq)) = (tx.cid, seqs.first()) {
            self.intents.insert((tx.by, cid), (tx.hash, *seq));
        }
        Ok(seqs)
    }

    /// Compares the answer with what the model says, and takes the transaction in.
    fn check(&mut self, tx: &Transaction, draft: &Draft, answer: &Result<Committed>) {
        let known = tx.cid.and_then(|cid| self.intents.get(&(tx.by, cid)).copied());
        match (known, answer) {
            // A repeated intent changes nothing. What its statements would be refused for may be
            // said first: the host asks for the intent then.
            (Some((hash, seq)), answer) if !tx.emits.is_empty() => match answer {
                Ok(again) => {
                    assert!(again.dup && hash == tx.hash, "{again:?}");
                    assert_eq!(again.events[0].seq, seq);
                }
                Err(error) if error.code() == ErrorCode::IdempotencyConflict => {
                    assert_ne!(hash, tx.hash);
                }
                Err(error) => assert_eq!(self.clone().commit(tx, draft), Err(error.code())),
            },
            (_, Ok(done)) => {
                let seqs: Vec<_> = done.events.iter().map(|event| event.seq).collect();
                assert!(!done.dup);
                assert_eq!(self.commit(tx, draft), Ok(seqs));
            }
            (_, Err(error)) => assert_eq!(self.commit(tx, draft), Err(error.code()), "{error}"),
        }
    }
}

async fn compare(store: &Store, model: &Model) {
    let topics: Vec<_> = (0..TOPICS).map(conv).collect();
    let heads = store.heads(topics.clone()).await.unwrap();
    let mut total = 0;
    for (topic, head) in topics.into_iter().zip(heads) {
        let look = Look::After(0);
        let events = store.events(topic.clone(), Window::all(), look, false, 1_000).await.unwrap();
        let found: Vec<_> = events.iter().map(|event| (event.seq, event.n)).collect();
        let wanted = model.logs.get(&topic).cloned().unwrap_or_default();
        assert_eq!((head.head, head.n), wanted.last().copied().unwrap_or_default());
        assert_eq!(found, wanted);
        total += found.len() as u64;
    }
    assert_eq!(store.position().0, total);
    let rows = store.query("SELECT id, seq FROM poll_vote", vec![]).await.unwrap();
    let found = rows.iter().map(|row| (row.get(0).unwrap(), row.get(1).unwrap()));
    assert_eq!(found.collect::<BTreeMap<String, Option<u64>>>(), model.votes);
}

async fn play<B: Bed>(steps: Vec<Step>) {
    let bed = B::make();
    let (mut store, mut model) = (bed.open().await, Model::default());
    for step in steps {
        match step {
            Step::Commit(drafts) => {
                let txs: Vec<_> = drafts.iter().map(build).collect();
                let queued: Vec<_> = txs.iter().map(|tx| store.commit(tx.clone())).collect();
                let answers = join_all(queued).await;
                for ((tx, draft), answer) in txs.iter().zip(&drafts).zip(&answers) {
                    model.check(tx, draft, answer);
                }
            }
            Step::Restart => {
                store.close().await;
                store = bed.open().await;
            }
        }
        compare(&store, &model).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_interleaving_does_what_the_model_does(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(play::<Sqlite>(steps));
    }
}

proptest! {
    // Each case makes a database on a server.
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_interleaving_does_the_same_on_a_server(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(play::<Postgres>(steps));
    }
}
