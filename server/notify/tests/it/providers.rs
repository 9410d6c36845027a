//! Text messages and calls, through servers on this machine that follow what the vendors publish,
//! and refuse what does not.

mod alibaba;
mod tencent;
mod twilio;
mod vonage;

use std::collections::HashSet;

use bytes::Bytes;
use carillon_notify::{
    egress::{Egress, Guard, Terms, tls},
    provider::{
        Accepted, Begun, Callback, Channel, Fact, Forged, Message, Number, Provider, Refused,
        Report, Settings, read, recover, send,
    },
};
use http::{Request, Response};
use proptest::prelude::*;
use serde_json::{Value, json};

pub use crate::vendors::NOW;
use crate::{
    listener::{Listener, Script, answer, local},
    vendors,
};

/// What identifies a message: what a DING makes of itself, a person, a step and a number.
pub const KEY: &str = "01JABCDEF:01JXYZ:2:1";

/// The provider of some settings.
pub fn open(settings: &Value) -> Box<dyn Provider> {
    serde_json::from_value::<Settings>(settings.clone()).unwrap().open().unwrap()
}

/// A message in Cantonese.
pub fn message(channel: Channel, to: &Number) -> Message<'_> {
    Message {
        key: KEY,
        turn: 0,
        channel,
        to,
        text: "大廈停電 & <請回覆>",
        language: "zh-HK",
        ask: Some("確認請按一"),
    }
}

pub fn number(text: &str) -> Number {
    Number::read(text).unwrap()
}

/// Sends to a stub, whose address takes the place of `base` in the settings.
pub async fn sent(
    stub: fn(&Request<Bytes>) -> Response<Bytes>,
    settings: &Value,
    message: &Message<'_>,
) -> (Result<Accepted, Refused>, Option<Request<Bytes>>) {
    let listener = Listener::plain(stub).await;
    let provider = open(&at(&listener, settings));
    let egress = local(listener.port(), None);
    let sent = send(&egress, provider.as_ref(), message, NOW).await;
    (sent, listener.seen().pop())
}

/// The settings of a provider whose vendor is this stub.
fn at(listener: &Listener, settings: &Value) -> Value {
    let base = format!("http://api.example:{}", listener.port());
    let mut settings = settings.clone();
    settings["base"] = Value::from(base.as_str());
    if settings["voice"].is_object() {
        settings["voice"]["base"] = Value::from(base.as_str());
    }
    settings
}

/// Sends, or not, what was begun ten seconds before; and how much the stub was asked.
pub async fn recover_from(
    stub: fn(&Request<Bytes>) -> Response<Bytes>,
    settings: &Value,
    message: &Message<'_>,
) -> (Result<Accepted, Refused>, usize) {
    recover_among(&[], (0, 0), stub, settings, message).await
}

/// The same, where the vendor's names of other messages are known.
pub async fn recover_among(
    others: &[&str],
    rivals: (usize, usize),
    stub: fn(&Request<Bytes>) -> Response<Bytes>,
    settings: &Value,
    message: &Message<'_>,
) -> (Result<Accepted, Refused>, usize) {
    let listener = Listener::plain(stub).await;
    let provider = open(&at(&listener, settings));
    let egress = local(listener.port(), None);
    let others: HashSet<String> = others.iter().map(|&it| it.to_owned()).collect();
    let begun = Begun { at: NOW, others: &others, rivals };
    let recovered = recover(&egress, provider.as_ref(), message, begun, NOW + 10_000).await;
    (recovered, listener.seen().len())
}

/// A callback, as the web server hands it over.
pub fn posted(target: &str, headers: &[(&str, &str)], body: &str) -> Request<Bytes> {
    let mut request = Request::post(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Bytes::from(body.to_owned())).unwrap()
}

/// The only report of a callback.
pub fn only(callback: Result<Callback, Forged>) -> Report {
    let mut callback = callback.unwrap();
    assert_eq!(callback.reports.len(), 1);
    callback.reports.pop().unwrap()
}

pub fn fact(callback: Result<Callback, Forged>) -> Fact {
    only(callback).fact
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    for (field, settings) in [
        ("from", json!({"from": "12345"})),
        ("account", json!({"account": "SK123"})),
        ("account", json!({"account": "AC1/../x"})),
        ("token", json!({"token": ""})),
        ("base", json!({"base": "ftp://api.twilio.com"})),
        ("base", json!({"base": "https://api.twilio.com/"})),
        ("callback", json!({"callback": "https://chat.example/v1/notify/twilio/short"})),
        ("callback", json!({"callback": "/v1/notify/twilio/0123456789abcdef"})),
    ] {
        let mut whole = twilio::settings();
        for (name, value) in settings.as_object().unwrap() {
            whole[name.as_str()] = value.clone();
        }
        let refused = serde_json::from_value::<Settings>(whole).unwrap().open().err();
        assert_eq!(refused.unwrap().field, field);
    }
    let mut unknown = twilio::settings();
    unknown["tokn"] = json!("x");
    assert!(serde_json::from_value::<Settings>(unknown).is_err());
    let shown = format!("{:?}", serde_json::from_value::<Settings>(twilio::settings()).unwrap());
    assert!(!shown.contains(twilio::TOKEN), "{shown}");
}

#[test]
fn answers_that_mean_the_same_with_every_vendor_are_read_the_same() {
    for settings in [
        twilio::settings(),
        vendors::vonage::settings(),
        vendors::alibaba::settings(),
        vendors::tencent::settings(),
    ] {
        let provider = open(&settings);
        let read = |status: u16, body: &'static str| {
            read(provider.as_ref(), &answer(status, body), NOW).unwrap_err()
        };
        assert_eq!(read(429, ""), Refused::Later(None));
        for status in [408, 500, 502, 503, 504] {
            assert!(matches!(read(status, ""), Refused::Unclear(_)), "{status}");
        }
        // It said yes, in words that nobody understands: it may have been accepted.
        assert!(matches!(read(200, "<html>"), Refused::Unclear(_)));
        assert!(matches!(read(201, "{}"), Refused::Unclear(_) | Refused::Settings(_)));
    }
}

#[tokio::test]
async fn a_provider_inside_the_operators_network_is_not_asked() {
    let listener = Listener::plain(|_| answer(201, r#"{"sid":"SM1"}"#)).await;
    let mut settings = twilio::settings();
    settings["base"] = Value::from(format!("http://127.0.0.1:{}", listener.port()));
    let guard = Guard::new(Vec::new(), vec![listener.port()]);
    let egress = Egress::new(guard, tls(None).unwrap(), Script::says(&[&["127.0.0.1"]]));
    let to = number("+85291234567");
    let refused = send(&egress, open(&settings).as_ref(), &message(Channel::Sms, &to), NOW).await;
    assert!(matches!(refused, Err(Refused::Settings(_))), "{refused:?}");
    assert_eq!((listener.connections(), Terms::default().redirects), (0, 0));
}

#[tokio::test]
async fn only_what_certainly_was_not_sent_may_be_sent_again() {
    let to = number("+85291234567");
    // Nobody listens: it never left.
    let port = Listener::plain(|_| answer(200, "")).await.port();
    let mut settings = twilio::settings();
    settings["base"] = Value::from(format!("http://api.example:{port}"));
    let egress = local(port, None);
    let refused = send(&egress, open(&settings).as_ref(), &message(Channel::Sms, &to), NOW).await;
    assert_eq!(refused, Err(Refused::Later(None)));
    // It was received, and what became of it is not known.
    let broken = |_: &Request<Bytes>| answer(500, "");
    let (refused, _) = sent(broken, &twilio::settings(), &message(Channel::Sms, &to)).await;
    assert!(matches!(refused, Err(Refused::Unclear(_))), "{refused:?}");
}

#[tokio::test]
async fn that_the_question_was_not_taken_says_nothing_of_the_message() {
    let to = number("+85291234567");
    let settings = vendors::alibaba::settings();
    let message = message(Channel::Sms, &to);
    // The vendor takes no more, does not know us any more, or this number: the message before may
    // have been taken.
    for (status, code) in [
        (429, "Throttling"),
        (200, "isv.BUSINESS_LIMIT_CONTROL"),
        (403, "InvalidAccessKeyId.NotFound"),
        (200, "isv.MOBILE_NUMBER_ILLEGAL"),
    ] {
        let listener = Listener::plain(move |_| {
            answer(status, json!({"Code": code, "Message": code}).to_string())
        });
        let listener = listener.await;
        let provider = open(&at(&listener, &settings));
        let (egress, others) = (local(listener.port(), None), HashSet::new());
        let begun = Begun { at: NOW, others: &others, rivals: (0, 0) };
        let refused = recover(&egress, provider.as_ref(), &message, begun, NOW + 10_000).await;
        assert!(matches!(refused, Err(Refused::Unclear(_))), "{code}: {refused:?}");
        // The network refuses: this one never left.
        drop(listener);
        let refused = recover(&egress, provider.as_ref(), &message, begun, NOW + 10_000).await;
        assert!(matches!(refused, Err(Refused::Unclear(_))), "{refused:?}");
    }
}

proptest! {
    #[test]
    fn junk_is_an_answer_or_a_callback_of_nobody(
        body in prop_oneof![
            any::<Vec<u8>>(),
            "[\\[{\"a-z_:,0-9\\]}]{0,80}".prop_map(String::into_bytes),
            any::<bool>().prop_map(|list| {
                let odd = json!({"text": 1, "status": [], "dtmf": {"digits": 3}, "success": "x"});
                (if list { json!([odd, 3, null]) } else { odd }).to_string().into_bytes()
            }),
        ],
        status in 200u16..500,
    ) {
        let others = [vendors::alibaba::settings(), vendors::tencent::settings()];
        for settings in [twilio::settings()].into_iter().chain(others) {
            let provider = open(&settings);
            let path = settings["callback"].as_str().unwrap().replace("https://chat.example", "");
            let request = Request::post(path).body(Bytes::from(body.clone())).unwrap();
            let said = provider.callback(&request, NOW);
            if let Ok(callback) = said {
                prop_assert!(callback.reports.iter().all(|report| report.key.is_none()));
            }
            let mut whole = answer(200, body.clone());
            *whole.status_mut() = status.try_into().unwrap();
            prop_assert!(read(provider.as_ref(), &whole, NOW).is_err());
        }
    }
}
