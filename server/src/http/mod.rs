//! HTTP: the same operations as on the socket, and what operators look at.

mod accept;
mod limits;
mod pages;
mod rpc;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
    middleware::{self, Next},
    routing::{any, get, post},
};
use carillon_plugin::Host;
use carillon_protocol::{Codec, ErrorBody, ErrorCode};
use carillon_store::Store;

pub use accept::{Admitted, Gate, Timeouts, serve};
use limits::Rates;

use crate::{
    config::WebOrigin,
    gateway::{Hub, handshake},
    telemetry::Metrics,
};

/// How long the database may take to answer `/readyz`.
const READY_TIMEOUT: Duration = Duration::from_secs(2);
/// Less room than this on the disk, and the node is not ready: a commit could fail any time.
const DISK_FREE_MIN: u64 = 64 * 1024 * 1024;

/// What the routes share.
#[derive(Clone)]
pub struct Door(Arc<Inner>);

struct Inner {
    host: Host,
    hub: Arc<Hub>,
    store: Store,
    metrics: Arc<Metrics>,
    data: std::path::PathBuf,
    public_url: Option<WebOrigin>,
    allowed_origins: Vec<WebOrigin>,
    /// The names under which the demo may be reached; anything else is DNS rebinding.
    loopback_only: bool,
    rates: Rates,
    draining: AtomicBool,
}

impl Door {
    /// The door of a node.
    pub fn new(node: &crate::node::Node, config: &crate::config::Config, demo: bool) -> Door {
        Door(Arc::new(Inner {
            host: node.host.clone(),
            hub: Arc::clone(&node.hub),
            store: node.store.clone(),
            metrics: Arc::clone(&node.metrics),
            data: config.data.clone(),
            public_url: config.public_url.clone(),
            allowed_origins: config.allowed_origins.clone(),
            loopback_only: demo,
            rates: Rates::new(config.limits.reads_per_s.get(), config.limits.writes_per_s.get()),
            draining: AtomicBool::new(false),
        }))
    }

    /// From now on the node is not ready: it goes down.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// The routes for everybody.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/", get(pages::home))
            .route("/setup", get(pages::setup).post(pages::set_up))
            .route("/v1/ws", any(websocket))
            .route("/v1/rpc/{op}", post(rpc::call))
            .route("/healthz", get(async || "ok\n"))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .route("/version", get(version))
            .fallback(async || {
                let msg = "there is no such page; operations are at /v1/rpc/{op}";
                refuse(Codec::Json, &ErrorBody::new(ErrorCode::NotFound, msg))
            })
            .layer(middleware::from_fn_with_state(self.clone(), guard))
            .with_state(self.clone())
    }

    /// The routes of the socket in the data folder: who can open it is the system.
    pub fn system_router(&self) -> Router {
        Router::new().route("/v1/rpc/{op}", post(rpc::call_as_system)).with_state(self.clone())
    }

    /// Whether pages of this origin may connect: the server's own, and those of the list.
    fn origin_ok(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else { return true };
        let listed = self.0.public_url.iter().chain(&self.0.allowed_origins);
        let mut listed = listed.map(|allowed| allowed.as_str().as_bytes());
        if listed.any(|allowed| allowed == origin.as_bytes()) {
            return true;
        }
        let host = headers.get(header::HOST).map(HeaderValue::as_bytes);
        let own = host.map(|host| [b"http://", host].concat());
        self.0.public_url.is_none() && own.as_deref() == Some(origin.as_bytes())
    }
}

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
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(pages::POLICY));
    response
}

fn names_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.parse::<SocketAddr>() {
        Ok(address) => return address.ip().is_loopback(),
        Err(_) => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

async fn websocket(State(door): State<Door>, request: Request) -> Response<Body> {
    if !door.origin_ok(request.headers()) {
        let msg = "this site may not connect; add it to allowed_origins";
        return refuse(Codec::Json, &ErrorBody::new(ErrorCode::Forbidden, msg));
    }
    if door.0.draining.load(Ordering::Relaxed) {
        let error = ErrorBody::new(ErrorCode::Unavailable, "the server is restarting");
        return refuse(Codec::Json, &ErrorBody { retry_ms: Some(1_000), ..error });
    }
    handshake::upgrade(Arc::clone(&door.0.hub), request).await
}

/// Whether the node should get traffic, with what is wrong if not.
async fn ready(State(door): State<Door>) -> (StatusCode, String) {
    let database = tokio::time::timeout(READY_TIMEOUT, door.0.store.ping()).await;
    let free = rustix::fs::statvfs(&door.0.data).map(|disk| disk.f_bavail * disk.f_frsize);
    let checks = [
        (!door.0.draining.load(Ordering::Relaxed), "the node is going down"),
        (matches!(database, Ok(Ok(()))), "the database does not answer"),
        (free.is_ok_and(|free| free >= DISK_FREE_MIN), "the disk is full"),
    ];
    let wrong: String =
        checks.iter().filter(|(ok, _)| !ok).map(|(_, what)| format!("{what}\n")).collect();
    if wrong.is_empty() {
        (StatusCode::OK, "ready\n".into())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, wrong)
    }
}

async fn metrics(State(door): State<Door>) -> ([(header::HeaderName, &'static str); 1], String) {
    door.0.metrics.connections.set(i64::from(door.0.hub.connections()));
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
