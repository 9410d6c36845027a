//! A TCP connection that says what it likes: for what no WebSocket library would send.

use carillon_protocol::{Codec, ServerFrame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    kit::PATIENCE,
    stream::{self, Stream},
};

/// The final frame of a text message.
pub const TEXT: u8 = 0x81;
/// The final frame of a binary message.
pub const BINARY: u8 = 0x82;

/// A connection, by its bytes.
pub struct Wire {
    stream: Stream,
    codec: Codec,
    read: Vec<u8>,
}

impl Wire {
    /// Connects and says nothing.
    pub async fn connect(url: &str) -> Wire {
        let stream = stream::connect(url).await;
        Wire { stream, codec: Codec::Json, read: Vec::new() }
    }

    /// Connects and becomes a WebSocket.
    pub async fn upgrade(url: &str, codec: Codec) -> Wire {
        let mut wire = Wire { codec, ..Wire::connect(url).await };
        let offer = format!("Sec-WebSocket-Protocol: {}\r\n", codec.subprotocol());
        let head = wire.ask_upgrade(&offer).await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        wire
    }

    /// Asks to become a WebSocket with these header lines more; answers the head of the answer.
    pub async fn ask_upgrade(&mut self, more: &str) -> String {
        let host = if more.to_lowercase().contains("host:") { "" } else { "Host: carillon\r\n" };
        let request = format!(
            "GET /v1/ws HTTP/1.1\r\n{host}Connection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
        );
        self.write(request.as_bytes()).await;
        self.head().await
    }

    /// Writes bytes; the server may have closed by then.
    pub async fn write(&mut self, bytes: &[u8]) {
        let _closed = self.stream.write_all(bytes).await;
        let _closed = self.stream.flush().await;
    }

    /// Writes a frame, masked as it must be.
    pub async fn frame(&mut self, first: u8, payload: &[u8]) {
        let mut frame = vec![first];
        match payload.len() {
            len @ 0..=125 => frame.push(0x80 | len as u8),
            len @ 126..=0xffff => {
                frame.push(0x80 | 126);
                frame.extend((len as u16).to_be_bytes());
            }
            len => {
                frame.push(0x80 | 127);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        let mask = [1, 2, 3, 4];
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        self.write(&frame).await;
    }

    /// The head of an HTTP answer.
    pub async fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = self.read.drain(..end + 4).collect();
                return String::from_utf8(head).unwrap();
            }
            assert!(self.more().await, "the connection ended: {:?}", self.read);
        }
    }

    /// So many bytes.
    pub async fn bytes(&mut self, len: usize) -> Vec<u8> {
        while self.read.len() < len {
            assert!(self.more().await, "the connection ended: {:?}", self.read);
        }
        self.read.drain(..len).collect()
    }

    /// Everything until the connection ends, as text.
    pub async fn rest(mut self) -> String {
        while self.more().await {}
        String::from_utf8_lossy(&self.read).into_owned()
    }

    /// The frames until the connection ends, and the code of the close frame.
    pub async fn until_closed(mut self) -> (Vec<ServerFrame>, Option<u16>) {
        let mut frames = Vec::new();
        loop {
            match self.protocol_frame().await {
                Ok(frame) => frames.push(frame),
                Err(code) => return (frames, code),
            }
        }
    }

    /// The next frame of the protocol, or the code of the close frame.
    pub async fn protocol_frame(&mut self) -> Result<ServerFrame, Option<u16>> {
        loop {
            match self.server_frame().await {
                Some((0x8, payload)) => {
                    return Err(payload.first_chunk().map(|code| u16::from_be_bytes(*code)));
                }
                Some((0x1 | 0x2, body)) => {
                    return Ok(ServerFrame::decode(self.codec, &body).unwrap());
                }
                Some(_) => {}
                None => return Err(None),
            }
        }
    }

    /// The next frame of the server: its kind and its payload.
    async fn server_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            let (len, head) = match *self.read.as_slice() {
                [_, 126, a, b, ..] => (usize::from(u16::from_be_bytes([a, b])), 4),
                [_, 127, _, _, _, _, a, b, c, d, ..] => {
                    (u32::from_be_bytes([a, b, c, d]) as usize, 10)
                }
                [_, len @ 0..=125, ..] => (usize::from(len), 2),
                _ => (usize::MAX / 2, 2),
            };
            if self.read.len() >= head + len {
                let frame: Vec<u8> = self.read.drain(..head + len).collect();
                return Some((frame[0] & 0xf, frame[head..].to_vec()));
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// Reads something more; false if the connection has ended.
    async fn more(&mut self) -> bool {
        let read = self.stream.read_buf(&mut self.read);
        let read = tokio::time::timeout(PATIENCE, read).await.expect("something comes in time");
        read.is_ok_and(|count| count > 0)
    }
}
