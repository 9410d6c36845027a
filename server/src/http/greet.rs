//! The first moments of a connection, whose first byte says what is spoken: plain HTTP, the
//! handshake of TLS, or media, of those whose networks let nothing out but this port.

use std::{io, sync::Arc};

use axum::Router;
use carillon_sfu::{BEGINNING_LEN, check_len, may_begin};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::{io::AsyncReadExt, net::TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{
    accept::{Serving, told},
    gate::Admitted,
};
use crate::media::Carrier;

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

/// What is spoken at a port besides plain HTTP.
#[derive(Debug, Clone, Default)]
pub struct Spoken {
    /// HTTPS. Who speaks plain HTTP all the same is answered otherwise then.
    pub secure: Option<Secure>,
    /// Media.
    pub media: Option<Arc<Carrier>>,
}

/// What a client turned out to speak.
enum Greeted {
    Plain(TcpStream),
    Sealed(Box<TlsStream<TcpStream>>),
    /// Others go on with it.
    Media,
}

impl Spoken {
    /// Looks at the first byte, and does what it asks for.
    async fn greet(&self, stream: TcpStream, admitted: &Admitted) -> io::Result<Greeted> {
        let mut first = [0];
        let has_said = stream.peek(&mut first).await? > 0;
        match (first[0], &self.secure, &self.media) {
            (HANDSHAKE, Some(secure), _) => secure.shake_hands(stream, admitted).await,
            (first, _, Some(media)) if has_said && may_begin(first) => {
                hand_over(stream, media).await
            }
            _ => Ok(Greeted::Plain(stream)),
        }
    }
}

/// Reads one check of the way, and no more; the thread that it names goes on.
async fn hand_over(mut stream: TcpStream, media: &Carrier) -> io::Result<Greeted> {
    let mut beginning = [0; BEGINNING_LEN];
    stream.read_exact(&mut beginning).await?;
    let no_check = || io::Error::other("it is no check of a way for media");
    let mut frame = vec![0; check_len(&beginning).ok_or_else(no_check)?];
    let (head, rest) = frame.split_at_mut(BEGINNING_LEN);
    head.copy_from_slice(&beginning);
    stream.read_exact(rest).await?;
    if !media.take_in(stream.into_std()?, frame) {
        return Err(io::Error::other("it checks the way of nobody who is here"));
    }
    Ok(Greeted::Media)
}

impl Secure {
    async fn shake_hands(&self, stream: TcpStream, admitted: &Admitted) -> io::Result<Greeted> {
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
    /// Finds in time what is spoken, then answers until the connection ends.
    pub(super) async fn converse_greeted(
        self,
        spoken: Spoken,
        stream: TcpStream,
        admitted: Admitted,
    ) {
        let greeting = tokio::time::timeout(self.timeouts.head, spoken.greet(stream, &admitted));
        let greeted = tokio::select! {
            greeted = greeting => greeted,
            () = told(self.going_down.clone()) => return,
        };
        match greeted {
            Ok(Ok(Greeted::Sealed(stream))) => {
                self.converse(TokioIo::new(*stream), Some(admitted)).await;
            }
            Ok(Ok(Greeted::Plain(stream))) => {
                let plain = spoken.secure.map(|secure| secure.plain);
                let serving = Serving { router: plain.unwrap_or(self.router), ..self };
                serving.converse(TokioIo::new(stream), Some(admitted)).await;
            }
            Ok(Ok(Greeted::Media)) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a client was not understood"),
            Err(_) => tracing::debug!("a client did not say in time what it wants"),
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

    fn spoken() -> Spoken {
        let plain = Router::new().route("/", get(async || "in plain words"));
        let secure = Some(Secure { config: pair().1, plain });
        Spoken { secure, media: Some(Carrier::closed()) }
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
        tokio::spawn(serve(listener, gate, serving, spoken()));
        let first = TcpStream::connect(address).await.unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        // Who is one too many is hung up on before anything costs anything.
        let left = second.read_to_end(&mut Vec::new()).await;
        assert!(left.is_ok_and(|len| len == 0));
        (first, down)
    }

    #[tokio::test]
    async fn who_does_not_finish_a_handshake_is_hung_up_on() {
        let half_a_check = [0, 20, 0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42];
        for said in [&[][..], &[HANDSHAKE], &[HANDSHAKE, 3, 1, 2, 0, 1, 0], &half_a_check] {
            let (mut client, _down) = connect(Duration::from_millis(50)).await;
            client.write_all(said).await.unwrap();
            let mut answer = Vec::new();
            // A socket that is closed over unread bytes is reset.
            let _reset = client.read_to_end(&mut answer).await;
            assert!(answer.is_empty(), "{answer:?}");
        }
    }

    #[tokio::test]
    async fn what_begins_like_media_and_is_no_check_of_somebody_here_gets_nothing() {
        let of_nobody = [&[0, 20, 0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42][..], &[7; 12]].concat();
        for said in [&[0; 64][..], &[1; 64], &[2, 0xFF, 0, 1].repeat(16), &of_nobody] {
            let (mut client, _down) = connect(LONG).await;
            client.write_all(said).await.unwrap();
            let mut answer = Vec::new();
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
