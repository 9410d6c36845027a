//! What a program is told until it has dealt with it.

use std::{collections::VecDeque, fmt, panic::AssertUnwindSafe, pin::Pin, sync::Arc};

use carillon_protocol::{Event, Topic, frame::client};
use futures_util::FutureExt;
use tokio::task::{JoinError, JoinSet};

use crate::{
    link::Link,
    socket::Down,
    task::{End, Task},
};

type Hearing = Pin<Box<dyn Future<Output = bool> + Send>>;

/// What a program does with the events that it is told.
#[derive(Clone)]
pub(crate) struct Listener {
    pub kinds: Vec<String>,
    hear: Arc<dyn Fn(Event) -> Hearing + Send + Sync>,
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.kinds).finish()
    }
}

impl Listener {
    /// A listener to these kinds.
    pub fn new<F, E>(kinds: Vec<String>, hear: impl Fn(Event) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display,
    {
        let hear = move |event| {
            let hearing = hear(event);
            Box::pin(async move {
                let failed = |error: E| tracing::warn!(%error, "an event is to be told again");
                hearing.await.map_err(failed).is_ok()
            }) as Hearing
        };
        Listener { kinds, hear: Arc::new(hear) }
    }
}

/// What the program was told on this connection and has not dealt with.
#[derive(Default)]
pub(crate) struct Listening {
    waiting: VecDeque<Event>,
    /// One event at a time, with whether the program has dealt with it.
    running: JoinSet<(Topic, u64, bool)>,
}

impl Listening {
    /// The event that the program works on, when it is done with it.
    pub async fn next(&mut self) -> Option<Dealt> {
        self.running.join_next().await
    }
}

/// The end of a listener's work.
pub(crate) type Dealt = Result<(Topic, u64, bool), JoinError>;

impl Task {
    /// The server tells an event.
    pub fn told(&mut self, event: Event) {
        self.listening.waiting.push_back(event);
        self.listen();
    }

    /// Gives the program the next event, if it does not work on one.
    fn listen(&mut self) {
        let Some(listener) = &self.options.listener else { return };
        if !self.listening.running.is_empty() {
            return;
        }
        let Some(event) = self.listening.waiting.pop_front() else { return };
        let (topic, seq) = (event.topic.clone(), event.seq);
        let hear = Arc::clone(&listener.hear);
        self.listening.running.spawn(async move {
            let hearing = AssertUnwindSafe(async move { hear(event).await });
            (topic, seq, hearing.catch_unwind().await.unwrap_or(false))
        });
    }

    /// The program is done with an event. One that it failed to deal with is told again on the
    /// next connection, which is a while away.
    pub fn dealt(&mut self, dealt: Dealt) -> Option<End> {
        let (Ok((topic, seq, did)), Link::Up(socket)) = (dealt, &mut self.link) else {
            return None;
        };
        if !did {
            let reason = "the program did not deal with an event".to_owned();
            return self.down(Down::Lost { retry_ms: None, reason });
        }
        socket.send(client::ack(self.options.codec, &topic, seq));
        self.listen();
        None
    }
}
