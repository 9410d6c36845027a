//! An echo server over the gateway's frame code; a thread a connection is enough here.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    ops::ControlFlow::{self, Continue},
    thread,
    time::Duration,
};

use carillon::gateway::frame::{self, Message, Opcode, Reader};
use tungstenite::handshake::derive_accept_key;

/// The cases of section 9 send 16 MiB.
const MESSAGE_LEN_MAX: u32 = 32 * 1024 * 1024;
const READ_LEN: usize = 64 * 1024;
const REQUEST_LEN_MAX: usize = 8 * 1024;
/// A client that has got the close frame is to hang up within this time.
const HANG_UP_MAX: Duration = Duration::from_secs(30);

/// Accepts for as long as the test runs.
pub fn serve(listener: &TcpListener) {
    for stream in listener.incoming() {
        let stream = stream.expect("connections are accepted");
        thread::spawn(move || {
            if let Err(error) = echo(stream) {
                // Some cases hang up in the middle: the report says whether that was a fault.
                println!("a connection ended: {error}");
            }
        });
    }
}

fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut first = upgrade(&mut stream)?;
    let mut reader = Reader::new(MESSAGE_LEN_MAX);
    let mut out = Vec::new();
    let mut read = answer(&mut reader, &mut first, &mut out);
    let mut buffer = vec![0; READ_LEN];
    loop {
        stream.write_all(&out)?;
        out.clear();
        if read.is_break() {
            return hang_up(&stream);
        }
        let len = stream.read(&mut buffer)?;
        if len == 0 {
            return Ok(());
        }
        read = answer(&mut reader, &mut buffer[..len], &mut out);
    }
}

/// Breaks after a close frame, the client's or one that says what it did wrong.
fn answer(reader: &mut Reader, bytes: &mut [u8], out: &mut Vec<u8>) -> ControlFlow<()> {
    let read = reader.feed(bytes, |message| -> ControlFlow<()> {
        match message {
            Message::Text(text) => frame::append(out, Opcode::Text, text.as_bytes()),
            Message::Binary(bytes) => frame::append(out, Opcode::Binary, bytes),
            Message::Ping(payload) => out.extend_from_slice(&frame::pong(payload)),
            Message::Pong(_) => {}
            Message::Close { code, reason } => {
                out.extend_from_slice(&frame::close(code.unwrap_or(1000), reason));
                return ControlFlow::Break(());
            }
        }
        Continue(())
    });
    read.unwrap_or_else(|violation| {
        out.extend_from_slice(&frame::close(violation.close_code(), &violation.to_string()));
        ControlFlow::Break(())
    })
}

/// Lets the client read the close frame: bytes that nobody reads would reset the connection.
fn hang_up(mut stream: &TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(HANG_UP_MAX))?;
    io::copy(&mut stream, &mut io::sink()).map(|_| ())
}

/// Answers the upgrade; returns what the client sent after it.
fn upgrade(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, "not an upgrade");
    let (mut request, mut buffer) = (Vec::new(), [0; 1024]);
    let end = loop {
        let end = request.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = end {
            break end + 4;
        }
        let len = stream.read(&mut buffer)?;
        if len == 0 || request.len() > REQUEST_LEN_MAX {
            return Err(malformed());
        }
        request.extend_from_slice(&buffer[..len]);
    };
    let first = request.split_off(end);
    let head = String::from_utf8(request).map_err(|_| malformed())?;
    let key = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
        .map(|(_, key)| key.trim())
        .ok_or_else(malformed)?;
    let accept = derive_accept_key(key.as_bytes());
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(response.as_bytes())?;
    Ok(first)
}
