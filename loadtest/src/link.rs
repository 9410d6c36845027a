//! A connection as any client has it: it calls, and reads what the server says.

use std::{collections::BTreeMap, net::TcpStream, thread, time::Duration};

use carillon_protocol::{
    Codec, Command, Effect, Retry,
    frame::{ServerFrame, client},
    limits::CALLS_IN_FLIGHT_MAX,
};
use tungstenite::{Message, WebSocket};

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
        let mut link = Link::hello(target, caller)?;
        while !matches!(link.read()?, ServerFrame::Synced { .. }) {}
        Ok(link)
    }

    /// Connects and says hello.
    pub fn hello(target: &Target, caller: &Token) -> Result<Link, Failed> {
        let stream = TcpStream::connect(target.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        let url = format!("ws://{}{}", target.address, target.path);
        let (socket, _) = tungstenite::client(url, stream).map_err(std::io::Error::other)?;
        let mut link = Link { socket, calls: 0 };
        link.write(hello(caller))?;
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

    fn write(&mut self, frame: Vec<u8>) -> Result<(), Failed> {
        let text = String::from_utf8(frame).expect("JSON is UTF-8");
        Ok(self.socket.send(Message::text(text)).map_err(std::io::Error::other)?)
    }

    /// The next frame.
    pub fn read(&mut self) -> Result<ServerFrame, Failed> {
        loop {
            match self.socket.read().map_err(std::io::Error::other)? {
                Message::Text(text) => {
                    let frame = ServerFrame::decode(Codec::Json, text.as_bytes());
                    return Ok(frame.map_err(std::io::Error::other)?);
                }
                Message::Close(close) => {
                    let last = format!("{close:?}");
                    return Err(Failed::Closed { number: 0, last });
                }
                _ => {}
            }
        }
    }
}
