//! What a participant sees and hears: one connection with a section for each slot, and for each a
//! task that makes frames of packets.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use carillon_protocol::{
    ParticipantId,
    room::{self, IceServer, Slot, Source},
};
use rtc::{
    rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication,
    rtp_transceiver::rtp_sender::RtpCodecKind,
};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinSet,
    time::{Instant, sleep_until},
};
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};

use super::{
    connection::{Connection, Tracks},
    order::{Next, Order, Packet},
    vp8::{self, Assembler},
};
use crate::{Client, Error, clock::instant};

/// A key frame that does not come is asked for again after so long.
const KEY_AGAIN: Duration = Duration::from_millis(500);
/// Frames that wait for the program: a second of a large meeting. More are let go.
pub(super) const FRAMES_MAX: usize = 2_048;

/// A whole frame that somebody sent.
#[derive(Debug, Clone)]
pub struct Received {
    /// The slot in which it came; its frames follow each other as those of one stream, whoever
    /// sends them.
    pub slot: String,
    /// Whether it is a packet of Opus, not a picture of VP8.
    pub audio: bool,
    /// Whose it is. Of voices nobody is named: they take turns in their slots, and who is heard
    /// says [`Happening::Speaking`](super::Happening::Speaking).
    pub from: Option<(ParticipantId, Source)>,
    /// The time of the stream, in 1/48000 s of sound and 1/90000 s of pictures; it wraps.
    pub time: u32,
    /// When it was whole.
    pub at: std::time::Instant,
    /// The frame.
    pub data: Bytes,
}

/// The stream of what is seen and heard. A program that takes its time misses frames.
#[derive(Debug)]
pub struct Frames {
    pub(super) queue: mpsc::Receiver<Received>,
}

impl Frames {
    /// The next frame; `None` when the meeting is over for this participant.
    pub async fn next(&mut self) -> Option<Received> {
        self.queue.recv().await
    }

    /// How many frames wait.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }
}

/// How much was received.
#[derive(Debug, Default)]
pub(super) struct Receiving {
    pub frames: AtomicU64,
    /// Those of them that are pictures.
    pub pictures: AtomicU64,
    pub bytes: AtomicU64,
    /// Packets that did not come, not even later.
    pub lost: AtomicU64,
    /// Frames that the program was too slow for.
    pub dropped: AtomicU64,
}

/// Where frames go, and whose they are.
#[derive(Clone)]
pub(super) struct Sink {
    pub frames: mpsc::Sender<Received>,
    pub slots: Arc<Mutex<BTreeMap<String, (ParticipantId, Source)>>>,
    pub receiving: Arc<Receiving>,
}

impl Sink {
    /// What the slots show from now on.
    pub fn show(&self, slots: &[Slot]) {
        let mut shown = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        *shown = slots.iter().map(|it| (it.mid.clone(), (it.participant, it.source))).collect();
    }

    /// Whose a slot's frames are.
    fn shown(&self, slot: &str) -> Option<(ParticipantId, Source)> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).get(slot).copied()
    }

    fn give(&self, slot: &str, from: Option<(ParticipantId, Source)>, time: u32, data: Bytes) {
        let audio = from.is_none();
        self.receiving.frames.fetch_add(1, Ordering::Relaxed);
        self.receiving.pictures.fetch_add(u64::from(!audio), Ordering::Relaxed);
        self.receiving.bytes.fetch_add(data.len() as u64, Ordering::Relaxed);
        let at = instant().into_std();
        let frame = Received { slot: slot.to_owned(), audio, from, time, at, data };
        if self.frames.try_send(frame).is_err() {
            self.receiving.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The connection for what is received.
pub(super) struct Subscriber {
    pub connection: Connection,
    _reading: JoinSet<()>,
}

impl Subscriber {
    /// Answers the server's first offer.
    pub async fn open(
        client: &Client,
        participant: ParticipantId,
        offer: String,
        addresses: &[IpAddr],
        relays: &[IceServer],
        sink: Sink,
        changed: &Arc<Notify>,
    ) -> Result<Subscriber, Error> {
        let (connection, tracks) = Connection::open(addresses, relays, changed).await?;
        let mut reading = JoinSet::new();
        reading.spawn(read_all(connection.clone(), tracks, sink));
        let subscriber = Subscriber { connection, _reading: reading };
        subscriber.accept(client, participant, offer).await?;
        Ok(subscriber)
    }

    /// Answers an offer of the server.
    pub async fn accept(
        &self,
        client: &Client,
        participant: ParticipantId,
        offer: String,
    ) -> Result<(), Error> {
        let sdp = self.connection.answer(offer).await?;
        client.call(&room::Answer { participant, sdp }).await?;
        Ok(())
    }

    pub async fn close(self) {
        self.connection.close().await;
    }
}

/// Reads every track that comes; ends with the connection.
async fn read_all(connection: Connection, mut tracks: Tracks, sink: Sink) {
    let mut reading = JoinSet::new();
    while let Some(track) = tracks.recv().await {
        while reading.try_join_next().is_some() {}
        let Some(slot) = slot_of(&connection, &track).await else {
            tracing::debug!("a track came that belongs to no slot");
            continue;
        };
        let audio = track.kind().await == RtpCodecKind::Audio;
        reading.spawn(read(track, slot, audio, sink.clone()));
    }
}

/// The section in which a track comes.
async fn slot_of(connection: &Connection, track: &Arc<dyn TrackRemote>) -> Option<String> {
    for section in connection.peer.get_transceivers().await {
        if let Ok(Some(receiver)) = section.receiver().await
            && Arc::ptr_eq(receiver.track(), track)
        {
            return section.mid().await.ok()?;
        }
    }
    None
}

/// Makes frames of a track's packets.
async fn read(track: Arc<dyn TrackRemote>, slot: String, audio: bool, sink: Sink) {
    let mut frames = Maker { slot, audio, sink, pictures: Assembler::default(), whose: None };
    let mut order = Order::default();
    let mut ssrc = None;
    let mut key_due: Option<Instant> = None;
    loop {
        let wake = [order.due().map(Instant::from_std), key_due].into_iter().flatten().min();
        let event = tokio::select! {
            event = track.poll() => event,
            () = sleep_until(wake.unwrap_or_else(instant)), if wake.is_some() => None,
        };
        let now = instant();
        match event {
            Some(TrackRemoteEvent::OnRtpPacket(packet)) => {
                ssrc = Some(packet.header.ssrc);
                let header = packet.header;
                let (number, time) = (header.sequence_number, header.timestamp);
                let (marker, payload) = (header.marker, packet.payload);
                order.push(Packet { number, time, marker, payload }, now.into_std());
            }
            Some(TrackRemoteEvent::OnEnded) => return,
            None if wake.is_none_or(|wake| now < wake) => return,
            _ => {}
        }
        while let Some(next) = order.pop(now.into_std()) {
            frames.take(next);
        }
        key_due = match (audio || !frames.pictures.needs_key(), ssrc, key_due) {
            (true, ..) | (_, None, _) => None,
            (false, Some(_), Some(due)) if due > now => Some(due),
            (false, Some(media_ssrc), _) => {
                let request = PictureLossIndication { sender_ssrc: 0, media_ssrc };
                if let Err(error) = track.write_rtcp(vec![Box::new(request)]).await {
                    tracing::debug!(%error, "a key frame could not be asked for");
                }
                Some(now + KEY_AGAIN)
            }
        };
    }
}

/// Makes frames of what comes in a slot.
struct Maker {
    slot: String,
    audio: bool,
    sink: Sink,
    pictures: Assembler,
    /// Whose the frames before were.
    whose: Option<(ParticipantId, Source)>,
}

impl Maker {
    fn take(&mut self, next: Next) {
        match next {
            // What carries nothing only keeps the connection busy.
            Next::Packet(packet) if packet.payload.is_empty() => {}
            Next::Packet(packet) if self.audio => {
                self.sink.give(&self.slot, None, packet.time, packet.payload);
            }
            Next::Packet(packet) => self.picture(packet),
            Next::Lost(count) => {
                self.sink.receiving.lost.fetch_add(count, Ordering::Relaxed);
                self.pictures.gap();
            }
        }
    }

    fn picture(&mut self, packet: Packet) {
        let time = packet.time;
        let Some(frame) = self.pictures.push(packet) else { return };
        // The frames may be there before the answer that says whose they are. What is told of
        // somebody begins with a key frame of theirs.
        let whose = self.sink.shown(&self.slot);
        let is_other = std::mem::replace(&mut self.whose, whose) != whose;
        if whose.is_none() || (is_other && !vp8::is_key(&frame)) {
            self.pictures.gap();
        } else {
            self.sink.give(&self.slot, whose, time, frame);
        }
    }
}
