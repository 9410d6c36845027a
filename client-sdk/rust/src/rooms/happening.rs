//! What a program hears of a meeting.

use std::time::Duration;

use carillon_protocol::{
    ParticipantId,
    room::{Gone, Head, LeftData, Participant, ReactionData, Source},
};
use tokio::sync::mpsc;

use crate::Error;

/// What happens in a meeting. Of those who came and went, [`Meeting::room`](super::Meeting::room)
/// always knows the newest; a program that takes its time misses some of these.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Happening {
    /// Somebody came in, or waits to be let in.
    Came(Participant),
    /// Somebody sends something else, has another role, or raised a hand.
    Changed(Participant),
    /// Somebody is gone.
    Went(LeftData),
    /// The room has another title, time or other rules, or is over.
    Updated(Head),
    /// The room was looked at anew: anything may have changed.
    Refreshed,
    /// Who is heard now; the loudest first.
    Speaking(Vec<ParticipantId>),
    /// Somebody shows an emoji.
    Reaction(ReactionData),
    /// This participant is let in.
    Admitted,
    /// Media flow: at first, and after each time they were lost.
    Connected,
    /// They do not; the client tries again after a while.
    Disconnected {
        /// When.
        retry_in: Duration,
        /// Why.
        reason: String,
    },
    /// A moderator muted what this participant sends.
    Muted(Source),
    /// What was published has come to its end.
    Finished(Source),
    /// The meeting is over for this participant: the last one.
    Ended(Ended),
}

/// Why a meeting is over for a participant.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Ended {
    /// They are not in the room any more.
    Gone(Gone),
    /// They waited, and were turned away.
    Refused,
    /// Coming back failed.
    Failed(Error),
}

/// The stream of what happens.
#[derive(Debug)]
pub struct Happenings {
    pub(super) queue: mpsc::Receiver<Happening>,
}

impl Happenings {
    /// What happens next; `None` when the meeting is over for this participant.
    pub async fn next(&mut self) -> Option<Happening> {
        self.queue.recv().await
    }
}
