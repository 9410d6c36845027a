//! What is fuzzed: functions that take any bytes and panic if a promise is broken. A stable test
//! (`tests/it/fuzz.rs`) and the targets of `cargo fuzz` (`fuzz/`) call the same ones.
//!
//! A bug of the WebRTC library ends one connection of the server and nothing else; here it fails.

use std::{
    cell::RefCell,
    net::{Ipv4Addr, SocketAddr},
    str::from_utf8,
    sync::LazyLock,
    time::Instant,
};

use str0m::{
    Candidate, Event, Input, Output, Rtc,
    change::SdpPendingOffer,
    media::{Direction, MediaKind, Simulcast, SimulcastLayer},
    net::{Protocol, Receive},
};

use crate::{
    adapter::{Certificate, Connection, PANICKED, Peer, Refused, Transport, checked},
    net::Addresses,
    sdp,
};

/// Where the two ends are, as they believe: nothing is sent.
const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 50_000);
const CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 50_001);
/// More exchanges than a handshake takes.
const EXCHANGES_MAX: usize = 200;

static CERTIFICATE: LazyLock<Certificate> =
    LazyLock::new(|| Certificate::new().expect("this machine has random numbers"));

/// Any offer of a client is taken or refused.
pub fn offer(bytes: &[u8]) {
    let Some(text) = description(bytes) else { return };
    if sdp::check_offer(text, &[]).is_ok() {
        let taken = connection(false).accept_offer(&sdp::without_candidates(text));
        refused_in_order(taken.err());
        sdp::fingerprint(text);
    }
}

/// Any answer to the server's offer is taken or refused.
pub fn answer(bytes: &[u8]) {
    let Some(text) = description(bytes) else { return };
    let mut connection = connection(true);
    let offered = connection.offer(2, 2, false).expect("there is something to offer");
    let mids: Vec<_> = offered.audio.into_iter().chain(offered.video).collect();
    refused_in_order(connection.accept_answer(&sdp::without_candidates(text), &mids).err());
}

/// Any candidate is one or is refused.
pub fn candidate(bytes: &[u8]) {
    if let Ok(text) = from_utf8(bytes)
        && let Err(error) = sdp::check_candidate(text)
    {
        assert_eq!(error.body().field.as_deref(), Some("candidate"));
    }
}

/// Any datagram reaches a connection that lives, from its client's address and from another: it
/// goes on, and only a check that proves its sender is taken for one.
pub fn datagram(bytes: &[u8]) {
    thread_local! {
        static LIVE: RefCell<Live> = RefCell::new(Live::new());
    }
    LIVE.with_borrow_mut(|live| live.take(bytes));
}

/// What a client sends until it is connected: checks, handshakes, and reports.
pub fn datagrams() -> Vec<Vec<u8>> {
    Live::new().sent
}

/// An offer that clients make, with layers; the server's offer, and a client's answer to it.
pub fn descriptions() -> [String; 3] {
    let mut client = client();
    let (offer, _) = offered(&mut client);
    let server = connection(true).offer(2, 2, false).expect("there is something to offer").sdp;
    let theirs = str0m::change::SdpOffer::from_sdp_string(&server).expect("our own");
    let mut other = self::client();
    let answer = other.sdp_api().accept_offer(theirs).expect("our own");
    [offer, server, answer.to_sdp_string()]
}

fn description(bytes: &[u8]) -> Option<&str> {
    from_utf8(bytes).ok().filter(|text| sdp::check(text).is_ok())
}

fn refused_in_order(refused: Option<Refused>) {
    assert!(refused.is_none_or(|refused| refused.why != PANICKED));
}

fn connection(sends: bool) -> Connection {
    let addresses = Addresses { own: vec![SERVER], doors: Vec::new() };
    Connection::new(&CERTIFICATE, &addresses, sends, Instant::now())
}

fn client() -> Rtc {
    let mut rtc = Rtc::builder().set_rtp_mode(true).build(Instant::now());
    rtc.add_local_candidate(Candidate::host(CLIENT, "udp").expect("a good address"));
    rtc
}

fn offered(client: &mut Rtc) -> (String, SdpPendingOffer) {
    let mut changes = client.sdp_api();
    let layers = ["q", "h", "f"].map(SimulcastLayer::new).to_vec();
    let simulcast = Simulcast { send: layers, recv: Vec::new() };
    changes.add_media(MediaKind::Audio, Direction::SendOnly, None, None, None);
    changes.add_media(MediaKind::Video, Direction::SendOnly, None, None, Some(simulcast));
    let (offer, pending) = changes.apply().expect("there is something to offer");
    (offer.to_sdp_string(), pending)
}

/// A client and its connection on the server, with nothing between them.
struct Live {
    server: Connection,
    now: Instant,
    sent: Vec<Vec<u8>>,
}

impl Live {
    fn new() -> Live {
        let (mut client, mut server) = (client(), connection(false));
        let (offer, pending) = offered(&mut client);
        let answer = server.accept_offer(&offer).expect("a good offer");
        let answer = str0m::change::SdpAnswer::from_sdp_string(&answer).expect("our own");
        client.sdp_api().accept_answer(pending, answer).expect("our own");
        let mut live = Live { server, now: Instant::now(), sent: Vec::new() };
        let connected = (0..EXCHANGES_MAX).any(|_| live.exchange(&mut client));
        assert!(connected, "two good ends find one another");
        live
    }

    /// Until the client waits; answers whether it is connected.
    fn exchange(&mut self, client: &mut Rtc) -> bool {
        loop {
            match client.poll_output().expect("a good client") {
                Output::Timeout(at) => {
                    self.now = self.now.max(at);
                    self.server.expire(self.now).expect("a good server");
                    client.handle_input(Input::Timeout(self.now)).expect("a good client");
                    return false;
                }
                Output::Event(Event::Connected) => return true,
                Output::Event(_) => {}
                Output::Transmit(datagram) => {
                    self.sent.push(datagram.contents.to_vec());
                    self.give(CLIENT, &datagram.contents);
                }
            }
            for answer in self.answers() {
                let contents = answer.as_slice().try_into().expect("ours are good");
                let receive =
                    Receive { proto: Protocol::Udp, source: SERVER, destination: CLIENT, contents };
                let input = Input::Receive(self.now, receive);
                client.handle_input(input).expect("a good client");
            }
        }
    }

    fn give(&mut self, address: SocketAddr, datagram: &[u8]) {
        let peer = Peer { transport: Transport::Udp, address };
        let goes_on = self.server.receive(self.now, peer, datagram);
        assert!(goes_on.is_ok(), "{goes_on:?}");
    }

    fn answers(&mut self) -> Vec<Vec<u8>> {
        let (mut out, mut happened) = (Vec::new(), Vec::new());
        self.server.drain(&mut out, &mut happened).expect("it goes on");
        out.into_iter().map(|(_, datagram)| datagram).collect()
    }

    /// As the server does with whatever comes.
    fn take(&mut self, bytes: &[u8]) {
        let stranger = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let peer = Peer { transport: Transport::Udp, address: stranger };
        if checked(bytes).is_some() && self.server.is_checked_by(self.now, peer, bytes) {
            assert!(self.sent.iter().any(|sent| sent == bytes), "only the client knows the secret");
            return;
        }
        self.give(CLIENT, bytes);
        let answers: usize = self.answers().iter().map(Vec::len).sum();
        // Who is connected may be answered with a report, and its last handshake again.
        assert!(answers <= bytes.len() + 2_048, "{answers} bytes for {}", bytes.len());
    }
}
