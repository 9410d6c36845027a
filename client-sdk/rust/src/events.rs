//! What the program hears, and how far it has come with it.
//!
//! The queue is bounded. When the program is slow, events are left in the server's log and read
//! from there once there is room; what matters only now is dropped. Neither the connection nor a
//! call of the program waits for the queue, so that a program may call while it handles an event.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use carillon_protocol::{
    Cid, ConvId, Ephemeral, ErrorBody, Event, Topic,
    frame::{TopicPage, Welcome},
};
use tokio::sync::mpsc;

use crate::{Error, journal::Progress};

/// Updates that wait for the program: several pages of the log.
const QUEUE_LEN: usize = 1_024;
/// Places in the queue that events leave to the state of the connection.
const RESERVE: usize = 24;
/// The queue has room again when it takes a page of the log.
const ROOM_MIN: usize = 200;
/// Updates that wait for a part of the client, which deals with each at once.
#[cfg(feature = "rooms")]
const TAPPED_MAX: usize = 512;
/// States of the connection that find no place; the oldest is of no interest then.
const HELD_MAX: usize = 16;

/// What the program hears.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Update {
    /// A durable event: in order within its topic, each once. After a crash, events that the
    /// program had taken but whose successor it had not asked for come again.
    Event(Event),
    /// Something that matters only now; may be missing.
    Ephemeral(Ephemeral),
    /// A topic of the catch-up, with its newest events and what is unread: for a first screen.
    /// May be missing. Its events come as [`Update::Event`] too, if they are news.
    Topic(Box<TopicPage>),
    /// There is a connection.
    Online(Arc<Welcome>),
    /// There is none.
    Offline {
        /// When the client tries again.
        retry_in: Duration,
        /// Why it was lost.
        reason: String,
    },
    /// Everything that happened while the client was away has been delivered.
    Synced,
    /// Events of this topic that the server had left out have been delivered.
    Repaired(Topic),
    /// A message of the outbox was refused for good, perhaps one of an earlier run.
    Refused {
        /// The message.
        cid: Cid,
        /// Where.
        conv: ConvId,
        /// Why.
        error: Box<ErrorBody>,
    },
    /// The client has given up: the last update.
    Ended(Error),
}

/// The stream of updates. An event counts as dealt with when the next update is asked for.
#[derive(Debug)]
pub struct Events {
    queue: mpsc::Receiver<Item>,
    reached: Arc<Reached>,
}

impl Events {
    /// The next update; `None` when the client is closed.
    pub async fn next(&mut self) -> Option<Update> {
        self.reached.dealt.store(self.reached.taken.load(Ordering::Acquire), Ordering::Release);
        let item = self.queue.recv().await?;
        self.reached.taken.store(item.number, Ordering::Release);
        Some(item.update)
    }
}

/// How far the program has come, as numbers of updates.
#[derive(Debug, Default)]
struct Reached {
    taken: AtomicU64,
    dealt: AtomicU64,
}

#[derive(Debug)]
struct Item {
    number: u64,
    update: Update,
}

/// What is done once an update was dealt with.
#[derive(Debug)]
pub(crate) enum Mark {
    At(Topic, u64),
    Forgotten(Topic),
    Sync(String),
}

impl Mark {
    fn write(self, progress: &mut Progress) {
        match self {
            Mark::At(topic, seq) => {
                progress.topics.insert(topic, seq);
            }
            Mark::Forgotten(topic) => {
                progress.topics.remove(&topic);
            }
            Mark::Sync(token) => progress.sync = Some(token),
        }
    }
}

/// The client's end of the queue.
#[derive(Debug)]
pub(crate) struct Feed {
    queue: mpsc::Sender<Item>,
    last: u64,
    reached: Arc<Reached>,
    /// Bounded by the queue and the topics: one for each event in it, one for each beginning.
    marks: VecDeque<(u64, Mark)>,
    held: VecDeque<Update>,
    #[cfg(feature = "rooms")]
    pub taps: tokio::sync::broadcast::Sender<Update>,
}

impl Feed {
    pub fn new() -> (Feed, Events) {
        let (sender, receiver) = mpsc::channel(QUEUE_LEN);
        let reached = Arc::new(Reached::default());
        let (marks, held) = (VecDeque::new(), VecDeque::new());
        let feed = Feed {
            queue: sender,
            last: 0,
            reached: Arc::clone(&reached),
            marks,
            held,
            #[cfg(feature = "rooms")]
            taps: tokio::sync::broadcast::Sender::new(TAPPED_MAX),
        };
        (feed, Events { queue: receiver, reached })
    }

    /// How many events the queue takes. Without anybody to hear them, any number.
    pub fn room(&self) -> usize {
        if self.queue.is_closed() {
            return usize::MAX;
        }
        if self.held.is_empty() { self.queue.capacity().saturating_sub(RESERVE) } else { 0 }
    }

    /// Gives out an event or the end of a catch-up, for which there is room.
    pub fn deliver(&mut self, update: Update, mark: Mark) {
        self.mark(self.last + 1, mark);
        self.state(update);
    }

    /// Where a topic begins, or that it is gone: of use once everything before was dealt with,
    /// or an event that was given out earlier would have the last word.
    pub fn begin(&mut self, mark: Mark) {
        self.mark(self.last, mark);
    }

    fn mark(&mut self, number: u64, mark: Mark) {
        // Whoever stopped listening has not dealt with what came since.
        if self.queue.is_closed() {
            return;
        }
        // A program that takes its time is not followed by ever more tokens.
        let is_newer = |(last, known): &mut (_, Mark)| {
            *last == number && matches!((known, &mark), (Mark::Sync(_), Mark::Sync(_)))
        };
        self.marks.pop_back_if(is_newer);
        self.marks.push_back((number, mark));
    }

    /// Gives out what may be missing.
    pub fn hint(&mut self, update: Update) {
        if self.room() > 0 {
            self.state(update);
        } else {
            self.tap(&update);
        }
    }

    /// Gives out what must not be missing; it takes a reserved place, or waits for one.
    pub fn state(&mut self, update: Update) {
        self.tap(&update);
        self.held.push_back(update);
        self.flush();
        if self.held.len() > HELD_MAX {
            self.held.pop_front();
        }
    }

    /// What the client's own parts hear, whether or not the program does. Whoever is too slow for
    /// that is told so.
    #[cfg(feature = "rooms")]
    fn tap(&self, update: &Update) {
        if self.taps.receiver_count() > 0 && self.taps.send(update.clone()).is_err() {
            tracing::trace!("the last one who listened is gone");
        }
    }

    #[cfg(not(feature = "rooms"))]
    fn tap(&self, _: &Update) {}

    /// Moves what waits into the queue.
    pub fn flush(&mut self) {
        while let Some(update) = self.held.pop_front() {
            match self.queue.try_reserve() {
                Ok(place) => {
                    self.last += 1;
                    place.send(Item { number: self.last, update });
                }
                Err(mpsc::error::TrySendError::Full(())) => {
                    self.held.push_front(update);
                    return;
                }
                // Nobody listens.
                Err(mpsc::error::TrySendError::Closed(())) => self.last += 1,
            }
        }
    }

    /// Whether something waits for a place.
    pub fn waits(&self) -> bool {
        !self.held.is_empty()
    }

    /// Waits until the queue takes a page of the log, or until nobody listens.
    pub async fn ready(&self) {
        if let Err(closed) = self.queue.reserve_many(RESERVE + ROOM_MIN).await {
            tracing::debug!(%closed, "nobody listens to the updates");
        }
    }

    /// Waits until the program has taken everything, or until nobody listens.
    pub async fn finish(mut self) {
        while let Some(update) = self.held.pop_front() {
            self.last += 1;
            if self.queue.send(Item { number: self.last, update }).await.is_err() {
                return;
            }
        }
    }

    /// Writes down what the program has dealt with since; says whether there was anything.
    pub fn settle(&mut self, progress: &mut Progress) -> bool {
        let dealt = self.reached.dealt.load(Ordering::Acquire);
        let mut any = false;
        while let Some((number, _)) = self.marks.front()
            && *number <= dealt
            && let Some((_, mark)) = self.marks.pop_front()
        {
            mark.write(progress);
            any = true;
        }
        any
    }

    /// The program has closed the client in good order.
    pub fn all_taken_is_dealt_with(&mut self) {
        self.reached.dealt.store(self.reached.taken.load(Ordering::Acquire), Ordering::Release);
    }

    /// Whether there is anything that the program has not dealt with.
    pub fn unsettled(&self) -> bool {
        !self.marks.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic() -> Topic {
        "o:01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap()
    }

    fn progress() -> Progress {
        let device = "01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
        Progress { device, user: None, sync: None, topics: Default::default() }
    }

    #[tokio::test]
    async fn an_update_is_dealt_with_when_the_next_one_is_asked_for() {
        let (mut feed, mut events) = Feed::new();
        let mut progress = progress();
        feed.deliver(Update::Repaired(topic()), Mark::At(topic(), 5));
        feed.deliver(Update::Synced, Mark::Sync("s".into()));
        events.next().await.unwrap();
        assert!(!feed.settle(&mut progress));
        events.next().await.unwrap();
        assert!(feed.settle(&mut progress));
        assert_eq!((progress.topics[&topic()], &progress.sync), (5, &None));
        assert!(feed.unsettled());
    }

    #[tokio::test]
    async fn a_new_beginning_outlasts_the_events_before_it() {
        let (mut feed, mut events) = Feed::new();
        let mut progress = progress();
        feed.deliver(Update::Repaired(topic()), Mark::At(topic(), 9));
        feed.begin(Mark::At(topic(), 6));
        assert!(!feed.settle(&mut progress));
        events.next().await.unwrap();
        feed.all_taken_is_dealt_with();
        assert!(feed.settle(&mut progress));
        assert_eq!(progress.topics[&topic()], 6);
        feed.begin(Mark::Forgotten(topic()));
        assert!(feed.settle(&mut progress) && progress.topics.is_empty());
    }

    #[tokio::test]
    async fn the_queue_is_bounded_and_says_when_there_is_room_again() {
        let (mut feed, mut events) = Feed::new();
        while feed.room() > 0 {
            feed.hint(Update::Synced);
        }
        feed.hint(Update::Synced);
        for _ in 0..100 {
            feed.state(Update::Online(Arc::new(welcome())));
        }
        assert!(feed.held.len() <= HELD_MAX && events.queue.len() == QUEUE_LEN);
        for _ in 0..RESERVE + ROOM_MIN {
            events.next().await.unwrap();
        }
        feed.ready().await;
        feed.flush();
        assert!(!feed.waits());
    }

    #[tokio::test]
    async fn what_nobody_took_is_not_dealt_with() {
        let (mut feed, mut events) = Feed::new();
        let mut progress = progress();
        feed.deliver(Update::Repaired(topic()), Mark::At(topic(), 5));
        feed.deliver(Update::Repaired(topic()), Mark::At(topic(), 6));
        events.next().await.unwrap();
        drop(events);
        assert_eq!(feed.room(), usize::MAX);
        feed.deliver(Update::Repaired(topic()), Mark::At(topic(), 7));
        assert!(!feed.settle(&mut progress));
        feed.all_taken_is_dealt_with();
        assert!(feed.settle(&mut progress));
        assert_eq!(progress.topics[&topic()], 5);
    }

    fn welcome() -> Welcome {
        let id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
        Welcome {
            session: id.parse().unwrap(),
            hb_ms: 1,
            caps: vec![],
            limits: Default::default(),
            now: 0,
            user: id.parse().unwrap(),
            org: id.parse().unwrap(),
            server: String::new(),
        }
    }
}
