//! A connection as any client has it: it calls, and reads what the server says.

use std::{collections::BTreeMap, io, net::TcpStream, thread, time::Duration};

use carillon_protocol::{
    Codec, Command, Effect, Retry,
    frame::{ServerFrame, Welcome, client},
    limits::CALLS_IN_FLIGHT_MAX,
};
use tungstenite::{Message, Utf8Bytes, WebSocket, protocol::CloseFrame};

use crate::{
    clock::new_cid,
    fleet::{Failed, Target},
    room::{Token, hello},
};

/// How long one answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// How often calls that are told to wait come back.
const WAITS_MAX: u32 = 100;

/// One connection that calls.
pub struct Link {
    socket: WebSocket<TcpStream>,
    calls: u64,
}

impl Link {
    /// Connects and says hello; what is there to catch up with is skipped.
    pub fn open(target: &Target, caller: &Token) -> Result<Link, Failed> {
        Ok(Link::welcomed(target, caller)?.0)
    }

    /// As `open`, and says who one is.
    pub fn welcomed(target: &Target, caller: &Token) -> Result<(Link, Welcome), Failed> {
        let (mut link, mut welcome) = (Link::hello(target, caller)?, None);
        loop {
            match (link.read()?, welcome) {
                (ServerFrame::Welcome(it), _) => welcome = Some(*it),
                (ServerFrame::Synced { .. }, Some(it)) => return Ok((link, it)),
                (_, it) => welcome = it,
            }
        }
    }

    /// Connects and says hello.
    pub fn hello(target: &Target, caller: &Token) -> Result<Link, Failed> {
        Link::dial(target, hello(caller, None), ANSWER_MAX)
    }

    /// Connects and says this first. Nothing that is read or written may take longer than this.
    pub fn dial(target: &Target, hello: Vec<u8>, patience: Duration) -> Result<Link, Failed> {
        let stream = TcpStream::connect_timeout(&target.address, patience)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        let url = format!("ws://{}{}", target.address, target.path);
        let (socket, _) = tungstenite::client(url, stream).map_err(std::io::Error::other)?;
        let mut link = Link { socket, calls: 0 };
        link.write(hello)?;
        Ok(link)
    }

    /// Calls one operation many times; the answers are in the same order.
    pub fn calls<C: Command>(&mut self, args: Vec<C>) -> Result<Vec<C::Reply>, Failed> {
        let mut replies = Vec::with_capacity(args.len());
        for args in args.chunks(CALLS_IN_FLIGHT_MAX) {
            replies.append(&mut self.calls_at_once(args)?);
        }
        Ok(replies)
    }

    /// As many calls as may be in flight.
    fn calls_at_once<C: Command>(&mut self, args: &[C]) -> Result<Vec<C::Reply>, Failed> {
        let first = self.calls;
        self.calls += args.len() as u64;
        let cid = || (C::EFFECT == Effect::Once).then(new_cid);
        let frame = |(id, args)| client::call(Codec::Json, id, C::OP, cid(), None, args);
        let frames: Vec<_> = (first..).zip(args).map(frame).collect();
        for frame in &frames {
            self.write(frame.clone())?;
        }
        let mut replies = BTreeMap::new();
        let mut waits = 0;
        while replies.len() < args.len() {
            match self.read()? {
                ServerFrame::Ok { re, data } => {
                    replies.insert(re, data.to().map_err(std::io::Error::from)?);
                }
                ServerFrame::Err { re: Some(re), error }
                    if error.retry == Retry::After && waits < WAITS_MAX =>
                {
                    waits += 1;
                    thread::sleep(Duration::from_millis(error.retry_ms.unwrap_or_default()));
                    self.write(frames[(re - first) as usize].clone())?;
                }
                ServerFrame::Err { error, .. } => {
                    let answer = format!("{}: {error}", C::OP);
                    return Err(Failed::Refused { number: 0, answer });
                }
                _ => {}
            }
        }
        Ok(replies.into_values().collect())
    }

    /// Writes a frame.
    pub fn write(&mut self, frame: Vec<u8>) -> Result<(), Failed> {
        let text = String::from_utf8(frame).expect("JSON is UTF-8");
        Ok(self.socket.send(Message::text(text)).map_err(std::io::Error::other)?)
    }

    /// The next frame.
    pub fn read(&mut self) -> Result<ServerFrame, Failed> {
        loop {
            match self.socket.read().map_err(std::io::Error::other)? {
                Message::Text(text) => return frame(&text),
                Message::Close(close) => return Err(closed(close)),
                _ => {}
            }
        }
    }

    /// Passes over what is there already, at most so many frames, without waiting for more.
    pub fn pass_over(&mut self, frames_max: usize) -> Result<(), Failed> {
        self.socket.get_ref().set_nonblocking(true)?;
        let mut read = Ok(());
        for _ in 0..frames_max {
            match self.socket.read() {
                Ok(Message::Close(close)) => read = Err(closed(close)),
                Ok(_) => continue,
                Err(tungstenite::Error::Io(error)) if is_late(&error) => {}
                Err(error) => read = Err(io::Error::other(error).into()),
            }
            break;
        }
        self.socket.get_ref().set_nonblocking(false)?;
        read
    }

    /// The next frame as its text, if one comes within this time.
    pub fn text_within(&mut self, time: Duration) -> Result<Option<Utf8Bytes>, Failed> {
        // No time at all would mean for ever.
        let time = time.max(Duration::from_micros(1));
        let patience = self.socket.get_ref().read_timeout()?;
        self.socket.get_ref().set_read_timeout(Some(time))?;
        let read = self.socket.read();
        self.socket.get_ref().set_read_timeout(patience)?;
        match read {
            Ok(Message::Text(text)) => Ok(Some(text)),
            Ok(Message::Close(close)) => Err(closed(close)),
            Ok(_) => Ok(None),
            Err(tungstenite::Error::Io(error)) if is_late(&error) => Ok(None),
            Err(error) => Err(std::io::Error::other(error).into()),
        }
    }
}

/// What a frame says.
pub fn frame(text: &str) -> Result<ServerFrame, Failed> {
    let frame = ServerFrame::decode(Codec::Json, text.as_bytes());
    Ok(frame.map_err(std::io::Error::other)?)
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn closed(close: Option<CloseFrame>) -> Failed {
    let last = close.map_or("nothing".into(), |close| format!("{} {}", close.code, close.reason));
    Failed::Closed { number: 0, last }
}
