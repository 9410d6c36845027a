//! One connection over TCP: datagrams of what is read, and a queue of what is to be sent.

use std::{
    collections::VecDeque,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// The longest datagram, as over UDP: whoever announces a longer one does not speak our language.
pub(super) const DATAGRAM_LEN_MAX: usize = 2_048;
/// The length before each datagram.
pub(super) const PREFIX_LEN: usize = 2;
/// The shortest: the header of media without any. Together with how much is read in one turn, it
/// bounds what one turn costs.
pub(super) const DATAGRAM_LEN_MIN: usize = 12;
/// Packets that waited longer than this are dropped, not sent late.
pub(super) const QUEUE_AGE_MAX: Duration = Duration::from_millis(300);
/// And a queue is never longer: 300 ms of 5 Mbit/s.
pub(super) const QUEUE_LEN_MAX: usize = 192 << 10;
/// How long a check is good for. Clients check the way every few seconds for as long as they live.
pub(super) const PROOF_LASTS: Duration = Duration::from_secs(30);

/// A connection: what has come of a datagram, and what waits to be sent.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) proven: bool,
    /// When it is hung up on, unless it proves something before.
    pub(super) until: Duration,
    /// The beginning of a datagram whose end has not come.
    partial: Vec<u8>,
    /// What is to be sent, with its length before it, and since when.
    pub(super) queue: VecDeque<(Duration, Vec<u8>)>,
    pub(super) queue_len: usize,
    /// How much of the first one is sent.
    pub(super) written: usize,
    /// Whether one watches for room to send.
    pub(super) watched: bool,
}

/// The other end is gone, or speaks another language.
pub(super) struct Over;

impl Connection {
    /// One that is hung up on then, unless it proves something before.
    pub(super) fn new(stream: TcpStream, peer: SocketAddr, until: Duration) -> Connection {
        Connection {
            stream,
            peer,
            proven: false,
            until,
            partial: Vec::new(),
            queue: VecDeque::new(),
            queue_len: 0,
            written: 0,
            watched: false,
        }
    }

    /// It was read of before: this has come.
    pub(super) fn begin(
        &mut self,
        read: &[u8],
        now: Duration,
        take: &mut impl FnMut(SocketAddr, &[u8]) -> bool,
    ) -> Result<(), Over> {
        self.partial.extend_from_slice(read);
        self.take_datagrams(now, take)
    }

    /// Reads a part of what has come.
    pub(super) fn read(
        &mut self,
        scratch: &mut [u8],
        now: Duration,
        take: &mut impl FnMut(SocketAddr, &[u8]) -> bool,
    ) -> Result<(), Over> {
        match self.stream.read(scratch) {
            Ok(0) => Err(Over),
            Ok(len) => {
                self.partial.extend_from_slice(&scratch[..len]);
                self.take_datagrams(now, take)
            }
            // What is left, or comes later, has its turn in another lap.
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(()),
            Err(_) => Err(Over),
        }
    }

    /// Hands over the datagrams that are whole; less than one is left. The first must be a check
    /// of the way: strangers cost no more than one.
    fn take_datagrams(
        &mut self,
        now: Duration,
        take: &mut impl FnMut(SocketAddr, &[u8]) -> bool,
    ) -> Result<(), Over> {
        let mut rest = self.partial.as_slice();
        while let Some((prefix, bytes)) = rest.split_first_chunk::<PREFIX_LEN>() {
            let len = usize::from(u16::from_be_bytes(*prefix));
            if !(DATAGRAM_LEN_MIN..=DATAGRAM_LEN_MAX).contains(&len) {
                return Err(Over);
            }
            let Some((datagram, after)) = bytes.split_at_checked(len) else { break };
            rest = after;
            if take(self.peer, datagram) {
                self.proven = true;
                self.until = now + PROOF_LASTS;
            } else if !self.proven {
                return Err(Over);
            }
        }
        let done = self.partial.len() - rest.len();
        self.partial.drain(..done);
        Ok(())
    }

    /// Appends a datagram, unless there is too much already; what waited for too long is taken out,
    /// except for what is half sent. Answers how many were dropped.
    pub(super) fn enqueue(&mut self, datagram: &[u8], now: Duration) -> usize {
        let begun = usize::from(self.written > 0);
        let late = |(since, _): &&(Duration, Vec<u8>)| now.saturating_sub(*since) > QUEUE_AGE_MAX;
        let mut dropped = self.queue.iter().skip(begun).take_while(late).count();
        let gone = self.queue.drain(begun..begun + dropped);
        self.queue_len -= gone.map(|(_, frame)| frame.len()).sum::<usize>();
        let len = PREFIX_LEN + datagram.len();
        match u16::try_from(datagram.len()) {
            Ok(prefix) if self.queue_len + len <= QUEUE_LEN_MAX => {
                let mut frame = Vec::with_capacity(len);
                frame.extend_from_slice(&prefix.to_be_bytes());
                frame.extend_from_slice(datagram);
                self.queue.push_back((now, frame));
                self.queue_len += len;
            }
            _ => dropped += 1,
        }
        dropped
    }

    /// Sends what the kernel takes.
    pub(super) fn write(&mut self) -> Result<(), Over> {
        while let Some((_, frame)) = self.queue.front() {
            match self.stream.write(&frame[self.written..]) {
                Ok(0) => return Err(Over),
                Ok(len) => self.written += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Over),
            }
            if self.written == frame.len() {
                self.queue_len -= self.written;
                self.written = 0;
                self.queue.pop_front();
            }
        }
        Ok(())
    }
}
