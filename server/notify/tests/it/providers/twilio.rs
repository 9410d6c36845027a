//! Twilio, as its reference of the API says.

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use carillon_notify::provider::{
    Accepted, Answer, Channel, Fact, Forged, Message, Number, Refused,
};
use http::{Request, Response};
use serde_json::{Value, json};

use super::{
    KEY, NOW, fact, message, number, only, open, posted, recover_among, recover_from, sent,
};
use crate::listener::answer;

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
pub const TOKEN: &str = "a-token-of-thirty-two-characters";
const CALLBACK: &str = "https://chat.example/v1/notify/twilio/0123456789abcdef";
const PATH: &str = "/v1/notify/twilio/0123456789abcdef";

pub fn settings() -> Value {
    json!({
        "vendor": "twilio", "account": ACCOUNT, "token": TOKEN, "from": "+14155550100",
        "callback": CALLBACK,
    })
}

fn refuse(status: u16, code: u32, message: &str) -> Response<Bytes> {
    answer(status, json!({"code": code, "message": message, "status": status}).to_string())
}

/// The two resources that are used, with the fields that each must and may have.
fn stub(request: &Request<Bytes>) -> Response<Bytes> {
    let login = BASE64_STANDARD.encode(format!("{ACCOUNT}:{TOKEN}"));
    if request.headers()["authorization"] != format!("Basic {login}") {
        return refuse(401, 20003, "Authenticate");
    }
    if request.headers()["content-type"] != "application/x-www-form-urlencoded" {
        return refuse(415, 20415, "Unsupported media type");
    }
    let form: Vec<(String, String)> = form_urlencoded::parse(request.body()).into_owned().collect();
    let get = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, v)| v.as_str());
    let path = request.uri().path();
    let account = format!("/2010-04-01/Accounts/{ACCOUNT}/");
    let Some(resource) = path.strip_prefix(&account) else { return refuse(404, 20404, path) };
    let known: &[&str] = match resource {
        "Messages.json" => &["To", "From", "MessagingServiceSid", "Body", "StatusCallback"],
        "Calls.json" => {
            &["To", "From", "Twiml", "Timeout", "StatusCallback", "StatusCallbackEvent"]
        }
        _ => return refuse(404, 20404, path),
    };
    if let Some((name, _)) = form.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        return refuse(400, 20001, name);
    }
    let to = get("To").unwrap_or_default();
    if !to.starts_with('+') || to.ends_with("0000") {
        return refuse(400, 21211, "Invalid 'To' Phone Number");
    }
    if get("From").is_none() && get("MessagingServiceSid").is_none() {
        return refuse(400, 21603, "A 'From' phone number is required");
    }
    if resource == "Messages.json" {
        let length = get("Body").unwrap_or_default().chars().count();
        return match length {
            0 => refuse(400, 21602, "Message body is required"),
            1..=1600 => answer(201, json!({"sid": "SM1", "status": "queued"}).to_string()),
            _ => refuse(400, 21617, "The concatenated message body exceeds the limit"),
        };
    }
    let markup = get("Twiml").unwrap_or_default();
    if !markup.starts_with("<Response>") || markup.len() > 4000 {
        return refuse(400, 21218, "Invalid Twiml");
    }
    answer(201, json!({"sid": "CA1", "status": "queued"}).to_string())
}

/// A vendor that has had some messages and calls, and takes more.
fn memory(request: &Request<Bytes>) -> Response<Bytes> {
    if request.method() == "POST" {
        return stub(request);
    }
    let query = request.uri().query().unwrap();
    let entry = |sid: &str, at: &str, body: &str| {
        json!({
            "sid": sid, "to": "+85291234567", "from": "+14155550100", "date_created": at,
            "direction": "outbound-api", "status": "sent", "body": body,
        })
    };
    let (messages, calls) = ("Messages.json", "Calls.json");
    let path = request.uri().path();
    if path.ends_with(messages) && query == "To=%2B85291234567&DateSent%3E=2026-09-20&PageSize=50" {
        let list = json!({"messages": [
            entry("SM9", "Mon, 21 Sep 2026 14:13:30 +0000", "something else"),
            entry("SM8", "Mon, 21 Sep 2026 14:13:21 +0000", "begun just now"),
            entry("SM7", "Mon, 21 Sep 2026 09:00:00 +0000", "said this morning"),
        ]});
        return listed(list, "14:13:30");
    }
    if path.ends_with(calls) && query == "To=%2B85291234567&StartTime%3E=2026-09-20&PageSize=50" {
        let list = json!({"calls": [entry("CA7", "Mon, 21 Sep 2026 09:00:00 +0000", "")]});
        return listed(list, "14:13:30");
    }
    refuse(400, 20001, query)
}

/// What the vendor lists when its clock shows this.
fn listed(list: Value, clock: &str) -> Response<Bytes> {
    let mut answer = answer(200, list.to_string());
    let date = format!("Mon, 21 Sep 2026 {clock} GMT");
    answer.headers_mut().insert("date", date.parse().unwrap());
    answer
}

/// A vendor whose clock is an hour behind, with two calls to one number.
fn behind(request: &Request<Bytes>) -> Response<Bytes> {
    if request.method() == "POST" {
        return stub(request);
    }
    let entry = |sid: &str, at: &str| {
        let (to, direction) = ("+85291234567", "outbound-api");
        json!({"sid": sid, "to": to, "date_created": at, "direction": direction})
    };
    let calls = [
        entry("CA9", "Mon, 21 Sep 2026 13:13:22 +0000"),
        entry("CA8", "Mon, 21 Sep 2026 13:13:21 +0000"),
        entry("CA7", "Mon, 21 Sep 2026 13:01:00 +0000"),
    ];
    listed(json!({ "calls": calls }), "13:13:30")
}

#[tokio::test]
async fn a_call_is_found_by_the_vendors_own_clock_and_another_attempts_call_is_not_it() {
    let to = number("+85291234567");
    let message = message(Channel::Call, &to);
    let found = async |others: &[&str]| {
        let (accepted, seen) = recover_among(others, (0, 0), behind, &settings(), &message).await;
        (accepted.unwrap().reference, seen)
    };
    assert_eq!(found(&["CA9"]).await, ("CA8".to_owned(), 1));
    // Both are calls of other attempts: this one was never made.
    assert_eq!(found(&["CA9", "CA8"]).await, ("CA1".to_owned(), 2));
    // Of two that are not known either the vendor has both, or one of them.
    for rivals in [(0, 1), (1, 0)] {
        let name = if rivals.0 == 0 { "CA9" } else { "CA8" };
        let both = recover_among(&[], rivals, behind, &settings(), &message).await;
        assert_eq!(both, (Ok(Accepted { reference: name.to_owned() }), 1));
        let one = recover_among(&["CA9"], rivals, behind, &settings(), &message).await;
        assert!(matches!(one, (Err(Refused::Unclear(_)), 1)), "{one:?}");
    }
}

#[tokio::test]
async fn after_a_crash_the_vendor_is_asked_before_it_is_sent_again() {
    let to = number("+85291234567");
    let mut recovered = Vec::new();
    for (channel, text) in [
        (Channel::Sms, "begun just now"),
        // The same words of this morning were another message.
        (Channel::Sms, "said this morning"),
        (Channel::Sms, "never sent"),
        (Channel::Call, "no call since then"),
    ] {
        let message = Message { text, ..message(channel, &to) };
        let (accepted, seen) = recover_from(memory, &settings(), &message).await;
        recovered.push((accepted.unwrap().reference, seen));
    }
    let names: Vec<(&str, usize)> =
        recovered.iter().map(|(name, seen)| (name.as_str(), *seen)).collect();
    assert_eq!(names, [("SM8", 1), ("SM1", 2), ("SM1", 2), ("CA1", 2)]);
    // A list that cannot be had, or read, proves nothing: it is not sent.
    for nothing in [|_: &Request<Bytes>| answer(503, ""), |_: &Request<Bytes>| answer(200, "{}")] {
        let message = message(Channel::Sms, &to);
        let (refused, seen) = recover_from(nothing, &settings(), &message).await;
        assert!(matches!(refused, Err(Refused::Unclear(_))), "{refused:?}");
        assert_eq!(seen, 1);
    }
}

fn values(request: &Request<Bytes>) -> Value {
    form_urlencoded::parse(request.body())
        .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[tokio::test]
async fn a_text_message_is_taken() {
    let to = number("+85291234567");
    let (accepted, seen) = sent(stub, &settings(), &message(Channel::Sms, &to)).await;
    assert_eq!(accepted.unwrap().reference, "SM1");
    assert_eq!(
        values(&seen.unwrap()),
        json!({
            "To": "+85291234567", "From": "+14155550100", "Body": "大廈停電 & <請回覆>",
            "StatusCallback": format!("{CALLBACK}?key=01JABCDEF%3A01JXYZ%3A2%3A1"),
        })
    );
    let mut service = settings();
    service["from"] = json!("MG0123456789abcdef0123456789abcdef");
    let (accepted, seen) = sent(stub, &service, &message(Channel::Sms, &to)).await;
    assert_eq!(accepted.unwrap().reference, "SM1");
    assert_eq!(values(&seen.unwrap())["MessagingServiceSid"], service["from"]);
    assert!(!open(&service).carries(Channel::Call));
}

#[tokio::test]
async fn a_call_reads_the_text_aloud_and_waits_for_a_key() {
    let to = number("+85291234567");
    let (accepted, seen) = sent(stub, &settings(), &message(Channel::Call, &to)).await;
    assert_eq!(accepted.unwrap().reference, "CA1");
    let gather = format!(
        "<Gather input=\"dtmf\" numDigits=\"1\" timeout=\"8\" \
         action=\"{CALLBACK}?key=01JABCDEF%3A01JXYZ%3A2%3A1\">"
    );
    let said = "<Say language=\"zh-HK\" loop=\"2\">大廈停電 &amp; &lt;請回覆&gt;</Say>";
    let ask = "<Say language=\"zh-HK\" loop=\"1\">確認請按一</Say>";
    let markup = format!("<Response>{gather}{said}{ask}</Gather>{gather}{ask}</Gather></Response>");
    assert_eq!(values(&seen.unwrap())["Twiml"], markup);
    let mut silent = message(Channel::Call, &to);
    silent.ask = None;
    let (accepted, seen) = sent(stub, &settings(), &silent).await;
    assert!(accepted.is_ok());
    assert!(!values(&seen.unwrap())["Twiml"].as_str().unwrap().contains("Gather"));
    // The longest text, all of which has to be escaped.
    let hostile = "\"".repeat(5000);
    let long = Message { text: &hostile, ..message(Channel::Call, &to) };
    assert!(sent(stub, &settings(), &long).await.0.is_ok());
}

#[tokio::test]
async fn what_the_vendor_refuses_says_what_to_do() {
    let good = number("+85291234567");
    let nobody = number("+85291230000");
    let (refused, _) = sent(stub, &settings(), &message(Channel::Sms, &nobody)).await;
    assert!(matches!(refused, Err(Refused::Unreachable(_))), "{refused:?}");
    let mut wrong = settings();
    wrong["token"] = json!("another token");
    let (refused, _) = sent(stub, &wrong, &message(Channel::Sms, &good)).await;
    assert!(matches!(refused, Err(Refused::Settings(why)) if why.contains("20003")));
    let long = "字".repeat(5000);
    let mut much = message(Channel::Sms, &good);
    much.text = &long;
    let (accepted, _) = sent(stub, &settings(), &much).await;
    assert!(accepted.is_ok(), "a long text is cut");
}

/// The signature by the vendor's description, for what stands in these tests.
fn sign(url: &str, form: &[(&str, &str)]) -> String {
    let mut form = form.to_vec();
    form.sort_unstable();
    let text = form.iter().fold(url.to_owned(), |text, (name, value)| text + name + value);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, TOKEN.as_bytes());
    BASE64_STANDARD.encode(hmac::sign(&key, text.as_bytes()))
}

fn event(query: &str, form: &[(&str, &str)]) -> Request<Bytes> {
    let signature = sign(&format!("{CALLBACK}{query}"), form);
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    posted(&format!("{PATH}{query}"), &[("x-twilio-signature", &signature)], &body)
}

const OWN: &str = "?key=01JABCDEF%3A01JXYZ%3A2%3A1";

#[test]
fn callbacks_say_what_became_of_it() {
    let provider = open(&settings());
    let message = |status: &str, code: &str| {
        let mut form = vec![
            ("AccountSid", ACCOUNT),
            ("MessageSid", "SM1"),
            ("MessageStatus", status),
            ("To", "+85291234567"),
        ];
        if !code.is_empty() {
            form.push(("ErrorCode", code));
        }
        provider.callback(&event(OWN, &form), NOW)
    };
    let report = only(message("delivered", ""));
    assert_eq!((report.key.as_deref(), report.reference.as_deref()), (Some(KEY), Some("SM1")));
    assert_eq!((report.number, report.fact), (Some(number("+85291234567")), Fact::Delivered));
    for status in ["accepted", "queued", "sending", "sent"] {
        assert_eq!(fact(message(status, "")), Fact::Underway);
    }
    assert_eq!(fact(message("undelivered", "30003")), Fact::Missed("30003".into()));
    assert_eq!(fact(message("undelivered", "30005")), Fact::Failed("30005".into()));
    assert_eq!(fact(message("failed", "")), Fact::Failed("failed".into()));
    let call = |status: &str| {
        let form = [("CallSid", "CA1"), ("CallStatus", status), ("To", "+85291234567")];
        fact(provider.callback(&event(OWN, &form), NOW))
    };
    assert_eq!(call("completed"), Fact::Delivered);
    assert_eq!(call("busy"), Fact::Missed("busy".into()));
    assert_eq!(call("no-answer"), Fact::Missed("no-answer".into()));
    assert_eq!(call("failed"), Fact::Failed("failed".into()));
    assert_eq!(call("ringing"), Fact::Underway);
}

#[test]
fn a_key_or_a_reply_is_an_answer() {
    let provider = open(&settings());
    let pressed = |digits: &str| {
        let form = [
            ("CallSid", "CA1"),
            ("CallStatus", "in-progress"),
            ("To", "+85291234567"),
            ("Digits", digits),
        ];
        provider.callback(&event(OWN, &form), NOW)
    };
    let callback = pressed("1").unwrap();
    assert_eq!(callback.answer.body().as_ref(), b"<Response><Say>OK</Say><Hangup/></Response>");
    assert_eq!(callback.reports[0].key.as_deref(), Some(KEY));
    assert_eq!(callback.reports[0].fact, Fact::Answered(Answer::Confirm));
    assert_eq!(fact(pressed("2")), Fact::Answered(Answer::Decline));
    assert_eq!(fact(pressed("9")), Fact::Answered(Answer::Other("9".into())));
    let form =
        [("MessageSid", "SM2"), ("From", "+85291234567"), ("To", "+14155550100"), ("Body", "收到")];
    let report = only(provider.callback(&event("", &form), NOW));
    assert_eq!((report.key, report.number), (None, Number::read("+85291234567").ok()));
    assert_eq!(report.fact, Fact::Answered(Answer::Confirm));
}

#[test]
fn forged_callbacks_are_refused() {
    let provider = open(&settings());
    let form = [("MessageSid", "SM1"), ("MessageStatus", "delivered"), ("To", "+85291234567")];
    let good = event(OWN, &form);
    assert!(provider.callback(&good, NOW).is_ok());
    let signature = good.headers()["x-twilio-signature"].to_str().unwrap().to_owned();
    let signed = [("x-twilio-signature", signature.as_str())];
    let body = String::from_utf8(good.body().to_vec()).unwrap();
    let target = format!("{PATH}{OWN}");
    for (why, forged) in [
        ("no signature", posted(&target, &[], &body)),
        ("an empty one", posted(&target, &[("x-twilio-signature", "")], &body)),
        ("another body", posted(&target, &signed, &body.replace("SM1", "SM2"))),
        ("another key", posted(&format!("{PATH}?key=other"), &signed, &body)),
        ("no key", posted(PATH, &signed, &body)),
        (
            "another secret",
            posted(&format!("/v1/notify/twilio/fedcba9876543210{OWN}"), &signed, &body),
        ),
        ("no body", posted(&target, &signed, "")),
    ] {
        assert_eq!(provider.callback(&forged, NOW).unwrap_err(), Forged::Signature, "{why}");
    }
    // Signed, but of somebody else's account, and of no form at all.
    let other = event(OWN, &[("AccountSid", "ACother"), ("MessageStatus", "delivered")]);
    assert_eq!(provider.callback(&other, NOW).unwrap_err(), Forged::Signature);
    let nothing = event(OWN, &[("AccountSid", ACCOUNT)]);
    assert_eq!(provider.callback(&nothing, NOW).unwrap_err(), Forged::Form);
}
