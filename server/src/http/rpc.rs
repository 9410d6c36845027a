//! `POST /v1/rpc/{op}`: an operation, its arguments in the body, the `cid` in a header.

use std::net::IpAddr;

use axum::{
    body::{Body, to_bytes},
    extract::{Path, Request, State},
    http::{HeaderMap, Response, StatusCode, header},
};
use carillon_plugin::{Caller, Request as Call, Result};
use carillon_protocol::{
    Cid, Codec, Effect, ErrorBody, ErrorCode, Raw, limits::FRAME_LEN_MAX, session::Resolve,
};

use super::{Admitted, Door, accept::network, answer, bearer, forwarded, refuse};

/// The header that carries the `cid`.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A call from outside.
pub async fn call(
    State(door): State<Door>,
    Path(op): Path<String>,
    request: Request,
) -> Response<Body> {
    let codec = match codec(request.headers()) {
        Ok(codec) => codec,
        Err(error) => return refuse(Codec::Json, &error),
    };
    let address = door.address(&request);
    let caller = match door.caller(request.headers(), address).await {
        Ok(caller) => caller,
        Err(error) => return refuse(codec, error.body()),
    };
    let effect = door.0.host.lookup(&op).map_or(Effect::Read, |(_, effect)| effect);
    if let Err(error) = door.0.rates.take(caller, address, effect, door.0.host.now()) {
        return refuse(codec, &error);
    }
    door.run(caller, &op, codec, request).await
}

/// A call through the socket in the data folder.
pub async fn call_as_system(
    State(door): State<Door>,
    Path(op): Path<String>,
    request: Request,
) -> Response<Body> {
    door.run(Caller::SYSTEM, &op, Codec::Json, request).await
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
    /// Where a stranger calls from, as far as rates go.
    fn address(&self, request: &Request) -> Option<IpAddr> {
        let peer = request.extensions().get::<Admitted>()?.peer();
        Some(network(forwarded::client(peer, request.headers(), &self.0.trusted_proxies)))
    }

    /// Who calls: the bearer of the token, or a stranger.
    async fn caller(&self, headers: &HeaderMap, address: Option<IpAddr>) -> Result<Caller> {
        let Some(token) = bearer(headers) else { return Ok(Caller::STRANGER) };
        let resolve = Resolve { token: token.to_owned(), ticket: false };
        let who = match self.0.host.call_typed(Caller::SYSTEM, None, &resolve).await {
            Ok(who) => who,
            Err(error) => {
                let charged = self.0.rates.failed(address, self.0.host.now());
                // Whoever shows a token that was good once must hear that it no longer is: told to
                // wait, a client would show it again.
                if error.code() == ErrorCode::Unauth {
                    charged?;
                }
                return Err(error);
            }
        };
        let scopes = who.scopes.iter().map(String::as_str);
        Ok(Caller::signed_in(who.user, who.org, who.session, scopes))
    }

    async fn run(
        &self,
        caller: Caller,
        op: &str,
        codec: Codec,
        request: Request,
    ) -> Response<Body> {
        let cid = match cid(request.headers()) {
            Ok(cid) => cid,
            Err(error) => return refuse(codec, &error),
        };
        let Ok(body) = to_bytes(request.into_body(), FRAME_LEN_MAX).await else {
            let msg = format!("a body may have {FRAME_LEN_MAX} bytes, and must be complete");
            return refuse(codec, &ErrorBody::new(ErrorCode::TooLarge, msg));
        };
        if !codec.depth_ok(&body) {
            let msg = "values are nested more than 32 deep";
            return refuse(codec, &ErrorBody::new(ErrorCode::BadFrame, msg));
        }
        let call = Call { op, cid, prev: None, args: Raw { codec, bytes: &body } };
        match self.0.host.call(caller, call).await {
            Ok(data) => answer(codec, StatusCode::OK, data),
            Err(error) => refuse(codec, error.body()),
        }
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
