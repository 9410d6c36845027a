//! The handle that a program holds.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use carillon_protocol::{
    Cid, Command, ConvId, ErrorBody, ErrorCode, Event, Json, Topic, UserId, frame::Welcome,
    id::Ulid, msg,
};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::{
    Error, Events, Options,
    calls::CALLS_MAX,
    task::{self, Request},
};

/// A signed-in client; cheap to clone. It is closed when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Client {
    requests: mpsc::Sender<Request>,
    /// A place for each call without an answer.
    places: Arc<Semaphore>,
    shared: Arc<Shared>,
}

/// What the task and the handles both see.
#[derive(Debug)]
pub(crate) struct Shared {
    pub welcome: Mutex<Arc<Welcome>>,
    pub ended: OnceLock<Error>,
    pub events: Mutex<Option<Events>>,
    #[cfg(feature = "rooms")]
    pub taps: tokio::sync::broadcast::Sender<crate::Update>,
}

/// A message that the outbox has taken: on disk, if there is a state folder.
#[derive(Debug)]
pub struct Receipt {
    /// The id of the intent; the message's event carries it.
    pub cid: Cid,
    pub(crate) sent: oneshot::Receiver<Result<msg::Sent, Error>>,
}

impl Receipt {
    /// Waits for the server's answer, however often the connection is lost. Dropping the receipt
    /// does not take the message back.
    ///
    /// # Errors
    /// If the server refuses the message, or the client is closed before the answer.
    pub async fn sent(self) -> Result<msg::Sent, Error> {
        self.sent.await.unwrap_or(Err(Error::Stopped))
    }
}

impl Client {
    /// Connects. Once this has succeeded, the client reconnects by itself. A server that is busy
    /// and says when to come back is waited for.
    ///
    /// # Errors
    /// If the address or the state folder cannot be used, or the first connection fails.
    pub async fn connect(options: Options) -> Result<Client, Error> {
        let (requests, shared) = task::start(options).await?;
        Ok(Client { requests, places: Arc::new(Semaphore::new(CALLS_MAX)), shared })
    }

    /// Who the client is.
    pub fn me(&self) -> UserId {
        self.welcome().user
    }

    /// What the server said when the client connected last.
    pub fn welcome(&self) -> Arc<Welcome> {
        // A panic elsewhere cannot leave a pointer half written.
        Arc::clone(&self.shared.welcome.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The stream of what happens, from the first connection on. There is one: the first caller
    /// has it, the streams of later callers are at their end.
    ///
    /// The first updates wait for it. A program that wants none takes the stream and drops it:
    /// behind a full queue the client cannot catch up, and every connection does so from the same
    /// place again.
    pub fn events(&self) -> Events {
        let mut events = self.shared.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.take().unwrap_or_else(|| crate::events::Feed::new().1)
    }

    /// Asks an operation. Waits while there is no connection; asks again, with the same `cid`,
    /// when the connection was lost or the server says so. Dropping the future gives up.
    ///
    /// `session.issue` and `session.token` make a token each time and are not asked again: when
    /// the answer was lost, they fail with `E_TIMEOUT_UNKNOWN`.
    ///
    /// # Errors
    /// If the server refuses, or the client is closed.
    pub async fn call<C: Command>(&self, args: &C) -> Result<C::Reply, Error> {
        self.ask(None, args).await
    }

    /// Asks an operation under a `cid` of the program's own, for an intent that it remembers
    /// itself.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn call_as<C: Command>(&self, cid: Cid, args: &C) -> Result<C::Reply, Error> {
        self.ask(Some(cid), args).await
    }

    /// Everything that happens from now on, for a part of the client.
    #[cfg(feature = "rooms")]
    pub(crate) fn tap(&self) -> tokio::sync::broadcast::Receiver<crate::Update> {
        self.shared.taps.subscribe()
    }

    async fn ask<C: Command>(&self, cid: Option<Cid>, args: &C) -> Result<C::Reply, Error> {
        let _place = self.places.acquire().await.map_err(|_| Error::Stopped)?;
        let (reply, answer) = oneshot::channel();
        let (op, effect, args) = (C::OP, C::EFFECT, Json::of(args));
        self.request(Request::Call { op, effect, cid, args, reply }).await?;
        let answer = answer.await.unwrap_or_else(|_| Err(self.ended()))?;
        answer.to().map_err(|e| Error::Reply { op, why: e.to_string() })
    }

    /// Writes a message through the outbox and waits for the server's answer: in order within the
    /// conversation, exactly once, across lost connections and, with a state folder, restarts.
    ///
    /// # Errors
    /// If the outbox cannot take the message, the server refuses it, or the client is closed.
    pub async fn send(&self, conv: ConvId, text: impl Into<String>) -> Result<msg::Sent, Error> {
        self.queue(message(conv, text.into(), None)).await?.sent().await
    }

    /// Gives a message to the outbox and returns as soon as it is on disk.
    ///
    /// The order of the messages is that of the calls that were awaited one after the other; of
    /// calls that wait side by side, either may come first.
    ///
    /// # Errors
    /// If the message is larger than a frame may be, the outbox is full or cannot be written, or
    /// the client is closed.
    pub async fn queue(&self, send: msg::Send) -> Result<Receipt, Error> {
        self.enqueue(None, send).await
    }

    /// As [`Client::queue`], under a `cid` of the program's own: however often it is given, the
    /// message is written once.
    ///
    /// # Errors
    /// As [`Client::queue`].
    pub async fn queue_as(&self, cid: Cid, send: msg::Send) -> Result<Receipt, Error> {
        self.enqueue(Some(cid), send).await
    }

    /// Answers a message once: the `cid` follows from the message and the one who answers, so that
    /// a program which meets the message again after a crash does not answer again.
    ///
    /// # Errors
    /// As [`Client::send`]; also if the event is not of a conversation.
    pub async fn reply(&self, to: &Event, text: impl Into<String>) -> Result<msg::Sent, Error> {
        let Topic::Conv(conv) = to.topic else {
            let why = format!("{} is not a conversation", to.topic);
            return Err(ErrorBody::new(ErrorCode::BadArg, why).into());
        };
        let send = message(conv, text.into(), Some(to.seq));
        self.enqueue(Some(reply_cid(to, self.me())), send).await?.sent().await
    }

    async fn enqueue(&self, cid: Option<Cid>, send: msg::Send) -> Result<Receipt, Error> {
        let (taken, receipt) = oneshot::channel();
        self.request(Request::Queue { cid, send, taken }).await?;
        receipt.await.unwrap_or_else(|_| Err(self.ended()))
    }

    /// Closes the client: the program has dealt with every update that it took, progress is
    /// written and the server is told. Messages in the outbox stay there.
    pub async fn close(self) {
        let (done, closed) = oneshot::channel();
        if self.requests.send(Request::Close(done)).await.is_ok() && closed.await.is_err() {
            tracing::debug!("the client had ended before it was closed");
        }
    }

    async fn request(&self, request: Request) -> Result<(), Error> {
        self.requests.send(request).await.map_err(|_| self.ended())
    }

    fn ended(&self) -> Error {
        self.shared.ended.get().cloned().unwrap_or(Error::Stopped)
    }
}

fn message(conv: ConvId, text: String, reply_to: Option<u64>) -> msg::Send {
    msg::Send {
        conv,
        body: msg::Body::Text { text, mentions: Vec::new() },
        reply_to,
        everybody: false,
    }
}

/// A different id for each message and each one who answers: both are mixed by operations that can
/// be undone, and the time in front stays the message's.
fn reply_cid(to: &Event, me: UserId) -> Cid {
    let random = to.id.0.random() ^ me.0.random().rotate_left(40);
    Cid(Ulid::from_parts(to.id.0.timestamp_ms(), random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_has_one_cid_for_each_message_and_author() {
        let event = |id: u128| Event {
            topic: Topic::Conv(ConvId(Ulid(1))),
            seq: 1,
            n: 1,
            k: msg::kind::SENT.into(),
            id: carillon_protocol::EventId(Ulid(id)),
            by: UserId(Ulid(9)),
            at: 0,
            cid: None,
            data: Json::default(),
        };
        let cid = |id, me| reply_cid(&event(id), UserId(Ulid(me)));
        assert_eq!(cid(5, 7), cid(5, 7));
        assert_ne!(cid(5, 7), cid(6, 7));
        assert_ne!(cid(5, 7), cid(5, 8));
    }
}
