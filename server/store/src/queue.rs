//! The queue in front of the writer, and the task that empties it.

use std::sync::{Arc, atomic::Ordering};

use carillon_plugin::{BoxFuture, Committed, Error, Result, Transaction};
use carillon_protocol::ErrorCode;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::{
    batch::Done,
    line::Run,
    log::{self, Shared},
};

/// Transactions that may wait: a fifth of a second of work at full speed. More would only turn
/// into time-outs.
const QUEUE_MAX: usize = 4_096;
/// How long to wait when the queue is full, in milliseconds: it is emptied in about that time.
const BUSY_RETRY_MS: u64 = 250;
/// When to try again while the database does not answer, in milliseconds.
const STALLED_RETRY_MS: u64 = 1_000;
/// How often the writer lets others run while they bring more: with every core at work, a few
/// turns gather nearly all. A lone transaction waits for one turn.
const YIELDS_MAX: u32 = 4;
/// Committed batches whose answers wait until what others committed before them is applied here.
/// More, and the writer waits as well.
const WAITING_MAX: u32 = 64;

/// What the task does with an engine.
pub(crate) trait Engine: Send + 'static {
    /// Commits transactions together, in this order, and answers each. An error refuses them all:
    /// nothing of them happened, and the engine is ready for the next batch.
    fn commit(&mut self, txs: &[Transaction]) -> impl Future<Output = Result<Done>> + Send;

    /// Whether it can write.
    fn ping(&mut self) -> impl Future<Output = Result<()>> + Send;

    /// Leaves the database tidy.
    fn close(self) -> impl Future<Output = ()> + Send;
}

enum Job {
    Commit(Transaction, oneshot::Sender<Result<Committed>>),
    Ping(oneshot::Sender<Result<()>>),
    Close(oneshot::Sender<()>),
}

/// The way to the writer. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Queue {
    jobs: mpsc::Sender<Job>,
    shared: Arc<Shared>,
}

impl Queue {
    /// Starts the task.
    pub(crate) fn start(engine: impl Engine, shared: Arc<Shared>, batch_max: usize) -> Queue {
        let (sender, jobs) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(work(engine, Arc::clone(&shared), jobs, batch_max));
        Queue { jobs: sender, shared }
    }

    /// The transaction has its place when this returns.
    pub(crate) fn commit(&self, tx: Transaction) -> BoxFuture<'static, Result<Committed>> {
        let (reply, answer) = oneshot::channel();
        let queued = log::check(&tx).and_then(|()| {
            if self.shared.asking.is_stalled() {
                let msg = "the database does not answer; nothing was written, try again";
                let error = Error::new(ErrorCode::Unavailable, msg);
                return Err(error.retry_ms(STALLED_RETRY_MS));
            }
            self.jobs.try_send(Job::Commit(tx, reply)).map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(_) => {
                    let msg = "the server has too much to do; wait a moment";
                    Error::new(ErrorCode::Busy, msg).retry_ms(BUSY_RETRY_MS)
                }
                mpsc::error::TrySendError::Closed(_) => closed(),
            })
        });
        Box::pin(async move {
            queued?;
            answer.await.unwrap_or_else(|_| Err(closed()))
        })
    }

    pub(crate) async fn ping(&self) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job::Ping(reply)).await.map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Waits until everything that is queued is committed and the database is closed.
    pub(crate) async fn close(&self) {
        let (reply, answer) = oneshot::channel();
        if self.jobs.send(Job::Close(reply)).await.is_ok() {
            // An error means that the task ended by itself: then it is closed too.
            answer.await.unwrap_or_default();
        }
    }
}

fn closed() -> Error {
    log::fault("the store is closed".to_owned())
}

/// Commits what has queued since the last commit, until the last handle is gone.
async fn work(
    mut engine: impl Engine,
    shared: Arc<Shared>,
    mut jobs: mpsc::Receiver<Job>,
    batch_max: usize,
) {
    let (mut closers, waiting) = (Vec::new(), Arc::new(Semaphore::new(WAITING_MAX as usize)));
    while let Some(first) = jobs.recv().await {
        let mut pings = Vec::new();
        let (mut txs, mut replies, mut cost, mut yields) = (Vec::new(), Vec::new(), 0, 0);
        let mut next = Some(first);
        while let Some(job) = next.take() {
            match job {
                Job::Commit(tx, reply) => {
                    cost += cost_of(&tx);
                    txs.push(tx);
                    replies.push(reply);
                }
                Job::Ping(reply) => pings.push(reply),
                Job::Close(reply) => {
                    // What is queued already is still received, and committed.
                    jobs.close();
                    closers.push(reply);
                }
            }
            if cost >= batch_max {
                break;
            }
            next = jobs.try_recv().ok();
            // Whoever was answered by the last commit is about to queue again.
            if next.is_none() && yields < YIELDS_MAX {
                yields += 1;
                tokio::task::yield_now().await;
                next = jobs.try_recv().ok();
            }
        }
        if !txs.is_empty() {
            let done = shared.asking.of(engine.commit(&txs)).await;
            settle(&shared, &waiting, done, replies).await;
        }
        // After the transactions, which must not wait for it; and once for all who ask.
        if !pings.is_empty() {
            let works = shared.asking.of(engine.ping()).await;
            pings.into_iter().for_each(|reply| answer(reply, works.clone()));
        }
    }
    // An error would mean that it was closed, and nobody does.
    drop(waiting.acquire_many(WAITING_MAX).await);
    engine.close().await;
    closers.into_iter().for_each(|reply| answer(reply, ()));
}

/// How much of a batch a transaction takes up.
fn cost_of(tx: &Transaction) -> usize {
    let rows: usize = tx.statements.iter().map(|statement| statement.rows.len()).sum();
    (tx.emits.len() + tx.rewrites.len() + rows).max(1)
}

/// Tells the host of a batch that is committed, then answers everybody.
async fn settle(
    shared: &Arc<Shared>,
    waiting: &Arc<Semaphore>,
    done: Result<Done>,
    replies: Vec<oneshot::Sender<Result<Committed>>>,
) {
    let done = match done {
        Ok(done) => done,
        Err(error) => {
            replies.into_iter().for_each(|reply| answer(reply, Err(error.clone())));
            return;
        }
    };
    let fresh = done.answers.iter().flatten().filter(|committed| !committed.dup);
    let events = fresh.flat_map(|committed| committed.events.iter().cloned()).collect();
    shared.line.own(Run { first: done.first, after: done.after, events });
    let answers = replies.into_iter().zip(done.answers);
    if shared.line.applied() >= done.through {
        return answers.for_each(|(reply, done)| answer(reply, done));
    }
    let permit = Arc::clone(waiting).acquire_owned().await;
    let (shared, answers) = (Arc::clone(shared), answers.collect::<Vec<_>>());
    tokio::spawn(async move {
        if !shared.line.reaches(done.through).await {
            shared.tail.late_answers.fetch_add(answers.len() as u64, Ordering::Relaxed);
        }
        answers.into_iter().for_each(|(reply, done)| answer(reply, done));
        drop(permit);
    });
}

/// Whoever asked may have gone away: then nobody needs the answer.
fn answer<T>(reply: oneshot::Sender<T>, value: T) {
    drop(reply.send(value));
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use carillon_plugin::Caller;

    use super::*;
    use crate::asked::STALLED_AFTER;

    /// Of transactions that cause nothing.
    fn done(txs: &[Transaction]) -> Done {
        let nothing = |_| Ok(Committed { dup: false, events: Vec::new() });
        Done { answers: txs.iter().map(nothing).collect(), first: 0, after: None, through: 0 }
    }

    /// Writes down what it is asked to do.
    struct Diary(Arc<Mutex<Vec<String>>>);

    impl Engine for Diary {
        async fn commit(&mut self, txs: &[Transaction]) -> Result<Done> {
            self.0.lock().expect("nobody panics").push(format!("commit {}", txs.len()));
            Ok(done(txs))
        }

        async fn ping(&mut self) -> Result<()> {
            self.0.lock().expect("nobody panics").push("ping".into());
            Ok(())
        }

        async fn close(self) {}
    }

    fn nothing() -> Transaction {
        Transaction {
            org: Caller::SYSTEM.org,
            by: Caller::SYSTEM.user,
            at: 0,
            cid: None,
            prev: None,
            hash: 0,
            statements: Vec::new(),
            emits: Vec::new(),
            rewrites: Vec::new(),
        }
    }

    /// Answers nothing until it is let go.
    struct Stuck(Arc<Semaphore>);

    impl Engine for Stuck {
        async fn commit(&mut self, txs: &[Transaction]) -> Result<Done> {
            drop(self.0.acquire().await);
            Ok(done(txs))
        }

        async fn ping(&mut self) -> Result<()> {
            Ok(())
        }

        async fn close(self) {}
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_made_to_wait_for_a_database_that_does_not_answer() {
        let letting = Arc::new(Semaphore::new(0));
        let shared = Arc::new(Shared::new(0, None, 0));
        let queue = Queue::start(Stuck(Arc::clone(&letting)), shared, 1_000);
        let under_way = tokio::spawn(queue.commit(nothing()));
        tokio::time::sleep(STALLED_AFTER / 2).await;
        let queued = tokio::spawn(queue.commit(nothing()));
        tokio::time::sleep(STALLED_AFTER).await;
        let refused = queue.commit(nothing()).await.expect_err("the database does not answer");
        assert_eq!(refused.code(), ErrorCode::Unavailable);
        assert_eq!(refused.body().retry_ms, Some(STALLED_RETRY_MS));
        letting.add_permits(1);
        for earlier in [under_way, queued] {
            earlier.await.expect("it does not panic").expect("it was committed");
        }
        queue.commit(nothing()).await.expect("it answers again");
    }

    /// Asks in several statements, each of which takes its time.
    struct Slow(Arc<Shared>);

    impl Engine for Slow {
        async fn commit(&mut self, txs: &[Transaction]) -> Result<Done> {
            for _ in 0..4 {
                self.0.asking.write();
                tokio::time::sleep(STALLED_AFTER * 3 / 4).await;
            }
            Ok(done(txs))
        }

        async fn ping(&mut self) -> Result<()> {
            Ok(())
        }

        async fn close(self) {}
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_takes_long_is_no_database_that_does_not_answer() {
        let shared = Arc::new(Shared::new(0, None, 0));
        let queue = Queue::start(Slow(Arc::clone(&shared)), shared, 1_000);
        let under_way = tokio::spawn(queue.commit(nothing()));
        tokio::time::sleep(STALLED_AFTER * 5 / 4).await;
        queue.commit(nothing()).await.expect("each statement was answered in time");
        under_way.await.expect("it does not panic").expect("it was committed");
    }

    #[tokio::test]
    async fn many_who_ask_whether_it_works_cost_one_try_and_no_transaction_its_time() {
        let diary = Arc::default();
        let engine = Diary(Arc::clone(&diary));
        let queue = Queue::start(engine, Arc::new(Shared::new(0, None, 0)), 1_000);
        let asking = futures_util::future::join_all((0..200).map(|_| queue.ping()));
        let (asked, first, second) =
            tokio::join!(asking, queue.commit(nothing()), queue.commit(nothing()));
        assert!(asked.iter().all(Result::is_ok) && first.is_ok() && second.is_ok());
        assert_eq!(*diary.lock().expect("nobody panics"), ["commit 2", "ping"]);
    }
}
