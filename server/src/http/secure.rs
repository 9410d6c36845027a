//! The first moments of a connection where HTTPS is spoken: a handshake, or somebody who speaks
//! plain HTTP.

use std::{io, sync::Arc};

use axum::Router;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{
    accept::{Serving, told},
    gate::Admitted,
};

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
    async fn greet(&self, stream: TcpStream, admitted: &Admitted) -> io::Result<Greeted> {
        let mut first = [0];
        stream.peek(&mut first).await?;
        if first != [HANDSHAKE] {
            return Ok(Greeted::Plain(stream));
        }
        if !admitted.may_shake_hands() {
            return Err(io::Error::other("its network has shaken hands too often"));
        }
        // The last words of a handshake must not hold back the first answer.
        stream.set_nodelay(true)?;
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
        let greeting = tokio::time::timeout(self.timeouts.head, secure.greet(stream, &admitted));
        let greeted = tokio::select! {
            greeted = greeting => greeted,
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
        sync::watch,
    };

    use super::*;
    use crate::{
        http::{Gate, Timeouts, serve},
        tls::tests::pair::pair,
    };

    const LONG: Duration = Duration::from_secs(60);

    fn secure() -> Secure {
        let plain = Router::new().route("/", get(async || "in plain words"));
        Secure { config: pair().1, plain }
    }

    /// A client of a server that gives so long for a handshake and for a head, of which it admits
    /// one.
    async fn connect(head: Duration) -> (TcpStream, watch::Sender<bool>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let gate = Gate::new(1, 1, Arc::default());
        let (down, going_down) = watch::channel(false);
        let timeouts = Timeouts { head, request: LONG, answer: LONG, rest: LONG };
        let serving = Serving { router: Router::new(), timeouts, going_down };
        tokio::spawn(serve(listener, gate, serving, Some(secure())));
        let first = TcpStream::connect(address).await.unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        // Who is one too many is hung up on before anything costs anything.
        let left = second.read_to_end(&mut Vec::new()).await;
        assert!(left.is_ok_and(|len| len == 0));
        (first, down)
    }

    #[tokio::test]
    async fn who_does_not_finish_a_handshake_is_hung_up_on() {
        for said in [&[][..], &[HANDSHAKE], &[HANDSHAKE, 3, 1, 2, 0, 1, 0]] {
            let (mut client, _down) = connect(Duration::from_millis(50)).await;
            client.write_all(said).await.unwrap();
            let mut answer = Vec::new();
            // A socket that is closed over unread bytes is reset.
            let _reset = client.read_to_end(&mut answer).await;
            assert!(answer.is_empty(), "{answer:?}");
        }
    }

    #[tokio::test]
    async fn a_handshake_under_way_does_not_keep_a_server_that_goes_down() {
        let (mut client, down) = connect(LONG).await;
        client.write_all(&[HANDSHAKE, 3, 1, 2, 0]).await.unwrap();
        down.send_replace(true);
        let _reset = client.read_to_end(&mut Vec::new()).await;
    }

    #[tokio::test]
    async fn plain_words_get_a_plain_answer() {
        let (mut client, _down) = connect(LONG).await;
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("in plain words"), "{answer}");
    }
}
