//! One connection: made to an address that was checked, used for one request at a time.

use std::{
    mem,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_rustls::TlsConnector;

use super::{error::Error, lanes::locked, target::Target};

/// How long one address may take to be connected to, TLS included, before the next one is tried.
const CONNECT: Duration = Duration::from_secs(2);
/// How old a connection may be that is used again. Servers close idle ones after a minute or so,
/// and names move; push services see a burst of seconds.
const KEPT: Duration = Duration::from_secs(30);
/// The most bytes of an answer's head.
const HEAD_LEN_MAX: usize = 64 * 1024;

/// The end of a connection that requests go into.
pub(super) type Sender = http1::SendRequest<Full<Bytes>>;

/// A connection that may be used again.
pub(super) struct Kept(Mutex<State>);

enum State {
    Busy,
    Idle(Sender),
    /// Too old: closed now, or as soon as its request is answered.
    Retired,
}

impl Kept {
    /// The connection, if nobody uses it and it is still open.
    pub(super) fn take(&self) -> Option<Sender> {
        let mut state = locked(&self.0);
        match mem::replace(&mut *state, State::Busy) {
            State::Idle(sender) if sender.is_ready() => Some(sender),
            State::Idle(_) | State::Retired => {
                *state = State::Retired;
                None
            }
            State::Busy => None,
        }
    }

    /// Keeps it. False, if it is too old: then it is closed.
    pub(super) fn put(&self, sender: Sender) -> bool {
        let mut state = locked(&self.0);
        let fresh = matches!(*state, State::Busy);
        if fresh {
            *state = State::Idle(sender);
        }
        fresh
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(&*locked(&self.0), State::Idle(sender) if !sender.is_closed())
    }

    fn retire(&self) {
        *locked(&self.0) = State::Retired;
    }
}

/// Connects to the first of these addresses that answers. The name is only used for TLS: it is not
/// resolved again, so it cannot lead anywhere else than where was checked.
pub(super) async fn connect(
    target: &Target,
    addresses: &[IpAddr],
    tls: &Arc<ClientConfig>,
) -> Result<(Arc<Kept>, Sender), Error> {
    let host = target.host();
    let unconnected = |why: String| Error::Unconnected { host: host.clone(), why };
    let mut last = unconnected("it has no address".to_owned());
    for address in addresses {
        let address = SocketAddr::new(*address, target.port());
        let attempt = timeout(CONNECT, attempt(target, address, tls)).await;
        match attempt.unwrap_or_else(|_| Err(unconnected(format!("{address} does not answer")))) {
            Ok(connection) => return Ok(connection),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn attempt(
    target: &Target,
    address: SocketAddr,
    tls: &Arc<ClientConfig>,
) -> Result<(Arc<Kept>, Sender), Error> {
    let host = target.host();
    let refused = |why: std::io::Error| Error::Unconnected {
        host: host.clone(),
        why: format!("{address}: {why}"),
    };
    let stream = TcpStream::connect(address).await.map_err(refused)?;
    stream.set_nodelay(true).map_err(refused)?;
    if !target.is_tls() {
        return speak(stream, &host).await;
    }
    let untrusted = |why: String| Error::Untrusted { host: host.clone(), why };
    // A dot at the end means the same host, but no certificate has it.
    let name = host.strip_suffix('.').unwrap_or(&host).to_owned();
    let name = ServerName::try_from(name).map_err(|why| untrusted(why.to_string()))?;
    let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await;
    speak(stream.map_err(|why| untrusted(why.to_string()))?, &host).await
}

/// Begins to speak HTTP, and drives the connection until it is closed.
async fn speak<S>(stream: S, host: &str) -> Result<(Arc<Kept>, Sender), Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake =
        http1::Builder::new().max_buf_size(HEAD_LEN_MAX).handshake(TokioIo::new(stream)).await;
    let (sender, connection) = handshake
        .map_err(|why| Error::Unconnected { host: host.to_owned(), why: why.to_string() })?;
    let kept = Arc::new(Kept(Mutex::new(State::Busy)));
    let driven = Arc::clone(&kept);
    tokio::spawn(async move {
        let mut connection = pin!(connection);
        // What goes wrong is the error of the request that is being made, if there is one.
        tokio::select! {
            _ = &mut connection => return,
            () = sleep(KEPT) => driven.retire(),
        }
        drop(connection.await);
    });
    Ok((kept, sender))
}

/// Asks once, and reads the whole answer.
pub(super) async fn exchange(
    sender: &mut Sender,
    request: Request<Full<Bytes>>,
    host: &str,
    most: usize,
) -> Result<Response<Bytes>, Error> {
    let broken = |why: String| Error::Broken { host: host.to_owned(), why };
    let answer = sender.send_request(request).await.map_err(|why| broken(reason(&why)))?;
    let (parts, body) = answer.into_parts();
    let body = Limited::new(body, most).collect().await.map_err(|why| {
        if why.is::<LengthLimitError>() {
            return Error::AnswerTooLarge { host: host.to_owned(), most };
        }
        broken(why.to_string())
    })?;
    Ok(Response::from_parts(parts, body.to_bytes()))
}

/// What went wrong, with what it came from: the outer error often says only that it did.
fn reason(error: &dyn std::error::Error) -> String {
    let source = error.source().map(|inner| format!(": {inner}"));
    format!("{error}{}", source.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_not_used_again_when_it_is_old() {
        let (ours, _theirs) = tokio::io::duplex(1024);
        let (kept, mut sender) = speak(ours, "push.example").await.unwrap();
        sender.ready().await.unwrap();
        assert!(kept.put(sender) && kept.is_idle());
        let sender = kept.take().unwrap();
        assert!(kept.take().is_none(), "it was lent to two");
        assert!(kept.put(sender));
        sleep(KEPT).await;
        tokio::task::yield_now().await;
        assert!(!kept.is_idle() && kept.take().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_grows_old_in_use_is_not_kept_after_it() {
        let (ours, _theirs) = tokio::io::duplex(1024);
        let (kept, sender) = speak(ours, "push.example").await.unwrap();
        sleep(KEPT).await;
        tokio::task::yield_now().await;
        assert!(!kept.put(sender));
    }
}
