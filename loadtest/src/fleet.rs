//! The load client: many connections, one thread, no parsing.
//!
//! It looks for stamps and short texts in the byte stream, so it measures any protocol at the same
//! small cost. It knows what it waits for, counts it on every connection, and gives up in time.

mod refusals;

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    ops::Range,
    time::Duration,
};

use hdrhistogram::Histogram;

use crate::{
    clock::{Deadline, now_ns},
    os::{Epoll, Ready, open_files_max},
    wire,
};
pub use refusals::Refusals;

/// What may stand at the end of one read and belong to the next: less than any text or stamp.
const CARRY_MAX: usize = wire::STAMP_LEN - 1;
const READ_LEN: usize = 64 * 1024;
const READY_MAX: usize = 1024;
/// How many connections begin at once: fewer than a listener's backlog, so none waits for a second.
const JOINING_MAX: usize = 64;
/// So many of the first connections may write.
pub const AUTHORS_MAX: usize = 16;
/// How long everything that is waited for may take.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Once one is refused, the others have so long to be refused as well: then the run is over.
const REFUSED_WAIT_MAX: Duration = Duration::from_secs(5);
/// So many of those that are late are named.
const LATE_NAMED_MAX: usize = 10;
/// Descriptors that are not connections.
const OTHER_FILES_MAX: u64 = 64;
/// Delays up to a minute, to three digits.
const DELAY_NS_MAX: u64 = 60_000_000_000;

/// Why a run stopped.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The system refused something.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A connection ended that should have lasted.
    #[error("connection {number} was closed by the server; it said: {last}")]
    Closed {
        /// Which.
        number: usize,
        /// The last that was read.
        last: String,
    },
    /// The server answered with an error.
    #[error("connection {number} was refused: {answer}")]
    Refused {
        /// Which.
        number: usize,
        /// What was read.
        answer: String,
    },
    /// Connections of many were refused or broke.
    #[error("{0}")]
    Refusals(Refusals),
    /// Something was seen more often than it was sent.
    #[error("connection {number} saw {seen} of {expected}")]
    TooMany {
        /// Which.
        number: usize,
        /// How often it was seen.
        seen: u32,
        /// How often it should be.
        expected: u32,
    },
    /// Something did not come.
    #[error("{missing} connections still waited for {what} after {WAIT_MAX:?}")]
    Late {
        /// How many.
        missing: usize,
        /// For what.
        what: String,
    },
    /// The checker found something.
    #[error("{0} promises were broken")]
    Broken(usize),
    /// Something was measured that is not what it should be.
    #[error("{0} bars were not reached")]
    Missed(usize),
    /// The arguments do not fit each other.
    #[error("{0}")]
    Usage(String),
}

/// A server to connect to.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where.
    pub address: SocketAddr,
    /// The path of the upgrade.
    pub path: String,
}

/// What to look for.
#[derive(Debug, Clone, Copy)]
pub enum Awaited {
    /// A short text.
    Text(&'static str),
    /// Stamps that are no older than this.
    StampsSince(u64),
}

/// Whether this process may have so many connections.
pub fn check_files(len: usize) -> Result<(), Failed> {
    let files = len as u64 + OTHER_FILES_MAX;
    if files > open_files_max()? {
        return Err(Failed::Usage(format!("{len} connections need `ulimit -n {files}`")));
    }
    Ok(())
}

/// Room for delays.
pub fn no_delays() -> Histogram<u64> {
    Histogram::new_with_max(DELAY_NS_MAX, 3).expect("the bounds are constants")
}

/// Many connections to one server.
pub struct Fleet {
    target: Target,
    epoll: Epoll,
    ready: Ready,
    connections: Vec<Connection>,
    buffer: Vec<u8>,
    /// From the stamp to the read that found it, on the connections that were waited for.
    pub delays: Histogram<u64>,
    /// How many bytes were read.
    pub bytes_read: u64,
}

struct Connection {
    stream: TcpStream,
    carry: [u8; CARRY_MAX],
    carry_len: u8,
    seen: u32,
    /// What it was told when it was refused: nothing as long as it is not.
    refused: Vec<u8>,
}

impl Fleet {
    /// No connection yet.
    pub fn new(target: Target) -> Result<Fleet, Failed> {
        Ok(Fleet {
            target,
            epoll: Epoll::new()?,
            ready: Ready::with_capacity(READY_MAX),
            connections: Vec::new(),
            buffer: vec![0; CARRY_MAX + READ_LEN],
            delays: no_delays(),
            bytes_read: 0,
        })
    }

    /// How many connections there are.
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// Connects until there are `len`, and says hello with `hello(number)` on each, if it is given.
    pub fn grow(
        &mut self,
        len: usize,
        hello: impl Fn(usize) -> Option<Vec<u8>>,
    ) -> Result<(), Failed> {
        check_files(len)?;
        while self.len() < len {
            let first = self.len();
            let joining = first..len.min(first + JOINING_MAX);
            for number in joining.clone() {
                self.connect(number)?;
            }
            self.wait(joining.clone(), Awaited::Text("HTTP/1.1 101 "), 1)?;
            let mut said = 0;
            for number in joining.clone() {
                if let Some(payload) = hello(number) {
                    let mut frame = Vec::new();
                    wire::append_masked(&mut frame, &payload);
                    self.write(number, &frame);
                    said += 1;
                }
            }
            if said > 0 {
                self.wait(joining, Awaited::Text("\"t\":\"synced\""), 1)?;
            }
        }
        Ok(())
    }

    fn connect(&mut self, number: usize) -> Result<(), Failed> {
        let mut stream = TcpStream::connect(self.target.address)?;
        stream.set_nodelay(true)?;
        let host = self.target.address.to_string();
        stream.write_all(wire::upgrade(&host, &self.target.path).as_bytes())?;
        stream.set_nonblocking(true)?;
        self.epoll.add(&stream, number as u64)?;
        let (carry, refused) = ([0; CARRY_MAX], Vec::new());
        self.connections.push(Connection { stream, carry, carry_len: 0, seen: 0, refused });
        Ok(())
    }

    /// Writes bytes that a socket takes at once: whoever writes has read everything before. One
    /// that does not take them counts as refused when it is waited for.
    pub fn write(&mut self, number: usize, bytes: &[u8]) {
        self.connections[number].write(bytes);
    }

    /// Second handles of the first connections: somebody else writes while this one reads.
    pub fn writers(&self, len: usize) -> Result<Vec<TcpStream>, Failed> {
        let connections = self.connections[..len].iter();
        Ok(connections
            .map(|connection| connection.stream.try_clone())
            .collect::<io::Result<_>>()?)
    }

    /// Reads until each of these connections has seen what is awaited so many times.
    pub fn wait(
        &mut self,
        numbers: Range<usize>,
        awaited: Awaited,
        times: u32,
    ) -> Result<(), Failed> {
        self.converse(numbers, awaited, times, |_, _| Vec::new())
    }

    /// As `wait`, and writes `on_seen(number, how often it was seen just now)`.
    pub fn converse(
        &mut self,
        numbers: Range<usize>,
        awaited: Awaited,
        times: u32,
        mut on_seen: impl FnMut(usize, u32) -> Vec<u8>,
    ) -> Result<(), Failed> {
        self.connections.iter_mut().for_each(|connection| connection.seen = 0);
        let due = |connection: &&Connection| connection.is_due(times);
        let mut missing = self.connections[numbers.clone()].iter().filter(due).count();
        let late = Deadline::after(WAIT_MAX);
        let is_refused = self.connections.iter().any(|it| !it.refused.is_empty());
        let mut refused = is_refused.then(|| Deadline::after(REFUSED_WAIT_MAX));
        while missing > 0 && !refused.unwrap_or(late).is_over() {
            let ready = self.epoll.wait(&mut self.ready, 100)?;
            for number in ready.map(|number| number as usize) {
                let connection = &mut self.connections[number];
                let (was_due, is_awaited) = (connection.is_due(times), numbers.contains(&number));
                let seen = match connection.read(&mut self.buffer) {
                    Ok(bytes) => {
                        self.bytes_read += bytes.fresh as u64;
                        awaited.count(&bytes, is_awaited.then_some(&mut self.delays))
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                    Err(error) => {
                        connection.broke(&error);
                        self.epoll.remove(&connection.stream)?;
                        0
                    }
                };
                connection.seen += seen;
                if connection.seen > times {
                    let (seen, expected) = (connection.seen, times);
                    return Err(Failed::TooMany { number, seen, expected });
                }
                if seen > 0 {
                    connection.write(&on_seen(number, seen));
                }
                if !connection.refused.is_empty() {
                    refused.get_or_insert_with(|| Deadline::after(REFUSED_WAIT_MAX));
                }
                missing -= usize::from(is_awaited && was_due && !connection.is_due(times));
            }
        }
        let told = self.connections.iter().map(|connection| connection.refused.as_slice());
        match Refusals::of(told) {
            refusals if !refusals.is_empty() => Err(Failed::Refusals(refusals)),
            _ if missing > 0 => {
                let late = (numbers.start..).zip(&self.connections[numbers.clone()]);
                let late = late.filter(|(_, connection)| connection.is_due(times));
                let first: Vec<_> = late.map(|(number, _)| number).take(LATE_NAMED_MAX).collect();
                let what = format!("{times} of {awaited:?} (the first: {first:?})");
                Err(Failed::Late { missing, what })
            }
            _ => Ok(()),
        }
    }
}

impl Awaited {
    fn count(self, bytes: &Bytes<'_>, mut delays: Option<&mut Histogram<u64>>) -> u32 {
        match self {
            Awaited::Text(text) => {
                // What lies whole in the part that was carried over has been counted.
                let carried = bytes.all.len() - bytes.fresh;
                let start = (carried + 1).saturating_sub(text.len());
                wire::occurrences(&bytes.all[start..], text.as_bytes())
            }
            Awaited::StampsSince(since) => {
                let (mut count, now) = (0, now_ns());
                wire::stamps(bytes.all, |stamp| {
                    if stamp >= since {
                        count += 1;
                        if let Some(delays) = &mut delays {
                            delays.saturating_record(now.saturating_sub(stamp));
                        }
                    }
                });
                count
            }
        }
    }
}

/// What one read brought, behind what the one before left over.
struct Bytes<'a> {
    all: &'a [u8],
    fresh: usize,
}

impl Connection {
    /// Whether it has not seen everything yet, and may still.
    fn is_due(&self, times: u32) -> bool {
        self.seen < times && self.refused.is_empty()
    }

    /// Notes whether it is refused, too.
    fn read<'a>(&mut self, buffer: &'a mut [u8]) -> io::Result<Bytes<'a>> {
        let fresh = self.stream.read(&mut buffer[CARRY_MAX..])?;
        let start = CARRY_MAX - usize::from(self.carry_len);
        buffer[start..CARRY_MAX].copy_from_slice(&self.carry[..usize::from(self.carry_len)]);
        let all = &buffer[start..CARRY_MAX + fresh];
        if fresh == 0 {
            let last = format!("closed without a close frame; before: {}", readable(all));
            return Err(io::Error::other(last));
        }
        let said = match self.refused.is_empty() {
            true => refusals::begins(all).map_or(&[][..], |at| &all[at..]),
            false => &all[all.len() - fresh..],
        };
        let room = refusals::SAID_LEN_MAX.saturating_sub(self.refused.len());
        self.refused.extend_from_slice(&said[..said.len().min(room)]);
        let tail = &all[all.len() - all.len().min(CARRY_MAX)..];
        self.carry[..tail.len()].copy_from_slice(tail);
        self.carry_len = tail.len() as u8;
        Ok(Bytes { all, fresh })
    }

    /// A socket takes nothing once the server has ended it: whoever reads next learns why.
    fn write(&mut self, bytes: &[u8]) {
        match self.stream.write_all(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.broke(&error),
            Ok(()) | Err(_) => {}
        }
    }

    /// It is over, and was not refused in words before.
    fn broke(&mut self, error: &io::Error) {
        if self.refused.is_empty() {
            self.refused = error.to_string().into_bytes();
        }
    }
}

/// The end of what was read, for a person.
fn readable(bytes: &[u8]) -> String {
    const SHOWN_MAX: usize = 400;
    String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(SHOWN_MAX)..]).into_owned()
}
