//! Vonage: Messages API v1 and Voice API v1, with the callbacks that it signs.

mod token;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Accepted, Answer, BadSettings, Callback, Channel, Fact, Forged, Message, Number, Provider,
    Refused, Report, SPOKEN_LEN_MAX, Secret, TEXT_LEN_MAX, TIMES, check, cut, reply,
    signing::{check_secret, encoded, sha256, value},
};

/// How long a phone rings, in seconds.
const RING_S: u8 = 30;
/// How long somebody may think before a key is pressed, in seconds.
const KEY_S: u8 = 8;
/// The longest reference of ours that Vonage keeps, in bytes.
const REFERENCE_LEN_MAX: usize = 100;

/// Settings of Vonage.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vonage {
    /// Where its API is.
    #[serde(default = "base")]
    pub base: String,
    /// The account's API key.
    pub account: String,
    /// The application's id.
    pub application: String,
    /// The application's private key, a PEM file.
    pub key: Secret,
    /// The account's signature secret, which callbacks are signed with.
    pub signature: Secret,
    /// The number that messages and calls come from.
    pub from: String,
    /// The address under which Vonage reaches this server; its last part is a secret. The same has
    /// to be written as the application's status and inbound address.
    pub callback: String,
}

fn base() -> String {
    "https://api.nexmo.com".to_owned()
}

/// Vonage, with its key read.
pub(super) struct Opened {
    settings: Vonage,
    from: Number,
    key: token::Key,
}

impl Vonage {
    pub(super) fn open(self) -> Result<Opened, BadSettings> {
        check(&self.base, &self.callback)?;
        let bad = |field, hint| BadSettings { field, hint };
        let from = Number::read(&self.from)
            .map_err(|_| bad("from", "write a number with its country code"))?;
        let pem = String::from_utf8_lossy(self.key.bytes()).into_owned();
        let key = token::Key::read(&pem)
            .ok_or(bad("key", "paste the application's private key, a PEM file with an RSA key"))?;
        if self.application.is_empty() || self.account.is_empty() {
            return Err(bad("application", "write the application's id and the account's API key"));
        }
        if self.signature.bytes().len() < 16 {
            return Err(bad("signature", "write the account's signature secret"));
        }
        Ok(Opened { settings: self, from, key })
    }
}

impl Opened {
    /// Where Vonage reports on this call.
    fn report_to(&self, key: &str) -> String {
        format!("{}?key={}", self.settings.callback, encoded(key))
    }

    fn text_message(&self, message: &Message<'_>) -> Value {
        json!({
            "message_type": "text",
            "channel": "sms",
            "to": message.to.digits(),
            "from": self.from.digits(),
            "text": cut(message.text, TEXT_LEN_MAX),
            "client_ref": message.key,
        })
    }

    /// A call, and what is said in it.
    fn call(&self, message: &Message<'_>) -> Value {
        let report = self.report_to(message.key);
        let language = spoken(message.language);
        let talk = |text: &str, times: u8| {
            let text = plain(&cut(text, SPOKEN_LEN_MAX));
            let stops = message.ask.is_some();
            json!({
                "action": "talk", "text": text, "language": language, "loop": times,
                "bargeIn": stops,
            })
        };
        let mut script = vec![talk(message.text, TIMES)];
        if let Some(ask) = message.ask {
            let input = json!({
                "action": "input", "type": ["dtmf"], "dtmf": {"maxDigits": 1, "timeOut": KEY_S},
                "eventUrl": [report], "eventMethod": "POST",
            });
            // Whoever lets the first time pass is asked once more.
            script.extend([talk(ask, 1), input.clone(), talk(ask, 1), input]);
        }
        json!({
            "to": [{"type": "phone", "number": message.to.digits()}],
            "from": {"type": "phone", "number": self.from.digits()},
            "ncco": script,
            "event_url": [report],
            "event_method": "POST",
            "ringing_timer": RING_S,
        })
    }
}

/// A text in which Vonage finds no markup.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '<' | '>')).collect()
}

/// Vonage's name of a language, which for Chinese says how it is spoken.
fn spoken(language: &str) -> &str {
    match language {
        "zh-HK" => "yue-CN",
        "zh-CN" | "zh" => "cmn-CN",
        "zh-TW" => "cmn-TW",
        "en" => "en-US",
        other => other,
    }
}

impl Provider for Opened {
    fn carries(&self, _channel: Channel) -> bool {
        true
    }

    fn request(&self, message: &Message<'_>, now: i64) -> Result<Request<Bytes>, Refused> {
        if message.key.len() > REFERENCE_LEN_MAX {
            return Err(Refused::Unfit("its key is too long".to_owned()));
        }
        let (path, body) = match message.channel {
            Channel::Sms => ("/v1/messages", self.text_message(message)),
            Channel::Call => ("/v1/calls", self.call(message)),
        };
        // The same request has the same name: whoever recorded it cannot make a second of it.
        let id = sha256(format!("{}/{}", message.key, message.turn).as_bytes());
        let token = self.key.token(&self.settings.application, &id[..32], now);
        Request::post(format!("{}{path}", self.settings.base))
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .body(body.to_string().into())
            .map_err(|why| Refused::Settings(why.to_string()))
    }

    fn read(&self, status: StatusCode, body: &[u8]) -> Result<Accepted, Refused> {
        let answer: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        if status.is_success() {
            let reference = text("message_uuid").or_else(|| text("uuid"));
            let unclear = || Refused::Unclear("its answer has no UUID".to_owned());
            return Ok(Accepted { reference: reference.ok_or_else(unclear)? });
        }
        let title = text("title").or_else(|| text("error_title")).unwrap_or_default();
        let why = format!("{status} {title} {}", text("detail").unwrap_or_default());
        Err(match status.as_u16() {
            401..=404 => Refused::Settings(why),
            _ => Refused::Unfit(why),
        })
    }

    fn callback(&self, request: &Request<Bytes>, now: i64) -> Result<Callback, Forged> {
        check_secret(request, &self.settings.callback)?;
        let sender = token::Sender {
            secret: &self.settings.signature,
            account: &self.settings.account,
            application: &self.settings.application,
        };
        token::check(request, &sender, now)?;
        let event: Value = serde_json::from_slice(request.body()).map_err(|_| Forged::Form)?;
        let text = |name: &str| event[name].as_str();
        let number = |name: &str| text(name).and_then(read_number);
        let reference = text("message_uuid").or(text("uuid")).map(str::to_owned);
        let own = request.uri().query().and_then(|query| value(query.as_bytes(), "key"));
        let key = own.or_else(|| text("client_ref").map(str::to_owned));
        let report = |number, fact| Report { key, reference, number, fact };
        if let Some(pressed) = event["dtmf"]["digits"].as_str() {
            // Who pressed nothing is asked again by the rest of the script.
            if pressed.is_empty() {
                return Ok(Callback { reports: Vec::new(), answer: reply("application/json", "") });
            }
            let heard = json!([{"action": "talk", "text": "OK"}]).to_string();
            let reports = vec![report(number("to"), Fact::Answered(Answer::read(pressed)))];
            return Ok(Callback { reports, answer: reply("application/json", heard) });
        }
        let report = if let Some(status) = text("status") {
            report(number("to"), fact(status, &event))
        } else if let Some(said) = text("text") {
            report(number("from"), Fact::Answered(Answer::read(said)))
        } else {
            return Err(Forged::Form);
        };
        Ok(Callback { reports: vec![report], answer: reply("application/json", "") })
    }
}

/// Vonage writes numbers without `+`.
fn read_number(digits: &str) -> Option<Number> {
    Number::read(&format!("+{}", digits.trim_start_matches('+'))).ok()
}

fn fact(status: &str, event: &Value) -> Fact {
    let detail = event["error"]["title"].as_str().or(event["detail"].as_str());
    let why = detail.unwrap_or(status).to_owned();
    match status {
        "delivered" | "read" | "completed" | "answered" | "human" => Fact::Delivered,
        "undeliverable" | "busy" | "timeout" | "unanswered" | "machine" => Fact::Missed(why),
        // Of a call, it means that somebody did not want to take it.
        "rejected" if event["uuid"].is_string() => Fact::Missed(why),
        "rejected" | "failed" | "cancelled" => Fact::Failed(why),
        _ => Fact::Underway,
    }
}
