//! One connection, as this crate sees it. The only file, with the client in `kit`, that names the
//! WebRTC library.
//!
//! The library's one rule (P1 in its users' experience: nothing fails visibly when it is broken):
//! after every change, all of its output is taken before the next change. Changes are
//! [`receive`](Connection::receive), [`expire`](Connection::expire) and what is negotiated; each
//! is followed by [`drain`](Connection::drain). [`write`](Connection::write) and
//! [`ask_keyframe`](Connection::ask_keyframe) only append to queues, which the next change of time
//! empties, so several of them may come before one [`expire`](Connection::expire).

mod config;
mod datagram;
mod flow;
mod packet;
mod sending;

use std::{
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

use str0m::{
    Candidate, Event, Input, Output, Rtc, RtcError,
    bwe::BweKind,
    change::{SdpAnswer, SdpOffer, SdpPendingOffer},
    media::{Direction, KeyframeRequestKind, MediaKind, Pt, Rids},
    net::{Protocol, Receive, TcpType},
    rtp::{RtpPacket, RtpWrite, Ssrc},
};

use self::sending::Sending;
use crate::{munge::Out, net::Addresses, subscribe::Offered, way::Report};

pub(crate) use config::{Certificate, ESTIMATE_FIRST_BPS};
pub(crate) use datagram::{Outgoing, Peer, Transport, checked, is_media};
pub(crate) use packet::{Codec, Packet};
pub(crate) use str0m::media::{Mid, Rid};

/// The most streams of one connection: four sources in three layers, each with what is sent again,
/// and some that were replaced.
const STREAMS_MAX: usize = 128;

/// What is said of a connection, or a description, that the library panicked over.
pub(crate) const PANICKED: &str = "the WebRTC library panicked";

/// The connection cannot go on, and why.
#[derive(Debug)]
pub(crate) struct Ended(pub(crate) String);

/// A description that cannot be used.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) why: String,
    /// Whether a part of it may have been taken: then the connection is of no use any more.
    pub(crate) half: bool,
}

impl Refused {
    fn unread(why: impl ToString) -> Refused {
        Refused { why: why.to_string(), half: false }
    }

    fn half(ended: Ended) -> Refused {
        Refused { why: ended.0, half: true }
    }
}

/// What happened on a connection.
#[expect(clippy::large_enum_variant, reason = "nearly all of them are media: no box for each")]
pub(crate) enum Happened {
    Connected,
    Closed,
    /// What the way to the client carries changed, in bits a second.
    Estimate(u64),
    /// The most that the client says it can take, in bits a second.
    Limit(u64),
    /// What the client reported lately of what it was sent.
    Reported(Report),
    /// Which part of a stream was lost, as a client says that need not report packets.
    Lost(f32),
    /// The client cannot go on without a key frame in this section.
    KeyframeWanted(Mid),
    Media(Packet),
}

impl Happened {
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self, Happened::Closed)
    }
}

/// A connection of a client.
pub(crate) struct Connection {
    rtc: Rtc,
    pending: Option<SdpPendingOffer>,
    /// The streams of which something was received.
    streams: Vec<u32>,
    /// Which section and layer a received stream is.
    received: Vec<(Ssrc, Mid, Option<Rid>)>,
    /// The stream of each section that is sent.
    sent: Vec<Sending>,
    local: Vec<SocketAddr>,
}

impl Connection {
    /// A new one that can be reached at these addresses. Those on which pictures are sent
    /// estimate how much the way to the client carries.
    pub(crate) fn new(
        certificate: &Certificate,
        addresses: &Addresses,
        sends: bool,
        now: Instant,
    ) -> Connection {
        let mut rtc = config::rtc(certificate, sends, now);
        let udp = addresses.own.iter().map(|at| Candidate::host(*at, "udp"));
        let tcp = addresses
            .own
            .iter()
            .chain(&addresses.doors)
            .map(|at| Candidate::builder().tcp().host(*at).tcptype(TcpType::Passive).build());
        for candidate in udp.chain(tcp).flatten() {
            rtc.add_local_candidate(candidate);
        }
        let local = addresses.own.clone();
        Connection {
            rtc,
            pending: None,
            streams: Vec::new(),
            received: Vec::new(),
            sent: Vec::new(),
            local,
        }
    }

    /// What the client's checks call this connection.
    pub(crate) fn ufrag(&mut self) -> String {
        self.rtc.direct_api().local_ice_credentials().ufrag
    }

    /// Takes the client's offer and answers it.
    pub(crate) fn accept_offer(&mut self, sdp: &str) -> Result<String, Refused> {
        let offer =
            caught(|| SdpOffer::from_sdp_string(sdp)).map_err(|ended| Refused::unread(ended.0))?;
        let offer = offer.map_err(Refused::unread)?;
        let answer = guard(|| self.rtc.sdp_api().accept_offer(offer)).map_err(Refused::half)?;
        Ok(answer.to_sdp_string())
    }

    /// Offers more sections, or other addresses and secrets to check the way with.
    pub(crate) fn offer(&mut self, audio: usize, video: usize, restart: bool) -> Option<Offered> {
        // The library names again what it knows, until the answer is there.
        self.sent.iter_mut().for_each(|sending| sending.wake(&mut self.rtc));
        let mut changes = self.rtc.sdp_api();
        if restart {
            changes.ice_restart(true);
        }
        let mut add = |kind| changes.add_media(kind, Direction::SendOnly, None, None, None);
        let audio = (0..audio).map(|_| add(MediaKind::Audio)).collect();
        let video = (0..video).map(|_| add(MediaKind::Video)).collect();
        let (offer, pending) = changes.apply()?;
        self.pending = Some(pending);
        Some(Offered { sdp: offer.to_sdp_string(), audio, video })
    }

    /// Takes the client's answer to the last offer.
    pub(crate) fn accept_answer(&mut self, sdp: &str, mids: &[Mid]) -> Result<(), Refused> {
        let answer =
            caught(|| SdpAnswer::from_sdp_string(sdp)).map_err(|ended| Refused::unread(ended.0))?;
        let answer = answer.map_err(Refused::unread)?;
        let pending = self.pending.take();
        let pending = pending.ok_or_else(|| Refused::unread("there is no offer to answer"))?;
        guard(|| self.rtc.sdp_api().accept_answer(pending, answer)).map_err(Refused::half)?;
        for mid in mids {
            let mut api = self.rtc.direct_api();
            if let Some(stream) = api.stream_tx_by_mid(*mid, None) {
                self.sent.push(Sending::new(*mid, stream.ssrc(), stream.rtx()));
            }
        }
        for sending in &mut self.sent {
            sending.negotiated(&mut self.rtc);
            sending.rest(&mut self.rtc);
        }
        Ok(())
    }

    /// Whether a section carries sound, if there is such a section.
    pub(crate) fn is_audio(&self, mid: Mid) -> Option<bool> {
        self.rtc.media(mid).map(|media| media.kind().is_audio())
    }

    /// The layers of a section that is received, in the order in which they were offered.
    pub(crate) fn layers(&self, mid: Mid) -> Vec<Rid> {
        match self.rtc.media(mid).map(|media| media.rids_rx()) {
            Some(Rids::Specific(rids)) => rids.clone(),
            _ => Vec::new(),
        }
    }

    /// Whether a datagram is a check of the way by somebody who knows this connection's secret.
    pub(crate) fn is_checked_by(&self, now: Instant, peer: Peer, datagram: &[u8]) -> bool {
        let input = self.input(now, peer, datagram);
        input.is_some_and(|input| self.rtc.accepts(&input))
    }

    fn input<'a>(&self, now: Instant, peer: Peer, datagram: &'a [u8]) -> Option<Input<'a>> {
        let family = |local: &&SocketAddr| local.is_ipv4() == peer.address.is_ipv4();
        let local = *self.local.iter().find(family).or_else(|| self.local.first())?;
        let proto = match peer.transport {
            Transport::Udp => Protocol::Udp,
            Transport::Tcp => Protocol::Tcp,
        };
        let received = Receive::new(proto, peer.address, local, datagram).ok()?;
        Some(Input::Receive(now, received))
    }

    /// Takes a datagram; answers whether it could be read. One that cannot ends nothing: anybody
    /// may send from any address.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        peer: Peer,
        datagram: &[u8],
    ) -> Result<bool, Ended> {
        if !self.knows(datagram) {
            return Ok(false);
        }
        let Some(input) = self.input(now, peer, datagram) else { return Ok(false) };
        let read = caught(|| self.rtc.handle_input(input))?;
        if self.rtc.is_alive() { Ok(read.is_ok()) } else { Err(Ended("closed".to_owned())) }
    }

    /// Whether a packet of media is of a stream that came before, or of one more that is allowed:
    /// the library remembers each for ever.
    fn knows(&mut self, datagram: &[u8]) -> bool {
        let head = datagram.get(..12).and_then(|head| head.split_last_chunk::<4>());
        let Some((head, ssrc)) = head else { return true };
        let ssrc = u32::from_be_bytes(*ssrc);
        if !is_media(head) || self.streams.contains(&ssrc) {
            return true;
        }
        let more = self.streams.len() < STREAMS_MAX;
        if more {
            self.streams.push(ssrc);
        }
        more
    }

    /// Time has come to here.
    pub(crate) fn expire(&mut self, now: Instant) -> Result<(), Ended> {
        guard(|| self.rtc.handle_input(Input::Timeout(now)))
    }

    /// Takes all output, and answers when time must go on.
    pub(crate) fn drain(
        &mut self,
        out: &mut Vec<Outgoing>,
        happened: &mut Vec<Happened>,
    ) -> Result<Instant, Ended> {
        guard(|| {
            loop {
                match self.rtc.poll_output()? {
                    Output::Timeout(at) => return Ok(at),
                    Output::Transmit(sent) => {
                        let transport = match sent.proto {
                            Protocol::Udp => Transport::Udp,
                            _ => Transport::Tcp,
                        };
                        let peer = Peer { transport, address: sent.destination };
                        out.push((peer, sent.contents.into()));
                    }
                    Output::Event(event) => happened.extend(self.happened(event)),
                }
            }
        })
    }

    fn happened(&mut self, event: Event) -> Option<Happened> {
        match event {
            Event::Connected => Some(Happened::Connected),
            Event::Closed => Some(Happened::Closed),
            Event::KeyframeRequest(asked) => Some(Happened::KeyframeWanted(asked.mid)),
            Event::EgressBitrateEstimate(BweKind::Twcc { estimate, .. }) => {
                Some(Happened::Estimate(estimate.as_u64()))
            }
            Event::EgressBitrateEstimate(BweKind::Remb { estimate, .. }) => {
                Some(Happened::Limit(estimate.as_u64()))
            }
            Event::PeerStats(stats) => Some(Happened::Reported(Report {
                estimate_bps: stats.bwe_tx.map(|estimate| estimate.as_u64()),
                loss: stats.egress_loss_fraction,
                round: stats.rtt,
            })),
            Event::MediaEgressStats(stats) => stats.loss.map(Happened::Lost),
            Event::RtpPacket(packet) => self.packet(packet).map(Happened::Media),
            _ => None,
        }
    }

    fn packet(&mut self, packet: RtpPacket) -> Option<Packet> {
        let (mid, rid) = self.stream(packet.header.ssrc)?;
        let codec = self.codec(packet.header.payload_type)?;
        Packet::new(packet, codec, mid, rid)
    }

    fn stream(&mut self, ssrc: Ssrc) -> Option<(Mid, Option<Rid>)> {
        let known = self.received.iter().find(|(known, ..)| *known == ssrc);
        if let Some((_, mid, rid)) = known {
            return Some((*mid, *rid));
        }
        let mut api = self.rtc.direct_api();
        let stream = api.stream_rx(&ssrc)?;
        let (mid, rid) = (stream.mid(), stream.rid());
        if self.received.len() == STREAMS_MAX {
            self.received.remove(0);
        }
        self.received.push((ssrc, mid, rid));
        Some((mid, rid))
    }

    fn codec(&self, pt: Pt) -> Option<Codec> {
        let params = self.rtc.codec_config().params().iter().find(|params| params.pt() == pt)?;
        Codec::of(params.spec().codec)
    }

    /// Puts a packet into the queue of a section; answers whether the client can receive it.
    pub(crate) fn write(&mut self, mid: Mid, packet: &Packet, numbers: Out) -> bool {
        let Some(sending) = self.sent.iter_mut().find(|sending| sending.mid == mid) else {
            return false;
        };
        let Some(pt) = sending.payload_type(packet.codec) else { return false };
        let seq = numbers.seq.into();
        let payload = packet.payload.clone();
        let mut write = RtpWrite::new(pt, seq, numbers.ts, packet.at, payload)
            .marker(packet.marker)
            .nackable(packet.codec != Codec::Opus)
            .ext_vals(packet.carried());
        if let Some(ids) = numbers.vp8 {
            let Some(patch) = packet.patch(ids) else { return false };
            write = write.vp8_patch(patch);
        }
        sending.begin(&mut self.rtc);
        let mut api = self.rtc.direct_api();
        let Some(stream) = api.stream_tx(&sending.ssrc) else { return false };
        stream.write_rtp(write);
        true
    }

    /// Asks the client for a key frame of a layer that it sends.
    pub(crate) fn ask_keyframe(&mut self, mid: Mid, rid: Option<Rid>) {
        if let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(mid, rid) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
        }
    }

    /// Tells the client that it is over; what is drained after it says so.
    pub(crate) fn close(&mut self) -> Result<(), Ended> {
        guard(|| self.rtc.close())
    }
}

/// A failure of the library ends one connection, a bug in it too.
fn guard<T>(act: impl FnOnce() -> Result<T, RtcError>) -> Result<T, Ended> {
    caught(act)?.map_err(|error| Ended(error.to_string()))
}

fn caught<T>(act: impl FnOnce() -> T) -> Result<T, Ended> {
    // The connection is given up afterwards: nobody sees what was half done.
    catch_unwind(AssertUnwindSafe(act)).map_err(|_| Ended(PANICKED.to_owned()))
}
