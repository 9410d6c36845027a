//! The first moments of a connection where HTTPS is spoken: a handshake, or somebody who speaks
//! plain HTTP.

use std::{io, sync::Arc};

use axum::Router;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::accept::{Admitted, Serving, told};

/// What the first byte of a TLS handshake is: the type of its record (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 0x16;

/// How HTTPS is spoken.
#[derive(Debug, Clone)]
pub struct Secure {
    /// What connections are made with.
    pub config: Arc<ServerConfig>,
    /// What answers who speaks plain HTTP.
    pub plain: Router,
}

/// What a client turned out to speak.
enum Greeted {
    Plain(TcpStream),
    Sealed(Box<TlsStream<TcpStream>>),
}

impl Secure {
    /// Looks at the first byte, and shakes hands.
    async fn greet(&self, stream: TcpStream) -> io::Result<Greeted> {
        let mut first = [0];
        stream.peek(&mut first).await?;
        if first != [HANDSHAKE] {
            return Ok(Greeted::Plain(stream));
        }
        let acceptor = TlsAcceptor::from(Arc::clone(&self.config));
        Ok(Greeted::Sealed(Box::new(acceptor.accept(stream).await?)))
    }
}

impl Serving {
    /// Shakes hands in time, then answers until the connection ends.
    pub(super) async fn converse_secure(
        self,
        secure: Secure,
        stream: TcpStream,
        admitted: Admitted,
    ) {
        let greeted = tokio::select! {
            greeted = tokio::time::timeout(self.timeouts.head, secure.greet(stream)) => greeted,
            () = told(self.going_down.clone()) => return,
        };
        match greeted {
            Ok(Ok(Greeted::Sealed(stream))) => {
                self.converse(TokioIo::new(*stream), Some(admitted)).await;
            }
            Ok(Ok(Greeted::Plain(stream))) => {
                let serving = Serving { router: secure.plain, ..self };
                serving.converse(TokioIo::new(stream), Some(admitted)).await;
            }
            Ok(Err(error)) => tracing::debug!(%error, "a handshake failed"),
            Err(_) => tracing::debug!("a client did not shake hands in time"),
        }
    }
}
