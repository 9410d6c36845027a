//! Vonage, as its references of Messages and Voice say.

use std::sync::LazyLock;

use aws_lc_rs::{
    digest::{SHA256, digest},
    encoding::AsDer,
    hmac,
    rsa::KeySize,
    signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use carillon_notify::provider::{Answer, Channel, Fact, Forged, Refused};
use http::{Request, Response};
use serde_json::{Value, json};

use super::{KEY, NOW, fact, message, number, only, open, posted, sent};
use crate::{
    listener::answer,
    receiver::{bytes, text},
};

const ACCOUNT: &str = "abcd1234";
const APPLICATION: &str = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab";
const SIGNATURE: &str = "a-signature-secret-of-the-account";
const CALLBACK: &str = "https://chat.example/v1/notify/vonage/0123456789abcdef";
const PATH: &str = "/v1/notify/vonage/0123456789abcdef";
const OWN: &str = "?key=01JABCDEF%3A01JXYZ%3A2%3A1";

/// The application's key: the vendor makes it, and keeps the public half.
static PAIR: LazyLock<RsaKeyPair> =
    LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());

pub fn settings() -> Value {
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = PAIR.as_der().unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        BASE64_STANDARD.encode(der.as_ref())
    );
    json!({
        "vendor": "vonage", "account": ACCOUNT, "application": APPLICATION, "key": pem,
        "signature": SIGNATURE, "from": "+447700900001", "callback": CALLBACK,
    })
}

fn refuse(status: u16, title: &str) -> Response<Bytes> {
    let about = "https://developer.vonage.com/api-errors";
    let problem = json!({"type": about, "title": title, "detail": "", "instance": "1"});
    answer(status, problem.to_string())
}

/// Whether the application signed this request, for now.
fn is_signed(request: &Request<Bytes>) -> bool {
    let given = request.headers()["authorization"].to_str().unwrap();
    let token = given.strip_prefix("Bearer ").unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (head, claims) = signed.split_once('.').unwrap();
    let read = |part: &str| serde_json::from_slice::<Value>(&bytes(part)).unwrap();
    let (head, claims) = (read(head), read(claims));
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, PAIR.public_key().as_ref());
    head == json!({"alg": "RS256", "typ": "JWT"})
        && claims["application_id"] == APPLICATION
        && claims["iat"] == NOW / 1000
        && claims["exp"].as_i64().unwrap() > NOW / 1000
        && claims["jti"].as_str().unwrap().len() >= 16
        && key.verify(signed.as_bytes(), &bytes(signature)).is_ok()
}

fn is_number(value: &Value) -> bool {
    let digits = value.as_str().unwrap_or_default();
    (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn stub(request: &Request<Bytes>) -> Response<Bytes> {
    if !is_signed(request) {
        return refuse(401, "Unauthorized");
    }
    if request.headers()["content-type"] != "application/json" {
        return refuse(415, "Unsupported Media Type");
    }
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    let fields: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    match request.uri().path() {
        "/v1/messages" => {
            let known = ["channel", "client_ref", "from", "message_type", "text", "to"];
            let right = fields.iter().all(|field| known.contains(field))
                && body["channel"] == "sms"
                && body["message_type"] == "text"
                && is_number(&body["to"])
                && is_number(&body["from"])
                && (1..=1000).contains(&body["text"].as_str().unwrap_or_default().chars().count())
                && body["client_ref"].as_str().unwrap_or_default().len() <= 100;
            if !right {
                return refuse(422, "Your request parameters did not validate.");
            }
            answer(202, json!({"message_uuid": "m-1"}).to_string())
        }
        "/v1/calls" => {
            let known = ["event_method", "event_url", "from", "ncco", "ringing_timer", "to"];
            let ends = [&body["to"][0], &body["from"]];
            let right = fields.iter().all(|field| known.contains(field))
                && ends.iter().all(|end| end["type"] == "phone" && is_number(&end["number"]))
                && body["event_url"][0].as_str().is_some_and(|url| url.starts_with("https://"))
                && body["ncco"].as_array().is_some_and(|ncco| ncco.iter().all(is_action));
            if !right {
                return refuse(400, "Bad Request");
            }
            answer(201, json!({"uuid": "c-1", "status": "started"}).to_string())
        }
        _ => refuse(404, "Not Found"),
    }
}

fn is_action(action: &Value) -> bool {
    match action["action"].as_str() {
        Some("talk") => {
            let text = action["text"].as_str().unwrap_or_default();
            !text.is_empty()
                && text.chars().count() <= 1500
                && !text.contains('<')
                && action["loop"].is_u64()
                && action["bargeIn"].is_boolean()
        }
        Some("input") => {
            action["type"] == json!(["dtmf"])
                && action["dtmf"]["maxDigits"].as_u64().is_some_and(|digits| digits <= 20)
                && action["dtmf"]["timeOut"].as_u64().is_some_and(|wait| wait <= 10)
                && action["eventUrl"][0].is_string()
        }
        _ => false,
    }
}

#[tokio::test]
async fn a_text_message_and_a_call_are_taken() {
    let to = number("+85291234567");
    let (accepted, seen) = sent(stub, &settings(), &message(Channel::Sms, &to)).await;
    assert_eq!(accepted.unwrap().reference, "m-1");
    let body: Value = serde_json::from_slice(seen.unwrap().body()).unwrap();
    assert_eq!((&body["client_ref"], &body["to"]), (&json!(KEY), &json!("85291234567")));
    let (accepted, seen) = sent(stub, &settings(), &message(Channel::Call, &to)).await;
    assert_eq!(accepted.unwrap().reference, "c-1");
    let body: Value = serde_json::from_slice(seen.unwrap().body()).unwrap();
    assert_eq!(body["event_url"], json!([format!("{CALLBACK}{OWN}")]));
    let actions: Vec<&str> = body["ncco"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["talk", "talk", "input", "talk", "input"]);
    assert_eq!(body["ncco"][0]["language"], "yue-CN");
    assert_eq!(body["ncco"][0]["text"], "大廈停電 & 請回覆");
}

#[tokio::test]
async fn what_the_vendor_refuses_says_what_to_do() {
    let to = number("+85291234567");
    let mut wrong = settings();
    wrong["application"] = json!("another");
    let (refused, _) = sent(stub, &wrong, &message(Channel::Sms, &to)).await;
    assert!(matches!(refused, Err(Refused::Settings(_))), "{refused:?}");
    let mut empty = message(Channel::Sms, &to);
    empty.text = "";
    let (refused, _) = sent(stub, &settings(), &empty).await;
    assert!(matches!(refused, Err(Refused::Unfit(_))), "{refused:?}");
    let mut broken = settings();
    broken["key"] = json!("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----");
    let broken = serde_json::from_value::<carillon_notify::provider::Settings>(broken).unwrap();
    assert_eq!(broken.open().err().unwrap().field, "key");
}

fn hash(body: &str) -> String {
    digest(&SHA256, body.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A token as the vendor makes it: HS256 with the account's secret.
fn token(head: &Value, claims: &Value, secret: &str) -> String {
    let signed =
        format!("{}.{}", text(head.to_string().as_bytes()), text(claims.to_string().as_bytes()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("Bearer {signed}.{}", text(hmac::sign(&key, signed.as_bytes()).as_ref()))
}

fn claims(body: &str) -> Value {
    json!({
        "iat": NOW / 1000, "jti": "c5ba8f24-1a14-4c10-bfdf-3fbe8ce511b5", "iss": "Vonage",
        "payload_hash": hash(body), "api_key": ACCOUNT, "application_id": APPLICATION,
    })
}

fn head() -> Value {
    json!({"alg": "HS256", "typ": "JWT"})
}

fn event(query: &str, event: &Value) -> Request<Bytes> {
    let body = event.to_string();
    let token = token(&head(), &claims(&body), SIGNATURE);
    posted(&format!("{PATH}{query}"), &[("authorization", &token)], &body)
}

#[test]
fn callbacks_say_what_became_of_it() {
    let provider = open(&settings());
    let status = |status: &str| {
        json!({
            "message_uuid": "m-1", "to": "85291234567", "from": "447700900001", "channel": "sms",
            "timestamp": "2026-09-21T14:13:20.000Z", "status": status, "client_ref": KEY,
        })
    };
    let of = |value: &Value| provider.callback(&event("", value), NOW);
    let report = only(of(&status("delivered")));
    assert_eq!((report.key.as_deref(), report.reference.as_deref()), (Some(KEY), Some("m-1")));
    assert_eq!((report.number, report.fact), (Some(number("+85291234567")), Fact::Delivered));
    assert_eq!(fact(of(&status("submitted"))), Fact::Underway);
    assert_eq!(fact(of(&status("undeliverable"))), Fact::Missed("undeliverable".into()));
    let mut rejected = status("rejected");
    rejected["error"] = json!({"title": "1120", "detail": "Illegal Sender Address"});
    assert_eq!(fact(of(&rejected)), Fact::Failed("1120".into()));
    let call = |status: &str| {
        let value =
            json!({"uuid": "c-1", "to": "85291234567", "from": "447700900001", "status": status});
        fact(provider.callback(&event(OWN, &value), NOW))
    };
    assert_eq!(call("ringing"), Fact::Underway);
    assert_eq!(call("completed"), Fact::Delivered);
    for missed in ["busy", "timeout", "unanswered", "rejected"] {
        assert_eq!(call(missed), Fact::Missed(missed.into()));
    }
    assert_eq!(call("failed"), Fact::Failed("failed".into()));
}

#[test]
fn a_key_or_a_reply_is_an_answer() {
    let provider = open(&settings());
    let pressed = |digits: &str| {
        let value = json!({
            "uuid": "c-1", "to": "85291234567", "from": "447700900001",
            "dtmf": {"digits": digits, "timed_out": digits.is_empty()},
        });
        provider.callback(&event(OWN, &value), NOW).unwrap()
    };
    let callback = pressed("1");
    assert_eq!(callback.reports[0].fact, Fact::Answered(Answer::Confirm));
    assert_eq!(callback.reports[0].key.as_deref(), Some(KEY));
    assert!(callback.answer.body().starts_with(b"["));
    // Nothing was pressed: the call goes on with its script.
    let nothing = pressed("");
    assert!(nothing.reports.is_empty() && nothing.answer.status() == 204);
    let reply = json!({
        "channel": "sms", "message_uuid": "m-2", "to": "447700900001", "from": "85291234567",
        "message_type": "text", "text": "OK",
    });
    let report = only(provider.callback(&event("", &reply), NOW));
    assert_eq!((report.key, report.number), (None, Some(number("+85291234567"))));
    assert_eq!(report.fact, Fact::Answered(Answer::Confirm));
}

#[test]
fn forged_callbacks_are_refused() {
    let provider = open(&settings());
    let value = json!({"message_uuid": "m-1", "status": "delivered", "to": "85291234567"});
    let body = value.to_string();
    let with = |head: &Value, claims: &Value, secret: &str| {
        posted(PATH, &[("authorization", &token(head, claims, secret))], &body)
    };
    assert!(provider.callback(&with(&head(), &claims(&body), SIGNATURE), NOW).is_ok());
    let changed = |name: &str, value: Value| {
        let mut claims = claims(&body);
        claims[name] = value;
        with(&head(), &claims, SIGNATURE)
    };
    let none = format!(
        "Bearer {}.{}.",
        text(br#"{"alg":"none"}"#),
        text(claims(&body).to_string().as_bytes())
    );
    for (why, forged) in [
        ("no token", posted(PATH, &[], &body)),
        ("no signature", posted(PATH, &[("authorization", &none)], &body)),
        ("junk", posted(PATH, &[("authorization", "Bearer a.b.c")], &body)),
        ("another secret", with(&head(), &claims(&body), "another-secret-of-somebody-else")),
        ("another method", with(&json!({"alg": "HS512"}), &claims(&body), SIGNATURE)),
        ("another account", changed("api_key", json!("zzzz9999"))),
        ("another application", changed("application_id", json!("zzzz"))),
        ("another body", changed("payload_hash", json!(hash("{}")))),
        ("any body", changed("payload_hash", Value::Null)),
        ("another address", {
            let token = token(&head(), &claims(&body), SIGNATURE);
            posted("/v1/notify/vonage/fedcba9876543210", &[("authorization", &token)], &body)
        }),
    ] {
        assert_eq!(provider.callback(&forged, NOW).unwrap_err(), Forged::Signature, "{why}");
    }
    for iat in [NOW / 1000 - 301, NOW / 1000 + 301] {
        let refused = provider.callback(&changed("iat", json!(iat)), NOW).unwrap_err();
        assert_eq!(refused, Forged::Stale);
    }
    let nothing = provider.callback(&event("", &json!({"x": 1})), NOW).unwrap_err();
    assert_eq!(nothing, Forged::Form);
}
