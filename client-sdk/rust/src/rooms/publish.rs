//! What a participant sends: one connection with a track for each source, and for each publication
//! a task that fills its track.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use carillon_protocol::{
    ParticipantId,
    room::{self, IceServer, Sent, Source},
};
use rtc::{
    media_stream::MediaStreamTrack,
    rtp::{
        self, extension::HeaderExtension, extension::audio_level_extension::AudioLevelExtension,
    },
    rtp_transceiver::rtp_sender::{
        RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
    },
};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::sleep_until,
};
use webrtc::{
    media_stream::track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP},
    rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit, RtpTransceiver},
};

use super::{
    connection::{Connection, State, media},
    media::{Frame, Input},
    opus, vp8,
};
use crate::{Client, Error, clock::Chance, clock::instant};

const SOURCES: [Source; 4] =
    [Source::Microphone, Source::Camera, Source::Screen, Source::ScreenAudio];
const VIDEO_RATE: u32 = 90_000;

/// The way of a source to the server, while there is one.
#[derive(Clone)]
pub(super) struct Way {
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    payload_type: u8,
    state: watch::Receiver<State>,
    /// Somebody needs a key frame.
    key: Arc<AtomicBool>,
}

impl Way {
    fn key_asked(&self) -> bool {
        self.key.swap(false, Ordering::Relaxed)
    }
}

/// The connection for what is sent.
pub(super) struct Publisher {
    pub connection: Connection,
    pub ways: BTreeMap<Source, Way>,
    _listening: JoinSet<()>,
}

impl Publisher {
    /// Connects all sources at once, so that none has to be negotiated later.
    pub async fn open(
        client: &Client,
        participant: ParticipantId,
        addresses: &[IpAddr],
        relays: &[IceServer],
        changed: &Arc<Notify>,
    ) -> Result<Publisher, Error> {
        let (connection, _no_tracks) = Connection::open(addresses, relays, changed).await?;
        let mut chance = Chance::new(None);
        let mut tracks = Vec::new();
        for source in SOURCES {
            let ssrc = (chance.ulid().random() as u32).max(1);
            let track = Arc::new(TrackLocalStaticRTP::new(track(source, ssrc)));
            let init = RTCRtpTransceiverInit {
                direction: RTCRtpTransceiverDirection::Sendonly,
                ..RTCRtpTransceiverInit::default()
            };
            let local = Arc::clone(&track) as Arc<dyn TrackLocal>;
            let section = connection.peer.add_transceiver_from_track(local, Some(init)).await;
            tracks.push((source, ssrc, track, section.map_err(media)?));
        }
        let sdp = connection.offer().await?;
        let mut sends = Vec::new();
        for (source, _, _, section) in &tracks {
            let mid = section.mid().await.map_err(media)?;
            let mid = mid.ok_or_else(|| media("a section of the offer has no name"))?;
            sends.push(Sent { mid, source: *source });
        }
        let offered = client.call(&room::Offer { participant, sdp, sends }).await?;
        connection.answered(offered.sdp).await?;
        let (mut ways, mut listening) = (BTreeMap::new(), JoinSet::new());
        for (source, ssrc, track, section) in tracks {
            let payload_type = payload_type(section.as_ref()).await?;
            let key = Arc::new(AtomicBool::new(false));
            listening.spawn(hear(Arc::clone(&track), Arc::clone(&key)));
            let state = connection.state.clone();
            ways.insert(source, Way { track, ssrc, payload_type, state, key });
        }
        Ok(Publisher { connection, ways, _listening: listening })
    }

    pub async fn close(self) {
        self.connection.close().await;
    }
}

/// Notes that somebody needs a key frame; nothing else is let through to here.
async fn hear(track: Arc<TrackLocalStaticRTP>, key: Arc<AtomicBool>) {
    while track.poll().await.is_some() {
        key.store(true, Ordering::Relaxed);
    }
}

async fn payload_type(section: &dyn RtpTransceiver) -> Result<u8, Error> {
    let sender = section.sender().await.map_err(media)?;
    let sender = sender.ok_or_else(|| media("a section of the offer sends nothing"))?;
    let parameters = sender.get_parameters().await.map_err(media)?;
    let codec = parameters.rtp_parameters.codecs.first();
    Ok(codec.ok_or_else(|| media("the server takes neither Opus nor VP8"))?.payload_type)
}

fn track(source: Source, ssrc: u32) -> MediaStreamTrack {
    let (kind, mime_type, clock_rate, channels) = match source.is_audio() {
        true => (RtpCodecKind::Audio, "audio/opus", opus::RATE, 2),
        false => (RtpCodecKind::Video, "video/VP8", VIDEO_RATE, 0),
    };
    let codec = RTCRtpCodec {
        mime_type: mime_type.to_owned(),
        clock_rate,
        channels,
        ..RTCRtpCodec::default()
    };
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            ssrc: Some(ssrc),
            ..RTCRtpCodingParameters::default()
        },
        codec,
        ..RTCRtpEncodingParameters::default()
    };
    let name = format!("{source:?}").to_lowercase();
    MediaStreamTrack::new("carillon".to_owned(), name.clone(), name, kind, vec![coding])
}

/// What decides whether a publication's frames are sent.
#[derive(Debug)]
pub(super) struct Switches {
    /// The program wants silence.
    pub muted: AtomicBool,
    /// Whether somebody looks.
    pub wanted: AtomicBool,
}

impl Default for Switches {
    fn default() -> Switches {
        Switches { muted: AtomicBool::new(false), wanted: AtomicBool::new(true) }
    }
}

/// How much was sent.
#[derive(Debug, Default)]
pub(super) struct Sending {
    pub frames: AtomicU64,
    /// Those of them that are pictures.
    pub pictures: AtomicU64,
    pub bytes: AtomicU64,
}

/// Sends the frames of a publication until there are no more.
pub(super) struct Pump {
    pub source: Source,
    pub input: Input,
    pub way: watch::Receiver<Option<Way>>,
    /// Whether the room has it, not muted.
    pub listed: watch::Receiver<bool>,
    pub switches: Arc<Switches>,
    pub sending: Arc<Sending>,
}

impl Pump {
    pub async fn run(mut self) {
        if matches!(self.input, Input::File(_)) {
            // A file is sent from its beginning.
            self.connected().await;
            if self.listed.wait_for(|listed| *listed).await.is_err() {
                return;
            }
        }
        let began = instant();
        let mut due = began;
        // Whoever receives this has nothing yet.
        let mut waits_for_key = true;
        let mut stream: Option<Stream> = None;
        loop {
            let asked = self.way.borrow().as_ref().is_some_and(Way::key_asked);
            let key = waits_for_key || asked;
            let Some(frame) = self.input.next(key).await else { return };
            sleep_until(due).await;
            // A program that had nothing for a while does not catch up.
            let at = due.max(instant());
            due = at + frame.duration;
            let way = self.way.borrow().clone();
            let way = way.filter(|way| *way.state.borrow() == State::Connected);
            let open = *self.listed.borrow()
                && !self.switches.muted.load(Ordering::Relaxed)
                && (self.source.is_audio() || self.switches.wanted.load(Ordering::Relaxed));
            let Some(way) = way.filter(|_| open) else {
                waits_for_key = true;
                continue;
            };
            if waits_for_key && !frame.is_key(self.source) {
                continue;
            }
            let new = stream.as_ref().is_none_or(|stream| stream.way.ssrc != way.ssrc);
            if new {
                stream = Some(Stream::new(way, began.into_std()));
            }
            let Some(stream) = &mut stream else { continue };
            waits_for_key = !stream.send(self.source, &frame, at.into_std()).await;
            let pictures = u64::from(!self.source.is_audio());
            self.sending.frames.fetch_add(1, Ordering::Relaxed);
            self.sending.pictures.fetch_add(pictures, Ordering::Relaxed);
            self.sending.bytes.fetch_add(frame.data.len() as u64, Ordering::Relaxed);
        }
    }
}

impl Pump {
    /// Waits until there is a way, and it is open. The task ends with the meeting.
    async fn connected(&mut self) {
        loop {
            let state = self.way.borrow_and_update().as_ref().map(|way| way.state.clone());
            let open = async {
                match state {
                    Some(mut state) => {
                        state.wait_for(|state| *state == State::Connected).await.is_ok()
                    }
                    None => false,
                }
            };
            tokio::select! {
                true = open => return,
                changed = self.way.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

/// The numbers of a stream of packets.
struct Stream {
    way: Way,
    began: Instant,
    number: u16,
    picture: u16,
    /// Whether the next packet of sound follows a silence.
    first: bool,
}

impl Stream {
    fn new(way: Way, began: Instant) -> Stream {
        // Away from the wrap: whoever hears the second packet first knows that it is the second.
        Stream { way, began, number: 0x4000, picture: 0x2000, first: true }
    }

    /// Sends a frame; false if the connection takes nothing.
    async fn send(&mut self, source: Source, frame: &Frame, at: Instant) -> bool {
        let since = at.saturating_duration_since(self.began).as_nanos();
        let rate = if source.is_audio() { opus::RATE } else { VIDEO_RATE };
        let timestamp = (since * u128::from(rate) / 1_000_000_000) as u32;
        let payloads = if source.is_audio() {
            vec![frame.data.clone()]
        } else {
            self.picture = self.picture.wrapping_add(1) & 0x7fff;
            vp8::packets(&frame.data, self.picture)
        };
        let level = AudioLevelExtension { level: frame.level(), voice: frame.level() < 127 };
        let level = source.is_audio().then_some(HeaderExtension::AudioLevel(level));
        let last = payloads.len().saturating_sub(1);
        for (i, payload) in payloads.into_iter().enumerate() {
            let marker = if source.is_audio() { self.first } else { i == last };
            self.first = false;
            self.number = self.number.wrapping_add(1);
            let header = rtp::header::Header {
                version: 2,
                marker,
                payload_type: self.way.payload_type,
                sequence_number: self.number,
                timestamp,
                ssrc: self.way.ssrc,
                ..rtp::header::Header::default()
            };
            let packet = rtp::Packet { header, payload };
            let sent = self.way.track.write_rtp_with_extensions(packet, level.as_slice()).await;
            if let Err(error) = sent {
                tracing::debug!(?source, %error, "a frame could not be sent");
                return false;
            }
        }
        true
    }
}
