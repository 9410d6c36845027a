//! A real server on a free port, and people who use it through its sockets.

use std::{sync::Arc, time::Duration};

use carillon::{
    clock::SystemClock,
    config::{Config, Database, Redis, Tls},
    node::Start,
    server::Server,
};
use carillon_plugin::{Caller, Clock as _, Host, Plugin};
use carillon_protocol::{Cid, Command, ConvId, DeviceId, OrgId, UserId, conv, msg, org, session};
use carillon_rig::TempDatabase;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::stream;

pub use crate::client::TestClient;

/// How long a test waits for what must come; only a test that fails waits so long.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Names what servers stand on: `sqlite`, or `postgres` for PostgreSQL and Redis.
const ENGINE_VARIABLE: &str = "TEST_ENGINE";

/// Lets a server be one of those that share this database, and this Redis if there is one.
fn share(config: &mut Config, database: &str, redis: Option<String>) {
    config.database = Some(Database::try_from(database.to_owned()).unwrap());
    config.redis = redis.map(|url| Redis::try_from(url).unwrap());
}

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
    /// What it stands on if that is not in its folder.
    database: Option<Arc<TempDatabase>>,
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

    /// A server with other plugins besides its own.
    pub async fn with_plugins(plugins: Vec<fn() -> Plugin>) -> TestServer {
        TestServer::made(|_| (), Start { plugins, ..Start::default() }).await
    }

    /// A server whose configuration is changed first.
    pub async fn with(change: impl FnOnce(&mut Config)) -> TestServer {
        TestServer::made(change, Start::default()).await
    }

    /// A server whose configuration is changed first, and that does something besides.
    pub async fn made(change: impl FnOnce(&mut Config), start: Start) -> TestServer {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config { data: folder.path().join("data"), ..Config::default() };
        config.rooms.port = 0;
        config.limits.writes_per_s = 100_000.try_into().unwrap();
        config.limits.reads_per_s = 100_000.try_into().unwrap();
        change(&mut config);
        let is_shared = std::env::var(ENGINE_VARIABLE).is_ok_and(|engine| engine == "postgres");
        // A node with an authority of its own is the only one.
        if is_shared && config.database.is_none() && config.tls != Some(Tls::Own) {
            let database = carillon_rig::database();
            share(&mut config, &database.url(), Some(carillon_rig::shared_redis()));
            let server = TestServer::run(config, folder, start).await;
            return TestServer { database: Some(Arc::new(database)), ..server };
        }
        TestServer::run(config, folder, start).await
    }

    /// Several servers that are one: they share a database and Redis.
    pub async fn cluster(nodes: usize) -> Vec<TestServer> {
        TestServer::cluster_with(nodes, |_| ()).await
    }

    /// The same, whose configuration is changed first.
    pub async fn cluster_with(nodes: usize, change: impl Fn(&mut Config)) -> Vec<TestServer> {
        TestServer::several(nodes, Some(carillon_rig::shared_redis()), change).await
    }

    async fn several(
        nodes: usize,
        redis: Option<String>,
        change: impl Fn(&mut Config),
    ) -> Vec<TestServer> {
        let database = Arc::new(carillon_rig::database());
        let mut servers = Vec::new();
        for _ in 0..nodes {
            let change = |config: &mut Config| {
                share(config, &database.url(), redis.clone());
                change(config);
            };
            let server = TestServer::with(change).await;
            servers.push(TestServer { database: Some(database.clone()), ..server });
        }
        servers
    }

    /// A server that shares this database, and Redis, with others.
    pub async fn on(database: &str) -> TestServer {
        let redis = Some(carillon_rig::shared_redis());
        TestServer::with(|config| share(config, database, redis)).await
    }

    /// Two servers that share a database, and this Redis if there is one.
    pub async fn pair_on(redis: Option<String>) -> [TestServer; 2] {
        let mut servers = TestServer::several(2, redis, |_| ()).await.into_iter();
        std::array::from_fn(|_| servers.next().expect("there are two"))
    }

    async fn run(config: Config, folder: TempDir, start: Start) -> TestServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if config.tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let server = Server::start(&config, listener, start).await.unwrap();
        if let Some(page) = server.tls.as_ref().and_then(|tls| tls.page()) {
            stream::trust(page.der());
        }
        TestServer { server, config, url, folder, database: None }
    }

    /// Stops it in order, and starts another one on the same data.
    pub async fn restart(self) -> TestServer {
        let TestServer { server, config, folder, database, .. } = self;
        server.stop().await;
        let server = TestServer::run(config, folder, Start::default()).await;
        TestServer { database, ..server }
    }

    /// Where it listens, as `http://127.0.0.1:…`, or `https://…` if it speaks TLS.
    pub fn url(&self) -> &str {
        &self.url
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
            departments: Vec::new(),
        };
        let user = self.system(&add).await.user;
        let token = self.token(org, login, admin).await;
        Person { user, org, token, device: DeviceId(new_id()) }
    }

    /// A token of a new session of this person.
    pub async fn token(&self, org: OrgId, login: &str, admin: bool) -> String {
        let scopes = ["read", "write", "admin"].map(String::from);
        let issue = session::Issue {
            org: Some(org),
            user: Some(login.into()),
            app: None,
            scopes: Some(scopes[..if admin { 3 } else { 2 }].to_vec()),
            ttl_ms: None,
        };
        self.system(&issue).await.token
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
    let answer = exchange(url, method, path, headers, body).await;
    (answer.status().as_u16(), answer.into_body())
}

/// A request over HTTP and its whole answer.
pub async fn exchange(
    url: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> hyper::Response<Vec<u8>> {
    use http_body_util::{BodyExt, Full};
    let io = hyper_util::rt::TokioIo::new(stream::connect(url).await);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    let driven = tokio::spawn(connection);
    let mut request = hyper::Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", stream::authority(url));
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::<bytes::Bytes>::from(body)).unwrap();
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    drop(sender);
    driven.abort();
    hyper::Response::from_parts(head, body.to_vec())
}

/// A text message.
pub fn text_message(conv: ConvId, text: &str) -> msg::Send {
    let body = msg::Body::Text { text: text.into(), mentions: Vec::new() };
    msg::Send { conv, body, reply_to: None, everybody: false }
}
