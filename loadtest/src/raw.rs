//! The raw loop: what the kernel alone costs. Frozen, so that figures of different days compare.
//!
//! One thread, epoll, one room. What a member writes in one go is framed once and given to every
//! member by one `send(2)`; `TCP_NODELAY` is on; nothing is queued, checked or remembered. No
//! server in user space does less for the same effect.

use std::{
    env,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::AsRawFd,
    process::{Child, Command, Stdio},
};

use tungstenite::handshake::derive_accept_key;

use crate::{
    os::{Epoll, Ready},
    process::Process,
};

/// A burst of 16 messages fits many times.
const READ_LEN: usize = 64 * 1024;
/// How many sockets one wait may name.
const READY_MAX: usize = 1024;
/// The numbers of the two descriptors that are not members.
const LISTENER: u64 = u64::MAX;
const PARENT: u64 = u64::MAX - 1;

/// The raw loop as a child process, so that its processor time can be told from ours.
pub struct RawServer {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl RawServer {
    /// Starts this program again, as the raw loop.
    pub fn start() -> io::Result<RawServer> {
        let mut child = Command::new(env::current_exe()?)
            .arg("raw-server")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut address = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut address)?;
        let address = address.trim().parse().map_err(io::Error::other)?;
        Ok(RawServer { child, address })
    }

    /// Its process.
    pub fn process(&self) -> Process {
        Process(self.child.id())
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        // It ends when its standard input does.
        drop(self.child.stdin.take());
        if let Err(error) = self.child.wait() {
            eprintln!("the raw loop is not over: {error}");
        }
    }
}

/// Serves until the other end of standard input closes, as it does when the tool ends.
pub fn serve() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", listener.local_addr()?);
    serve_on(&listener, &io::stdin())
}

pub(crate) fn serve_on(listener: &TcpListener, parent: &impl AsRawFd) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let epoll = Epoll::new()?;
    epoll.add(listener, LISTENER)?;
    epoll.add(parent, PARENT)?;
    let mut room = Room { members: Vec::new(), buffer: vec![0; READ_LEN], burst: Vec::new() };
    let mut ready = Ready::with_capacity(READY_MAX);
    loop {
        for number in epoll.wait(&mut ready, -1)? {
            match number {
                PARENT => return Ok(()),
                LISTENER => room.accept(listener, &epoll)?,
                member => room.read(member as usize)?,
            }
        }
    }
}

struct Room {
    /// `None` after a member left: the numbers of the others stay.
    members: Vec<Option<Member>>,
    buffer: Vec<u8>,
    /// The frames that are about to be sent.
    burst: Vec<u8>,
}

struct Member {
    stream: TcpStream,
    upgraded: bool,
}

impl Room {
    fn accept(&mut self, listener: &TcpListener, epoll: &Epoll) -> io::Result<()> {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        epoll.add(&stream, self.members.len() as u64)?;
        self.members.push(Some(Member { stream, upgraded: false }));
        Ok(())
    }

    fn read(&mut self, number: usize) -> io::Result<()> {
        let Some(member) = &mut self.members[number] else { return Ok(()) };
        let len = match member.stream.read(&mut self.buffer) {
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(_) => 0,
        };
        let bytes = &mut self.buffer[..len];
        if len == 0 {
            self.members[number] = None;
        } else if member.upgraded {
            self.burst.clear();
            reframe(bytes, &mut self.burst)?;
            self.send()?;
        } else {
            member.stream.write_all(response(bytes)?.as_bytes())?;
            member.upgraded = true;
        }
        Ok(())
    }

    /// One system call a member. A socket that does not take the whole burst would falsify the
    /// figure, so it is an error: the load client reads everything before it writes again.
    fn send(&mut self) -> io::Result<()> {
        for member in self.members.iter_mut().flatten().filter(|member| member.upgraded) {
            if member.stream.write(&self.burst)? < self.burst.len() {
                return Err(io::Error::other("a member reads too slowly"));
            }
        }
        Ok(())
    }
}

/// Unmasks whole text frames and frames them again. The load client writes a burst in one go, and
/// on loopback it arrives so.
fn reframe(mut bytes: &mut [u8], out: &mut Vec<u8>) -> io::Result<()> {
    let cut = || io::Error::other("a frame was cut");
    while !bytes.is_empty() {
        let (len, header_len) = match bytes {
            [_, 0xfe, high, low, ..] => (usize::from(u16::from_be_bytes([*high, *low])), 4),
            [_, len, ..] => (usize::from(*len & 0x7f), 2),
            _ => return Err(cut()),
        };
        let (frame, rest) = bytes.split_at_mut_checked(header_len + 4 + len).ok_or_else(cut)?;
        let (header, masked) = frame.split_at_mut(header_len);
        let (mask, payload) = masked.split_at_mut(4);
        out.extend_from_slice(&[header[0], header[1] & 0x7f]);
        out.extend_from_slice(&header[2..]);
        out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes = rest;
    }
    Ok(())
}

fn response(request: &[u8]) -> io::Result<String> {
    let head = str::from_utf8(request).map_err(io::Error::other)?;
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .ok_or_else(|| io::Error::other("not an upgrade of the load client"))?;
    let accept = derive_accept_key(key.as_bytes());
    Ok(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    ))
}
