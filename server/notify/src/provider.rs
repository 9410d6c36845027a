//! Text messages and phone calls, by whoever carries them for money.
//!
//! A [`Provider`] only translates: a message into the vendor's request, the vendor's answer and its
//! callbacks into what they mean. Sending is done with [`send`].
//!
//! None of these vendors takes a key by which it would recognise a message. So a caller notes a
//! message as begun before it sends it, sends it again only after an answer that says it was not
//! accepted, and uses [`recover`] when it does not know: after a crash, or [`Refused::Unclear`].
//! That asks the vendor, where it can be asked.

mod alibaba;
mod answer;
mod message;
mod signing;
mod tencent;
mod twilio;
mod vonage;

use std::{
    collections::HashSet,
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use serde::{Deserialize, Serialize};

pub(crate) use self::signing::sha256;
pub use self::{
    alibaba::{Alibaba, Voice},
    answer::Answer,
    message::{BadNumber, Channel, Message, Number, Secret},
    tencent::Tencent,
    twilio::Twilio,
    vonage::Vonage,
};
use crate::{
    egress::{self, Egress, Terms},
    later::retry_at,
    markup::{cut, escaped},
};

/// How long a vendor may take: longer than elsewhere, because without an answer nobody knows
/// whether a phone rings. With the look-up before it, it is shorter than the ten seconds that an
/// effect of a plugin may take.
const WITHIN: Duration = Duration::from_secs(6);
/// How long a vendor may take to say what it has.
const LOOKUP_WITHIN: Duration = Duration::from_secs(3);
/// The longest text that is sent in one piece, in characters: some six parts of a text message. A
/// longer one is cut; all of it is in the app.
const TEXT_LEN_MAX: usize = 1000;
/// The longest text that is read aloud, in characters: about two minutes. Escaped, it still fits
/// into the 4,000 characters of markup that Twilio takes.
const SPOKEN_LEN_MAX: usize = 500;
/// How often it is read.
const TIMES: u8 = 2;
/// The shortest secret at the end of a callback's address, in bytes.
const SECRET_LEN_MIN: usize = 16;

/// The vendor took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// How the vendor names it in its reports.
    pub reference: String,
}

/// The vendor did not take it, or nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// This provider does not carry this. Another may.
    #[error("the provider does not carry this: {0}")]
    Unfit(String),
    /// Nobody is reached at this number.
    #[error("this number cannot be reached: {0}")]
    Unreachable(String),
    /// The provider's settings, or the account: an administrator has to look.
    #[error("the provider's settings or account must be looked at: {0}")]
    Settings(String),
    /// Not now; again at this time (milliseconds since 1970), or when the caller finds it right,
    /// with the next turn.
    #[error("the provider takes no more now")]
    Later(Option<i64>),
    /// It had this very request before.
    #[error("the provider had this request before")]
    Repeated,
    /// It may have been accepted. Wait for a report before it is repeated.
    #[error("whether the provider accepted it is not known: {0}")]
    Unclear(String),
}

/// What a callback says of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Our own key of the message, where the vendor gives it back.
    pub key: Option<String>,
    /// The vendor's name of it, as in [`Accepted`]. A reply has none, or one of its own.
    pub reference: Option<String>,
    /// Whose phone it is: by this a reply finds the message that it replies to.
    pub number: Option<Number>,
    /// What happened.
    pub fact: Fact,
}

/// What happened to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// It is on its way.
    Underway,
    /// The phone has it, or somebody took the call.
    Delivered,
    /// It did not arrive: switched off, busy, nobody took it. Later it might.
    Missed(String),
    /// It did not arrive, and will not.
    Failed(String),
    /// Somebody answered.
    Answered(Answer),
}

/// What a callback means, and what the vendor wants to hear.
#[derive(Debug)]
pub struct Callback {
    /// What happened; vendors collect several.
    pub reports: Vec<Report>,
    /// The answer for the vendor.
    pub answer: Response<Bytes>,
}

/// A callback is not from the vendor, or is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// The secret in the address, or the signature.
    #[error("the secret or the signature is wrong")]
    Signature,
    /// It was signed too long ago, or the clocks differ.
    #[error("it was signed more than five minutes ago: check the clock")]
    Stale,
    /// It is not of the vendor's form.
    #[error("it is not of the form that the provider documents")]
    Form,
}

/// The settings of a provider cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {hint}")]
pub struct BadSettings {
    /// Which one.
    pub field: &'static str,
    /// What to do.
    pub hint: &'static str,
}

/// The settings of one provider, as an administrator stores them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "vendor", rename_all = "snake_case")]
pub enum Settings {
    /// Twilio: text messages and calls.
    Twilio(Twilio),
    /// Vonage: text messages and calls.
    Vonage(Vonage),
    /// Alibaba Cloud: text messages by template, and calls by template in mainland China.
    Alibaba(Alibaba),
    /// Tencent Cloud: text messages by template.
    Tencent(Tencent),
}

impl Settings {
    /// Checks the settings, and makes a provider of them.
    ///
    /// # Errors
    /// [`BadSettings`].
    pub fn open(self) -> Result<Box<dyn Provider>, BadSettings> {
        Ok(match self {
            Settings::Twilio(settings) => Box::new(settings.checked()?),
            Settings::Vonage(settings) => Box::new(settings.open()?),
            Settings::Alibaba(settings) => Box::new(settings.checked()?),
            Settings::Tencent(settings) => Box::new(settings.checked()?),
        })
    }
}

/// Whoever carries messages. All of it is pure: time is an argument, in milliseconds since 1970.
pub trait Provider: Send + Sync {
    /// Whether it carries this kind.
    fn carries(&self, channel: Channel) -> bool;

    /// The vendor's request.
    ///
    /// # Errors
    /// [`Refused::Unfit`], when the vendor could not understand it.
    fn request(&self, message: &Message<'_>, now: i64) -> Result<Request<Bytes>, Refused>;

    /// What the vendor's answer with a status and a body means. Answers that mean the same with
    /// every vendor are read by [`read`].
    ///
    /// # Errors
    /// [`Refused`].
    fn read(&self, status: StatusCode, body: &[u8]) -> Result<Accepted, Refused>;

    /// For how long, in milliseconds, the vendor refuses the same message in the same turn with
    /// [`Refused::Repeated`].
    fn remembers_ms(&self) -> i64 {
        0
    }

    /// The request that asks whether the vendor has a message that was begun at `since`, by our
    /// clock; none if it cannot be asked.
    fn lookup(&self, _message: &Message<'_>, _since: i64) -> Option<Request<Bytes>> {
        None
    }

    /// What in the answer to [`Provider::lookup`] may be the message, by the vendor's names.
    /// `since` is by the vendor's clock.
    ///
    /// # Errors
    /// [`Refused::Unclear`], when it says nothing of it.
    fn found(
        &self,
        _message: &Message<'_>,
        _since: i64,
        _body: &[u8],
    ) -> Result<Vec<String>, Refused> {
        Err(Refused::Unclear("the provider cannot be asked".to_owned()))
    }

    /// What a callback says.
    ///
    /// # Errors
    /// [`Forged`], when it must be answered with 403 and otherwise ignored.
    fn callback(&self, request: &Request<Bytes>, now: i64) -> Result<Callback, Forged>;
}

/// What an answer means.
///
/// # Errors
/// [`Refused`].
pub fn read(
    provider: &dyn Provider,
    answer: &Response<Bytes>,
    now: i64,
) -> Result<Accepted, Refused> {
    let status = answer.status();
    match status.as_u16() {
        429 => Err(Refused::Later(retry_at(answer.headers(), now))),
        500..=599 | 408 => Err(Refused::Unclear(format!("it answered {status}"))),
        _ => provider.read(status, answer.body()),
    }
}

/// Sends a message.
///
/// # Errors
/// [`Refused`]. What certainly never left is [`Refused::Later`] or [`Refused::Settings`].
pub async fn send(
    egress: &Egress,
    provider: &dyn Provider,
    message: &Message<'_>,
    now: i64,
) -> Result<Accepted, Refused> {
    let request = provider.request(message, now)?;
    let terms = Terms { within: WITHIN, ..Terms::default() };
    match egress.send(request, &terms).await {
        Ok(answer) => read(provider, &answer, now),
        Err(egress::Error::Redirected { host }) => {
            Err(Refused::Settings(format!("{host} leads elsewhere: correct `base`")))
        }
        Err(error) if error.may_have_arrived() => Err(Refused::Unclear(error.to_string())),
        Err(error) if error.may_pass() => Err(Refused::Later(None)),
        Err(error) => Err(Refused::Settings(error.to_string())),
    }
}

/// A message of which nobody knows whether the vendor took it.
#[derive(Debug, Clone, Copy)]
pub struct Begun<'a> {
    /// When it was handed over first, in milliseconds since 1970.
    pub at: i64,
    /// The vendor's names of other messages, which this one is not.
    pub others: &'a HashSet<String>,
    /// How many other messages may be among what the vendor has since then: those that come before
    /// this one, in an order that is the same for all of them, and those after it.
    pub rivals: (usize, usize),
}

/// Sends a message that was begun, unless the vendor has it. With the same key and turn.
///
/// Vendors show what they have after a moment: some seconds must have passed.
///
/// # Errors
/// [`Refused`]. [`Refused::Unclear`] if the vendor cannot be asked: then a report tells, or nothing
/// does.
pub async fn recover(
    egress: &Egress,
    provider: &dyn Provider,
    message: &Message<'_>,
    begun: Begun<'_>,
    now: i64,
) -> Result<Accepted, Refused> {
    let unclear = |why: String| Refused::Unclear(why);
    if (now - begun.at).abs() < provider.remembers_ms() {
        return match send(egress, provider, message, now).await {
            taken @ (Ok(_) | Err(Refused::Repeated)) => taken,
            // That this one was not taken says nothing of the one before.
            Err(refused) => Err(unclear(refused.to_string())),
        };
    }
    let request = provider.lookup(message, begun.at);
    let request = request.ok_or_else(|| unclear("the provider cannot be asked".to_owned()))?;
    let terms = Terms { within: LOOKUP_WITHIN, repeatable: true, ..Terms::default() };
    let answer = egress.send(request, &terms).await.map_err(|why| unclear(why.to_string()))?;
    if !answer.status().is_success() {
        return Err(unclear(format!("asked for it, the provider answered {}", answer.status())));
    }
    let since = begun.at + ahead(answer.headers(), now);
    let found = provider.found(message, since, answer.body())?;
    let mut free = found.into_iter().filter(|reference| !begun.others.contains(reference));
    let (before, after) = begun.rivals;
    match free.clone().count() {
        0 => send(egress, provider, message, now).await,
        // It has all of them: each takes one.
        count if count > before + after => {
            let reference = free.nth(before).expect("there are more");
            Ok(Accepted { reference })
        }
        _ => Err(unclear("what the provider has may be another message".to_owned())),
    }
}

/// How far the other end's clock is ahead of ours, in milliseconds, by the header `Date`.
fn ahead(headers: &HeaderMap, now: i64) -> i64 {
    let date = header(headers, "date").and_then(|text| httpdate::parse_http_date(text).ok());
    let since_then = date.and_then(|date| date.duration_since(UNIX_EPOCH).ok());
    let at = since_then.and_then(|it| i64::try_from(it.as_millis()).ok());
    at.map_or(0, |at| at - now)
}

/// The answer to a callback: one without a body says so.
fn reply(kind: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut answer = Response::new(body.into());
    if answer.body().is_empty() {
        *answer.status_mut() = StatusCode::NO_CONTENT;
        return answer;
    }
    let kind = http::HeaderValue::from_static(kind);
    answer.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    answer
}

/// The values of a header's name, if it is text.
fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Settings that all vendors have: where to ask, and where to be called back.
fn check(base: &str, callback: &str) -> Result<(), BadSettings> {
    let web = |url: &str| url.starts_with("https://") || url.starts_with("http://");
    let parses = |url: &str| web(url) && url.parse::<http::Uri>().is_ok();
    if !parses(base) || base.ends_with('/') {
        let hint = "write the vendor's address as https://HOST, without a path";
        return Err(BadSettings { field: "base", hint });
    }
    let secret = callback.rsplit('/').next().unwrap_or_default();
    if !parses(callback) || callback.contains(['?', '#']) || secret.len() < SECRET_LEN_MIN {
        let hint = "write the address under which the vendor reaches this server, as \
                    https://HOST/v1/notify/PROVIDER/SECRET with at least 16 characters of secret";
        return Err(BadSettings { field: "callback", hint });
    }
    Ok(())
}
