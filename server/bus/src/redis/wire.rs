//! A connection to a server, on which nothing stands between the socket and who uses it.

use std::{io, sync::Arc, time::Duration};

use bytes::BytesMut;
use redis::{ConnectionAddr, ConnectionInfo};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{
    CONNECT_PATIENCE,
    line::Fault,
    resp::{self, Reply},
};

/// What is read at once.
pub(super) const READ_LEN: usize = 16 * 1_024;

/// A socket, plain or through TLS.
pub(super) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

/// A connection whose server knows who we are.
pub(super) struct Wire {
    pub socket: Box<dyn Socket>,
    /// What came and is not read yet.
    pub incoming: BytesMut,
}

impl Wire {
    /// Connects, encrypts and says who we are.
    pub async fn open(info: &ConnectionInfo, tls: &Arc<ClientConfig>) -> Result<Wire, Fault> {
        let opened = async {
            let socket = connect(info.addr(), tls).await?;
            let mut wire = Wire { socket, incoming: BytesMut::new() };
            wire.login(info).await?;
            Ok(wire)
        };
        within(CONNECT_PATIENCE, Fault::Slow, opened).await
    }

    async fn login(&mut self, info: &ConnectionInfo) -> Result<(), Fault> {
        let settings = info.redis_settings();
        let Some(password) = settings.password() else { return Ok(()) };
        let mut auth = BytesMut::new();
        match settings.username() {
            Some(user) => {
                resp::command(&mut auth, &[b"AUTH", user.as_bytes(), password.as_bytes()]);
            }
            None => resp::command(&mut auth, &[b"AUTH", password.as_bytes()]),
        }
        self.say(&auth).await?;
        match self.next().await? {
            Reply::Refused(why) => Err(Fault::Refused(why)),
            _ => Ok(()),
        }
    }

    pub async fn say(&mut self, commands: &[u8]) -> io::Result<()> {
        self.socket.write_all(commands).await?;
        self.socket.flush().await
    }

    /// What the server says next. May be cancelled.
    pub async fn next(&mut self) -> Result<Reply, Fault> {
        loop {
            if let Some(reply) = resp::read(&mut self.incoming)? {
                return Ok(reply);
            }
            // What was heard stays in its buffer until it is read: one is used up before the next.
            if self.incoming.capacity() - self.incoming.len() < READ_LEN / 4 {
                self.incoming.reserve(READ_LEN);
            }
            if self.socket.read_buf(&mut self.incoming).await? == 0 {
                return Err(Fault::Closed);
            }
        }
    }
}

/// Gives up after so long.
pub(super) async fn within<T>(
    patience: Duration,
    late: impl FnOnce(Duration) -> Fault,
    what: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    // A server that is stopped accepts, and then says nothing.
    tokio::time::timeout(patience, what).await.unwrap_or_else(|_| Err(late(patience)))
}

async fn connect(addr: &ConnectionAddr, tls: &Arc<ClientConfig>) -> Result<Box<dyn Socket>, Fault> {
    let (ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. }) = addr else {
        return Err(Fault::Unknown("it has neither host nor port"));
    };
    let stream = TcpStream::connect((host.as_str(), *port)).await?;
    stream.set_nodelay(true)?;
    if matches!(addr, ConnectionAddr::Tcp(..)) {
        return Ok(Box::new(stream));
    }
    let name = ServerName::try_from(host.clone());
    let name = name.map_err(|_| Fault::Unknown("a certificate cannot be for this host"))?;
    Ok(Box::new(TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_not_read_yet_keeps_no_more_memory_than_it_needs() {
        const MESSAGES: usize = 1_000;
        let (mut server, socket) = tokio::io::duplex(1 << 20);
        let mut wire = Wire { socket: Box::new(socket), incoming: BytesMut::new() };
        let mut message = BytesMut::new();
        resp::command(&mut message, &[b"message", b"channel", &[7; 100]]);
        let mut heard = Vec::new();
        for _ in 0..MESSAGES {
            server.write_all(&message).await.unwrap();
            let Reply::Heard(words) = wire.next().await.unwrap() else { panic!("it was heard") };
            heard.push(words[2].clone());
        }
        let follows = |pair: &[bytes::Bytes]| {
            pair[1].as_ptr() as usize == pair[0].as_ptr() as usize + message.len()
        };
        let buffers = heard.windows(2).filter(|pair| !follows(pair)).count();
        assert!(buffers <= 2 * MESSAGES * message.len() / READ_LEN, "{buffers}");
    }
}
