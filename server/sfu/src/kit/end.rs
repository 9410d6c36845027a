//! One connection of a client: the protocol, a socket and a wire in each direction.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::Arc,
    time::{Duration, Instant},
};

use str0m::{
    Candidate, Event, IceConnectionState, Input, Output, Rtc,
    change::{SdpAnswer, SdpOffer, SdpPendingOffer},
    net::{Protocol, Receive},
};

use super::{
    arrivals,
    wire::{Weather, Wire},
};

/// What went over a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Datagrams that arrived.
    pub datagrams_in: u64,
    /// Datagrams that were sent.
    pub datagrams_out: u64,
    /// Datagrams that the wire lost, in both directions.
    pub lost: u64,
}

pub(super) struct End {
    pub(super) rtc: Rtc,
    pub(super) connected: bool,
    socket: Arc<UdpSocket>,
    here: SocketAddr,
    deadline: Instant,
    inward: Wire,
    outward: Wire,
    /// Where what is on the outward wire goes: there is one server.
    server: Option<SocketAddr>,
    counted: Counted,
}

impl End {
    pub(super) fn new(mut rtc: Rtc, ip: IpAddr, seed: u64) -> io::Result<End> {
        let socket = UdpSocket::bind((ip, 0))?;
        arrivals::prepare(&socket)?;
        let here = socket.local_addr()?;
        let candidate = Candidate::host(here, "udp").map_err(io::Error::other)?;
        rtc.add_local_candidate(candidate);
        Ok(End {
            rtc,
            connected: false,
            socket: Arc::new(socket),
            here,
            deadline: Instant::now(),
            inward: Wire::new(seed ^ 0x9E37_79B9_7F4A_7C15),
            outward: Wire::new(seed),
            server: None,
            counted: Counted::default(),
        })
    }

    pub(super) fn set_weather(&mut self, weather: Weather) {
        self.inward.set(weather);
        self.outward.set(weather);
    }

    pub(super) fn counted(&self) -> Counted {
        Counted { lost: self.inward.lost + self.outward.lost, ..self.counted }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.here
    }

    pub(super) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Moves to another port, as a phone does that changes networks.
    pub(super) fn rebind(&mut self) -> io::Result<()> {
        let socket = UdpSocket::bind((self.here.ip(), 0))?;
        arrivals::prepare(&socket)?;
        self.socket = Arc::new(socket);
        Ok(())
    }

    pub(super) fn accept(&mut self, offer: &str) -> io::Result<String> {
        let offer = SdpOffer::from_sdp_string(offer).map_err(io::Error::other)?;
        let answer = self.rtc.sdp_api().accept_offer(offer).map_err(io::Error::other)?;
        Ok(answer.to_sdp_string())
    }

    pub(super) fn answered(&mut self, pending: SdpPendingOffer, answer: &str) -> io::Result<()> {
        let answer = SdpAnswer::from_sdp_string(answer).map_err(io::Error::other)?;
        self.rtc.sdp_api().accept_answer(pending, answer).map_err(io::Error::other)
    }

    /// When [`End::step`] has something to do without a datagram.
    pub(super) fn deadline(&self) -> Instant {
        let wires = self.inward.next().into_iter().chain(self.outward.next());
        wires.fold(self.deadline, Instant::min)
    }

    /// Takes in what arrived and sends what is due; hands over what happened.
    pub(super) fn step(&mut self, tell: &mut impl FnMut(Instant, Event)) -> io::Result<()> {
        let socket = Arc::clone(&self.socket);
        arrivals::read(&socket, |from, datagram, at| {
            self.counted.datagrams_in += 1;
            if self.inward.is_clear() {
                return self.take_in((Instant::now(), at), from, datagram, tell);
            }
            self.server = Some(from);
            self.inward.put(at, datagram);
            Ok(())
        })?;
        let now = Instant::now();
        while let (Some(server), Some(datagram)) = (self.server, self.inward.take(now)) {
            self.take_in((now, now), server, &datagram, tell)?;
        }
        while let (Some(server), Some(datagram)) = (self.server, self.outward.take(now)) {
            self.transmit(server, &datagram);
        }
        if self.deadline <= now {
            self.rtc.handle_input(Input::Timeout(now)).map_err(io::Error::other)?;
        }
        self.drain(now, tell)
    }

    /// A datagram that arrived at a time is taken in now: the protocol's time never goes back.
    fn take_in(
        &mut self,
        (now, at): (Instant, Instant),
        source: SocketAddr,
        datagram: &[u8],
        tell: &mut impl FnMut(Instant, Event),
    ) -> io::Result<()> {
        let Ok(contents) = datagram.try_into() else { return Ok(()) };
        let destination = self.here;
        let receive = Receive { proto: Protocol::Udp, source, destination, contents };
        self.rtc.handle_input(Input::Receive(now, receive)).map_err(io::Error::other)?;
        self.drain(now, &mut |_, event| tell(at, event))
    }

    /// Every change of the protocol's state is followed by this.
    pub(super) fn drain(
        &mut self,
        now: Instant,
        tell: &mut impl FnMut(Instant, Event),
    ) -> io::Result<()> {
        loop {
            match self.rtc.poll_output().map_err(io::Error::other)? {
                Output::Timeout(deadline) => {
                    self.deadline = deadline.min(now + Duration::from_secs(1));
                    return Ok(());
                }
                Output::Transmit(transmit) => {
                    if self.outward.is_clear() {
                        self.transmit(transmit.destination, &transmit.contents);
                    } else {
                        self.server = Some(transmit.destination);
                        self.outward.put(now, &transmit.contents);
                    }
                }
                Output::Event(event) => {
                    match event {
                        Event::Connected => self.connected = true,
                        Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                            self.connected = false;
                        }
                        _ => {}
                    }
                    tell(now, event);
                }
            }
        }
    }

    /// What the socket does not take is lost, as anywhere on the way.
    fn transmit(&mut self, to: SocketAddr, datagram: &[u8]) {
        if self.socket.send_to(datagram, to).is_ok() {
            self.counted.datagrams_out += 1;
        }
    }
}
