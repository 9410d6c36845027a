//! `POST /v1/rpc/{op}`: an operation, its arguments in the body, the `cid` in a header.

use std::net::IpAddr;

use axum::{
    body::{Body, HttpBody as _, to_bytes},
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use carillon_plugin::{Asked, Caller, Request as Call, Result};
use carillon_protocol::{
    Cid, Codec, Command as _, Effect, ErrorBody, ErrorCode, Raw, import, invite,
    limits::{FRAME_LEN_MAX, TABLE_LEN_MAX},
    operation,
    session::{Grant, Login, Logout, Resolve, Setup},
};
use tokio::sync::SemaphorePermit;

use super::{Admitted, Door, answer, bearer, forwarded, gate::network, refuse};

/// The header that carries the `cid`.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The operations whose answer is a [`Grant`] to a stranger.
const SIGN_IN: [&str; 3] = [Login::OP, Setup::OP, invite::Accept::OP];
/// The operations that take a table: an administrator's may be longer than a frame.
const TABLES: [&str; 2] = [import::Check::OP, import::Apply::OP];
/// The longest body of those: a full table with a backslash before each character.
const TABLE_BODY_LEN_MAX: usize = 2 * TABLE_LEN_MAX + 1024;

/// The most such bodies at once: an import is rare, and the scope that it takes is everybody's.
pub const TABLES_MAX: usize = 4;
/// When to come back after those.
const TABLES_RETRY_MS: u64 = 2_000;

/// What an operation answers, and the line that sets or clears the cookie.
type Outcome = (Result<Vec<u8>, ErrorBody>, Option<HeaderValue>);

/// A call from outside.
pub async fn call(
    State(door): State<Door>,
    Path(op): Path<String>,
    request: Request,
) -> Response<Body> {
    let address = door.address(&request);
    let (head, body) = request.into_parts();
    let codec = match codec(&head.headers) {
        Ok(codec) => codec,
        Err(error) => return refuse(Codec::Json, &error),
    };
    let call = Arrived { op: &op, codec, headers: &head.headers };
    let (outcome, cookie) = door.outside(call, body, address).await;
    let mut response = respond(codec, outcome);
    if let Some(line) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, line);
    }
    response
}

/// A call through the socket in the data folder.
pub async fn call_as_system(
    State(door): State<Door>,
    Path(op): Path<String>,
    request: Request,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let call = Arrived { op: &op, codec: Codec::Json, headers: &head.headers };
    respond(Codec::Json, door.run(Caller::SYSTEM, call, body).await)
}

fn respond(codec: Codec, outcome: Result<Vec<u8>, ErrorBody>) -> Response<Body> {
    match outcome {
        Ok(data) => answer(codec, StatusCode::OK, data),
        Err(error) => refuse(codec, &error),
    }
}

/// A call whose body is still on its way.
#[derive(Clone, Copy)]
struct Arrived<'a> {
    op: &'a str,
    codec: Codec,
    headers: &'a HeaderMap,
}

/// The codec of the body, and so of the answer.
fn codec(headers: &HeaderMap) -> Result<Codec, ErrorBody> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    match kind.and_then(|kind| kind.split(';').next()).map(str::trim) {
        Some("application/json") => Ok(Codec::Json),
        Some("application/msgpack" | "application/vnd.msgpack") => Ok(Codec::MsgPack),
        _ => Err(ErrorBody {
            field: Some("Content-Type".into()),
            ..ErrorBody::new(
                ErrorCode::BadArg,
                "the body must be application/json or application/msgpack",
            )
        }),
    }
}

impl Door {
    /// The network that a request comes from; none without a socket, as in a test.
    pub(super) fn address(&self, request: &Request) -> Option<IpAddr> {
        let peer = request.extensions().get::<Admitted>()?.peer();
        Some(network(forwarded::client(peer, request.headers(), &self.0.trusted_proxies)))
    }

    /// Finds out who calls, by the bearer token or by the cookie of a page, and answers.
    async fn outside(&self, call: Arrived<'_>, body: Body, address: Option<IpAddr>) -> Outcome {
        let browser = &self.0.browser;
        let shown = browser.page(call.headers).and_then(|page| {
            let bearer = bearer(call.headers);
            let cookie = if bearer.is_none() { browser.token(call.headers)? } else { None };
            Ok((page, bearer, cookie))
        });
        let (page, bearer, cookie) = match shown {
            Ok(shown) => shown,
            Err(error) => return (Err(error), None),
        };
        // What anybody may do needs no cookie: an old one must not stand in the way of a new one.
        let token = bearer.or(cookie.filter(|_| !self.0.public.contains(call.op)));
        let caller = match self.caller(token, address).await {
            Ok(caller) => caller.from_network(address),
            // A cookie that is worth nothing stays: this answer may come after that of another
            // window's sign-in, and no answer can say which cookie it means to clear.
            Err(error) => return (Err(error.into_body()), None),
        };
        // Nobody knows what a program does.
        let unknown = if Asked::is_programs(call.op) { Effect::Once } else { Effect::Read };
        let effect = self.0.host.lookup(call.op).map_or(unknown, |(_, effect)| effect);
        if let Err(error) = self.0.rates.take(caller, address, effect, self.0.host.now()) {
            return (Err(error), None);
        }
        match self.run(caller, call, body).await {
            Ok(data) if page && SIGN_IN.contains(&call.op) => {
                self.signed_in(call.codec, &data, cookie).await
            }
            Ok(data) if cookie.is_some() && call.op == Logout::OP => {
                (Ok(data), Some(browser.forget()))
            }
            outcome => (outcome, None),
        }
    }

    /// Moves the token from the answer into the cookie, where no script reads it. The session that
    /// the cookie held until now ends: nothing could sign it out any more.
    async fn signed_in(&self, codec: Codec, data: &[u8], before: Option<&str>) -> Outcome {
        let granted: Grant = codec.decode(data).expect("its handler answers a grant");
        if let Some(token) = before {
            self.sign_out(token).await;
        }
        let line = self.0.browser.keep(&granted.token, granted.expires_at - self.0.host.now());
        let shown = Grant { token: String::new(), ..granted };
        (Ok(codec.encode(&shown)), Some(line))
    }

    async fn sign_out(&self, token: &str) {
        let ended = async {
            let caller = self.resolve(token).await?;
            self.0.host.call_typed(caller, None, &Logout {}).await
        };
        match ended.await {
            // As most often, it had ended before.
            Err(error) if error.code().http_status() != 401 => {
                tracing::warn!(error = ?error.body(), "a session that was replaced lives on");
            }
            _ => {}
        }
    }

    /// Who calls: whose token it is, or a stranger.
    pub(super) async fn caller(
        &self,
        token: Option<&str>,
        address: Option<IpAddr>,
    ) -> Result<Caller> {
        let Some(token) = token else { return Ok(Caller::STRANGER) };
        let resolved = self.resolve(token).await;
        if let Err(error) = &resolved {
            let charged = self.0.rates.failed(address, self.0.host.now());
            // Whoever shows a token that was good once must hear that it no longer is: told to
            // wait, a client would show it again.
            if error.code() == ErrorCode::Unauth {
                charged?;
            }
        }
        resolved
    }

    async fn resolve(&self, token: &str) -> Result<Caller> {
        let resolve = Resolve { token: token.to_owned(), ticket: false };
        let who = self.0.host.call_typed(Caller::SYSTEM, None, &resolve).await?;
        let scopes = who.scopes.iter().map(String::as_str);
        Ok(Caller::signed_in(who.user, who.org, who.session, scopes))
    }

    async fn run(
        &self,
        caller: Caller,
        call: Arrived<'_>,
        body: Body,
    ) -> Result<Vec<u8>, ErrorBody> {
        let Arrived { op, codec, headers } = call;
        let cid = cid(headers)?;
        let fits = body.size_hint().upper().is_some_and(|len| len <= FRAME_LEN_MAX as u64);
        let long = !fits && TABLES.contains(&op) && caller.may(operation::ADMIN);
        let _place = if long { Some(self.place_for_table()?) } else { None };
        let max = if long { TABLE_BODY_LEN_MAX } else { FRAME_LEN_MAX };
        // Who says beforehand that it is too long need not send it.
        let bytes = if body.size_hint().lower() > max as u64 {
            None
        } else {
            to_bytes(body, max).await.ok()
        };
        let body = bytes.ok_or_else(|| {
            let msg = format!("a body may have {max} bytes, and must be complete");
            ErrorBody::new(ErrorCode::TooLarge, msg)
        })?;
        if !codec.depth_ok(&body) {
            let msg = "values are nested more than 32 deep";
            return Err(ErrorBody::new(ErrorCode::BadFrame, msg));
        }
        let call = Call { op, cid, prev: None, args: Raw { codec, bytes: &body } };
        self.0.host.call(caller, call).await.map_err(carillon_plugin::Error::into_body)
    }

    fn place_for_table(&self) -> Result<SemaphorePermit<'_>, ErrorBody> {
        self.0.tables.try_acquire().map_err(|_| {
            let error = ErrorBody::new(ErrorCode::Busy, "others import tables; try again soon");
            ErrorBody { retry_ms: Some(TABLES_RETRY_MS), ..error }
        })
    }
}

fn cid(headers: &HeaderMap) -> Result<Option<Cid>, ErrorBody> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let cid = key.to_str().ok().and_then(|key| key.parse().ok());
    cid.map(Some).ok_or_else(|| ErrorBody {
        field: Some("Idempotency-Key".into()),
        ..ErrorBody::new(ErrorCode::BadArg, "expected an id of 26 characters (a ULID)")
    })
}
