//! Where providers report: the address that an organisation's settings name, which ends with a
//! secret. What is not theirs is refused, counted, and costs its network a token.

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Path, Request, State},
    http::{HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use carillon_plugin::Caller;
use carillon_protocol::{
    Codec,
    notify::{Heard, Report},
};

use super::{Admitted, Door, forwarded, gate::network, refuse};

/// The longest report, in bytes: vendors collect some dozens.
const BODY_LEN_MAX: usize = 64 * 1024;

/// The addresses of providers.
pub(super) fn routes() -> Router<Door> {
    Router::new().route("/v1/notify/{provider}/{secret}", get(report).post(report))
}

async fn report(
    State(door): State<Door>,
    Path((provider, secret)): Path<(String, String)>,
    request: Request,
) -> Response<Body> {
    let peer = request.extensions().get::<Admitted>().map(Admitted::peer);
    let from = peer
        .map(|peer| network(forwarded::client(peer, request.headers(), &door.0.trusted_proxies)));
    let (rates, now) = (&door.0.rates, door.0.host.now());
    if let Err(error) = rates.may_post(from, now) {
        return refuse(Codec::Json, &error);
    }
    let (parts, body) = request.into_parts();
    let uri = &parts.uri;
    let Ok(body) = to_bytes(body, BODY_LEN_MAX).await else {
        rates.refused(from, now);
        return (StatusCode::PAYLOAD_TOO_LARGE, "at most 64 KiB\n").into_response();
    };
    let header = |(name, value): (&header::HeaderName, &HeaderValue)| {
        Some((name.to_string(), value.to_str().ok()?.to_owned()))
    };
    let args = Report {
        provider,
        secret,
        method: parts.method.to_string(),
        uri: uri.path_and_query().map_or_else(|| uri.to_string(), ToString::to_string),
        headers: parts.headers.iter().filter_map(header).collect(),
        body: BASE64.encode(body),
    };
    match door.0.host.call_typed(Caller::SYSTEM, None, &args).await {
        Ok(heard) => {
            if let Some(why) = &heard.forged {
                rates.refused(from, now);
                door.0.metrics.forged_reports.inc();
                tracing::warn!(provider = args.provider, why, "a report was not a provider's");
            }
            answer(heard)
        }
        Err(error) => refuse(Codec::Json, error.body()),
    }
}

fn answer(heard: Heard) -> Response<Body> {
    let mut response = Response::new(Body::from(heard.body));
    *response.status_mut() =
        StatusCode::from_u16(heard.status).expect("it was a status of HTTP before");
    let kind = heard.content_type.and_then(|kind| HeaderValue::from_str(&kind).ok());
    if let Some(kind) = kind {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
}
