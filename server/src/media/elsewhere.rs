//! Rooms whose media are on another node: what is asked goes there by the bus, and comes back.
//!
//! A word that the bus loses costs the one who asks a moment, and then `E_UNAVAILABLE`: everything
//! that is asked of media can be asked again.

use std::{sync::Arc, time::Duration};

use carillon_bus::{Bus, Part};
use carillon_plugin::{Error, MediaAnswer, MediaAsked, Result};
use carillon_protocol::{ErrorBody, ErrorCode, RoomId, RunId};
use tokio::{sync::oneshot, time::timeout};

use super::Load;
use crate::cluster::{
    message,
    pending::{BUSY_RETRY_MS, Pending},
};

/// How long the owner may take: its threads answer within milliseconds, and who waits longer than
/// this has lost a word.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// When to come back if the owner did not answer.
const SILENT_RETRY_MS: u64 = 500;

/// Which node asks, and which of its calls it is.
pub type Call = (RunId, u64);
/// What became of it.
pub type Carried = std::result::Result<MediaAnswer, ErrorBody>;

/// The calls of this node that others answer.
pub(super) struct Elsewhere {
    run: RunId,
    bus: Arc<dyn Bus>,
    waiting: Pending<oneshot::Sender<Carried>>,
}

impl Elsewhere {
    pub(super) fn new(run: RunId, bus: Arc<dyn Bus>) -> Elsewhere {
        Elsewhere { run, bus, waiting: Pending::default() }
    }

    /// How the bus is.
    pub(super) fn health(&self) -> carillon_bus::Health {
        self.bus.health()
    }

    /// Asks the owner of a room, and waits for what it says.
    pub(super) async fn ask(&self, owner: RunId, asked: MediaAsked) -> Result<MediaAnswer> {
        let (answer, answered) = oneshot::channel();
        let ticket = self.waiting.begin(answer).ok_or_else(|| {
            let msg = "too many calls wait for the nodes that carry rooms; try again soon";
            Error::new(ErrorCode::Busy, msg).retry_ms(BUSY_RETRY_MS)
        })?;
        let part = part_of(asked.room);
        self.bus.publish(part, message::media(owner, (self.run, ticket.id), &asked));
        match timeout(ANSWER_TIMEOUT, answered).await {
            Ok(Ok(carried)) => Ok(carried?),
            Ok(Err(_)) | Err(_) => {
                let msg = "the node that carries this room does not answer; try again";
                Err(Error::new(ErrorCode::Unavailable, msg).retry_ms(SILENT_RETRY_MS))
            }
        }
    }

    /// A node answers.
    pub(super) fn answered(&self, id: u64, carried: Carried) {
        if let Some(waits) = self.waiting.take_if(id, |_| true) {
            // Whoever waited may have given up in this moment.
            let _gone = waits.send(carried);
        }
    }

    /// Answers a call of another node.
    pub(super) fn publish_answer(&self, room: RoomId, call: Call, carried: Carried) {
        self.bus.publish(part_of(room), message::carried(call, &carried));
    }

    /// Says which rooms this node carries, and how much it has to do.
    pub(super) fn carry(&self, rooms: &[(RoomId, i64)], load: Load) {
        self.bus.publish(Part::of_bytes(b"rooms"), message::carries(self.run, rooms, load));
    }

    /// Says that this node stops.
    pub(super) fn leave(&self) {
        self.bus.publish(Part::of_bytes(b"rooms"), message::leaves(self.run));
    }
}

/// What is asked of one room keeps its order.
fn part_of(room: RoomId) -> Part {
    Part::of_bytes(&room.0.0.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use carillon_bus::{NodeId, Signal, Subscription};
    use carillon_plugin::MediaCall;
    use carillon_protocol::id::Ulid;

    use super::*;
    use crate::cluster::{message::Message, pending::CALLS_MAX};

    const EAST: RunId = RunId(Ulid(1));
    const WEST: RunId = RunId(Ulid(2));

    /// Two nodes: the calls of the first, and the second by hand.
    fn nodes() -> (Arc<Elsewhere>, Arc<dyn Bus>, Subscription) {
        let hub = carillon_bus::Hub::default();
        let (east, mut hears) = hub.join(NodeId(EAST.0));
        let (west, heard) = hub.join(NodeId(WEST.0));
        let elsewhere = Arc::new(Elsewhere::new(EAST, east));
        let told = Arc::clone(&elsewhere);
        tokio::spawn(async move {
            while let Some(Signal::Arrived { payload, .. }) = hears.next().await {
                match message::read(&payload).unwrap() {
                    Message::Carried { call, answer } => told.answered(call.1, answer),
                    other => panic!("{other:?}"),
                }
            }
        });
        (elsewhere, west, heard)
    }

    fn asked() -> MediaAsked {
        MediaAsked { room: RoomId(Ulid(5)), what: MediaCall::Connected }
    }

    #[tokio::test(start_paused = true)]
    async fn the_owner_is_asked_and_its_answer_or_refusal_comes_back() {
        let (elsewhere, bus, mut heard) = nodes();
        let refusal = ErrorBody::new(ErrorCode::NotFound, "there is no such participant");
        for carried in [Ok(MediaAnswer::Done), Err(refusal)] {
            let answers = async {
                let Some(Signal::Arrived { payload, .. }) = heard.next().await else { panic!() };
                let read = message::read(&payload).unwrap();
                let Message::Media { to, call, asked: what } = read else { panic!("{read:?}") };
                assert_eq!((to, what), (WEST, asked()));
                bus.publish(Part::of_bytes(b""), message::carried(call, &carried));
            };
            let (answer, ()) = tokio::join!(elsewhere.ask(WEST, asked()), answers);
            assert_eq!(answer.map_err(Error::into_body), carried);
        }
        assert!(elsewhere.waiting.is_empty(), "nothing is kept of them");
    }

    #[tokio::test(start_paused = true)]
    async fn an_owner_that_is_silent_is_not_waited_for_and_only_so_many_wait() {
        let (elsewhere, _bus, _heard) = nodes();
        let ask = || Box::pin(elsewhere.ask(WEST, asked()));
        let mut waiting: Vec<_> = (0..CALLS_MAX).map(|_| ask()).collect();
        for call in &mut waiting {
            assert!(futures_util::poll!(call).is_pending());
        }
        assert_eq!(ask().await.unwrap_err().code(), ErrorCode::Busy);
        drop(waiting);
        assert_eq!(ask().await.unwrap_err().code(), ErrorCode::Unavailable, "there is room again");
        assert!(elsewhere.waiting.is_empty(), "nothing is kept of them");
    }
}
