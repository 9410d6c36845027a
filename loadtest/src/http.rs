//! Plain requests to a server.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

use crate::fleet::Target;

const PATIENCE: Duration = Duration::from_secs(5);

/// Asks for a page; the status and the whole answer.
pub fn get(target: &Target, path: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&target.address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let host = target.address;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let status = status.ok_or_else(|| io::Error::other("this is not HTTP"))?;
    Ok((status, answer))
}

/// Whether a node says that it is ready.
pub fn is_ready(target: &Target) -> bool {
    get(target, "/readyz").is_ok_and(|(status, _)| status == 200)
}
