//! Slack's incoming webhooks, under the paths that its SDKs and those who resemble it call. Only
//! the last part of a path counts, which is a robot's token. Answers are Slack's words.

use axum::{
    extract::{Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use carillon_protocol::bot::{Reason, Refusal, Shape};

use super::Door;

/// `/hook/{token}`, and Mattermost's `/hooks/{token}`.
pub(super) async fn of_token(
    State(door): State<Door>,
    Path(token): Path<String>,
    request: Request,
) -> Response {
    receive(&door, token, request).await
}

/// Rocket.Chat's `/hooks/{id}/{token}`.
pub(super) async fn of_pair(
    State(door): State<Door>,
    Path((_, token)): Path<(String, String)>,
    request: Request,
) -> Response {
    receive(&door, token, request).await
}

/// Slack's `/services/{team}/{app}/{token}`.
pub(super) async fn of_service(
    State(door): State<Door>,
    Path((_, _, token)): Path<(String, String, String)>,
    request: Request,
) -> Response {
    receive(&door, token, request).await
}

async fn receive(door: &Door, token: String, request: Request) -> Response {
    let Some(refusal) = door.receive(token, Shape::Hook, Vec::new(), request).await else {
        return "ok".into_response();
    };
    let Refusal { reason, retry_ms, .. } = refusal;
    let mut response = said(reason).into_response();
    if let Some(retry_ms) = retry_ms {
        let seconds = HeaderValue::from(retry_ms.div_ceil(1000));
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

fn said(reason: Reason) -> (StatusCode, &'static str) {
    match reason {
        Reason::Token => (StatusCode::NOT_FOUND, "no_service"),
        Reason::Disabled | Reason::Conversation => (StatusCode::GONE, "channel_is_archived"),
        Reason::Address => (StatusCode::FORBIDDEN, "action_prohibited"),
        Reason::Signature | Reason::Timestamp => {
            (StatusCode::FORBIDDEN, "invalid_token: this robot takes signed calls only")
        }
        Reason::Rate => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
        Reason::Large => (StatusCode::PAYLOAD_TOO_LARGE, "msg_too_long"),
        Reason::Body | Reason::Kind => (StatusCode::BAD_REQUEST, "invalid_payload"),
        Reason::Empty => (StatusCode::BAD_REQUEST, "no_text"),
        Reason::Keywords => (StatusCode::BAD_REQUEST, "keywords not in content"),
        Reason::Failed => (StatusCode::SERVICE_UNAVAILABLE, "server_error"),
    }
}
