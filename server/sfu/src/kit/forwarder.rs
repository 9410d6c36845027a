//! A loop that does nothing but forward, from one sender to all receivers, over one socket: the
//! limit that a room is compared with. It has no rooms, rights, layers or repairs of its own.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use str0m::{
    Candidate, Event, Input, Output, Rtc,
    bwe::Bitrate,
    change::{SdpAnswer, SdpOffer, SdpPendingOffer},
    format::Codec,
    media::{Direction, MediaKind, Mid},
    net::{Protocol, Receive},
    rtp::{ExtensionValues, RtpPacket, RtpWrite},
};

/// What each receiver is reckoned to have: more than is sent.
const FIRST_ESTIMATE: Bitrate = Bitrate::kbps(10_000);
/// So long a turn waits for a datagram.
const WAIT: Duration = Duration::from_millis(1);
const DATAGRAM_LEN_MAX: usize = 2_000;

struct Receiver {
    rtc: Rtc,
    mids: [Mid; 2],
    pending: Option<SdpPendingOffer>,
    deadline: Instant,
}

/// The loop.
pub struct Forwarder {
    socket: UdpSocket,
    here: SocketAddr,
    sender: Option<(Rtc, Instant)>,
    receivers: Vec<Receiver>,
    /// Who is where; the sender is nobody's number.
    known: HashMap<SocketAddr, Option<usize>>,
    began: Instant,
}

impl Forwarder {
    /// Listens on a free port of this machine.
    ///
    /// # Errors
    /// If there is no socket.
    pub fn new() -> io::Result<Forwarder> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(WAIT))?;
        let here = socket.local_addr()?;
        Ok(Forwarder {
            socket,
            here,
            sender: None,
            receivers: Vec::new(),
            known: HashMap::new(),
            began: Instant::now(),
        })
    }

    /// Where it listens.
    pub fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Takes in the next datagram, if one comes soon, and does what is due.
    ///
    /// # Errors
    /// If the socket or the protocol fails for good.
    pub fn turn(&mut self) -> io::Result<()> {
        let mut datagram = [0; DATAGRAM_LEN_MAX];
        match self.socket.recv_from(&mut datagram) {
            Ok((len, from)) => self.take_in(from, &datagram[..len])?,
            Err(error) if is_late(&error) => {}
            Err(error) => return Err(error),
        }
        self.timers()
    }

    /// The offer of whoever sends: answers the answer.
    ///
    /// # Errors
    /// If it cannot be used.
    pub fn publish(&mut self, offer: &str) -> io::Result<String> {
        let mut rtc = self.rtc(None)?;
        let offer = SdpOffer::from_sdp_string(offer).map_err(io::Error::other)?;
        let answer = rtc.sdp_api().accept_offer(offer).map_err(io::Error::other)?;
        self.sender = Some((rtc, Instant::now()));
        Ok(answer.to_sdp_string())
    }

    /// An offer to another receiver.
    ///
    /// # Errors
    /// If none can be made.
    pub fn subscribe(&mut self) -> io::Result<String> {
        let mut rtc = self.rtc(Some(FIRST_ESTIMATE))?;
        let mut change = rtc.sdp_api();
        let mut add = |kind| change.add_media(kind, Direction::SendOnly, None, None, None);
        let mids = [add(MediaKind::Audio), add(MediaKind::Video)];
        let (offer, pending) = change.apply().ok_or_else(|| io::Error::other("no offer"))?;
        let (pending, deadline) = (Some(pending), Instant::now());
        self.receivers.push(Receiver { rtc, mids, pending, deadline });
        Ok(offer.to_sdp_string())
    }

    /// The answer of the how-manieth receiver.
    ///
    /// # Errors
    /// If it cannot be used, or nothing was offered.
    pub fn answer(&mut self, number: usize, answer: &str) -> io::Result<()> {
        let receiver = self.receivers.get_mut(number);
        let offered = receiver.and_then(|it| it.pending.take().map(|pending| (it, pending)));
        let (receiver, pending) = offered.ok_or_else(|| io::Error::other("nothing was offered"))?;
        let answer = SdpAnswer::from_sdp_string(answer).map_err(io::Error::other)?;
        receiver.rtc.sdp_api().accept_answer(pending, answer).map_err(io::Error::other)
    }

    fn rtc(&self, estimate: Option<Bitrate>) -> io::Result<Rtc> {
        let config = Rtc::builder().set_rtp_mode(true).set_ice_lite(true).clear_codecs();
        let config = config.enable_opus(true, false).enable_vp8(true).enable_bwe(estimate);
        let mut rtc = config.build(self.began);
        let candidate = Candidate::host(self.here, "udp").map_err(io::Error::other)?;
        rtc.add_local_candidate(candidate);
        Ok(rtc)
    }

    fn take_in(&mut self, source: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        let Ok(contents) = datagram.try_into() else { return Ok(()) };
        let (now, destination) = (Instant::now(), self.here);
        let receive = Receive { proto: Protocol::Udp, source, destination, contents };
        let input = Input::Receive(now, receive);
        let Some(whose) = self.known.get(&source).copied().or_else(|| self.whose(&input)) else {
            return Ok(());
        };
        self.known.insert(source, whose);
        match whose {
            Some(number) => {
                let receiver = &mut self.receivers[number];
                receiver.rtc.handle_input(input).map_err(io::Error::other)?;
                receiver.drain(&self.socket)
            }
            None => {
                let Some((rtc, _)) = &mut self.sender else { return Ok(()) };
                rtc.handle_input(input).map_err(io::Error::other)?;
                self.drain_sender(now)
            }
        }
    }

    fn whose(&self, input: &Input<'_>) -> Option<Option<usize>> {
        if self.sender.as_ref().is_some_and(|(rtc, _)| rtc.accepts(input)) {
            return Some(None);
        }
        self.receivers.iter().position(|receiver| receiver.rtc.accepts(input)).map(Some)
    }

    fn drain_sender(&mut self, now: Instant) -> io::Result<()> {
        let Some((mut rtc, _)) = self.sender.take() else { return Ok(()) };
        let deadline = loop {
            match rtc.poll_output().map_err(io::Error::other)? {
                Output::Timeout(deadline) => break deadline,
                Output::Transmit(transmit) => {
                    send(&self.socket, transmit.destination, &transmit.contents);
                }
                Output::Event(Event::RtpPacket(packet)) => self.forward(&rtc, &packet, now)?,
                Output::Event(_) => {}
            }
        };
        self.sender = Some((rtc, deadline));
        Ok(())
    }

    fn forward(&mut self, from: &Rtc, packet: &RtpPacket, now: Instant) -> io::Result<()> {
        let codec = from.codec_config().find(|params| params.pt() == packet.header.payload_type);
        let is_audio = codec.is_some_and(|params| params.spec().codec == Codec::Opus);
        for receiver in &mut self.receivers {
            receiver.write(packet, is_audio, now)?;
            receiver.drain(&self.socket)?;
        }
        Ok(())
    }

    fn timers(&mut self) -> io::Result<()> {
        let now = Instant::now();
        if let Some((rtc, deadline)) = &mut self.sender
            && *deadline <= now
        {
            rtc.handle_input(Input::Timeout(now)).map_err(io::Error::other)?;
            self.drain_sender(now)?;
        }
        for receiver in self.receivers.iter_mut().filter(|receiver| receiver.deadline <= now) {
            receiver.rtc.handle_input(Input::Timeout(now)).map_err(io::Error::other)?;
            receiver.drain(&self.socket)?;
        }
        Ok(())
    }
}

impl Receiver {
    fn write(&mut self, packet: &RtpPacket, is_audio: bool, now: Instant) -> io::Result<()> {
        let codec = if is_audio { Codec::Opus } else { Codec::Vp8 };
        let of = self.rtc.codec_config().find(|params| params.spec().codec == codec);
        let Some(pt) = of.map(|params| params.pt()) else { return Ok(()) };
        let mid = self.mids[usize::from(!is_audio)];
        let ext_vals =
            ExtensionValues { audio_level: packet.header.ext_vals.audio_level, ..<_>::default() };
        let mut direct = self.rtc.direct_api();
        let Some(stream) = direct.stream_tx_by_mid(mid, None) else { return Ok(()) };
        let (seq, time) = (packet.seq_no, packet.header.timestamp);
        let write = RtpWrite::new(pt, seq, time, now, packet.payload.clone());
        let write = write.marker(packet.header.marker).ext_vals(ext_vals).nackable(!is_audio);
        stream.write_rtp(write);
        self.rtc.handle_input(Input::Timeout(now)).map_err(io::Error::other)
    }

    fn drain(&mut self, socket: &UdpSocket) -> io::Result<()> {
        loop {
            match self.rtc.poll_output().map_err(io::Error::other)? {
                Output::Timeout(deadline) => {
                    self.deadline = deadline;
                    return Ok(());
                }
                Output::Transmit(transmit) => {
                    send(socket, transmit.destination, &transmit.contents);
                }
                Output::Event(_) => {}
            }
        }
    }
}

/// What the socket does not take is lost, as anywhere on the way.
fn send(socket: &UdpSocket, to: SocketAddr, datagram: &[u8]) {
    let _lost = socket.send_to(datagram, to);
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
