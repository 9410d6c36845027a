//! One WebSocket: the upgrade, `hello`, frames in both directions, the heartbeat.

use std::{
    collections::VecDeque,
    future::poll_fn,
    task::{Context, Poll},
    time::Duration,
};

use carillon_protocol::{
    CloseCode, Codec, ErrorBody,
    frame::{self, Hello, ServerFrame, Welcome},
};
use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        http::HeaderValue,
        protocol::{CloseFrame, WebSocketConfig, frame::coding},
    },
};

use crate::{
    Error,
    clock::{Chance, instant},
    error::{Step, step},
    server::{Address, Stream},
};

/// TCP, TLS, the upgrade and `hello` take at most so long together: a server has 10 s for `hello`.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A server's frame holds at most so many bytes: a page of 200 messages of the full length fits.
const FRAME_LEN_MAX: usize = 16 << 20;
/// The shortest heartbeat that is obeyed: a server that announces 0 must not make a busy loop.
const HEARTBEAT_MS_MIN: u64 = 100;

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum Down {
    /// Come back, after `retry_ms` if the server said so.
    Lost { retry_ms: Option<u64>, reason: String },
    /// Come back without the `sync` token.
    Resync,
    /// Do not come back.
    Final(Error),
}

impl Down {
    fn lost(reason: impl ToString) -> Down {
        Down::Lost { retry_ms: None, reason: reason.to_string() }
    }

    fn closed(code: u16, retry_ms: Option<u64>, reason: String) -> Down {
        // Codes that this version does not know still fall into one of the two ranges.
        if (4500..5000).contains(&code) {
            return Down::Final(Error::Closed { code, reason });
        }
        Down::Lost { retry_ms, reason: format!("{reason} ({code})") }
    }

    /// An error that concerns the connection as a whole, not one call.
    pub fn refused(error: ErrorBody, chance: &mut Chance) -> Down {
        match step(&error, 0, chance) {
            Step::Fail => Down::Final(error.into()),
            Step::Again(ms) => Down::Lost { retry_ms: Some(ms), reason: error.to_string() },
            Step::Resync => Down::Resync,
        }
    }
}

/// A connection after `welcome`.
pub(crate) struct Socket {
    ws: WebSocketStream<Stream>,
    codec: Codec,
    /// Frames that the kernel has not taken yet. Few: calls in flight are bounded.
    out: VecDeque<Message>,
    heartbeat: Duration,
    ping_at: Instant,
    silent_since: Instant,
    bye: Option<(u16, Option<u64>, String)>,
}

impl Socket {
    /// Connects and says `hello`.
    pub async fn connect(
        address: Address,
        codec: Codec,
        hello: Hello,
        mut chance: Chance,
    ) -> Result<(Socket, Welcome), Down> {
        let connecting = async {
            let mut socket = Socket::upgrade(&address, codec).await?;
            socket.send(frame::client::hello(codec, &hello));
            let welcome = socket.welcome(&mut chance).await?;
            let hb_ms = welcome.hb_ms.max(HEARTBEAT_MS_MIN);
            socket.heartbeat = Duration::from_millis(hb_ms);
            // Jittered, so that the clients of a restarted server do not ping in step.
            socket.ping_at = instant() + Duration::from_millis(chance.up_to(hb_ms));
            Ok((socket, welcome))
        };
        timeout(CONNECT_TIMEOUT, connecting)
            .await
            .unwrap_or_else(|_| Err(Down::lost("no answer within 10 s")))
    }

    async fn upgrade(address: &Address, codec: Codec) -> Result<Socket, Down> {
        let connected = address.connect().await;
        let stream = connected.map_err(|e| Down::lost(format!("{}: {e}", address.authority)))?;
        let mut request = address.ws.as_str().into_client_request().map_err(Down::lost)?;
        let offer = HeaderValue::from_static(codec.subprotocol());
        request.headers_mut().insert("Sec-WebSocket-Protocol", offer);
        let config = WebSocketConfig::default()
            .max_message_size(Some(FRAME_LEN_MAX))
            .max_frame_size(Some(FRAME_LEN_MAX));
        let (ws, _) = client_async_with_config(request, stream, Some(config))
            .await
            .map_err(refused_upgrade)?;
        let now = instant();
        let heartbeat = CONNECT_TIMEOUT;
        let ping_at = now + heartbeat;
        Ok(Socket {
            ws,
            codec,
            out: VecDeque::new(),
            heartbeat,
            ping_at,
            silent_since: now,
            bye: None,
        })
    }

    async fn welcome(&mut self, chance: &mut Chance) -> Result<Welcome, Down> {
        loop {
            match self.next().await? {
                ServerFrame::Welcome(welcome) => return Ok(*welcome),
                ServerFrame::Err { error, .. } => return Err(Down::refused(*error, chance)),
                _ => {}
            }
        }
    }

    /// Queues a frame; [`Socket::next`] writes it.
    pub fn send(&mut self, frame: Vec<u8>) {
        self.out.push_back(match self.codec {
            Codec::Json => {
                let text = String::from_utf8(frame).expect("JSON is UTF-8");
                Message::Text(text.into())
            }
            Codec::MsgPack => Message::Binary(frame.into()),
        });
    }

    /// The next frame of the server. Writes what is queued meanwhile and keeps the heartbeat;
    /// may be dropped and called again at any time.
    pub async fn next(&mut self) -> Result<ServerFrame, Down> {
        loop {
            let dead_at = self.silent_since + self.heartbeat.mul_f32(2.5);
            let wake_at = self.ping_at.min(dead_at);
            let received = tokio::select! {
                received = poll_fn(|cx| self.poll(cx)) => received,
                () = sleep_until(wake_at) => {
                    if instant() >= dead_at {
                        return Err(Down::lost("nothing heard for 2.5 heartbeats"));
                    }
                    self.send(frame::client::ping(self.codec));
                    self.ping_at = instant() + self.heartbeat;
                    continue;
                }
            };
            self.silent_since = instant();
            let bytes = match received {
                Some(Ok(Message::Text(text))) => text.into(),
                Some(Ok(Message::Binary(bytes))) => bytes,
                Some(Ok(Message::Close(close))) => return Err(self.closed(close)),
                Some(Ok(_)) => continue,
                Some(Err(error)) => return Err(self.broken(error)),
                None => return Err(self.closed(None)),
            };
            match ServerFrame::decode(self.codec, &bytes) {
                Ok(ServerFrame::Bye { code, retry_ms, reason }) => {
                    self.bye = Some((code, retry_ms, reason));
                }
                Ok(frame) => return Ok(frame),
                Err(bad) => return Err(Down::lost(format!("a frame cannot be read: {bad}"))),
            }
        }
    }

    /// Writes as much as the kernel takes, then reads.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<tungstenite::Result<Message>>> {
        while !self.out.is_empty() {
            match self.ws.poll_ready_unpin(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                Poll::Pending => break,
            }
            let Some(frame) = self.out.pop_front() else { break };
            if let Err(error) = self.ws.start_send_unpin(frame) {
                return Poll::Ready(Some(Err(error)));
            }
        }
        if let Poll::Ready(Err(error)) = self.ws.poll_flush_unpin(cx) {
            return Poll::Ready(Some(Err(error)));
        }
        self.ws.poll_next_unpin(cx)
    }

    /// `bye` says more than the close frame: it has `retry_ms`.
    fn closed(&mut self, close: Option<CloseFrame>) -> Down {
        if let Some((code, retry_ms, reason)) = self.bye.take() {
            return Down::closed(code, retry_ms, reason);
        }
        match close {
            Some(close) => {
                let code = u16::from(close.code);
                let known = CloseCode::from_number(code).map(|known| known.reason().to_owned());
                let reason = if close.reason.is_empty() {
                    known.unwrap_or_default()
                } else {
                    close.reason.to_string()
                };
                Down::closed(code, None, reason)
            }
            None => Down::lost("the connection ended"),
        }
    }

    fn broken(&mut self, error: tungstenite::Error) -> Down {
        match self.bye {
            Some(_) => self.closed(None),
            None => Down::lost(error),
        }
    }

    /// Tells the server that the client leaves; what is queued is written first.
    pub async fn close(mut self) -> tungstenite::Result<()> {
        for frame in std::mem::take(&mut self.out) {
            self.ws.feed(frame).await?;
        }
        let code = coding::CloseCode::Normal;
        self.ws.close(Some(CloseFrame { code, reason: "".into() })).await
    }
}

/// An HTTP answer instead of an upgrade: what the client did wrong stays wrong.
fn refused_upgrade(error: tungstenite::Error) -> Down {
    match error {
        tungstenite::Error::Http(response) => {
            let status = response.status();
            let body = response.body().as_deref().unwrap_or_default();
            let body = String::from_utf8_lossy(&body[..body.len().min(500)]).into_owned();
            let reason = format!("the server answered {status} {body}");
            if status.is_client_error() && status.as_u16() != 429 && status.as_u16() != 408 {
                return Down::Final(Error::Connect(reason));
            }
            Down::lost(reason)
        }
        other => Down::lost(other),
    }
}
