//! Where programs of others post: DingTalk's `POST /robot/send`, whose answers are always 200 and
//! say in their bodies what is wrong; and what all such addresses share.

use axum::{
    Json, Router,
    body::{Body, HttpBody as _, to_bytes},
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::post,
};
use carillon_plugin::Caller;
use carillon_protocol::{
    bot::{IsKnown, Known, Reason, Receive, Received, Refusal, Shape, Signature},
    limits::FRAME_LEN_MAX,
};
use serde::Serialize;

use super::{Admitted, Door, forwarded, gate::network, hook};

/// What every message of DingTalk's about signatures and keywords goes on with; people look for
/// what stands before it.
const MORE: &str = "more: [the robot's last calls in the details of its group]";

/// The longest body of a hook, in bytes: hundreds of alerts at once, of which a message shows some.
const HOOK_BODY_LEN_MAX: usize = 1024 * 1024;
/// The most bodies longer than a frame at once: each is held in memory.
pub(super) const LONG_POSTS_MAX: usize = 16;
/// When to come back after those.
const LONG_POSTS_RETRY_MS: u64 = 1_000;

/// The addresses that hold a robot's token.
pub(super) fn routes() -> Router<Door> {
    Router::new()
        .route("/robot/send", post(send))
        .route("/hook/{token}", post(hook::of_token))
        .route("/hooks/{token}", post(hook::of_token))
        .route("/hooks/{id}/{token}", post(hook::of_pair))
        .route("/services/{team}/{app}/{token}", post(hook::of_service))
}

/// DingTalk's answer.
#[derive(Debug, Serialize)]
struct Answer {
    errcode: i32,
    errmsg: String,
    /// In seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    wait: Option<u64>,
}

async fn send(State(door): State<Door>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let all = |key: &'static str| {
        pairs.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.clone())
    };
    let token = all("access_token").next().unwrap_or_default();
    let signatures = all("timestamp").zip(all("sign"));
    let signatures = signatures.map(|(timestamp, sign)| Signature { timestamp, sign }).collect();
    let refused = door.receive(token, Shape::Dingtalk, signatures, request).await;
    Json(said(refused)).into_response()
}

fn said(refused: Option<Refusal>) -> Answer {
    let Some(Refusal { reason, detail, retry_ms }) = refused else {
        return Answer { errcode: 0, errmsg: "ok".to_owned(), wait: None };
    };
    let (errcode, errmsg) = match reason {
        Reason::Token => (300_001, "token is not exist".to_owned()),
        Reason::Disabled => (400_102, "robot is disabled".to_owned()),
        Reason::Address => (310_000, format!("ip {detail} not in whitelist")),
        Reason::Signature => (310_000, format!("sign not match, {MORE}")),
        Reason::Timestamp => (310_000, format!("invalid timestamp, {MORE}")),
        Reason::Keywords => (310_000, format!("keywords not in content, {MORE}")),
        Reason::Rate => (130_101, format!("send too fast, exceed {detail} times per minute")),
        Reason::Large => (460_101, format!("message too long: {detail}")),
        Reason::Body => (40_035, format!("missing parameter json, or a wrong one: {detail}")),
        Reason::Empty => (40_035, "missing parameter: the message says nothing".to_owned()),
        Reason::Kind => (400_105, "unsupported msgtype".to_owned()),
        Reason::Conversation => (400_106, "robot is not in the group".to_owned()),
        Reason::Failed => (-1, "system busy, try again".to_owned()),
    };
    Answer { errcode, errmsg, wait: retry_ms.map(|ms| ms.div_ceil(1000)) }
}

impl Door {
    /// Hands what arrived to its robot; why it was refused, if it was.
    pub(super) async fn receive(
        &self,
        token: String,
        shape: Shape,
        signatures: Vec<Signature>,
        request: Request,
    ) -> Option<Refusal> {
        let peer = request.extensions().get::<Admitted>().map(Admitted::peer);
        let from =
            peer.map(|peer| forwarded::client(peer, request.headers(), &self.0.trusted_proxies));
        let (rates, network) = (&self.0.rates, from.map(network));
        let refused = match rates.may_post(network, self.0.host.now()) {
            Ok(()) => {
                let from = from.map(|it| it.to_string());
                self.post(Receive { token, from, shape, signatures, body: String::new() }, request)
                    .await
            }
            Err(error) => return Some(failed(error.retry_ms)),
        };
        // Who guesses at tokens, or sends what is refused again and again, may not do it often.
        let ours = [Reason::Failed, Reason::Conversation];
        if refused.as_ref().is_some_and(|refusal| !ours.contains(&refusal.reason)) {
            rates.refused(network, self.0.host.now());
        }
        refused
    }

    async fn post(&self, receive: Receive, request: Request) -> Option<Refusal> {
        let body = match self.read(&receive, request.into_body()).await {
            Ok(body) => body,
            Err(refusal) => return Some(refusal),
        };
        let receive = Receive { body, ..receive };
        match self.0.host.call_typed(Caller::SYSTEM, None, &receive).await {
            Ok(Received { refused }) => refused,
            Err(error) => Some(failed(error.body().retry_ms)),
        }
    }

    /// The body. One that is longer than a frame is read from who knows a robot's address only, and
    /// of a hook only: DingTalk's limit is less.
    async fn read(&self, receive: &Receive, body: Body) -> Result<String, Refusal> {
        let fits = body.size_hint().upper().is_some_and(|len| len <= FRAME_LEN_MAX as u64);
        if fits || receive.shape == Shape::Dingtalk {
            return text(body, FRAME_LEN_MAX).await;
        }
        let known = Known { token: receive.token.clone() };
        match self.0.host.call_typed(Caller::SYSTEM, None, &known).await {
            Ok(IsKnown { known: true }) => {}
            Ok(_) => return Err(because(Reason::Token, String::new())),
            Err(error) => return Err(failed(error.body().retry_ms)),
        }
        let place = self.0.long_posts.try_acquire();
        let _place = place.map_err(|_| failed(Some(LONG_POSTS_RETRY_MS)))?;
        text(body, HOOK_BODY_LEN_MAX).await
    }
}

fn because(reason: Reason, detail: String) -> Refusal {
    Refusal { reason, detail, retry_ms: None }
}

fn failed(retry_ms: Option<u64>) -> Refusal {
    Refusal { reason: Reason::Failed, detail: String::new(), retry_ms }
}

async fn text(body: Body, max: usize) -> Result<String, Refusal> {
    let too_large = || because(Reason::Large, format!("a body has at most {max} bytes"));
    // Who says beforehand that it is too long need not send it.
    if body.size_hint().lower() > max as u64 {
        return Err(too_large());
    }
    let bytes = to_bytes(body, max).await.map_err(|_| too_large())?;
    String::from_utf8(bytes.into()).map_err(|_| because(Reason::Body, "it is not UTF-8".to_owned()))
}
