//! HTTP: the same operations as on the socket, and what operators look at.

mod accept;
mod browser;
mod ding;
mod dingtalk;
mod docs;
mod forwarded;
mod gate;
mod greet;
mod hook;
mod leftover;
mod notify;
mod plugin;
mod ready;
mod robot;
mod rpc;
mod schedule;
pub mod web;

use std::{
    collections::HashSet,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
    middleware::{self, Next},
    routing::{any, get, post},
};
use carillon_plugin::Host;
use carillon_protocol::{Codec, ErrorBody, ErrorCode, operation::Access};
use carillon_store::Store;
use tokio::sync::Semaphore;

pub use accept::{GoingDown, Serving, Timeouts, pause, serve};
use browser::Browser;
pub use gate::{Admitted, Gate};
pub use greet::{Secure, Spoken};
use ready::Readiness;

use crate::{
    apart::Places,
    clock,
    cluster::Cluster,
    gateway::{Hub, handshake},
    media::Carrier,
    rates::Rates,
    telemetry::Metrics,
};

/// What the routes share.
#[derive(Clone)]
pub struct Door(Arc<Inner>);

struct Inner {
    host: Host,
    hub: Arc<Hub>,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    store: Store,
    /// The way to other nodes, if there is Redis.
    cluster: Option<Cluster>,
    /// The plugins that run apart.
    places: Places,
    /// Carries rooms.
    media: Arc<Carrier>,
    browser: Browser,
    /// The operations that anybody may call.
    public: HashSet<&'static str>,
    trusted_proxies: Vec<IpAddr>,
    /// The names under which the demo may be reached; anything else is DNS rebinding.
    loopback_only: bool,
    rates: Arc<Rates>,
    /// A place for each long body.
    tables: Semaphore,
    /// The same, for what robots post.
    long_posts: Semaphore,
    draining: AtomicBool,
    documents: OnceLock<docs::Written>,
    /// What the app may do.
    policy: HeaderValue,
}

impl Door {
    /// The door of a node.
    pub fn new(node: &crate::node::Node, config: &crate::config::Config, demo: bool) -> Door {
        let operations = node.host.operations();
        let public = operations.filter(|operation| operation.access == Access::Public);
        Door(Arc::new(Inner {
            host: node.host.clone(),
            hub: Arc::clone(&node.hub),
            metrics: Arc::clone(&node.metrics),
            readiness: Readiness::new(node.store.clone(), config.data.clone()),
            store: node.store.clone(),
            cluster: node.cluster.clone(),
            places: node.places.clone(),
            media: Arc::clone(&node.media),
            browser: Browser::new(config),
            public: public.map(|operation| operation.op).collect(),
            trusted_proxies: config.trusted_proxies.clone(),
            loopback_only: demo,
            rates: Arc::clone(&node.rates),
            tables: Semaphore::new(rpc::TABLES_MAX),
            long_posts: Semaphore::new(robot::LONG_POSTS_MAX),
            draining: AtomicBool::new(false),
            documents: OnceLock::new(),
            policy: web::policy(&config.pictures_from),
        }))
    }

    /// From now on the node is not ready: it goes down.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// The routes for everybody.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/v1/ws", any(websocket))
            .route("/v1/rpc/{op}", post(rpc::call))
            .route("/v1/plugin/{name}", get(plugin::link))
            .route("/healthz", get(async || "ok\n"))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .route("/version", get(version))
            .merge(docs::routes())
            .merge(ding::routes())
            .merge(dingtalk::routes())
            .merge(robot::routes())
            .merge(schedule::routes())
            .merge(notify::routes())
            .fallback(web::answer)
            .layer(middleware::from_fn_with_state(self.clone(), guard))
            .with_state(self.clone())
    }

    /// The routes of the socket in the data folder: who can open it is the system.
    pub fn system_router(&self) -> Router {
        Router::new().route("/v1/rpc/{op}", post(rpc::call_as_system)).with_state(self.clone())
    }
}

/// What holds for an answer that says nothing else: it is shown nowhere and kept by nobody.
const UNLESS_SAID: [(HeaderName, &str); 2] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
];

/// What holds for every request.
async fn guard(State(door): State<Door>, request: Request, next: Next) -> Response<Body> {
    if door.0.loopback_only && !names_loopback(request.headers()) {
        let msg = "the demo answers only as localhost or 127.0.0.1";
        return refuse(Codec::Json, &ErrorBody::new(ErrorCode::Forbidden, msg));
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let own = HeaderName::from_static("cross-origin-resource-policy");
    headers.insert(own, HeaderValue::from_static("same-origin"));
    if door.0.browser.demands_tls() {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    for (name, strict) in UNLESS_SAID {
        headers.entry(name).or_insert(HeaderValue::from_static(strict));
    }
    response
}

fn names_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.parse::<SocketAddr>() {
        Ok(address) => return address.ip().is_loopback(),
        Err(_) => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

async fn websocket(State(door): State<Door>, request: Request) -> Response<Body> {
    if let Err(error) = door.0.browser.page(request.headers()) {
        return refuse(Codec::Json, &error);
    }
    if door.0.draining.load(Ordering::Relaxed) {
        let error = ErrorBody::new(ErrorCode::Unavailable, "the server is restarting");
        return refuse(Codec::Json, &ErrorBody { retry_ms: Some(1_000), ..error });
    }
    let network = door.address(&request);
    handshake::upgrade(Arc::clone(&door.0.hub), request, network).await
}

/// Whether the node should get traffic, with what is wrong if not.
async fn ready(State(door): State<Door>) -> (StatusCode, String) {
    let wrong = if door.0.draining.load(Ordering::Relaxed) {
        vec!["the node is going down"]
    } else {
        door.0.readiness.wrong(door.0.host.now()).await
    };
    if wrong.is_empty() {
        // Whoever looks learns it; but if every node were taken away for what each of them can do
        // without, a second of delay would become an outage.
        let slow = door.0.cluster.as_ref().is_some_and(|cluster| !cluster.health().ready);
        let slow = slow.then(|| "Redis does not answer: other nodes hear late".to_owned());
        let apart = clock::apart(door.0.metrics.clock_ahead_ms.get());
        let but: String = [slow, apart].into_iter().flatten().map(|it| it + "\n").collect();
        (StatusCode::OK, format!("ready\n{but}"))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, wrong.join("\n") + "\n")
    }
}

async fn metrics(State(door): State<Door>) -> ([(header::HeaderName, &'static str); 1], String) {
    door.0.metrics.linked(&door.0.places);
    door.0.metrics.carried(&door.0.media);
    door.0.metrics.connections.set(i64::from(door.0.hub.connections()));
    door.0.metrics.look_at_plugins(&door.0.host);
    let bus = door.0.cluster.as_ref().map(Cluster::health);
    door.0.metrics.follow(door.0.store.asked(), &door.0.store.tail(), bus.as_ref());
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], door.0.metrics.text())
}

async fn version() -> Json<serde_json::Value> {
    Json(serde_json::json!({
        "name": "carillon",
        "version": env!("CARGO_PKG_VERSION"),
        "protocol": carillon_protocol::VERSION,
    }))
}

/// The token of `Authorization: Bearer …`.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// An error as an HTTP answer.
pub fn refuse(codec: Codec, error: &ErrorBody) -> Response<Body> {
    let status = StatusCode::from_u16(error.code.http_status()).expect("the table has statuses");
    let mut response = answer(codec, status, codec.encode(error));
    if let Some(retry_ms) = error.retry_ms {
        let seconds = HeaderValue::from(retry_ms.div_ceil(1000));
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

fn answer(codec: Codec, status: StatusCode, body: Vec<u8>) -> Response<Body> {
    let kind = match codec {
        Codec::Json => "application/json",
        Codec::MsgPack => "application/msgpack",
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use tower::ServiceExt as _;

    use super::*;
    use crate::{config::Config, node::Node};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_node_that_goes_down_is_not_ready() {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let config = Config { data: folder.path().join("data"), ..Config::default() };
        let node = Node::open(&config, Default::default()).await.expect("the folder is new");
        let door = Door::new(&node, &config, false);
        let ask = async || {
            let request = Request::get("/readyz").body(Body::empty()).expect("a good request");
            let answer = door.router().oneshot(request).await.expect("it always answers");
            let status = answer.status().as_u16();
            let body = axum::body::to_bytes(answer.into_body(), 1024).await.expect("it is short");
            (status, String::from_utf8_lossy(&body).into_owned())
        };
        assert_eq!(ask().await, (200, "ready\n".into()));
        door.drain();
        assert_eq!(ask().await, (503, "the node is going down\n".into()));
        node.store.close().await;
    }
}
