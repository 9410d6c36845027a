//! The store as the node sees it.

use std::{sync::Arc, time::Duration};

use carillon_plugin::{
    BoxFuture, Committed, Error, Head, Logged, Look, Migration, Result, Row, Storage, Transaction,
    Value, Window,
};
use carillon_protocol::{Cid, Event, Topic, UserId};

use crate::{
    AfterCommit, Asked, Database, OpenError, Options, OwnCommit, Replaced, Run, Tail,
    log::Shared,
    postgres::{self, Follower},
    queue::Queue,
    reading::Readers,
    sqlite,
};

/// How long a database may take to say that it is there. Whoever shows the answer may keep it for a
/// moment, and is still to say within two seconds that the database does not.
const PING_TIMEOUT: Duration = Duration::from_millis(1_200);

/// The log and the tables, open. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    queue: Queue,
    readers: Readers,
    /// Keeps the task that follows the log of several nodes.
    follower: Option<Arc<Follower>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("position", &self.shared.line.applied())
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database, makes its tables if there are none, and brings them up to date. A file
    /// is made if there is none; a database on a server must be there.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub async fn open(
        database: &Database,
        migrations: &[Migration],
        options: Options,
    ) -> Result<Store, OpenError> {
        match database {
            Database::Sqlite(path) => {
                let (shared, writer, readers) = sqlite::open(path, migrations, &options).await?;
                let queue = Queue::start(writer, shared.clone(), options.batch_max);
                Ok(Store { shared, queue, readers, follower: None })
            }
            Database::Postgres(url) => {
                let opened = postgres::open(url, migrations, &options).await?;
                let (shared, writer, readers, follower) = opened;
                let queue = Queue::start(writer, shared.clone(), options.batch_max);
                Ok(Store { shared, queue, readers, follower: Some(Arc::new(follower)) })
            }
        }
    }

    /// Whether [`Store::open`] would take the database; changes nothing. Answers the time by the
    /// clock of one that several nodes can share, in milliseconds since the epoch.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub async fn check(
        database: &Database,
        migrations: &[Migration],
    ) -> Result<Option<i64>, OpenError> {
        match database {
            Database::Sqlite(path) => sqlite::check(path, migrations).await.map(|()| None),
            Database::Postgres(url) => postgres::check(url, migrations).await.map(Some),
        }
    }

    /// What is given every committed event, whichever node committed it, in commit order, each
    /// once, before this node's own commits are answered. Only the first call counts. It must not
    /// block.
    pub fn on_commit(&self, f: AfterCommit) {
        // A second one would be a fault of the node, and the first keeps its promise.
        drop(self.shared.line.after_commit.set(f));
    }

    /// What is given this node's own commits, right after the commit: it brings them to the other
    /// nodes. Only the first call counts. It must not block.
    pub fn on_own_commit(&self, f: OwnCommit) {
        drop(self.shared.line.own_commit.set(f));
    }

    /// Events that another node committed. They may come late, twice or in any order; what never
    /// comes, and what does not follow what this node has seen, is read from the log.
    pub fn hint(&self, run: Run) {
        self.shared.line.hint(run);
    }

    /// Reads the log now: hints may have been lost.
    pub fn look(&self) {
        self.shared.line.urgent.notify_one();
    }

    /// How well this node follows the log.
    pub fn tail(&self) -> Tail {
        self.shared.tail.tail(self.shared.line.applied(), self.shared.line.spoken())
    }

    /// How often the database was asked.
    pub fn asked(&self) -> Asked {
        self.shared.asking.asked()
    }

    /// Waits until the log is not the one any more that this node has followed: for ever, if all is
    /// well. The node must end then: it commits nothing any more, and what it knows is wrong.
    pub async fn replaced(&self) -> Replaced {
        let mut known = self.shared.replaced.subscribe();
        let why = known.wait_for(Option::is_some).await.map(|why| *why);
        why.ok().flatten().expect("the store keeps the sender, and waits for a reason")
    }

    /// Whether the writer and a reader answer, soon.
    ///
    /// # Errors
    /// `E_UNAVAILABLE` with what is wrong.
    pub async fn ping(&self) -> Result<()> {
        let ping = async {
            self.readers.query("SELECT 1", Vec::new()).await?;
            self.queue.ping().await
        };
        tokio::time::timeout(PING_TIMEOUT, ping)
            .await
            .unwrap_or_else(|late| Err(Error::internal(late)))
    }

    /// Commits what is queued, then closes the database. What comes later is refused.
    pub async fn close(&self) {
        self.queue.close().await;
        if let Some(follower) = &self.follower {
            follower.end();
        }
        self.readers.close().await;
    }
}

impl Storage for Store {
    fn commit(&self, tx: Transaction) -> BoxFuture<'static, Result<Committed>> {
        self.queue.commit(tx)
    }

    fn query(&self, sql: &str, args: Vec<Value>) -> BoxFuture<'_, Result<Vec<Row>>> {
        let sql = sql.to_owned();
        Box::pin(async move { self.readers.query(&sql, args).await })
    }

    fn heads(&self, topics: Vec<Topic>) -> BoxFuture<'_, Result<Vec<Head>>> {
        Box::pin(self.readers.heads(&self.shared.places, topics))
    }

    fn events(
        &self,
        topic: Topic,
        window: Window,
        look: Look,
        counted: bool,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Event>>> {
        Box::pin(self.readers.events(topic, window, look, counted, limit))
    }

    fn events_at(&self, topic: Topic, seqs: Vec<u64>) -> BoxFuture<'_, Result<Vec<Event>>> {
        Box::pin(self.readers.events_at(topic, seqs))
    }

    fn tails(
        &self,
        tails: Vec<carillon_plugin::Tail>,
        counted: bool,
    ) -> BoxFuture<'_, Result<Vec<Vec<Event>>>> {
        Box::pin(self.readers.tails(tails, counted))
    }

    fn news(
        &self,
        tails: Vec<carillon_plugin::Tail>,
        after: Option<u64>,
    ) -> BoxFuture<'_, Result<Vec<Vec<Event>>>> {
        Box::pin(self.readers.news(tails, after))
    }

    fn log_after(
        &self,
        after: u64,
        up_to: u64,
        kinds: &[&'static str],
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Logged>>> {
        let kinds = kinds.to_vec();
        Box::pin(async move { self.readers.log_after((after, up_to), &kinds, limit).await })
    }

    fn relations(&self) -> BoxFuture<'_, Result<Vec<String>>> {
        Box::pin(self.readers.relations())
    }

    fn find(&self, by: UserId, cid: Cid) -> BoxFuture<'_, Result<Option<(Event, i64)>>> {
        Box::pin(self.readers.find(by, cid))
    }

    fn clock(&self) -> BoxFuture<'_, Result<Option<i64>>> {
        Box::pin(async move {
            if self.follower.is_none() {
                return Ok(None);
            }
            let rows = self.readers.query(postgres::CLOCK, Vec::new()).await?;
            rows.first().map(|row| row.get(0)).transpose()
        })
    }

    fn position(&self) -> (u64, u64) {
        (self.shared.line.applied(), self.shared.epoch)
    }

    fn reaches(&self, pos: u64) -> BoxFuture<'_, bool> {
        Box::pin(self.shared.line.reaches(pos))
    }
}
