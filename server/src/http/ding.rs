//! What alerts carry, in and out, and a board as a table.

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Path, Query, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use carillon_plugin::{Caller, Error};
use carillon_protocol::{
    AttachmentId, Codec, Command, DingId, Effect, ErrorBody, ErrorCode,
    ding::{Attach, Attachment, Board, OpenAttachment, Outcome, Recipient, State as Came, Status},
    limits::{DING_ATTACHMENT_LEN_MAX, DING_PEOPLE_MAX, PEOPLE_PER_PAGE_MAX},
    operation::{READ, WRITE},
};
use serde::Deserialize;

use super::{Door, answer, bearer, refuse};

/// What a browser may show by itself; everything else is a file to keep.
const SHOWN: [&str; 9] = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "audio/webm",
    "audio/ogg",
    "audio/mp4",
    "audio/mpeg",
    "audio/wav",
];
/// Nothing in it runs, whatever it is.
const SANDBOX: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";
/// What a spreadsheet takes for UTF-8.
const BOM: &str = "\u{feff}";

/// The addresses of alerts.
pub(super) fn routes() -> Router<Door> {
    Router::new()
        .route("/v1/ding/attachments", post(attach))
        .route("/v1/ding/attachments/{id}", get(open))
        .route("/v1/ding/{ding}/recipients.csv", get(recipients))
}

type Answer<T> = Result<T, ErrorBody>;

fn told(outcome: Answer<Response<Body>>) -> Response<Body> {
    outcome.unwrap_or_else(|error| refuse(Codec::Json, &error))
}

impl Door {
    /// Who asks for what is only shown.
    pub(super) async fn looks(&self, request: Request) -> Answer<Caller> {
        let address = self.address(&request);
        let (head, _) = request.into_parts();
        let headers = &head.headers;
        let cookie = match bearer(headers) {
            Some(_) => None,
            None => self.0.browser.reader(headers)?,
        };
        let token = bearer(headers).or(cookie);
        self.admitted(token, address, (READ, Effect::Read)).await
    }

    /// Who may call with a token, with their place in the rates.
    pub(super) async fn admitted(
        &self,
        token: Option<&str>,
        address: Option<std::net::IpAddr>,
        (scope, effect): (carillon_protocol::Access, Effect),
    ) -> Answer<Caller> {
        let caller = self.caller(token, address).await.map_err(Error::into_body)?;
        let caller = caller.from_network(address);
        self.0.rates.take(caller, address, effect, self.0.host.now())?;
        match caller.may(scope) {
            true => Ok(caller),
            false if caller.is_stranger() => {
                Err(ErrorBody::new(ErrorCode::Unauth, "sign in first"))
            }
            false => Err(ErrorBody::new(ErrorCode::Forbidden, "this token may not do that")),
        }
    }

    /// An operation of the system's, in the name of somebody.
    async fn for_them<C: Command>(&self, caller: Caller, args: &C) -> Answer<C::Reply> {
        let caller = Caller::let_in(caller.user, caller.org);
        let answer = self.0.host.call_typed(caller, None, args).await;
        answer.map_err(Error::into_body)
    }
}

/// How a file is described that is uploaded; its type is the body's.
#[derive(Deserialize)]
struct Described {
    #[serde(default)]
    name: String,
    lasts_ms: Option<u64>,
}

/// `POST /v1/ding/attachments?name=…&lasts_ms=…`: the body is what is in it.
async fn attach(
    State(door): State<Door>,
    Query(described): Query<Described>,
    request: Request,
) -> Response<Body> {
    told(door.attach(described, request).await)
}

impl Door {
    async fn attach(&self, described: Described, request: Request) -> Answer<Response<Body>> {
        let address = self.address(&request);
        let (head, body) = request.into_parts();
        self.0.browser.page(&head.headers)?;
        let shown = bearer(&head.headers);
        let cookie = if shown.is_none() { self.0.browser.token(&head.headers)? } else { None };
        let caller = self.admitted(shown.or(cookie), address, (WRITE, Effect::State)).await?;
        let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let media_type = kind.unwrap_or("application/octet-stream").to_owned();
        let place = self.0.long_posts.try_acquire();
        let _place = place.map_err(|_| {
            let error = ErrorBody::new(ErrorCode::Busy, "others upload; try again soon");
            ErrorBody { retry_ms: Some(1_000), ..error }
        })?;
        let bytes = to_bytes(body, DING_ATTACHMENT_LEN_MAX).await.map_err(|_| {
            let msg = format!("an attachment has at most {DING_ATTACHMENT_LEN_MAX} bytes");
            ErrorBody::new(ErrorCode::TooLarge, msg)
        })?;
        let Described { name, lasts_ms } = described;
        let attach = Attach { name, media_type, lasts_ms, bytes: BASE64.encode(bytes) };
        let attachment = self.for_them(caller, &attach).await?;
        Ok(answer(Codec::Json, StatusCode::OK, Codec::Json.encode(&attachment)))
    }
}

/// `GET /v1/ding/attachments/{id}`.
async fn open(
    State(door): State<Door>,
    Path(id): Path<AttachmentId>,
    request: Request,
) -> Response<Body> {
    told(door.open(id, request).await)
}

impl Door {
    async fn open(&self, attachment: AttachmentId, request: Request) -> Answer<Response<Body>> {
        let caller = self.looks(request).await?;
        let opened = self.for_them(caller, &OpenAttachment { attachment }).await?;
        let bytes = BASE64.decode(&opened.bytes).map_err(unread)?;
        let mut response = Response::new(Body::from(bytes));
        let Attachment { name, media_type, .. } = opened.attachment;
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_owned();
        let shown = SHOWN.contains(&essence.as_str());
        let (kind, how) = match shown {
            true => (media_type.as_str(), "inline"),
            false => ("application/octet-stream", "attachment"),
        };
        let file = percent_encoding::utf8_percent_encode(&name, percent_encoding::NON_ALPHANUMERIC);
        let how = format!("{how}; filename*=UTF-8''{file}");
        put(response.headers_mut(), header::CONTENT_TYPE, kind);
        put(response.headers_mut(), header::CONTENT_DISPOSITION, &how);
        put(response.headers_mut(), header::CONTENT_SECURITY_POLICY, SANDBOX);
        put(response.headers_mut(), header::CACHE_CONTROL, "private, max-age=3600, immutable");
        Ok(response)
    }
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // What was uploaded is of letters that a header holds, or is written as such here.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// `GET /v1/ding/{ding}/recipients.csv`: the board, for whoever sent the alert.
async fn recipients(
    State(door): State<Door>,
    Path(ding): Path<DingId>,
    request: Request,
) -> Response<Body> {
    told(door.recipients(ding, request).await)
}

impl Door {
    async fn recipients(&self, ding: DingId, request: Request) -> Answer<Response<Body>> {
        let caller = self.looks(request).await?;
        let (mut rows, mut after) = (Vec::new(), None);
        // A page at a time, and no more than there can be.
        for _ in 0..=DING_PEOPLE_MAX.div_ceil(PEOPLE_PER_PAGE_MAX as usize) {
            let limit = Some(PEOPLE_PER_PAGE_MAX);
            let status = Status { ding, states: Vec::new(), after, limit };
            let page = self.0.host.call_typed(caller, None, &status).await;
            let page: Board = page.map_err(Error::into_body)?;
            rows.extend(page.recipients.iter().map(row));
            after = page.recipients.last().map(|recipient| recipient.user);
            if !page.more {
                break;
            }
        }
        let mut response = Response::new(Body::from(table(&rows).map_err(unread)?));
        put(response.headers_mut(), header::CONTENT_TYPE, "text/csv; charset=utf-8");
        let how = format!("attachment; filename=\"ding-{ding}.csv\"");
        put(response.headers_mut(), header::CONTENT_DISPOSITION, &how);
        put(response.headers_mut(), header::CONTENT_SECURITY_POLICY, SANDBOX);
        Ok(response)
    }
}

/// What cannot happen, as it is told: with a number to find it in the log by.
fn unread(error: impl std::error::Error + Send + Sync + 'static) -> ErrorBody {
    Error::internal(error).into_body()
}

fn table(rows: &[[String; 8]]) -> csv::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(BOM.as_bytes().to_vec());
    writer.write_record(HEADINGS)?;
    rows.iter().try_for_each(|row| writer.write_record(row))?;
    Ok(writer.into_inner().map_err(csv::IntoInnerError::into_error)?)
}

const HEADINGS: [&str; 8] =
    ["user", "name", "state", "at", "late", "handled_by", "reply", "reached_through"];

fn row(of: &Recipient) -> [String; 8] {
    let through = of
        .tries
        .iter()
        .filter(|tried| matches!(tried.outcome, Outcome::Accepted | Outcome::Delivered));
    let mut through: Vec<String> = through.map(|tried| word(&tried.what.channel)).collect();
    through.sort_unstable();
    through.dedup();
    [
        of.user.to_string(),
        defused(&of.name),
        word::<Came>(&of.state),
        time(of.at),
        of.late.to_string(),
        of.handled_by.map(|user| user.to_string()).unwrap_or_default(),
        defused(of.reply.as_deref().unwrap_or_default()),
        through.join(" "),
    ]
}

/// How a word of the protocol is written.
fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

fn time(at: i64) -> String {
    jiff::Timestamp::from_millisecond(at).map(|at| at.to_string()).unwrap_or_default()
}

/// Text that no spreadsheet takes for a formula: what people write may begin like one.
fn defused(text: &str) -> String {
    let first = text.trim_start().chars().next();
    let odd = text.starts_with(['\t', '\r', '\n']);
    match odd || first.is_some_and(|c| "=+-@＝＋－＠".contains(c)) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_formula_is_text() {
        for evil in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            " =1",
            "＝1",
            "=HYPERLINK(\"http://evil\")",
        ] {
            assert!(defused(evil).starts_with('\''), "{evil}");
        }
        for fine in ["", "OK", "5 - 3", "陳大文", "a=b", "12"] {
            assert_eq!(defused(fine), fine);
        }
    }
}
