//! Somebody between a client and the server, who sees all datagrams and does what they like.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream, UdpSocket},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::JoinHandle,
};

use carillon_plugin::{MediaAnswer, MediaCall};
use carillon_protocol::room::Source;
use carillon_sfu::kit::Track;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::stage::{Person, Stage, id};

/// How often the relay looks whether it is needed any longer.
const LOOK_EVERY: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// What a datagram is, by its first byte (RFC 7983).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Check,
    Handshake,
    Media,
    Other,
}

pub fn kind(datagram: &[u8]) -> Kind {
    match datagram.first() {
        Some(0..=3) => Kind::Check,
        Some(20..=63) => Kind::Handshake,
        Some(128..=191) => Kind::Media,
        _ => Kind::Other,
    }
}

/// Makes of a datagram those that are sent before it.
pub type Beside = Box<dyn FnMut(&[u8]) -> Vec<Vec<u8>> + Send>;

/// What the relay does and has seen.
#[derive(Default)]
pub struct Doing {
    /// Whether handshakes of the client are kept back.
    pub holds_handshakes: bool,
    held: Vec<Vec<u8>>,
    /// What is sent to the server beside each datagram of media, and before it.
    pub beside: Option<Beside>,
    /// How many were sent so.
    pub added: usize,
    /// What the client sent, the first of each kind.
    pub checks: Vec<Vec<u8>>,
    pub hello: Option<Vec<u8>>,
    /// How many datagrams came back.
    pub answers: usize,
}

/// The way by which clients reach the server.
pub struct Way {
    through: SocketAddr,
    server: SocketAddr,
}

pub struct Relay {
    pub way: Way,
    doing: Arc<Mutex<Doing>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    pub fn new(server: SocketAddr) -> Relay {
        let here = UdpSocket::bind("127.0.0.1:0").unwrap();
        let beyond = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = here.local_addr().unwrap();
        let (doing, over) =
            (Arc::new(Mutex::new(Doing::default())), Arc::new(AtomicBool::new(false)));
        let (shared, ends) = (doing.clone(), over.clone());
        let run = move || run(&here, &beyond, server, &shared, &ends);
        let thread = Some(std::thread::spawn(run));
        Relay { way: Way { through: address, server }, doing, over, thread }
    }

    pub fn doing(&self) -> MutexGuard<'_, Doing> {
        self.doing.lock().unwrap()
    }
}

impl Way {
    /// A description that leads this way in place of the server.
    fn mislead(&self, sdp: &str) -> String {
        let ours = format!(" {} {} ", self.server.ip(), self.server.port());
        let misled =
            sdp.replace(&ours, &format!(" {} {} ", self.through.ip(), self.through.port()));
        assert_ne!(misled, sdp, "the description names the server");
        misled
    }

    /// Somebody with a microphone whose packets to the server go this way.
    pub fn talker(&self, stage: &Stage, number: u8, level: u8) -> Person {
        let mut person = stage.join(number);
        let tracks = [Track { source: Source::Microphone, rids: &[] }];
        let (sdp, sends) = person.client.offer(&tracks).unwrap();
        let offer = MediaCall::Offer { participant: person.id, sdp, sends };
        let MediaAnswer::Description { sdp } = stage.ask(offer).unwrap() else { panic!() };
        person.client.answered(&self.mislead(&sdp)).unwrap();
        stage.permit(&person, &[Source::Microphone]);
        person.send(Source::Microphone, None, level);
        person
    }

    /// Somebody who listens, this way.
    pub fn listener(&self, stage: &Stage, number: u8) -> Person {
        let mut person = stage.fresh(number);
        let join = MediaCall::Join { participant: person.id, user: id(number), may: Vec::new() };
        let MediaAnswer::Joined { offer } = stage.ask(join).unwrap() else { panic!() };
        stage.answer(&mut person, &self.mislead(&offer));
        person
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
    }
}

fn run(
    here: &UdpSocket,
    beyond: &UdpSocket,
    server: SocketAddr,
    doing: &Mutex<Doing>,
    over: &AtomicBool,
) {
    here.set_nonblocking(true).unwrap();
    beyond.set_nonblocking(true).unwrap();
    let mut buffer = [0; 2_048];
    let mut client = None;
    while !over.load(Relaxed) {
        let mut both = [PollFd::new(here, PollFlags::IN), PollFd::new(beyond, PollFlags::IN)];
        poll(&mut both, Some(&LOOK_EVERY)).unwrap();
        let mut doing = doing.lock().unwrap();
        while let Ok((len, from)) = here.recv_from(&mut buffer) {
            client = Some(from);
            for datagram in doing.onward(&buffer[..len]) {
                beyond.send_to(&datagram, server).unwrap();
            }
        }
        if !doing.holds_handshakes {
            for datagram in std::mem::take(&mut doing.held) {
                beyond.send_to(&datagram, server).unwrap();
            }
        }
        while let Ok((len, _)) = beyond.recv_from(&mut buffer) {
            doing.answers += 1;
            if let Some(client) = client {
                here.send_to(&buffer[..len], client).unwrap();
            }
        }
    }
}

impl Doing {
    /// What becomes of a datagram of the client.
    fn onward(&mut self, datagram: &[u8]) -> Vec<Vec<u8>> {
        let mut onward = Vec::new();
        match kind(datagram) {
            Kind::Check if self.checks.len() < 10 => self.checks.push(datagram.to_vec()),
            Kind::Handshake => {
                self.hello.get_or_insert_with(|| datagram.to_vec());
                if self.holds_handshakes {
                    self.held.push(datagram.to_vec());
                    return onward;
                }
            }
            Kind::Media => {
                if let Some(beside) = &mut self.beside {
                    onward = beside(datagram);
                    self.added += onward.len();
                }
            }
            _ => {}
        }
        onward.push(datagram.to_vec());
        onward
    }
}

/// The way over TCP, for clients that believe to use UDP: as browsers do when nothing else gets
/// through.
pub struct Tunnel {
    pub way: Way,
    stream: TcpStream,
    threads: Vec<JoinHandle<()>>,
}

impl Tunnel {
    pub fn new(server: SocketAddr) -> Tunnel {
        let here = UdpSocket::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(server).unwrap();
        stream.set_nodelay(true).unwrap();
        let through = here.local_addr().unwrap();
        let client = Arc::new(Mutex::new(None));
        let (up, down) = (stream.try_clone().unwrap(), stream.try_clone().unwrap());
        let (here_too, client_too) = (here.try_clone().unwrap(), client.clone());
        let threads = vec![
            std::thread::spawn(move || go_up(&here, up, &client)),
            std::thread::spawn(move || go_down(&here_too, down, &client_too)),
        ];
        Tunnel { way: Way { through, server }, stream, threads }
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        // Whoever reads is told, and whoever waits for a datagram gets one.
        self.stream.shutdown(Shutdown::Both).unwrap();
        let wake = UdpSocket::bind("127.0.0.1:0").unwrap();
        wake.send_to(&[], self.way.through).unwrap();
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

fn go_up(here: &UdpSocket, mut stream: TcpStream, client: &Mutex<Option<SocketAddr>>) {
    let mut buffer = [0; 2_048];
    while let Ok((len @ 1.., from)) = here.recv_from(&mut buffer) {
        *client.lock().unwrap() = Some(from);
        let frame = [&(len as u16).to_be_bytes(), &buffer[..len]].concat();
        if stream.write_all(&frame).is_err() {
            return;
        }
    }
}

fn go_down(here: &UdpSocket, mut stream: TcpStream, client: &Mutex<Option<SocketAddr>>) {
    let mut prefix = [0; 2];
    while stream.read_exact(&mut prefix).is_ok() {
        let mut datagram = vec![0; usize::from(u16::from_be_bytes(prefix))];
        if stream.read_exact(&mut datagram).is_err() {
            return;
        }
        if let Some(client) = *client.lock().unwrap() {
            here.send_to(&datagram, client).unwrap();
        }
    }
}
