//! A server whose every word the test says.

use carillon_client::{Client, Events, Options, Update};
use carillon_protocol::{
    Cid, CloseCode, Codec, ConvId, ErrorBody, Event, EventId, Json, Topic, UserId,
    frame::{ClientFrame, Hello, TopicPage, Welcome, server},
    id::Ulid,
    limits::Limits,
    msg,
};
use futures_util::{SinkExt, StreamExt};
use serde::{Serialize, de::DeserializeOwned};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
        http::HeaderValue,
    },
};

pub const ME: UserId = UserId(Ulid(1));
pub const YOU: UserId = UserId(Ulid(2));
pub const CONV: ConvId = ConvId(Ulid(3));

/// Listens on a port of its own.
pub struct Server {
    listener: TcpListener,
    pub url: String,
}

impl Server {
    pub async fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Server { listener, url }
    }

    pub fn options(&self) -> Options {
        Options::new(&self.url, "t").seed(7)
    }

    /// The next client that connects, after its upgrade.
    pub async fn accept(&self) -> Peer {
        let (stream, _) = self.listener.accept().await.unwrap();
        Peer::upgrade(stream).await.unwrap()
    }

    /// A client that is connected and has nothing to catch up with.
    pub async fn client(&self, options: Options) -> (Client, Events, Peer) {
        let (client, peer) = tokio::join!(Client::connect(options), async {
            let mut peer = self.accept().await;
            peer.greet().await;
            peer
        });
        let client = client.unwrap();
        let events = client.events();
        (client, events, peer)
    }
}

/// The server's end of one connection.
pub struct Peer {
    ws: WebSocketStream<TcpStream>,
    pub codec: Codec,
}

/// A call as it was received.
#[derive(Debug, Clone, PartialEq)]
pub struct Called {
    pub id: u64,
    pub op: String,
    pub cid: Option<Cid>,
    pub prev: Option<Cid>,
    pub args: Json,
}

impl Called {
    pub fn args<T: DeserializeOwned>(&self) -> T {
        self.args.to().unwrap()
    }

    pub fn text(&self) -> String {
        let body = self.args::<msg::Send>().body;
        let msg::Body::Text { text, .. } = body else { panic!("a text, not {body:?}") };
        text
    }
}

impl Peer {
    pub async fn upgrade(stream: TcpStream) -> Result<Peer, String> {
        let mut codec = Codec::Json;
        #[expect(clippy::result_large_err, reason = "the type is the library's")]
        let choose = |request: &Request, mut response: Response| {
            let offer = request.headers()["Sec-WebSocket-Protocol"].to_str().unwrap().to_owned();
            codec = Codec::from_subprotocol(&offer).unwrap();
            let chosen = HeaderValue::from_str(&offer).unwrap();
            response.headers_mut().insert("Sec-WebSocket-Protocol", chosen);
            Ok(response)
        };
        let ws = accept_hdr_async(stream, choose).await.map_err(|e| e.to_string())?;
        Ok(Peer { ws, codec })
    }

    /// The next frame's bytes; `None` when the client is gone.
    pub async fn bytes(&mut self) -> Option<Vec<u8>> {
        loop {
            match self.ws.next().await?.ok()? {
                Message::Text(text) => return Some(text.as_bytes().to_vec()),
                Message::Binary(bytes) => return Some(bytes.to_vec()),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    pub async fn hello(&mut self) -> Option<Hello> {
        let bytes = self.bytes().await?;
        let ClientFrame::Hello(hello) = ClientFrame::decode(self.codec, &bytes).unwrap() else {
            panic!("expected hello");
        };
        Some(*hello)
    }

    /// The next call; pings are answered.
    pub async fn try_call(&mut self) -> Option<Called> {
        loop {
            let bytes = self.bytes().await?;
            match ClientFrame::decode(self.codec, &bytes).unwrap() {
                ClientFrame::Call(call) => {
                    let args: Json = call.args.codec.decode(call.args.bytes).unwrap();
                    let (op, cid, prev) = (call.op.to_owned(), call.cid, call.prev);
                    return Some(Called { id: call.id, op, cid, prev, args });
                }
                ClientFrame::Ping => self.try_send(server::pong(self.codec, 0)).await?,
                _ => {}
            }
        }
    }

    pub async fn call(&mut self) -> Called {
        self.try_call().await.expect("the client is connected")
    }

    pub async fn try_send(&mut self, frame: Vec<u8>) -> Option<()> {
        let message = match self.codec {
            Codec::Json => Message::Text(String::from_utf8(frame).unwrap().into()),
            Codec::MsgPack => Message::Binary(frame.into()),
        };
        self.ws.send(message).await.ok()
    }

    pub async fn send(&mut self, frame: Vec<u8>) {
        self.try_send(frame).await.expect("the client is connected");
    }

    pub async fn ok<T: Serialize>(&mut self, call: &Called, data: &T) {
        let data = self.codec.encode(data);
        self.send(server::ok(self.codec, call.id, &data)).await;
    }

    pub async fn err(&mut self, call: &Called, error: &ErrorBody) {
        self.send(server::err(self.codec, Some(call.id), error)).await;
    }

    pub async fn ev(&mut self, seq: u64) {
        self.send(server::ev(self.codec, &event(seq))).await;
    }

    pub async fn synced(&mut self, token: &str) {
        self.send(server::synced(self.codec, token)).await;
    }

    pub async fn page(&mut self, head: u64, last: Vec<Event>) {
        self.try_page(head, last).await.expect("the client is connected");
    }

    pub async fn try_page(&mut self, head: u64, last: Vec<Event>) -> Option<()> {
        let page = TopicPage {
            topic: Topic::Conv(CONV),
            head,
            n: head,
            read_seq: Some(0),
            unread: Some(head),
            last,
        };
        self.try_send(server::page(self.codec, &[page])).await
    }

    pub async fn bye(&mut self, code: CloseCode, retry_ms: Option<u64>) {
        self.send(server::bye(self.codec, code, retry_ms)).await;
    }

    /// Reads `hello`, answers `welcome`, returns the token with which the client resumes.
    pub async fn greet(&mut self) -> Option<String> {
        let hello = self.hello().await.expect("the client says hello");
        self.send(server::welcome(self.codec, &welcome())).await;
        hello.sync
    }
}

pub fn welcome() -> Welcome {
    Welcome {
        session: carillon_protocol::SessionId(Ulid(5)),
        hb_ms: 30_000,
        caps: vec!["dirty".into()],
        limits: Limits { writes_per_s: 0, reads_per_s: 0, ..Limits::default() },
        now: 0,
        user: ME,
        org: carillon_protocol::OrgId(Ulid(4)),
        server: "scripted".into(),
    }
}

/// A message of another person; its text is its position.
pub fn event(seq: u64) -> Event {
    message(YOU, seq, None, &seq.to_string())
}

pub fn message(by: UserId, seq: u64, cid: Option<Cid>, text: &str) -> Event {
    let body = msg::Body::Text { text: text.into(), mentions: vec![] };
    Event {
        topic: Topic::Conv(CONV),
        seq,
        n: seq,
        k: msg::kind::SENT.into(),
        id: EventId(Ulid(u128::from(seq) + 1_000)),
        by,
        at: 0,
        cid,
        data: Json::of(&msg::SentData { body, reply_to: None, everybody: false, rev: Some(seq) }),
    }
}

pub fn sent(seq: u64) -> msg::Sent {
    msg::Sent { seq, id: EventId(Ulid(u128::from(seq) + 1_000)), at: 0, dup: false }
}

/// The position of the next event; passes over the rest.
pub async fn next_seq(events: &mut Events) -> u64 {
    loop {
        match events.next().await.expect("the client is not closed") {
            Update::Event(event) => return event.seq,
            _ => continue,
        }
    }
}

/// Waits for an update.
pub async fn until(events: &mut Events, wanted: impl Fn(&Update) -> bool) -> Update {
    loop {
        let update = events.next().await.expect("the client is not closed");
        if wanted(&update) {
            return update;
        }
    }
}
