//! The store as the node sees it.

use std::{path::Path, sync::Arc};

use carillon_plugin::{
    BoxFuture, Committed, Head, Look, Migration, Result, Row, Storage, Tail, Transaction, Value,
    Window,
};
use carillon_protocol::{Cid, Event, Topic, UserId};

use crate::{
    OpenError, Options,
    log::Shared,
    queue::Queue,
    sqlite::{self, Readers},
};

/// The log and the tables, open. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    queue: Queue,
    readers: Readers,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("position", &self.shared.position()).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database at this path, makes it if there is none, and brings its tables up to
    /// date.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub async fn open(
        path: &Path,
        migrations: &[Migration],
        options: Options,
    ) -> Result<Store, OpenError> {
        let (shared, writer, readers) = sqlite::open(path, migrations, &options).await?;
        let queue = Queue::start(writer, shared.clone(), options.batch_max);
        Ok(Store { shared, queue, readers })
    }

    /// Whether [`Store::open`] would take the database at this path; changes nothing.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub async fn check(path: &Path, migrations: &[Migration]) -> Result<(), OpenError> {
        sqlite::check(path, migrations).await
    }

    /// What runs after each commit, in commit order, before the commits are answered. Only the
    /// first call counts. It must not block.
    pub fn on_commit(&self, f: Arc<dyn Fn(Vec<Event>) + Send + Sync>) {
        // A second one would be a fault of the node, and the first keeps its promise.
        drop(self.shared.after_commit.set(f));
    }

    /// Whether the writer and a reader answer.
    ///
    /// # Errors
    /// `E_UNAVAILABLE` with what is wrong.
    pub async fn ping(&self) -> Result<()> {
        self.readers.query("SELECT 1", Vec::new()).await?;
        self.queue.ping().await
    }

    /// Commits what is queued, then closes the database. What comes later is refused.
    pub async fn close(&self) {
        self.readers.close().await;
        self.queue.close().await;
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

    fn tails(&self, tails: Vec<Tail>, counted: bool) -> BoxFuture<'_, Result<Vec<Vec<Event>>>> {
        Box::pin(self.readers.tails(tails, counted))
    }

    fn find(&self, by: UserId, cid: Cid) -> BoxFuture<'_, Result<Option<(Event, i64)>>> {
        Box::pin(self.readers.find(by, cid))
    }

    fn position(&self) -> (u64, u64) {
        (self.shared.position(), self.shared.epoch)
    }
}
