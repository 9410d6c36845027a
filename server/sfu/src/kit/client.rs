//! A participant: two connections, what they send, and what they received.

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    time::{Duration, Instant, SystemTime},
};

use carillon_protocol::room::{Sent, Source};
use str0m::{
    Event, Rtc, RtcConfig,
    bwe::{Bitrate, BweKind},
    change::SdpPendingOffer,
    format::Codec,
    media::{Direction, MediaKind, Mid, Pt, Rid, Simulcast, SimulcastLayer},
    rtp::{AbsCaptureTime, Extension, ExtensionMap, ExtensionValues, RtpPacket, RtpWrite},
};

use super::{
    end::{Counted, End},
    wire::Weather,
};

/// What a client reckons to have until it knows better.
const FIRST_ESTIMATE: Bitrate = Bitrate::kbps(2_500);
/// Packets that nobody took are given up, the oldest first.
const RECEIVED_MAX: usize = 16_384;

/// A sound that is louder than this, in -dBov, is a voice.
const VOICE: u8 = 60;

/// Something to publish.
#[derive(Debug, Clone, Copy)]
pub struct Track<'a> {
    /// What it is.
    pub source: Source,
    /// Its layers, the smallest first; none for one stream without a name.
    pub rids: &'a [&'a str],
}

/// A packet that arrived in a slot.
#[derive(Debug, Clone)]
pub struct Received {
    /// Which slot.
    pub mid: String,
    /// The stream.
    pub ssrc: u32,
    /// The extended sequence number.
    pub seq: u64,
    /// The timestamp, in the clock of the codec.
    pub time: u32,
    /// The end of a frame, or the start of a talk spurt.
    pub marker: bool,
    /// What was sent.
    pub payload: std::sync::Arc<[u8]>,
    /// The level of a voice, 0 (loudest) to 127, as RFC 6464 has it.
    pub level: Option<u8>,
    /// When it was captured, as its sender's clock had it.
    pub captured: Option<SystemTime>,
    /// When it arrived.
    pub at: Instant,
}

/// A participant's end of both connections.
pub struct Client {
    publish: End,
    subscribe: End,
    pending: Option<SdpPendingOffer>,
    sends: Vec<(Source, Mid)>,
    received: VecDeque<Received>,
    wanted: Vec<(Source, Option<String>)>,
    estimate: Option<u64>,
    given_up: u64,
    /// When what is sent now was captured.
    captured: Option<SystemTime>,
}

impl Client {
    /// Sockets on this address, and dice of their own.
    ///
    /// # Errors
    /// If there is no socket.
    pub fn new(ip: IpAddr, seed: u64) -> io::Result<Client> {
        Client::with(config(), config(), ip, seed)
    }

    /// One that may say when what it sends was captured, and hears it of others.
    ///
    /// # Errors
    /// If there is no socket.
    pub fn capturing(ip: IpAddr, seed: u64) -> io::Result<Client> {
        let mut known = ExtensionMap::standard();
        known.set(6, Extension::AbsoluteCaptureTime);
        let config = || config().set_extension_map(known.clone());
        Client::with(config(), config(), ip, seed)
    }

    /// One that says which part of a stream it lost, but reports no packets: so nobody can tell
    /// from when they arrived how much the way to it carries.
    ///
    /// # Errors
    /// If there is no socket.
    pub fn unmeasured(ip: IpAddr, seed: u64) -> io::Result<Client> {
        let mut known = ExtensionMap::empty();
        known.set(1, Extension::AudioLevel);
        known.set(4, Extension::RtpMid);
        Client::with(config(), config().set_extension_map(known), ip, seed)
    }

    fn with(sends: RtcConfig, receives: RtcConfig, ip: IpAddr, seed: u64) -> io::Result<Client> {
        let publish = sends.enable_bwe(Some(FIRST_ESTIMATE)).build(Instant::now());
        // It hands over packets as they come, in whatever order.
        let receives = receives.build(Instant::now());
        Ok(Client {
            publish: End::new(publish, ip, seed)?,
            subscribe: End::new(receives, ip, seed.wrapping_add(1))?,
            pending: None,
            sends: Vec::new(),
            received: VecDeque::new(),
            wanted: Vec::new(),
            estimate: None,
            given_up: 0,
            captured: None,
        })
    }

    /// An offer of what is published, for `room.offer`.
    ///
    /// # Errors
    /// If there is nothing new to offer.
    pub fn offer(&mut self, tracks: &[Track<'_>]) -> io::Result<(String, Vec<Sent>)> {
        let mut change = self.publish.rtc.sdp_api();
        for track in tracks {
            let kind = if track.source.is_audio() { MediaKind::Audio } else { MediaKind::Video };
            let simulcast = (!track.rids.is_empty()).then(|| Simulcast {
                send: track.rids.iter().map(|rid| SimulcastLayer::new(rid)).collect(),
                recv: Vec::new(),
            });
            let mid = change.add_media(kind, Direction::SendOnly, None, None, simulcast);
            self.sends.push((track.source, mid));
        }
        let (offer, pending) =
            change.apply().ok_or_else(|| io::Error::other("there is nothing new to offer"))?;
        self.pending = Some(pending);
        let sends = self.sends.iter();
        let sends = sends.map(|&(source, mid)| Sent { mid: mid.to_string(), source }).collect();
        Ok((offer.to_sdp_string(), sends))
    }

    /// The server's answer to the last offer.
    ///
    /// # Errors
    /// If it is none, or nothing was offered.
    pub fn answered(&mut self, answer: &str) -> io::Result<()> {
        let pending = self.pending.take().ok_or_else(|| io::Error::other("nothing was offered"))?;
        self.publish.answered(pending, answer)
    }

    /// Answers the server's offer of what is seen and heard, for `room.answer`.
    ///
    /// # Errors
    /// If it cannot be used.
    pub fn accept(&mut self, offer: &str) -> io::Result<String> {
        self.subscribe.accept(offer)
    }

    /// Makes the connections bad, or good again.
    pub fn set_weather(&mut self, weather: Weather) {
        self.publish.set_weather(weather);
        self.subscribe.set_weather(weather);
    }

    /// The number of the stream in which something without layers is sent.
    pub fn ssrc(&mut self, source: Source) -> Option<u32> {
        let (_, mid) = self.sends.iter().find(|(sent, _)| *sent == source)?;
        let mut direct = self.publish.rtc.direct_api();
        direct.stream_tx_by_mid(*mid, None).map(|stream| *stream.ssrc())
    }

    /// Sends it in a stream of another number, which may be that of somebody else.
    pub fn renumber(&mut self, source: Source, ssrc: u32) {
        let before = self.ssrc(source);
        let mid = self.sends.iter().find(|(sent, _)| *sent == source).map(|(_, mid)| *mid);
        if let (Some(before), Some(mid)) = (before, mid) {
            let mut direct = self.publish.rtc.direct_api();
            direct.remove_stream_tx(before.into());
            direct.declare_stream_tx(ssrc.into(), None, mid, None);
        }
    }

    /// Moves to other ports, as a phone does that changes networks.
    ///
    /// # Errors
    /// If there is no socket.
    pub fn rebind(&mut self) -> io::Result<()> {
        self.publish.rebind()?;
        self.subscribe.rebind()
    }

    /// Ends the connection on which it sees and hears, and says so to the server.
    ///
    /// # Errors
    /// If the protocol fails for good.
    pub fn close(&mut self) -> io::Result<()> {
        self.subscribe.rtc.close().map_err(io::Error::other)?;
        self.subscribe.drain(Instant::now(), &mut |_, _| {})
    }

    /// Whether what it publishes has a connection, and whether what it sees and hears has one.
    pub fn is_connected(&self) -> (bool, bool) {
        (self.publish.connected, self.subscribe.connected)
    }

    /// Where its two connections are.
    pub fn addresses(&self) -> [SocketAddr; 2] {
        [self.publish.address(), self.subscribe.address()]
    }

    /// Its two sockets, to wait for; [`Client::rebind`] makes others.
    pub fn sockets(&self) -> [&UdpSocket; 2] {
        [self.publish.socket(), self.subscribe.socket()]
    }

    /// How long until [`Client::step`] has something to do without a datagram.
    pub fn time_left(&self) -> Duration {
        self.deadline().saturating_duration_since(Instant::now())
    }

    /// What went over its two connections.
    pub fn counted(&self) -> [Counted; 2] {
        [self.publish.counted(), self.subscribe.counted()]
    }

    /// How many packets were given up because nobody took them.
    pub fn given_up(&self) -> u64 {
        self.given_up
    }

    /// What the uplink carries, in bits a second, as far as it is known.
    pub fn estimate(&self) -> Option<u64> {
        self.estimate
    }

    /// When [`Client::step`] has something to do without a datagram.
    pub fn deadline(&self) -> Instant {
        self.publish.deadline().min(self.subscribe.deadline())
    }

    /// Takes in what arrived and sends what is due.
    ///
    /// # Errors
    /// If a socket or the protocol fails for good.
    pub fn step(&mut self) -> io::Result<()> {
        let Client { publish, subscribe, sends, received, wanted, estimate, given_up, .. } = self;
        publish.step(&mut |_, event| published(event, sends, wanted, estimate))?;
        subscribe.step(&mut |at, event| {
            let Event::RtpPacket(packet) = event else { return };
            if received.len() == RECEIVED_MAX {
                received.pop_front();
                *given_up += 1;
            }
            received.push_back(arrived(at, packet));
        })?;
        // The mid stands in a packet's header only until the server knows that it is known.
        for packet in received.iter_mut().rev().take_while(|packet| packet.mid.is_empty()) {
            let mut direct = subscribe.rtc.direct_api();
            if let Some(stream) = direct.stream_rx(&packet.ssrc.into()) {
                packet.mid = stream.mid().to_string();
            }
        }
        subscribe.drain(Instant::now(), &mut |_, _| {})
    }

    /// What arrived since it was asked last.
    pub fn take_received(&mut self) -> impl Iterator<Item = Received> + '_ {
        self.received.drain(..)
    }

    /// The layers of which the server asked for a key frame since it was asked last.
    pub fn take_wanted(&mut self) -> Vec<(Source, Option<String>)> {
        std::mem::take(&mut self.wanted)
    }

    /// What is sent from now on was captured then.
    pub fn set_captured(&mut self, at: Option<SystemTime>) {
        self.captured = at;
    }

    /// Sends a packet; `level` is that of a voice. Before the connection is made, it is lost.
    ///
    /// # Errors
    /// If the protocol fails for good.
    pub fn send(
        &mut self,
        (source, rid): (Source, Option<&str>),
        (seq, time, marker): (u64, u32, bool),
        level: Option<u8>,
        payload: &[u8],
    ) -> io::Result<()> {
        let Some(&(_, mid)) = self.sends.iter().find(|(sent, _)| *sent == source) else {
            return Err(io::Error::other("it is not published"));
        };
        if !self.publish.connected {
            return Ok(());
        }
        let codec = if source.is_audio() { Codec::Opus } else { Codec::Vp8 };
        let Some(pt) = payload_type(&self.publish.rtc, codec) else {
            return Err(io::Error::other("there is no such codec"));
        };
        let now = Instant::now();
        let ext_vals = ExtensionValues {
            audio_level: level.map(|level| -(level.min(127) as i8)),
            voice_activity: level.map(|level| level < VOICE),
            abs_capture_time: self
                .captured
                .map(|capture_time| AbsCaptureTime { capture_time, clock_offset: None }),
            ..ExtensionValues::default()
        };
        let mut direct = self.publish.rtc.direct_api();
        let Some(stream) = direct.stream_tx_by_mid(mid, rid.map(Rid::from)) else {
            return Err(io::Error::other("there is no such layer"));
        };
        let write = RtpWrite::new(pt, seq.into(), time, now, payload);
        let write = write.marker(marker).ext_vals(ext_vals).nackable(!source.is_audio());
        stream.write_rtp(write);
        // What was written leaves when time moves on.
        self.publish.rtc.handle_input(str0m::Input::Timeout(now)).map_err(io::Error::other)?;
        let Client { publish, sends, wanted, estimate, .. } = self;
        publish.drain(now, &mut |_, event| published(event, sends, wanted, estimate))
    }
}

fn config() -> RtcConfig {
    let base = Rtc::builder().set_rtp_mode(true).clear_codecs();
    base.enable_opus(true, false).enable_vp8(true).enable_h264(true)
}

fn payload_type(rtc: &Rtc, codec: Codec) -> Option<Pt> {
    rtc.codec_config().find(|params| params.spec().codec == codec).map(|params| params.pt())
}

/// What happened on the connection that publishes.
fn published(
    event: Event,
    sends: &[(Source, Mid)],
    wanted: &mut Vec<(Source, Option<String>)>,
    estimate: &mut Option<u64>,
) {
    match event {
        Event::KeyframeRequest(asked) => {
            let of = sends.iter().find(|(_, mid)| *mid == asked.mid);
            wanted.extend(of.map(|(source, _)| (*source, asked.rid.map(|rid| rid.to_string()))));
        }
        Event::EgressBitrateEstimate(BweKind::Twcc { estimate: known, .. }) => {
            *estimate = Some(known.as_u64());
        }
        _ => {}
    }
}

fn arrived(at: Instant, packet: RtpPacket) -> Received {
    let header = &packet.header;
    Received {
        mid: header.ext_vals.mid.map(|mid| mid.to_string()).unwrap_or_default(),
        ssrc: *header.ssrc,
        seq: *packet.seq_no,
        time: header.timestamp,
        marker: header.marker,
        level: header.ext_vals.audio_level.map(i8::unsigned_abs),
        captured: header.ext_vals.abs_capture_time.map(|captured| captured.capture_time),
        payload: packet.payload,
        at,
    }
}
