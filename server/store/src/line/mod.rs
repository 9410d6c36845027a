//! Every committed event in the order of positions, each once, whoever committed it.

mod figures;
mod order;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use carillon_plugin::Head;
use carillon_protocol::{Event, EventId};
use tokio::sync::{Notify, watch};

use self::order::Order;
use crate::{
    log::{Place, Places},
    recent::Recent,
};
pub(crate) use figures::Figures;
pub use figures::Tail;
pub use order::Run;

/// How long an answer waits until the events that it refers to are applied here: longer than the
/// log is read in after the worst of days. It is on disk all the same.
const APPLIED_TIMEOUT: Duration = Duration::from_secs(2);

/// What runs after each commit, of whichever node.
pub type AfterCommit = Arc<dyn Fn(Vec<Event>) + Send + Sync>;
/// What brings this node's own commits to the others.
pub type OwnCommit = Arc<dyn Fn(&Run) + Send + Sync>;

/// Who waits for events, and how far they have come.
pub(crate) struct Line {
    order: Mutex<Order>,
    applied: watch::Sender<u64>,
    /// Where topics stand, if that is learned from here.
    places: Option<Arc<Places>>,
    pub(crate) recent: Recent,
    pub(crate) after_commit: OnceLock<AfterCommit>,
    pub(crate) own_commit: OnceLock<OwnCommit>,
    /// Rung when an answer waits for what is missing.
    pub(crate) urgent: Notify,
    /// Rung when something is missing that may be on its way.
    pub(crate) hole: Notify,
}

impl Line {
    /// Of the one node that writes, with the event at the position.
    pub(crate) fn new(position: u64, last: Option<EventId>) -> Line {
        Line::of(Order::new(position).with_last(last), None)
    }

    /// Of one of several nodes, with the event at the position.
    pub(crate) fn following(position: u64, last: Option<EventId>, places: Arc<Places>) -> Line {
        Line::of(Order::new(position).with_last(last), Some(places))
    }

    fn of(order: Order, places: Option<Arc<Places>>) -> Line {
        let position = order.applied();
        Line {
            order: Mutex::new(order),
            applied: watch::Sender::new(position),
            places,
            recent: Recent::new(position),
            after_commit: OnceLock::new(),
            own_commit: OnceLock::new(),
            urgent: Notify::new(),
            hole: Notify::new(),
        }
    }

    /// The newest position whose event, and all before it, everybody here has seen.
    pub(crate) fn applied(&self) -> u64 {
        *self.applied.borrow()
    }

    /// The same with the event that is there, if there is one.
    pub(crate) fn last(&self) -> (u64, Option<EventId>) {
        let order = self.lock();
        (order.applied(), order.last())
    }

    /// The newest position anybody spoke of.
    pub(crate) fn spoken(&self) -> u64 {
        self.lock().spoken()
    }

    /// Events that this node committed.
    pub(crate) fn own(&self, run: Run) {
        if run.events.is_empty() {
            return;
        }
        if let Some(own_commit) = self.own_commit.get()
            && catch_unwind(AssertUnwindSafe(|| own_commit(&run))).is_err()
        {
            tracing::error!("what publishes a commit panicked");
        }
        self.advance(|order| order.take(run));
    }

    /// Events of which another node says that it committed them.
    pub(crate) fn hint(&self, run: Run) {
        let hole = self.advance(|order| order.take(run));
        if hole.is_some() {
            self.hole.notify_one();
        }
    }

    /// A page of the log. Says how many of its events nobody had brought.
    pub(crate) fn page(&self, page: Run) -> u64 {
        let mut missed = 0;
        self.advance(|order| {
            missed = order.missed(&page);
            order.take(page)
        });
        missed
    }

    /// What others said and waits is not believed any more: another server may have taken over.
    pub(crate) fn forget_held(&self) {
        self.lock().forget_held();
    }

    /// The log ended there when everybody had spoken of positions up to `spoken` only.
    pub(crate) fn ends_at(&self, end: u64, spoken: u64) {
        self.lock().ends_at(end, spoken);
    }

    /// After which position, and up to which, something is missing.
    pub(crate) fn missing(&self) -> Option<(u64, u64)> {
        self.lock().hole()
    }

    /// Waits until everything up to there has been seen here; not for ever, and says so.
    pub(crate) async fn reaches(&self, through: u64) -> bool {
        let mut applied = self.applied.subscribe();
        if *applied.borrow_and_update() >= through {
            return true;
        }
        self.urgent.notify_one();
        let reached = applied.wait_for(|&applied| applied >= through);
        matches!(tokio::time::timeout(APPLIED_TIMEOUT, reached).await, Ok(Ok(_)))
    }

    /// Changes the order and tells everybody what is next, in order: nobody else can meanwhile.
    fn advance(&self, change: impl FnOnce(&mut Order) -> Vec<Run>) -> Option<(u64, u64)> {
        let mut order = self.lock();
        let ready = change(&mut order);
        self.tell(ready);
        if order.applied() > self.applied() {
            self.applied.send_replace(order.applied());
        }
        if order.is_doubtful() {
            self.urgent.notify_one();
        }
        order.hole()
    }

    fn tell(&self, ready: Vec<Run>) {
        if let Some(places) = &self.places {
            ready.iter().for_each(|run| learn(places, run));
        }
        ready.iter().for_each(|run| self.recent.note(run.first, &run.events));
        let Some(after_commit) = self.after_commit.get() else { return };
        let mut runs = ready.into_iter().map(|run| run.events);
        let Some(mut events) = runs.next() else { return };
        events.extend(runs.flatten());
        // The events are on disk: a plugin's mistake here must not take the writer down.
        if catch_unwind(AssertUnwindSafe(|| after_commit(events))).is_err() {
            tracing::error!("what runs after a commit panicked");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Order> {
        // What may panic inside is caught.
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Moves topics on. Who read one's head from the log may be ahead, and stays so.
fn learn(places: &Places, run: &Run) {
    for (pos, event) in (run.first..).zip(&run.events) {
        if places.get(&event.topic).is_none_or(|place| place.head.pos < pos) {
            let head = Head { head: event.seq, n: event.n, pos };
            places.insert(event.topic.clone(), Place { id: 0, head });
        }
    }
}
