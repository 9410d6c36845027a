//! A WebSocket that hides nothing: for what the SDK would not do.

use std::collections::VecDeque;

use carillon_protocol::{
    Cid, Codec, Command, ConvId, Effect, ErrorBody, Event, ServerFrame,
    frame::{Hello, TopicPage, Welcome, client},
    msg,
};
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest, protocol::CloseFrame},
};

use crate::{
    kit::{PATIENCE, Person, TestServer, cid, text_message},
    stream::{self, Stream},
};

/// A WebSocket that speaks the protocol and hides nothing.
pub struct TestClient {
    socket: WebSocketStream<Stream>,
    pub codec: Codec,
    /// Frames that came while an answer was awaited.
    waiting: VecDeque<ServerFrame>,
    next_id: u64,
    /// What `welcome` said.
    pub welcome: Option<Welcome>,
    /// The topics of the catch-up.
    pub pages: Vec<TopicPage>,
    /// The length of the longest page, in bytes.
    pub page_len_max: usize,
    /// What `synced` said.
    pub sync: Option<String>,
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The close code; `None` if the socket just ended.
    pub code: Option<u16>,
}

impl TestClient {
    /// Connects, says hello and waits until it is caught up.
    pub async fn connect(server: &TestServer, person: &Person) -> TestClient {
        TestClient::resume(server, person, Codec::Json, None).await
    }

    /// The same with a codec and the `sync` token of an earlier connection.
    pub async fn resume(
        server: &TestServer,
        person: &Person,
        codec: Codec,
        sync: Option<String>,
    ) -> TestClient {
        let mut client = TestClient::open(server.url(), codec).await;
        let hello = Hello {
            v: 1,
            token: Some(person.token.clone()),
            device: person.device,
            tab: None,
            sync,
            caps: vec!["dirty".into()],
            handles: Vec::new(),
            listens: Vec::new(),
        };
        client.hello(&hello).await;
        client.synced().await;
        client
    }

    /// Opens a WebSocket and says nothing.
    pub async fn open(url: &str, codec: Codec) -> TestClient {
        let at = format!("{}/v1/ws", url.replacen("http", "ws", 1));
        let mut request = at.into_client_request().unwrap();
        let name = codec.subprotocol().parse().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", name);
        let stream = stream::connect(url).await;
        let (socket, response) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], codec.subprotocol());
        TestClient {
            socket,
            codec,
            waiting: VecDeque::new(),
            next_id: 1,
            welcome: None,
            pages: Vec::new(),
            page_len_max: 0,
            sync: None,
        }
    }

    /// Says hello.
    pub async fn hello(&mut self, hello: &Hello) {
        self.send_body(client::hello(self.codec, hello)).await;
    }

    /// Waits for the end of the catch-up.
    pub async fn synced(&mut self) {
        loop {
            match self.socket_frame().await {
                ServerFrame::Welcome(welcome) => self.welcome = Some(*welcome),
                ServerFrame::Page(topics) => self.pages.extend(topics),
                ServerFrame::Synced { sync } => {
                    self.sync = Some(sync);
                    return;
                }
                // What was held back while the pages travelled.
                held @ (ServerFrame::Ev(_) | ServerFrame::Eph(_) | ServerFrame::Dirty(_)) => {
                    self.waiting.push_back(held);
                }
                other => panic!("expected the catch-up, got {other:?}"),
            }
        }
    }

    /// Sends a protocol frame.
    pub async fn send_body(&mut self, body: Vec<u8>) {
        let message = match self.codec {
            Codec::Json => Message::text(String::from_utf8(body).unwrap()),
            Codec::MsgPack => Message::binary(body),
        };
        self.send_message(message).await;
    }

    /// Sends a WebSocket message, whatever it is.
    pub async fn send_message(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Calls an operation; those that take effect once get a new `cid`.
    pub async fn call<C: Command>(&mut self, args: &C) -> Result<C::Reply, ErrorBody> {
        let cid = (C::EFFECT == Effect::Once).then(cid);
        self.call_as(cid, None, args).await
    }

    /// Calls an operation with this `cid` and `prev`.
    pub async fn call_as<C: Command>(
        &mut self,
        cid: Option<Cid>,
        prev: Option<Cid>,
        args: &C,
    ) -> Result<C::Reply, ErrorBody> {
        let id = self.begin(C::OP, cid, prev, args).await;
        self.answer(id).await.map(|data| data.to().unwrap())
    }

    /// Sends a call and answers its id.
    pub async fn begin<T: serde::Serialize>(
        &mut self,
        op: &str,
        cid: Option<Cid>,
        prev: Option<Cid>,
        args: &T,
    ) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.send_body(client::call(self.codec, id, op, cid, prev, args)).await;
        id
    }

    /// Waits for the answer to a call; other frames are kept.
    pub async fn answer(&mut self, id: u64) -> Result<carillon_protocol::Json, ErrorBody> {
        let is_answer = |frame: &ServerFrame| match frame {
            ServerFrame::Ok { re, .. } => *re == id,
            ServerFrame::Err { re, .. } => *re == Some(id),
            _ => false,
        };
        let mut frame = None;
        if let Some(place) = self.waiting.iter().position(is_answer) {
            frame = self.waiting.remove(place);
        }
        while frame.is_none() {
            let next = self.socket_frame().await;
            if is_answer(&next) {
                frame = Some(next);
            } else {
                self.waiting.push_back(next);
            }
        }
        match frame {
            Some(ServerFrame::Ok { data, .. }) => Ok(data),
            Some(ServerFrame::Err { error, .. }) => Err(*error),
            _ => unreachable!("it is an answer"),
        }
    }

    /// Writes a text message.
    pub async fn say(&mut self, conv: ConvId, text: &str) -> msg::Sent {
        self.call(&text_message(conv, text)).await.unwrap()
    }

    /// The next frame.
    pub async fn frame(&mut self) -> ServerFrame {
        match self.waiting.pop_front() {
            Some(frame) => frame,
            None => self.socket_frame().await,
        }
    }

    async fn socket_frame(&mut self) -> ServerFrame {
        match self.message().await {
            Ok(frame) => frame,
            Err(closed) => panic!("the connection ended: {closed:?}"),
        }
    }

    /// The next event; other frames are passed over.
    pub async fn event(&mut self) -> Event {
        loop {
            if let ServerFrame::Ev(event) = self.frame().await {
                return *event;
            }
        }
    }

    /// The next event of this kind.
    pub async fn event_of(&mut self, k: &str) -> Event {
        loop {
            let event = self.event().await;
            if &*event.k == k {
                return event;
            }
        }
    }

    /// Everything until the connection ends.
    pub async fn until_closed(mut self) -> (Vec<ServerFrame>, Closed) {
        let mut frames: Vec<ServerFrame> = self.waiting.drain(..).collect();
        loop {
            match self.message().await {
                Ok(frame) => frames.push(frame),
                Err(closed) => return (frames, closed),
            }
        }
    }

    /// The next frame from the socket, or how it ended.
    pub async fn message(&mut self) -> Result<ServerFrame, Closed> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next());
            let message = match next.await.expect("something comes in time") {
                Some(Ok(message)) => message,
                Some(Err(_)) | None => return Err(Closed { code: None }),
            };
            let body = match message {
                Message::Text(text) => bytes::Bytes::from(text),
                Message::Binary(bytes) => bytes,
                Message::Close(frame) => {
                    let code = frame.map(|CloseFrame { code, .. }| code.into());
                    return Err(Closed { code });
                }
                _ => continue,
            };
            let frame = ServerFrame::decode(self.codec, &body);
            let frame = frame.expect("the server's frames decode");
            if matches!(frame, ServerFrame::Page(_)) {
                self.page_len_max = self.page_len_max.max(body.len());
            }
            return Ok(frame);
        }
    }
}
