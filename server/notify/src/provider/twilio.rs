//! Twilio: Programmable Messaging and Programmable Voice, version 2010-04-01.

mod lookup;

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use serde::{Deserialize, Serialize};

use super::{
    Accepted, Answer, BadSettings, Callback, Channel, Fact, Forged, Message, Number, Provider,
    Refused, Report, SPOKEN_LEN_MAX, Secret, TEXT_LEN_MAX, TIMES, check, cut, escaped, reply,
    signing::{check_secret, encoded, same, value},
};

/// How long a phone rings, in seconds.
const RING_S: &str = "30";
/// How long somebody may think before a key is pressed, in seconds.
const KEY_S: u8 = 8;
/// Settings of Twilio.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Twilio {
    /// Where its API is.
    #[serde(default = "base")]
    pub base: String,
    /// The account's SID, `AC…`.
    pub account: String,
    /// The account's auth token: it also signs callbacks.
    pub token: Secret,
    /// The number that messages and calls come from, or for messages the SID of a messaging
    /// service, `MG…`.
    pub from: String,
    /// The address under which Twilio reaches this server; its last part is a secret.
    pub callback: String,
}

fn base() -> String {
    "https://api.twilio.com".to_owned()
}

/// What Twilio answers, whether it took something or not.
#[derive(Deserialize)]
struct Answered {
    sid: Option<String>,
    code: Option<u32>,
    message: Option<String>,
}

impl Twilio {
    pub(super) fn checked(self) -> Result<Twilio, BadSettings> {
        check(&self.base, &self.callback)?;
        let sid = self.account.strip_prefix("AC").unwrap_or_default();
        if sid.is_empty() || !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(BadSettings { field: "account", hint: "write the account's SID, AC…" });
        }
        if self.token.bytes().is_empty() {
            return Err(BadSettings { field: "token", hint: "write the account's auth token" });
        }
        if !self.from.starts_with("MG") && Number::read(&self.from).is_err() {
            let hint = "write a number with its country code, or a messaging service's SID, MG…";
            return Err(BadSettings { field: "from", hint });
        }
        Ok(self)
    }

    /// The address of a resource of the account.
    fn resource(&self, name: &str) -> String {
        format!("{}/2010-04-01/Accounts/{}/{name}.json", self.base, self.account)
    }

    fn login(&self) -> String {
        let login = [self.account.as_bytes(), b":", self.token.bytes()].concat();
        format!("Basic {}", BASE64_STANDARD.encode(login))
    }

    /// Where Twilio reports on this message.
    fn report_to(&self, key: &str) -> String {
        format!("{}?key={}", self.callback, encoded(key))
    }

    /// What is said in a call, in Twilio's markup.
    fn markup(&self, message: &Message<'_>) -> String {
        let language = escaped(message.language);
        let say = |text: &str, times: u8| {
            format!(r#"<Say language="{language}" loop="{times}">{}</Say>"#, escaped(text))
        };
        let said = say(&cut(message.text, SPOKEN_LEN_MAX), TIMES);
        let Some(ask) = message.ask else { return format!("<Response>{said}</Response>") };
        let action = escaped(&self.report_to(message.key));
        let ask = say(&cut(ask, SPOKEN_LEN_MAX), 1);
        let keys = format!(r#"input="dtmf" numDigits="1" timeout="{KEY_S}" action="{action}""#);
        let gather = |said: &str| format!("<Gather {keys}>{said}</Gather>");
        // Whoever lets the first time pass is asked once more.
        format!("<Response>{}{}</Response>", gather(&format!("{said}{ask}")), gather(&ask))
    }

    /// Whether Twilio signed this request: HMAC-SHA1 over the address as we gave it, and the form's
    /// values in the order of their names.
    fn is_signed(&self, request: &Request<Bytes>) -> bool {
        let given = super::header(request.headers(), "x-twilio-signature").unwrap_or_default();
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let url = format!("{}{query}", self.callback);
        same(given, &signature(&self.token, &url, request.body()))
    }
}

fn resource(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms => "Messages",
        Channel::Call => "Calls",
    }
}

/// A form that is sent twice in one request counts once, as in the vendor's own libraries.
fn signature(token: &Secret, url: &str, form: &[u8]) -> String {
    let mut pairs: Vec<_> = form_urlencoded::parse(form).collect();
    pairs.sort();
    pairs.dedup();
    let values = pairs.iter().flat_map(|(name, value)| [name.as_ref(), value.as_ref()]);
    let signed: String = [url].into_iter().chain(values).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.bytes());
    BASE64_STANDARD.encode(hmac::sign(&key, signed.as_bytes()))
}

impl Provider for Twilio {
    fn carries(&self, channel: Channel) -> bool {
        // A messaging service has no voice.
        channel == Channel::Sms || !self.from.starts_with("MG")
    }

    fn request(&self, message: &Message<'_>, _now: i64) -> Result<Request<Bytes>, Refused> {
        if !self.carries(message.channel) {
            return Err(Refused::Unfit("a messaging service makes no calls".to_owned()));
        }
        let report = self.report_to(message.key);
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("To", message.to.as_str()).append_pair("StatusCallback", &report);
        let service = self.from.starts_with("MG");
        form.append_pair(if service { "MessagingServiceSid" } else { "From" }, &self.from);
        match message.channel {
            Channel::Sms => form.append_pair("Body", &cut(message.text, TEXT_LEN_MAX)),
            Channel::Call => form
                .append_pair("Twiml", &self.markup(message))
                .append_pair("Timeout", RING_S)
                // The first report comes at once, with our key: then it is known that there is one.
                .append_pair("StatusCallbackEvent", "initiated")
                .append_pair("StatusCallbackEvent", "completed"),
        };
        Request::post(self.resource(resource(message.channel)))
            .header(header::AUTHORIZATION, self.login())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.finish().into())
            .map_err(|why| Refused::Settings(why.to_string()))
    }

    fn read(&self, status: StatusCode, body: &[u8]) -> Result<Accepted, Refused> {
        let Ok(answer) = serde_json::from_slice::<Answered>(body) else {
            return Err(Refused::Unclear(format!("it answered {status} without JSON")));
        };
        if status.is_success() {
            let reference = answer.sid.filter(|sid| !sid.is_empty());
            let unclear = || Refused::Unclear("its answer has no SID".to_owned());
            return Ok(Accepted { reference: reference.ok_or_else(unclear)? });
        }
        let code = answer.code.unwrap_or_default();
        let why = format!("{code} {}", answer.message.unwrap_or_default());
        Err(match code {
            // Not a number, not one that takes texts, or its owner said STOP.
            13_224 | 21_211 | 21_214 | 21_217 | 21_610 | 21_614 => Refused::Unreachable(why),
            // A country or a carrier that this account does not reach; a text that is refused.
            21_215 | 21_216 | 21_219 | 21_408 | 21_612 | 21_617 => Refused::Unfit(why),
            20_429 => Refused::Later(None),
            _ => Refused::Settings(why),
        })
    }

    fn lookup(&self, message: &Message<'_>, since: i64) -> Option<Request<Bytes>> {
        let list = self.resource(resource(message.channel));
        let request = Request::get(format!("{list}?{}", lookup::query(message, since)));
        request.header(header::AUTHORIZATION, self.login()).body(Bytes::new()).ok()
    }

    fn found(
        &self,
        message: &Message<'_>,
        since: i64,
        body: &[u8],
    ) -> Result<Vec<String>, Refused> {
        lookup::found(message, since, body)
    }

    fn callback(&self, request: &Request<Bytes>, _now: i64) -> Result<Callback, Forged> {
        check_secret(request, &self.callback)?;
        if !self.is_signed(request) {
            return Err(Forged::Signature);
        }
        let form = |name: &str| value(request.body(), name);
        if form("AccountSid").is_some_and(|account| account != self.account) {
            return Err(Forged::Signature);
        }
        let key = request.uri().query().and_then(|query| value(query.as_bytes(), "key"));
        let number = |name: &str| form(name).and_then(|text| Number::read(&text).ok());
        let reference = form("MessageSid").or_else(|| form("CallSid"));
        let report = |number: Option<Number>, fact| Report { key, reference, number, fact };
        if let Some(digits) = form("Digits") {
            let fact = Fact::Answered(Answer::read(&digits));
            let heard = "<Response><Say>OK</Say><Hangup/></Response>";
            let reports = vec![report(number("To"), fact)];
            return Ok(Callback { reports, answer: reply("text/xml", heard) });
        }
        let report = if let Some(status) = form("MessageStatus") {
            report(number("To"), message_fact(&status, form("ErrorCode")))
        } else if let Some(status) = form("CallStatus") {
            report(number("To"), call_fact(&status))
        } else if let Some(text) = form("Body") {
            report(number("From"), Fact::Answered(Answer::read(&text)))
        } else {
            return Err(Forged::Form);
        };
        Ok(Callback { reports: vec![report], answer: reply("text/xml", "<Response/>") })
    }
}

fn message_fact(status: &str, code: Option<String>) -> Fact {
    let why = code.unwrap_or_else(|| status.to_owned());
    match (status, why.as_str()) {
        ("delivered" | "read", _) => Fact::Delivered,
        // Switched off or out of reach; the carrier could not say.
        ("undelivered" | "failed", "30003" | "30008") => Fact::Missed(why),
        ("undelivered" | "failed" | "canceled", _) => Fact::Failed(why),
        _ => Fact::Underway,
    }
}

fn call_fact(status: &str) -> Fact {
    match status {
        "completed" => Fact::Delivered,
        "busy" | "no-answer" => Fact::Missed(status.to_owned()),
        "failed" | "canceled" => Fact::Failed(status.to_owned()),
        _ => Fact::Underway,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the vendor's own libraries and of its page about security.
    #[test]
    fn the_vendors_examples_have_the_vendors_signatures() {
        let token = Secret::new("12345");
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        let of = |form: &str| signature(&token, url, form.as_bytes());
        let call = |number: &str| {
            format!(
                "To=%2B18005551212&From=%2B{number}&Digits=1234&Caller=%2B{number}\
                 &CallSid=CA1234567890ABCDE"
            )
        };
        assert_eq!(of(&call("14158675309")), "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
        assert_eq!(of(&call("12349013030")), "0/KCTR6DLpKmkAf8muzZqo1nDgQ=");
        let twice = "Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234";
        assert_eq!(of(twice), "IK+Dwps556ElfBT0I3Rgjkr1wJU=");
    }
}
