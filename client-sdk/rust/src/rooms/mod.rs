//! Meetings: sends sound and pictures that are encoded already, and receives those of others.
//!
//! A bot that records who spoke:
//!
//! ```no_run
#![doc = include_str!("../../examples/meeting_recorder.rs")]
//! ```
//!
//! Sound is Opus, pictures are VP8. Nothing is encoded or decoded here: a program that wants to
//! brings what it needs.

mod connection;
mod guest;
mod happening;
mod ivf;
mod keeper;
mod media;
mod ogg;
mod opus;
mod order;
mod picture;
mod place;
mod publish;
mod record;
mod roster;
mod subscribe;
mod vp8;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use carillon_protocol::{
    ParticipantId, RoomId,
    room::{self, Join, Room, Source, View},
};
use tokio::sync::mpsc;

pub use guest::{enter_as_guest, look_at_link};
pub use happening::{Ended, Happening, Happenings};
pub use ivf::{IvfReader, IvfWriter, picture_size};
pub use media::{Frame, Media};
pub use ogg::{OggReader, OggWriter};
pub use record::Recorder;
pub use subscribe::{Frames, Received};

use crate::{Client, Error};
use media::Input;
use place::Place;
use subscribe::FRAMES_MAX;

/// Happenings that wait for the program. More are let go: [`Meeting::room`] knows what became of
/// them.
const HAPPENINGS_MAX: usize = 256;

impl Client {
    /// Enters a room. Whoever has to wait is in it once somebody lets them in, as
    /// [`Happening::Admitted`] says.
    ///
    /// # Errors
    /// As [`Client::call`], and if the media connection cannot be made.
    pub async fn join_room(&self, room: RoomId) -> Result<Meeting, Error> {
        let heard = self.tap();
        let joined = self.call(&Join { room, participant: None }).await?;
        let (happenings, happening) = mpsc::channel(HAPPENINGS_MAX);
        let (frames, received) = mpsc::channel(FRAMES_MAX);
        let place = Arc::new(Place::new(self.clone(), &joined, happenings, frames));
        if let Err(error) = place.connect(joined).await {
            // Nobody else knows of this place.
            if let Err(error) = place.leave().await {
                tracing::debug!(%error, "the place in the room stays for a while");
            }
            return Err(error);
        }
        keeper::start(&place, heard);
        let waiting = Waiting { happening: Some(happening), received: Some(received) };
        Ok(Meeting { place, waiting: Arc::new(Mutex::new(waiting)) })
    }
}

/// A place in a meeting; cheap to clone. It is kept until [`Meeting::leave`], however often
/// connections are lost, unless they are away for longer than the server waits: two minutes. So
/// soon it also notices that the last clone was dropped.
#[derive(Clone)]
pub struct Meeting {
    place: Arc<Place>,
    waiting: Arc<Mutex<Waiting>>,
}

/// The streams that nobody has taken yet.
struct Waiting {
    happening: Option<mpsc::Receiver<Happening>>,
    received: Option<mpsc::Receiver<Received>>,
}

/// How much was sent and received since the meeting was entered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Whole frames that were sent.
    pub frames_sent: u64,
    /// Those of them that are pictures.
    pub pictures_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Whole frames that were received.
    pub frames_received: u64,
    /// Those of them that are pictures.
    pub pictures_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
    /// Packets that were lost for good.
    pub packets_lost: u64,
    /// Frames that came while the program was too slow to take them.
    pub frames_dropped: u64,
    /// The time to the server and back, over the connection for what is received.
    pub round_trip: Option<Duration>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is inside is whole between any two statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Meeting {
    /// Who this is in the room.
    pub fn participant(&self) -> ParticipantId {
        self.place.participant
    }

    /// The room and everybody in it.
    pub fn room(&self) -> Room {
        self.place.room()
    }

    /// The stream of what happens. There is one: the streams of later callers are at their end.
    pub fn happenings(&self) -> Happenings {
        let queue = lock(&self.waiting).happening.take();
        Happenings { queue: queue.unwrap_or_else(|| mpsc::channel(1).1) }
    }

    /// The stream of what is heard and seen. There is one, as of [`Meeting::happenings`].
    pub fn frames(&self) -> Frames {
        let queue = lock(&self.waiting).received.take();
        Frames { queue: queue.unwrap_or_else(|| mpsc::channel(1).1) }
    }

    /// Sends something, in place of what the source sent before.
    ///
    /// # Errors
    /// If it cannot be opened, the connection cannot be made, or the room's rules do not allow it.
    pub async fn publish(&self, source: Source, media: Media) -> Result<(), Error> {
        let input = Input::open(media, source).await?;
        self.place.publish(source, input).await
    }

    /// Sends something no more.
    ///
    /// # Errors
    /// As [`Client::call`]; it is not sent any more in any case.
    pub async fn unpublish(&self, source: Source) -> Result<(), Error> {
        self.place.unpublish(source).await
    }

    /// Mutes what is sent, or lets it be heard and seen again. Whom somebody else mutes a moment
    /// later stays muted.
    ///
    /// # Errors
    /// As [`Client::call`]; what was to be muted is muted even so.
    pub async fn mute(&self, source: Source, muted: bool) -> Result<(), Error> {
        self.place.mute(source, muted).await
    }

    /// Says what is to be seen, the most important first, and how large it is shown. Everything
    /// else stops. The voices come by themselves.
    ///
    /// # Errors
    /// As [`Client::call`], and if the connection cannot grow.
    pub async fn subscribe(&self, views: Vec<View>) -> Result<(), Error> {
        self.place.subscribe(views).await
    }

    /// Raises or lowers this participant's hand.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn raise_hand(&self, raised: bool) -> Result<(), Error> {
        let participant = self.place.participant;
        self.place.client.call(&room::RaiseHand { participant, raised }).await?;
        Ok(())
    }

    /// Shows everybody an emoji for a moment.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn react(&self, emoji: impl Into<String>) -> Result<(), Error> {
        let (participant, emoji) = (self.place.participant, emoji.into());
        self.place.client.call(&room::React { participant, emoji }).await?;
        Ok(())
    }

    /// How much was sent and received.
    pub async fn statistics(&self) -> Statistics {
        self.place.statistics().await
    }

    /// Leaves the room. The streams end.
    ///
    /// # Errors
    /// As [`Client::call`]; this participant sends and receives nothing any more in any case.
    pub async fn leave(self) -> Result<(), Error> {
        self.place.leave().await
    }
}
