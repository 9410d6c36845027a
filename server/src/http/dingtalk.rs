//! Where robots of DingTalk send alerts: `POST /v1.0/robot/ding/send`, `…/recall` and
//! `…/readStatuses/query`, with the token of a program in DingTalk's header. An answer is the bare
//! object; a refusal is a status with a word, a sentence and a number to ask by.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{Response, StatusCode},
    response::IntoResponse,
    routing::post,
};
use carillon_plugin::Caller;
use carillon_protocol::{
    Cid, Command, DingId, Effect, ErrorBody, ErrorCode, PolicyId, UserId,
    ding::{Audience, Board, Recall, Send, State as Came, Status},
    id::Ulid,
    limits::{FRAME_LEN_MAX, PEOPLE_PER_PAGE_MAX, USERS_PER_CALL_MAX},
    operation::{READ, WRITE},
    org::GetMembers,
    program::Find,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::Door;

/// The header with the token.
const TOKEN: &str = "x-acs-dingtalk-access-token";
/// What each kind of reminder is sent under: in the app, by a text, by a call.
const POLICIES: [PolicyId; 3] = [PolicyId(Ulid(2)), PolicyId(Ulid(4)), PolicyId(Ulid(5))];
/// The most people of one alert, as DingTalk has it.
const RECEIVERS_MAX: usize = 200;

/// DingTalk's addresses of alerts.
pub(super) fn routes() -> Router<Door> {
    Router::new()
        .route("/v1.0/robot/ding/send", post(send))
        .route("/v1.0/robot/ding/recall", post(recall))
        .route("/v1.0/robot/ding/readStatuses/query", post(read_statuses))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    /// Any: the token says whose alert it is.
    #[serde(default)]
    robot_code: String,
    #[serde(default)]
    remind_type: usize,
    #[serde(default)]
    receiver_user_id_list: Vec<String>,
    #[serde(default)]
    content: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    #[serde(default)]
    robot_code: String,
    #[serde(default)]
    open_ding_id: String,
}

type Answer = Result<Value, Refused>;

/// Why not, in DingTalk's words.
struct Refused {
    status: u16,
    code: String,
    message: String,
}

fn refused(status: u16, code: &str, message: impl Into<String>) -> Refused {
    Refused { status, code: code.to_owned(), message: message.into() }
}

impl From<ErrorBody> for Refused {
    fn from(error: ErrorBody) -> Refused {
        let (status, code) = match error.code {
            ErrorCode::Unauth | ErrorCode::TokenExpired => (401, "InvalidAuthentication".into()),
            ErrorCode::Forbidden => (403, "Forbidden.AccessDenied".into()),
            ErrorCode::NotFound => (404, "ding.notFound".into()),
            ErrorCode::Quota => (403, "ding.serverquota.insufficient".into()),
            ErrorCode::Rate | ErrorCode::Busy => (429, "Throttling".into()),
            ErrorCode::BadArg | ErrorCode::TooLarge => {
                let field = error.field.as_deref().unwrap_or("body");
                (400, format!("invalidParameter.{field}"))
            }
            _ => (error.code.http_status(), "ServiceUnavailable".into()),
        };
        Refused { status, code, message: error.msg }
    }
}

impl Door {
    fn said(&self, answer: Answer) -> Response<Body> {
        match answer {
            Ok(value) => Json(value).into_response(),
            Err(Refused { status, code, message }) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
                let id = self.0.host.new_id().to_string();
                (status, Json(json!({ "code": code, "requestid": id, "message": message })))
                    .into_response()
            }
        }
    }

    /// Who calls, and what it says.
    async fn arrived<T: DeserializeOwned>(
        &self,
        request: Request,
        effect: Effect,
    ) -> Result<(Caller, T), Refused> {
        let address: Option<IpAddr> = self.address(&request);
        let token = request.headers().get(TOKEN).and_then(|token| token.to_str().ok());
        // Some of DingTalk's SDKs write it as JSON.
        let token = token.map(|token| token.trim_matches('"').to_owned());
        let scope = if effect == Effect::Read { READ } else { WRITE };
        let caller = self.admitted(token.as_deref(), address, (scope, effect)).await?;
        let bytes = to_bytes(request.into_body(), FRAME_LEN_MAX).await;
        let bytes = bytes.map_err(|_| refused(400, "invalidParameter.body", "it is too long"))?;
        let said = serde_json::from_slice(&bytes);
        let said =
            said.map_err(|error| refused(400, "invalidParameter.body", error.to_string()))?;
        Ok((caller, said))
    }

    async fn asks<C: Command>(
        &self,
        caller: Caller,
        cid: Option<Cid>,
        args: &C,
    ) -> Result<C::Reply, Refused> {
        let answer = self.0.host.call_typed(caller, cid, args).await;
        answer.map_err(|error| error.into_body().into())
    }
}

fn check_robot(code: &str) -> Result<(), Refused> {
    match code.is_empty() {
        false => Ok(()),
        true => Err(refused(400, "invalidParameter.robotCode.empty", "robotCode is empty")),
    }
}

async fn send(State(door): State<Door>, request: Request) -> Response<Body> {
    let answer = door.ding(request).await;
    door.said(answer)
}

impl Door {
    async fn ding(&self, request: Request) -> Answer {
        let (caller, asked): (_, Asked) = self.arrived(request, Effect::Once).await?;
        check_robot(&asked.robot_code)?;
        let policy = POLICIES.get(asked.remind_type.wrapping_sub(1)).copied();
        let policy = policy.ok_or_else(|| {
            refused(400, "invalidParameter.remindType", "remindType is 1, 2 or 3")
        })?;
        if !(1..=RECEIVERS_MAX).contains(&asked.receiver_user_id_list.len()) {
            let msg = format!("name 1 to {RECEIVERS_MAX} people");
            return Err(refused(400, "invalidParameter.receiverUserIdList", msg));
        }
        let (users, unknown) = self.receivers(caller, &asked.receiver_user_id_list).await?;
        if users.is_empty() {
            let msg = "none of these people exist";
            return Err(refused(400, "invalidParameter.receiverUserIdList", msg));
        }
        let send = Send {
            text: asked.content,
            to: Audience { users: users.into_iter().collect(), ..Audience::default() },
            about: None,
            attachment: None,
            policy: Some(policy),
            at: None,
            repeat: None,
            within_ms: None,
            reply_required: false,
            urgent: false,
        };
        let cid = Some(Cid(self.0.host.new_id()));
        let sent = self.asks(caller, cid, &send).await?;
        let failed = match unknown.is_empty() {
            true => json!({}),
            false => json!({ "userNotExist": unknown }),
        };
        Ok(json!({ "openDingId": sent.ding, "failedList": failed }))
    }

    /// The people of a list of ids or sign-in names, and what is neither.
    async fn receivers(
        &self,
        caller: Caller,
        named: &[String],
    ) -> Result<(BTreeSet<UserId>, Vec<String>), Refused> {
        let mut found: BTreeMap<&str, UserId> = BTreeMap::new();
        let ids: BTreeMap<UserId, &str> =
            named.iter().filter_map(|it| Some((it.parse().ok()?, it.as_str()))).collect();
        for users in ids.keys().copied().collect::<Vec<_>>().chunks(PEOPLE_PER_PAGE_MAX as usize) {
            let got = self.asks(caller, None, &GetMembers { users: users.to_vec() }).await?;
            let here = got.members.iter().filter(|member| member.active && !member.app);
            found.extend(here.map(|member| (ids[&member.user], member.user)));
        }
        let rest = named.iter().filter(|it| it.parse::<UserId>().is_err()).cloned();
        for logins in rest.collect::<Vec<_>>().chunks(USERS_PER_CALL_MAX) {
            let find = Find { org: caller.org, logins: logins.to_vec() };
            for person in self.asks(Caller::SYSTEM, None, &find).await?.people {
                if let Some(name) = named.iter().find(|it| **it == person.login) {
                    found.insert(name, person.user);
                }
            }
        }
        let unknown = named.iter().filter(|it| !found.contains_key(it.as_str())).cloned();
        Ok((found.values().copied().collect(), unknown.collect()))
    }
}

/// An id of ours, in DingTalk's field.
fn ding(id: &str) -> Result<DingId, Refused> {
    let unknown = || refused(400, "invalidParameter.openDingId", "there is no such alert");
    id.parse().map_err(|_| unknown())
}

async fn recall(State(door): State<Door>, request: Request) -> Response<Body> {
    let answer = door.recalled(request).await;
    door.said(answer)
}

async fn read_statuses(State(door): State<Door>, request: Request) -> Response<Body> {
    let answer = door.read_by(request).await;
    door.said(answer)
}

impl Door {
    async fn recalled(&self, request: Request) -> Answer {
        let (caller, named): (_, Named) = self.arrived(request, Effect::State).await?;
        check_robot(&named.robot_code)?;
        let ding = ding(&named.open_ding_id)?;
        self.asks(caller, None, &Recall { ding }).await?;
        Ok(json!({ "openDingId": ding }))
    }

    /// Who has seen an alert, as DingTalk's robots ask: those of an alert of theirs are few.
    async fn read_by(&self, request: Request) -> Answer {
        let (caller, named): (_, Named) = self.arrived(request, Effect::Read).await?;
        check_robot(&named.robot_code)?;
        let ding = ding(&named.open_ding_id)?;
        let limit = Some(PEOPLE_PER_PAGE_MAX);
        let status = Status { ding, states: Vec::new(), after: None, limit };
        let board: Board = self.asks(caller, None, &status).await?;
        let read = |state: Came| match state {
            Came::Seen | Came::Confirmed | Came::Declined => "READ",
            _ => "UNREAD",
        };
        let list = board.recipients.iter();
        let list: Vec<Value> =
            list.map(|it| json!({ "userId": it.user, "readStatus": read(it.state) })).collect();
        Ok(json!({ "success": true, "result": { "robotDingReadInfoList": list } }))
    }
}
