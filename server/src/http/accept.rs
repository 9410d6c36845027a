//! The accept loop: who may connect, and for how long without saying anything.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::Request};
use carillon_protocol::{Codec, ErrorBody, ErrorCode};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioTimer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tower::ServiceExt;

use super::{
    gate::{Admitted, Gate},
    greet::Spoken,
    leftover::Unwanted,
    refuse,
};

/// How long a client may take, so that slow ones do not hold sockets for nothing.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// To send a request's head, from its first byte on, which may take as long; over TLS, from the
    /// end of the handshake on, which may take as long too.
    pub head: Duration,
    /// To send its body and be answered; a call alone may take 10 s to run and as long to commit.
    pub request: Duration,
    /// To read the answer, until it asks again or hangs up.
    pub answer: Duration,
    /// To send what is left of a body when the answer is there.
    pub rest: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            head: Duration::from_secs(10),
            request: Duration::from_secs(30),
            answer: Duration::from_secs(30),
            rest: Duration::from_secs(5),
        }
    }
}

/// How long to wait after an accept that failed, as when the process has no file handles left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What a client that is one too many gets.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n\
    Content-Length: 0\r\nConnection: close\r\n\r\n";

/// How long a client that is one too many may take to read that.
const TURN_AWAY_TIMEOUT: Duration = Duration::from_secs(1);

/// Turns true when the server goes down. Every connection keeps one for as long as it speaks
/// HTTP, so that the server can wait for the last.
pub type GoingDown = watch::Receiver<bool>;

/// How every connection is served.
#[derive(Debug, Clone)]
pub struct Serving {
    /// What answers.
    pub router: Router,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// When it ends.
    pub going_down: GoingDown,
}

/// Accepts until dropped. Every socket has a task that serves HTTP/1.1, over TLS if it is spoken
/// here, until it ends, upgrades or turns out to be for media.
pub async fn serve(listener: TcpListener, gate: Arc<Gate>, serving: Serving, spoken: Spoken) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => accept(stream, from, &gate, &serving, &spoken),
            Err(error) => pause(&error).await,
        }
    }
}

/// After an accept that failed: the listener is as good as before, and others may let go of what
/// was missing.
pub async fn pause(error: &io::Error) {
    tracing::warn!(%error, "a connection could not be accepted");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

fn accept(
    stream: TcpStream,
    from: SocketAddr,
    gate: &Arc<Gate>,
    serving: &Serving,
    spoken: &Spoken,
) {
    if let Some(admitted) = gate.admit(from.ip()) {
        tokio::spawn(serving.clone().converse_greeted(spoken.clone(), stream, admitted));
    } else if spoken.secure.is_some() {
        // Telling costs a handshake, which is what there is too much of.
    } else if let Ok(place) = Arc::clone(&gate.turned_away).try_acquire_owned() {
        tokio::spawn(async move {
            // Who is one too many may be gone already, or not listen.
            let _gone = tokio::time::timeout(TURN_AWAY_TIMEOUT, turn_away(stream)).await;
            drop(place);
        });
    }
}

impl Serving {
    /// Answers on a connection until it ends, upgrades, reads too slowly or the server goes down.
    pub async fn converse<I>(self, io: I, admitted: Option<Admitted>)
    where
        I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    {
        let Serving { router, timeouts, going_down } = self;
        let going_down_too = going_down.clone();
        let (answered, reading) = watch::channel(false);
        let service = service_fn(move |request: Request<Incoming>| {
            let request = Unwanted::of(request, timeouts.rest, going_down_too.clone());
            let mut request = request.map(Body::new);
            if let Some(admitted) = &admitted {
                request.extensions_mut().insert(admitted.clone());
            }
            answered.send_replace(false);
            let (answer, answered) = (router.clone().oneshot(request), answered.clone());
            async move {
                let answer = tokio::time::timeout(timeouts.request, answer).await;
                answered.send_replace(true);
                answer.unwrap_or_else(|_| {
                    let msg = "no answer in time: it may have happened; \
                        send the same Idempotency-Key again";
                    Ok(refuse(Codec::Json, &ErrorBody::new(ErrorCode::TimeoutUnknown, msg)))
                })
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(timeouts.head)
            .serve_connection(io, service)
            .with_upgrades();
        let conversation = async {
            let mut connection = pin!(connection);
            tokio::select! {
                ended = connection.as_mut() => return ended,
                () = told(going_down.clone()) => {}
            }
            // Who is idle is hung up on; who waits for an answer gets it.
            connection.as_mut().graceful_shutdown();
            connection.await
        };
        tokio::select! {
            ended = conversation => if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended");
            },
            () = unread(reading, timeouts.answer) => {
                tracing::debug!("a client did not read its answer");
            }
        }
        // Kept until here: now the server need not wait for this connection.
        drop(going_down);
    }
}

/// Returns when an answer has been there for so long without another request: the client does not
/// read it. A connection that is only idle ends sooner.
async fn unread(mut answered: watch::Receiver<bool>, patience: Duration) {
    while answered.wait_for(|answered| *answered).await.is_ok() {
        let asked = async { answered.wait_for(|answered| !*answered).await.is_ok() };
        if tokio::time::timeout(patience, asked).await.is_err() {
            return;
        }
    }
    // The connection is past its last request, and about to end.
    std::future::pending().await
}

/// Returns when the server goes down, or is gone.
pub(super) async fn told(mut going_down: GoingDown) {
    drop(going_down.wait_for(|going_down| *going_down).await);
}

/// Says that there are too many. What the client says meanwhile is read: a socket that is closed
/// over unread bytes is reset, and the answer is lost with it.
async fn turn_away(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(TOO_MANY).await?;
    stream.shutdown().await?;
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::routing::post;

    use super::*;

    const SHORT: Duration = Duration::from_millis(50);
    const LONG: Duration = Duration::from_secs(60);
    const PATIENT: Timeouts = Timeouts { head: LONG, request: LONG, answer: LONG, rest: LONG };

    /// More than the sockets on both sides take.
    const LARGE: usize = 64 * 1024 * 1024;

    /// A client of a server with these times.
    async fn connect(timeouts: Timeouts) -> (TcpStream, Arc<Gate>, watch::Sender<bool>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let router = Router::new()
            .route("/", post(async |body: String| body))
            .route("/large", post(async || vec![0; LARGE]));
        let gate = Gate::new(10, 10, Arc::default());
        let (down, going_down) = watch::channel(false);
        let serving = Serving { router, timeouts, going_down };
        tokio::spawn(serve(listener, Arc::clone(&gate), serving, Spoken::default()));
        (TcpStream::connect(address).await.expect("it listens"), gate, down)
    }

    /// What a server with these times answers to bytes that are no whole request.
    async fn answer(timeouts: Timeouts, said: &str) -> String {
        let (mut client, gate, _down) = connect(timeouts).await;
        client.write_all(said.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("it ends in order");
        gate.empty().await;
        answer
    }

    #[tokio::test]
    async fn who_says_nothing_or_half_a_head_is_hung_up_on() {
        let timeouts = Timeouts { head: SHORT, ..PATIENT };
        for said in ["", "P", "POST / HTTP/1.1\r\nHost: a\r\n"] {
            let answer = answer(timeouts, said).await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{said}: {answer}");
        }
    }

    #[tokio::test]
    async fn who_sends_half_a_body_is_told_and_hung_up_on() {
        let timeouts = Timeouts { request: SHORT, rest: SHORT, ..PATIENT };
        let said = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf";
        let answer = answer(timeouts, said).await;
        assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
        assert!(answer.contains("E_TIMEOUT_UNKNOWN"), "{answer}");
    }

    #[tokio::test]
    async fn a_connection_that_rests_is_closed_in_time() {
        let timeouts = Timeouts { head: SHORT, ..PATIENT };
        let said = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok";
        let answer = answer(timeouts, said).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok"), "{answer}");
    }

    #[tokio::test]
    async fn who_does_not_read_the_answer_is_hung_up_on() {
        let (mut client, gate, _down) = connect(Timeouts { answer: SHORT, ..PATIENT }).await;
        let said = "POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
        client.write_all(said.as_bytes()).await.expect("it reads");
        client.readable().await.expect("an answer begins");
        gate.empty().await;
    }

    #[tokio::test]
    async fn who_is_being_answered_is_waited_for_when_the_server_goes_down() {
        let (mut client, _gate, down) = connect(PATIENT).await;
        let said =
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
        client.write_all(said.as_bytes()).await.expect("it reads");
        let mut go_on = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
        client.read_exact(&mut go_on).await.expect("it asks for the body");
        down.send_replace(true);
        client.write_all(b"ok").await.expect("it still reads");
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("it ends in order");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok"), "{answer}");
    }
}
