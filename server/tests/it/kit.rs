//! A real server on a free port, and people who use it through its sockets.

use std::{collections::VecDeque, path::Path, time::Duration};

use carillon::{
    clock::SystemClock,
    config::Config,
    server::{Server, Start},
};
use carillon_plugin::{Caller, Clock as _, Host};
use carillon_protocol::{
    Cid, Codec, Command, ConvId, DeviceId, Effect, ErrorBody, Event, OrgId, ServerFrame, UserId,
    conv,
    frame::{Hello, TopicPage, Welcome, client},
    msg, org, session,
};
use futures_util::{SinkExt, StreamExt};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest, protocol::CloseFrame},
};

/// How long a test waits for what must come; only a test that fails waits so long.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A new id.
pub fn new_id() -> carillon_protocol::id::Ulid {
    static CLOCK: std::sync::LazyLock<SystemClock> = std::sync::LazyLock::new(Default::default);
    CLOCK.new_id()
}

/// A new intent.
pub fn cid() -> Cid {
    Cid(new_id())
}

/// A server in this process, with a data folder of its own.
pub struct TestServer {
    server: Server,
    config: Config,
    url: String,
    folder: TempDir,
}

/// A person, or a program, with a token.
#[derive(Debug, Clone)]
pub struct Person {
    pub user: UserId,
    pub org: OrgId,
    pub token: String,
    pub device: DeviceId,
}

impl Person {
    /// The person as the host sees calls in the person's name.
    pub fn caller(&self) -> Caller {
        Caller::on_behalf_of(self.user, self.org)
    }
}

impl TestServer {
    /// A server with limits that no test meets by accident.
    pub async fn start() -> TestServer {
        TestServer::with(|_| ()).await
    }

    /// A server whose configuration is changed first.
    pub async fn with(change: impl FnOnce(&mut Config)) -> TestServer {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config { data: folder.path().join("data"), ..Config::default() };
        config.limits.writes_per_s = 100_000.try_into().unwrap();
        config.limits.reads_per_s = 100_000.try_into().unwrap();
        change(&mut config);
        TestServer::run(config, folder, Start::default()).await
    }

    async fn run(config: Config, folder: TempDir, start: Start) -> TestServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::start(&config, listener, start).await.unwrap();
        TestServer { server, config, url, folder }
    }

    /// Stops it in order, and starts another one on the same data.
    pub async fn restart(self) -> TestServer {
        let TestServer { server, config, folder, .. } = self;
        server.stop().await;
        TestServer::run(config, folder, Start::default()).await
    }

    /// Where it listens, as `http://127.0.0.1:…`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.config.data
    }

    /// The table of operations, past the door.
    pub fn host(&self) -> &Host {
        &self.server.node.host
    }

    /// The whole of it.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Stops it in order; the data folder goes.
    pub async fn stop(self) {
        self.server.stop().await;
    }

    /// An organisation.
    pub async fn org(&self, name: &str) -> OrgId {
        self.system(&org::Create { name: name.into() }).await.org
    }

    /// A person with a token of the scopes `read` and `write`.
    pub async fn person(&self, org: OrgId, login: &str) -> Person {
        self.add(org, login, false).await
    }

    /// An administrator with a token of every scope.
    pub async fn admin(&self, org: OrgId, login: &str) -> Person {
        self.add(org, login, true).await
    }

    async fn add(&self, org: OrgId, login: &str, admin: bool) -> Person {
        let add = org::AddMember {
            org: Some(org),
            login: login.into(),
            name: login.into(),
            password: None,
            title: None,
            admin,
            locale: None,
            tz: None,
        };
        let user = self.system(&add).await.user;
        let scopes = ["read", "write", "admin"].map(String::from);
        let issue = session::Issue {
            org: Some(org),
            user: Some(login.into()),
            app: None,
            scopes: Some(scopes[..if admin { 3 } else { 2 }].to_vec()),
            ttl_ms: None,
        };
        let token = self.system(&issue).await.token;
        Person { user, org, token, device: DeviceId(new_id()) }
    }

    /// An operation as the system.
    pub async fn system<C: Command>(&self, args: &C) -> C::Reply {
        self.host().call_typed(Caller::SYSTEM, Some(cid()), args).await.unwrap()
    }

    /// A group that its first member made.
    pub async fn group(&self, members: &[&Person]) -> ConvId {
        let create = conv::Create {
            title: "Shop".into(),
            members: members[1..].iter().map(|person| person.user).collect(),
            history: conv::History::All,
        };
        let made = self.host().call_typed(members[0].caller(), Some(cid()), &create).await;
        made.unwrap().conv
    }

    /// A call over HTTP: the status, and the body as JSON.
    pub async fn rpc(
        &self,
        token: Option<&str>,
        op: &str,
        cid: Option<Cid>,
        args: &serde_json::Value,
    ) -> (u16, serde_json::Value) {
        let key = cid.map(|cid| cid.to_string());
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(key.as_deref().map(|key| ("idempotency-key", key)));
        headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
        let body = args.to_string();
        let (status, body) =
            http(&self.url, "POST", &format!("/v1/rpc/{op}"), &headers, body.into_bytes()).await;
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }
}

/// A request over HTTP: the status and the body.
pub async fn http(
    url: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> (u16, Vec<u8>) {
    use http_body_util::{BodyExt, Full};
    let address = url.strip_prefix("http://").unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    let driven = tokio::spawn(connection);
    let mut request = hyper::Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", address);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::<bytes::Bytes>::from(body)).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    drop(sender);
    driven.abort();
    (status, body.to_vec())
}

/// A WebSocket that speaks the protocol and hides nothing.
pub struct TestClient {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub codec: Codec,
    /// Frames that came while an answer was awaited.
    waiting: VecDeque<ServerFrame>,
    next_id: u64,
    /// What `welcome` said.
    pub welcome: Option<Welcome>,
    /// The topics of the catch-up.
    pub pages: Vec<TopicPage>,
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
        };
        client.hello(&hello).await;
        client.synced().await;
        client
    }

    /// Opens a WebSocket and says nothing.
    pub async fn open(url: &str, codec: Codec) -> TestClient {
        let url = format!("{}/v1/ws", url.replacen("http", "ws", 1));
        let mut request = url.into_client_request().unwrap();
        let name = codec.subprotocol().parse().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", name);
        let (socket, response) = tokio_tungstenite::connect_async(request).await.unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], codec.subprotocol());
        TestClient {
            socket,
            codec,
            waiting: VecDeque::new(),
            next_id: 1,
            welcome: None,
            pages: Vec::new(),
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
            match self.frame().await {
                ServerFrame::Welcome(welcome) => self.welcome = Some(*welcome),
                ServerFrame::Page(topics) => self.pages.extend(topics),
                ServerFrame::Synced { sync } => {
                    self.sync = Some(sync);
                    return;
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
            return Ok(ServerFrame::decode(self.codec, &body).expect("the server's frames decode"));
        }
    }
}

/// A text message.
pub fn text_message(conv: ConvId, text: &str) -> msg::Send {
    let body = msg::Body::Text { text: text.into(), mentions: Vec::new() };
    msg::Send { conv, body, reply_to: None }
}
